"""FakeKube: a small honest API server in memory, for the simulator and for unit tests.

It has no threads, no real time and no chance of its own: the same calls give the same uids, the
same resourceVersions and the same log. A call takes effect without giving way to other tasks;
whoever wants delays, faults or lost answers hangs a `Gate` before the client.
What a write does to an object is in `fake_store`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from trainlease.effects.clock import Clock
from trainlease.effects.gate import Gate, OpenGate
from trainlease.effects.kube.base import Body
from trainlease.effects.kube.fake_store import Admit, FakeStore, Snapshot, Watcher, Write
from trainlease.effects.kube.kinds import kind_of

Answer = TypeVar("Answer")

ADMIN = "admin"
COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"


@dataclass(frozen=True)
class Call:
    """One call, as a gate sees it. Verbs: get, list, create, patch, delete."""

    user: str
    verb: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        return self.verb not in ("get", "list")


class FakeClient:
    """One user's view of the server: the port."""

    def __init__(self, store: FakeStore, user: str, gate: Gate[Call]) -> None:
        self.user = user
        self._store = store
        self._gate = gate

    async def get(self, plural: str, namespace: str, name: str) -> Body:
        call = Call(self.user, "get", plural, namespace, name)
        return await self._through(call, lambda: self._store.get(plural, namespace, name))

    async def list(
        self,
        plural: str,
        namespace: str = "",
        *,
        labels: Mapping[str, str] = {},
        fields: Sequence[str] = (),
    ) -> tuple[list[Body], str]:
        call = Call(self.user, "list", plural, namespace)

        def listed() -> tuple[list[Body], str]:
            found = self._store.list(plural, namespace)
            chosen = [body for body in found if _is_selected(body, labels, fields)]
            return chosen, str(self._store.revision)

        return await self._through(call, listed)

    async def create(self, plural: str, body: Body) -> Body:
        meta = body.get("metadata", {})
        namespace, name = meta.get("namespace", ""), meta.get("name", "")
        call = Call(self.user, "create", plural, namespace, name, body=body)
        return await self._through(call, lambda: self._store.create(plural, body, self.user))

    async def patch(self, plural: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Body:
        call = Call(self.user, "patch", plural, namespace, name, body=patch)
        return await self._through(
            call, lambda: self._store.patch(plural, namespace, name, patch, self.user)
        )

    async def patch_status(
        self, plural: str, namespace: str, name: str, status: Mapping[str, Any], version: str
    ) -> Body:
        call = Call(self.user, "patch", plural, namespace, name, "status", {"status": status})
        return await self._through(
            call,
            lambda: self._store.patch_status(plural, namespace, name, status, version, self.user),
        )

    async def delete(self, plural: str, namespace: str, name: str, uid: str) -> None:
        call = Call(self.user, "delete", plural, namespace, name)
        await self._through(
            call, lambda: self._store.delete(plural, namespace, name, uid, self.user)
        )

    async def _through(self, call: Call, act: Callable[[], Answer]) -> Answer:
        await self._gate.before(call)
        answer = act()
        await self._gate.after(call)
        return answer


class FakeKube(FakeClient):
    """The server; itself the admin's client. `writes` is the log of all accepted writes."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int = 0,
        namespaces: Iterable[str] = (),
        admit: Admit | None = None,
    ) -> None:
        store = FakeStore(clock, seed, namespaces, admit or _admit_all)
        super().__init__(store, ADMIN, OpenGate())

    @property
    def writes(self) -> Sequence[Write]:
        return self._store.writes

    @property
    def revision(self) -> int:
        """The resourceVersion of the newest write."""
        return self._store.revision

    def client_for(self, user: str, gate: Gate[Call] | None = None) -> FakeClient:
        """A client of this user; its calls go through the gate."""
        return FakeClient(self._store, user, gate or OpenGate())

    def objects(self, plural: str) -> list[Body]:
        """What is stored now, read past every gate: for observers."""
        kind_of(plural)
        return self._store.list(plural)

    def subscribe(self, watcher: Watcher) -> Callable[[], None]:
        """Deliver each change at once, in the order of the writes; the answer ends it.

        Delays, losses and another order are the caller's to make.
        """
        return self._store.watch(watcher)

    def collect_garbage(self) -> int:
        """What Kubernetes' garbage collector would do now; how many objects it deleted."""
        return self._store.collect_garbage(COLLECTOR)

    def snapshot(self) -> Snapshot:
        """A backup of etcd."""
        return self._store.snapshot()

    def restore(self, snapshot: Snapshot, *, bump: bool = True) -> None:
        """Objects as they were. Watchers hear nothing: they must list again, as after a gap.

        With `bump` resourceVersions go on from the newest ever given; without it they go back,
        and a version may be given twice. Uids are never given twice.
        """
        self._store.restore(snapshot, bump=bump)


def _is_selected(body: Body, labels: Mapping[str, str], fields: Sequence[str]) -> bool:
    if not labels.items() <= (body["metadata"].get("labels") or {}).items():
        return False
    for selector in fields:
        path, sign, want = selector.partition("!=" if "!=" in selector else "=")
        value: Any = body
        for step in path.split("."):
            value = (value or {}).get(step)
        if (str(value or "") == want) is not (sign == "="):
            return False
    return True


def _admit_all(plural: str, new: Body, old: Body | None) -> None:
    return
