"""The leader: one at a time, by compare-and-set and monotonic margins, whatever stands still."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

import pytest

from simulator.loop import Process, VirtualClock, VirtualLoop, run
from trainlease.effects.kube.base import Body
from trainlease.effects.kube.fake import Call, FakeKube
from trainlease.model.errors import AnswerLost, NotLeader, Unavailable
from trainlease.model.settings import Settings
from trainlease.reconcile.leader import Leader

SYSTEM = "trainlease-system"
SETTINGS = Settings()


class Wire:
    """The way to the server, which can be cut, and can lose answers of writes."""

    def __init__(self) -> None:
        self.cut = False
        self.lose_answers = 0
        self.delay = 0.0

    async def before(self, call: Call) -> None:
        await asyncio.sleep(self.delay)
        if self.cut:
            raise Unavailable("cut")

    async def after(self, call: Call) -> None:
        if call.is_write and self.lose_answers:
            self.lose_answers -= 1
            raise AnswerLost("lost")


class Candidate:
    """One operator process that takes part."""

    def __init__(self, world: "World", name: str, skew: float = 0.0) -> None:
        self.wire = Wire()
        self.process = Process(name)
        self.lost: list[float] = []
        self.restored: list[float] = []
        kube = world.server.client_for(name, self.wire)
        clock = VirtualClock(world.loop, skew)
        self.leader = Leader(kube, clock, SYSTEM, "trainlease", name, SETTINGS)
        self._loop = world.loop
        self.task = self._start(
            self.leader.run(
                lambda: self.lost.append(self._loop.time()),
                lambda: self.restored.append(self._loop.time()),
            )
        )

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self.process.start(self._loop, work)

    async def stop(self) -> None:
        """As on SIGTERM."""
        self.task.cancel()
        await self.leader.release()


class World:
    """A server, some candidates, and an observer that looks at them all the time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.server = FakeKube(VirtualClock(loop), namespaces=[SYSTEM])
        self.candidates: list[Candidate] = []
        self.reigns: list[tuple[str, float]] = []

    def add(self, name: str, skew: float = 0.0) -> Candidate:
        self.candidates.append(Candidate(self, name, skew))
        return self.candidates[-1]

    async def watch(self, seconds: float) -> None:
        """Let time pass; at no time may there be two leaders that can take a step."""
        end = self.loop.time() + seconds
        while self.loop.time() < end:
            await asyncio.sleep(0.05)
            leaders = [c.process.name for c in self.candidates if c.leader.is_leader]
            assert len(leaders) < 2, leaders
            if leaders and (not self.reigns or self.reigns[-1][0] != leaders[0]):
                self.reigns.append((leaders[0], self.loop.time()))

    def lease(self) -> Body:
        return self.server.objects("leases")[0]


def test_the_first_becomes_leader_at_once_and_stays_alone() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first, second = world.add("a"), world.add("b")
        await first.leader.wait()
        await world.watch(120)
        assert [name for name, _ in world.reigns] == ["a"]
        with pytest.raises(NotLeader):
            second.leader.check()
        first.leader.check()
        assert world.lease()["spec"]["holderIdentity"] == "a"
        assert world.lease()["spec"]["leaseDurationSeconds"] == 15

    run(main)


def test_after_release_another_leads_within_three_seconds() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first = world.add("a")
        second = world.add("b")
        await world.watch(31)
        await first.stop()
        assert not first.leader.is_leader
        stopped = loop.time()
        await world.watch(20)
        name, since = world.reigns[-1]
        assert name == "b"
        assert since - stopped <= 3
        second.leader.check()

    run(main)


def test_after_a_kill_another_leads_when_the_lease_has_run_out() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first = world.add("a")
        world.add("b")
        await world.watch(31)
        world.candidates.remove(first)
        loop.kill(first.process)
        killed = loop.time()
        await world.watch(40)
        name, since = world.reigns[-1]
        assert name == "b"
        assert 13 <= since - killed <= 15 + 2 * SETTINGS.leader_retry

    run(main)


@pytest.mark.parametrize("skew", [-3600.0, 120.0, 86400.0])
def test_wrong_wall_clocks_change_nothing(skew: float) -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        world.add("a", skew)
        world.add("b")
        await world.watch(120)
        assert [name for name, _ in world.reigns] == ["a"]

    run(main)


def test_one_that_stood_still_does_not_count_itself_leader_when_it_wakes() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first = world.add("a")
        world.add("b")
        await world.watch(31)
        loop.freeze(first.process)
        await world.watch(75)
        loop.thaw(first.process)
        assert not first.leader.is_leader
        await world.watch(30)
        assert [name for name, _ in world.reigns] == ["a", "b"]
        assert len(first.lost) == 1

    run(main)


def test_one_that_is_cut_off_gives_up_before_another_may_begin() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first = world.add("a")
        world.add("b")
        await world.watch(31)
        first.wire.cut = True
        cut = loop.time()
        while first.leader.is_leader:
            await world.watch(0.1)
        assert loop.time() - cut <= SETTINGS.leader_renew + 0.2
        assert [name for name, _ in world.reigns] == ["a"]
        await world.watch(30)
        first.wire.cut = False
        await world.watch(30)
        assert [name for name, _ in world.reigns] == ["a", "b"]
        assert len(first.lost) == 1

    run(main)


def test_a_short_outage_does_not_end_a_reign() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first, second = world.add("a"), world.add("b")
        await world.watch(31)
        first.wire.cut = second.wire.cut = True
        await world.watch(6)
        first.wire.cut = second.wire.cut = False
        await world.watch(60)
        assert [name for name, _ in world.reigns] == ["a"]
        assert first.lost == []

    run(main)


def test_a_write_whose_answer_was_lost_is_known_again() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first = world.add("a")
        first.wire.lose_answers = 1
        await world.watch(3)
        first.leader.check()
        first.wire.lose_answers = 2
        await world.watch(30)
        assert first.lost == []
        first.leader.check()

    run(main)


def test_a_server_that_answers_late_ends_no_reign_and_makes_no_second_leader() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first = world.add("a")
        world.add("b")
        await world.watch(31)
        first.wire.delay = 3
        await world.watch(60)
        assert [name for name, _ in world.reigns] == ["a"]

    run(main)


def test_a_renewal_that_is_answered_late_counts_from_when_it_was_sent() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first = world.add("a")
        await world.watch(31)
        first.wire.delay = 4
        await world.watch(20)
        first.wire.cut = True
        sent = datetime.fromisoformat(world.lease()["spec"]["renewTime"])
        left = sent + timedelta(seconds=SETTINGS.leader_renew) - VirtualClock(loop).now()
        await world.watch(left.total_seconds() + 0.1)
        assert not first.leader.is_leader

    run(main)


def test_a_lease_of_our_own_name_that_we_did_not_write_is_waited_for() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        before = world.add("a")
        await world.watch(10)
        world.candidates.remove(before)
        loop.kill(before.process)
        again = world.add("a")
        await world.watch(10)
        assert not again.leader.is_leader
        await world.watch(10)
        again.leader.check()

    run(main)


def test_a_lease_deleted_under_its_holder_makes_no_second_leader() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first = world.add("a")
        world.add("b")
        await world.watch(31)
        first.wire.cut = True
        lease = world.lease()
        await world.server.delete("leases", SYSTEM, "trainlease", lease["metadata"]["uid"])
        await world.watch(40)
        assert [name for name, _ in world.reigns] == ["a", "b"]

    run(main)


def test_a_foreign_change_of_the_lease_does_not_end_a_reign() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        first = world.add("a")
        await world.watch(11)
        note = {"metadata": {"annotations": {"note": "seen by ana"}}}
        await world.server.patch("leases", SYSTEM, "trainlease", note)
        await world.watch(30)
        assert first.lost == []
        first.leader.check()

    run(main)


def test_the_transitions_are_counted() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        for name in "abc":
            candidate = world.add(name)
            await world.watch(10)
            await candidate.stop()
        assert [name for name, _ in world.reigns] == ["a", "b", "c"]
        assert world.lease()["spec"]["leaseTransitions"] == 2

    run(main)


def test_a_lease_from_before_shows_to_every_replica_that_the_server_was_restored() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        both = world.add("a"), world.add("b")
        await world.watch(11)
        snapshot = world.server.snapshot()
        await world.watch(20)
        world.server.restore(snapshot, bump=False)
        await world.watch(30)
        assert [name for name, _ in world.reigns] == ["a"]
        for candidate in both:
            assert len(candidate.restored) == 1
            assert candidate.task.done()
        after = world.add("c")
        await world.watch(30)
        after.leader.check()

    run(main)


async def second_reign(world: World) -> tuple[Candidate, Body]:
    """The leader that came after another one, and the Lease as that one had it."""
    first = world.add("a")
    second = world.add("b")
    await world.watch(11)
    lease = world.lease()
    world.candidates.remove(first)
    world.loop.kill(first.process)
    await world.watch(40)
    second.leader.check()
    return second, lease


def test_a_lease_that_names_the_predecessor_again_ends_the_reign() -> None:
    """Its record was seen unchanged for its whole time already: before it was followed."""

    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        second, lease = await second_reign(world)
        await world.server.patch("leases", SYSTEM, "trainlease", {"spec": lease["spec"]})
        await world.watch(3)
        assert len(second.lost) == 1

    run(main)


def test_a_lease_that_was_deleted_ends_the_reign() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        second, lease = await second_reign(world)
        await world.server.delete("leases", SYSTEM, "trainlease", lease["metadata"]["uid"])
        await world.watch(3)
        assert len(second.lost) == 1

    run(main)
