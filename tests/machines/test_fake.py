"""The fake's knobs, in virtual time: what the simulator relies on."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from typing import Any

import pytest
from tests.machines.benches import machine, workload

from simulator.loop import Process, VirtualClock, VirtualLoop, current_process, run
from trainlease.effects.gate import Gate
from trainlease.effects.machines.fake import Call, FakeProvider
from trainlease.effects.machines.fake_world import (
    Course,
    FakeMachines,
    Flavour,
    PowerChange,
    Script,
    Who,
)
from trainlease.model.errors import AnswerLost, Refused
from trainlease.model.machine import Machine
from trainlease.model.observed import MachineView, Power, Workload
from trainlease.model.reasons import Cause

GPU = machine("gpu-1")
ANEW = GPU.model_copy(update={"metadata": GPU.metadata.model_copy(update={"uid": "uid-anew"})})


@dataclass
class World:
    """One world in virtual time, and one operator in it."""

    loop: VirtualLoop
    clock: VirtualClock
    machines: FakeMachines

    @property
    def operator(self) -> FakeProvider:
        return FakeProvider(self.machines)

    def through(self, gate: Gate[Call]) -> FakeProvider:
        return FakeProvider(self.machines, "a", gate)

    def work(self, generation: int = 1, of: Machine = GPU) -> Workload:
        deadline = self.clock.now() + timedelta(hours=1)
        return replace(workload(of, "any", generation), deadline=deadline)

    async def start(self, generation: int = 1) -> None:
        await self.operator.ensure_on(GPU, self.work(generation))

    async def view(self) -> MachineView:
        return await self.operator.observe(GPU)


Scene = Callable[[World], Coroutine[Any, Any, None]]


def play(
    scene: Scene, *, script: Script | None = None, flavour: Flavour = Flavour.OBJECT
) -> list[PowerChange]:
    """Run `scene(world)`; the journal of the power."""
    journal: list[PowerChange] = []

    async def main(loop: VirtualLoop) -> None:
        clock = VirtualClock(loop)
        machines = FakeMachines(clock, script=script, flavour=flavour, journal=journal.append)
        await scene(World(loop, clock, machines))

    run(main, until=7200)
    return journal


class Late:
    """Holds each call back for so many seconds on its way there, or loses its answer."""

    def __init__(self, seconds: float = 0, *, loses_answers: bool = False) -> None:
        self._seconds = seconds
        self._loses_answers = loses_answers

    async def before(self, call: Call) -> None:
        await asyncio.sleep(self._seconds)

    async def after(self, call: Call) -> None:
        if self._loses_answers:
            raise AnswerLost(call.verb)


def test_a_boot_is_neither_on_nor_off_and_says_what_it_is_at() -> None:
    async def scene(world: World) -> None:
        await world.start()
        assert await world.view() == MachineView(Power.UNKNOWN, 1, detail="booting")
        await asyncio.sleep(10)
        assert await world.view() == MachineView(Power.ON, 1)
        await asyncio.sleep(20)
        assert (await world.view()).exits[1].cause is Cause.COMPLETED

    play(scene, script=lambda _: Course(boot=10, seconds=20))


def test_a_boot_that_hangs_can_be_turned_off() -> None:
    async def scene(world: World) -> None:
        await world.start()
        await asyncio.sleep(3000)
        assert (await world.view()).power is Power.UNKNOWN
        await world.operator.ensure_off(GPU)
        assert (await world.view()).power is Power.OFF

    play(scene, script=lambda _: Course(boot=inf))


def test_a_stop_that_hangs_says_so_until_it_is_let_go() -> None:
    async def scene(world: World) -> None:
        world.machines.stop_seconds["gpu-1"] = inf
        await world.start()
        await world.operator.ensure_off(GPU)
        await asyncio.sleep(30)
        assert await world.view() == MachineView(Power.ON, 1, detail="stopping")
        world.machines.stop_seconds.clear()
        await world.operator.ensure_off(GPU)
        assert (await world.view()).power is Power.OFF

    play(scene)


def test_a_run_can_vanish_and_a_late_start_of_it_lands_again() -> None:
    async def scene(world: World) -> None:
        await world.start()
        world.machines.lose(GPU.uid, recorded=False)
        assert await world.view() == MachineView(Power.OFF)
        await world.start()
        assert (await world.view()).generation == 1

    journal = play(scene)
    assert [(c.on, c.by) for c in journal] == [
        (True, Who.US),
        (False, Who.ITSELF),
        (True, Who.US),
    ]


def test_an_instance_has_one_power_and_no_record() -> None:
    async def scene(world: World) -> None:
        await world.start(1)
        await world.start(2)
        assert await world.view() == MachineView(Power.ON, 1)
        await world.operator.ensure_off(GPU)
        assert await world.view() == MachineView(Power.OFF)
        await world.start(1)
        assert await world.view() == MachineView(Power.ON, 1)

    journal = play(scene, flavour=Flavour.INSTANCE)
    assert [(c.on, c.generation) for c in journal] == [(True, 1), (False, 1), (True, 1)]


@pytest.mark.parametrize("flavour", Flavour)
def test_what_the_legacy_program_turned_on_is_on_by_nobody_of_ours(flavour: Flavour) -> None:
    async def scene(world: World) -> None:
        assert world.machines.legacy_on("gpu-1", GPU.uid)
        assert await world.view() == MachineView(Power.ON, None)
        assert not world.machines.legacy_on("gpu-1", GPU.uid)
        await world.operator.ensure_off(GPU)
        assert not world.machines.legacy_off(GPU.uid)

    journal = play(scene, flavour=flavour)
    assert journal == [
        PowerChange(Who.LEGACY, "gpu-1", GPU.uid, True),
        PowerChange(Who.US, "gpu-1", GPU.uid, False),
    ]


def test_the_legacy_program_turns_off_its_own_run_only() -> None:
    async def scene(world: World) -> None:
        await world.start()
        assert not world.machines.legacy_on("gpu-1", GPU.uid)
        assert not world.machines.legacy_off(GPU.uid)
        assert world.machines.on() == {"gpu-1": 1}

    play(scene)


def test_turning_off_ends_what_is_ours_before_what_is_not() -> None:
    async def scene(world: World) -> None:
        world.machines.legacy_on("gpu-1", GPU.uid)
        await world.start()
        await world.operator.ensure_off(GPU)
        assert world.machines.on() == {"gpu-1": None}
        await world.operator.ensure_off(GPU)
        assert world.machines.on() == {}

    play(scene)


def test_a_start_can_be_refused_and_leaves_nothing() -> None:
    async def scene(world: World) -> None:
        world.machines.refusals["gpu-1"] = Refused("no capacity", "capacity")
        with pytest.raises(Refused):
            await world.start()
        assert await world.view() == MachineView(Power.OFF)

    assert play(scene) == []


def test_the_power_can_be_unknown_while_it_runs() -> None:
    async def scene(world: World) -> None:
        await world.start()
        world.machines.unknown["gpu-1"] = "the node is not Ready"
        assert await world.view() == MachineView(Power.UNKNOWN, detail="the node is not Ready")

    play(scene)


def test_a_call_whose_answer_is_lost_has_landed() -> None:
    async def scene(world: World) -> None:
        with pytest.raises(AnswerLost):
            await world.through(Late(loses_answers=True)).ensure_on(GPU, world.work())
        assert (await world.view()).power is Power.ON

    play(scene)


def test_a_late_call_lands_late_and_the_journal_tells_by_how_much() -> None:
    async def scene(world: World) -> None:
        late = world.through(Late(40))
        await late.ensure_on(GPU, world.work())
        await late.ensure_off(GPU)

    assert [c.lateness for c in play(scene)] == [40, 40]


def test_a_late_start_of_a_claim_that_stands_terminated_does_not_land() -> None:
    async def scene(world: World) -> None:
        late = asyncio.create_task(world.through(Late(100)).ensure_on(GPU, world.work()))
        await world.start()
        await late
        assert (await world.view()).power is Power.OFF

    assert len(play(scene, script=lambda _: Course(seconds=50))) == 2


def test_a_run_goes_on_when_its_starter_is_killed() -> None:
    async def scene(world: World) -> None:
        starter = Process("operator")
        starter.start(world.loop, world.start())
        await asyncio.sleep(1)
        world.loop.kill(starter)
        await asyncio.sleep(60)
        assert (await world.view()).exits[1].cause is Cause.COMPLETED

    play(scene)


def test_a_ring_is_heard_in_the_process_that_hung_up_the_bell() -> None:
    heard: list[Process | None] = []
    listener = Process("operator")

    async def scene(world: World) -> None:
        def hear(name: str) -> None:
            heard.append(current_process())

        listener.call(world.operator.on_change, hear)
        await world.start()
        await asyncio.sleep(1)
        world.loop.freeze(listener)
        await world.operator.ensure_off(GPU)
        await asyncio.sleep(1)
        assert heard == [listener]
        world.loop.thaw(listener)
        await asyncio.sleep(1)

    play(scene)
    assert heard == [listener, listener]


def test_the_journal_names_the_attempt() -> None:
    async def scene(world: World) -> None:
        await world.start(3)

    (change,) = play(scene)
    assert change == PowerChange(Who.US, "gpu-1", GPU.uid, True, 3, "job-uid", 1)


def test_a_machine_made_anew_finds_its_instance_on_though_not_by_itself() -> None:
    async def scene(world: World) -> None:
        await world.start()
        assert await world.operator.observe(ANEW) == MachineView(Power.ON, None)
        await world.operator.ensure_off(ANEW)
        assert world.machines.on() == {}

    journal = play(scene, flavour=Flavour.INSTANCE)
    assert [(c.on, c.uid) for c in journal] == [(True, GPU.uid), (False, GPU.uid)]


def test_a_machine_made_anew_sees_no_object_of_the_one_before() -> None:
    async def scene(world: World) -> None:
        await world.start()
        assert await world.operator.observe(ANEW) == MachineView(Power.OFF)
        await world.operator.ensure_off(ANEW)
        assert world.machines.on() == {"gpu-1": 1}

    play(scene)


def test_twins_share_one_instance() -> None:
    async def scene(world: World) -> None:
        world.machines.twins["gpu-2"] = "gpu-1"
        await world.start()
        assert await world.operator.observe(machine("gpu-2")) == MachineView(Power.ON, None)

    play(scene, flavour=Flavour.INSTANCE)
