"""What people and mishaps do to the objects of a world and to the API server that has them.

Not in here: when it happens (`scenario_kube`), and what else befalls a world (`deeds`).
"""

import json
from collections.abc import Callable
from typing import Any

from simulator.line import finish
from simulator.restores import Restores
from simulator.scenario import HOLDS, Deed
from simulator.world import World
from trainlease.model.errors import NotFound
from trainlease.model.mode import PAUSED

_TRY_AGAIN = 1.0
_OF_MACHINES = ("cordon", "mode", "pool", "platforms", "price")
_OF_PLATFORMS = ("mode", "share", "confirm")


class KubeDeeds:
    """See the module; `acts` has a line for each kind of deed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._restores = Restores(world)
        self._undone: list[tuple[str, str, dict[str, Any]]] = []
        """What takes back each change, in their order: a backup may bring the change again."""
        self.acts: dict[str, Callable[[Deed], None]] = {
            "machine without status": lambda deed: self._wipe("machines", "", deed.who),
            "machine anew": lambda deed: self._make_anew("machines", "", deed.who, deed.length),
            "machine replaced": lambda deed: self._replace(deed.who),
            "machine twice": self._make_twin,
            "all anew": self._all_anew,
            "platform anew": lambda deed: self._make_anew("platforms", "", deed.who, deed.length),
            "job anew": lambda deed: self._make_anew("trainingjobs", *_split(deed), deed.length),
            "lease anew": self._lease_anew,
            "hold anew": lambda deed: self._make_anew(
                "machineleases", HOLDS, deed.who, deed.length
            ),
            "namespace anew": self._namespace_anew,
            "etcd saved": lambda deed: self._restores.save(),
            "etcd restored": lambda deed: self._restores.put_back(
                deed.length, bump=deed.where == "bump"
            ),
            "etcd restored from before a grant": self._restore_before_grant,
            "all without status": self._wipe_all,
            "machine paused": lambda deed: self._pause("machines", deed),
            "platform paused": lambda deed: self._pause("platforms", deed),
            "lists fail": self._fail_lists,
            "watch lags": self._slow_down,
            "watch ends": lambda deed: world.operators.deafen(
                deed.who, deed.length, comes_back=True
            ),
        }
        for word in _OF_MACHINES:
            self.acts[f"machine's {word}"] = lambda deed: self._change("machines", deed)
        for word in _OF_PLATFORMS:
            self.acts[f"platform's {word}"] = lambda deed: self._change("platforms", deed)

    # -- objects that go and come back -----------------------------------------------------------

    def _wipe(self, plural: str, namespace: str, name: str) -> None:
        """As a backup brings it back that was made by `kubectl get`: without its status."""
        body = self._body(plural, namespace, name)
        gone: dict[str, Any] = dict.fromkeys(body.get("status", {}))
        version = body["metadata"]["resourceVersion"]
        finish(self._world.kube.patch_status(plural, namespace, name, gone, version))

    def _make_anew(self, plural: str, namespace: str, name: str, pause: float) -> None:
        """kubectl delete, and `pause` seconds after it was done kubectl create of the same."""
        body = self._body(plural, namespace, name)
        if "deletionTimestamp" in body["metadata"]:
            raise NotFound(f"{name} goes already")
        finish(self._world.kube.delete(plural, namespace, name, body["metadata"]["uid"]))
        self._world.coming += 1
        self._world.grounds.later(pause, self._create_once_gone, plural, body, pause)

    def _create_once_gone(self, plural: str, old: dict[str, Any], pause: float) -> None:
        world, meta = self._world, old["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        homeless = namespace and world.body_of("namespaces", "", namespace) is None
        now = world.body_of(plural, namespace, name)
        goes = now is not None and "deletionTimestamp" in now["metadata"]
        if homeless or (goes and now is not None and now["metadata"]["uid"] == meta["uid"]):
            world.grounds.later(max(pause, _TRY_AGAIN), self._create_once_gone, plural, old, pause)
            return
        world.coming -= 1
        if now is None:  # else somebody was quicker, or a backup
            finish(world.kube.create(plural, as_applied(old)))

    def _replace(self, name: str) -> None:
        """Without its finalizer: what runs is not waited for."""
        world, body = self._world, self._body("machines", "", name)
        if not world.is_instance(name):  # processes are known by the uid of their Machine alone
            world.provider_of(name).lose(world.machine_uids[name])
        self._remove("machines", body)
        finish(world.kube.create("machines", as_applied(body)))

    def _remove(self, plural: str, body: dict[str, Any]) -> None:
        kube, meta = self._world.kube, body["metadata"]
        key = plural, meta.get("namespace", ""), meta["name"]
        if meta.get("finalizers"):
            finish(kube.patch(*key, {"metadata": {"finalizers": []}}))
        if self._world.body_of(*key) is not None:  # else it went with its last finalizer
            finish(kube.delete(*key, meta["uid"]))

    def _make_twin(self, deed: Deed) -> None:
        world, body = self._world, as_applied(self._body("machines", "", deed.who))
        name = world.name_twin(deed.who)
        if world.body_of("machines", "", name) is not None:
            raise NotFound(f"{deed.who} has a twin already")
        twin = finish(world.kube.create("machines", body | {"metadata": {"name": name}}))
        world.grounds.later(deed.length, self._take_away, name, twin["metadata"]["uid"])

    def _take_away(self, name: str, uid: str) -> None:
        if self._world.uid_of("machines", "", name) == uid:
            finish(self._world.kube.delete("machines", "", name, uid))

    def _all_anew(self, deed: Deed) -> None:
        """All but the leases of attempts, which nobody has a file of; none has a status."""
        world = self._world
        plurals = ("machineleases", "trainingjobs", "machines", "platforms")
        old = [(plural, body) for plural in plurals for body in world.kube.objects(plural)]
        for name, uid in world.machine_uids.items():
            if not world.is_instance(name):
                world.provider_of(name).lose(uid)
        for plural, body in old:
            self._remove(plural, body)
        for plural, body in reversed(old):
            if not body["metadata"].get("ownerReferences"):
                finish(world.kube.create(plural, as_applied(body)))

    def _lease_anew(self, deed: Deed) -> None:
        """The lease of the job's newest attempt, whichever that is."""
        namespace, job = _split(deed)
        leases = self._world.observer.book.objects["machineleases"]
        mine = [n for s, n in sorted(leases) if s == namespace and n.rpartition("-")[0] == job]
        self._make_anew("machineleases", namespace, mine[-1] if mine else "", deed.length)

    def _namespace_anew(self, deed: Deed) -> None:
        """With all that is in it; what its platform still wants comes once it is there again."""
        world = self._world
        self._make_anew("namespaces", "", deed.who, deed.length)
        world.kube.collect_garbage()

    def _body(self, plural: str, namespace: str, name: str) -> dict[str, Any]:
        body = self._world.body_of(plural, namespace, name)
        if body is None:
            raise NotFound(f"{plural} {namespace}/{name} is gone")
        return body

    # -- backups ---------------------------------------------------------------------------------

    def _restore_before_grant(self, deed: Deed) -> None:
        age, bump = deed.where.split()
        self._restores.save_before_grant(float(age), deed.length, bump=bump == "bump")

    def _wipe_all(self, deed: Deed) -> None:
        for plural in ("machines", "platforms", "trainingjobs", "machineleases"):
            for body in self._world.kube.objects(plural):
                meta = body["metadata"]
                self._wipe(plural, meta.get("namespace", ""), meta["name"])

    # -- people's words, taken back after a while ------------------------------------------------

    def _change(self, plural: str, deed: Deed) -> None:
        spec = self._body(plural, "", deed.who)["spec"]
        wish: dict[str, Any] = json.loads(deed.where)
        before = {key: spec.get(key) for key in wish}
        self._patch(plural, deed.who, {"spec": wish})
        self._take_back_later(deed, plural, {"spec": before})

    def _pause(self, plural: str, deed: Deed) -> None:
        self._body(plural, "", deed.who)
        self._patch(plural, deed.who, {"metadata": {"annotations": {PAUSED: "true"}}})
        self._take_back_later(deed, plural, {"metadata": {"annotations": {PAUSED: None}}})

    def settle(self) -> None:
        """The storm is over: what was changed for a while is as it was, whatever was restored."""
        for plural, name, patch in reversed(self._undone):
            self._patch(plural, name, patch)

    def _take_back_later(self, deed: Deed, plural: str, patch: dict[str, Any]) -> None:
        self._undone.append((plural, deed.who, patch))
        self._world.grounds.later(deed.length, self._patch, plural, deed.who, patch)

    def _patch(self, plural: str, name: str, patch: dict[str, Any]) -> None:
        if self._world.body_of(plural, "", name) is not None:
            finish(self._world.kube.patch(plural, "", name, patch))

    # -- LISTs and watches -----------------------------------------------------------------------

    def _fail_lists(self, deed: Deed) -> None:
        server = self._world.kube_server
        server.refuses = "list"
        self._world.grounds.later(deed.length, setattr, server, "refuses", "")

    def _slow_down(self, deed: Deed) -> None:
        self._world.operators.slow_down(deed.who, deed.length, float(deed.where))


def as_applied(body: dict[str, Any]) -> dict[str, Any]:
    """The object as a person has it in a file: with its owners, and nothing that a server gave."""
    meta = {
        key: body["metadata"][key]
        for key in ("name", "namespace", "ownerReferences")
        if key in body["metadata"]
    }
    return {"metadata": meta, "spec": body["spec"]} if "spec" in body else {"metadata": meta}


def _split(deed: Deed) -> tuple[str, str]:
    namespace, _, name = deed.who.partition("/")
    return namespace, name
