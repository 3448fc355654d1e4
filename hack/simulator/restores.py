"""Backups of etcd: taken at a time or right before a grant, and put back while all goes on.

The API server is away while it is done. Then objects are as they were, coordination Leases too, and
each watch begins with what there is. Not in here: what the observer makes of it (`book`).
"""

from contextlib import suppress

from simulator.facts import Body, Restored
from simulator.fields import status_of
from simulator.line import Health
from simulator.scenario import STORM
from simulator.world import World
from trainlease.effects.kube.fake_store import Snapshot, Write
from trainlease.model.errors import NotFound

_SOON = 1.0


class Restores:
    """See the module; one for each world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._saved: Snapshot | None = None

    def save(self) -> None:
        self._saved = self._world.kube.snapshot()

    def save_before_grant(self, age: float, away: float, *, bump: bool) -> None:
        """Taken before the next Machine is claimed, and put back `age` seconds after that."""
        world, before = self._world, [self._world.kube.snapshot()]

        def heard(word: str, plural: str, body: Body) -> None:
            if plural == "machines" and _is_claim(world.kube.writes[-1]):
                self._saved = before[0]
                end()
                world.grounds.later(age, self._put_back_in_time, away, bump)
            before[0] = world.kube.snapshot()

        end = world.kube.subscribe(heard)

    def put_back(self, away: float, bump: bool) -> None:
        """NotFound if nothing was saved. `bump`: versions go on from the newest ever given."""
        server, saved = self._world.kube_server, self._saved
        if saved is None or self._world.loop.time() + away > STORM:
            raise NotFound("there is no backup, or no time for it")
        self._saved = None
        server.turn(Health.DOWN)
        self._world.grounds.later(away, self._up_again, saved, bump)

    def _put_back_in_time(self, away: float, bump: bool) -> None:
        with suppress(NotFound):
            self.put_back(away, bump)

    def _up_again(self, saved: Snapshot, bump: bool) -> None:
        world = self._world
        world.kube.restore(saved, bump=bump)
        kinds = ("namespaces", "machines", "platforms", "trainingjobs", "machineleases")
        objects = [(plural, body) for plural in kinds for body in world.kube.objects(plural)]
        world.see(Restored(world.loop.time(), objects), f"etcd restored @{saved.revision}")
        for body in world.kube.objects("machines"):
            self._bring_back(body["metadata"]["name"], body["metadata"]["uid"])
        world.kube_server.turn(Health.UP)
        world.operators.watch_anew()
        world.grounds.later(_SOON, self._collect)

    def _bring_back(self, name: str, uid: str) -> None:
        """Processes are known by the uid of their Machine alone: a person ends what has no name."""
        world = self._world
        last = world.machine_uids.get(name, uid)
        if last != uid and not world.is_instance(name):
            world.provider_of(name).lose(last)
        world.is_now(name, uid)

    def _collect(self) -> None:
        self._world.kube.collect_garbage()


def _is_claim(write: Write) -> bool:
    states = [status_of(body).get("state") for body in (write.before, write.after)]
    return states == ["Free", "Claimed"]
