"""FakeProvider: one operator's way to machines in memory, for the simulator and for quick tests.

A call takes effect without giving way to other tasks; whoever wants delays, faults or lost answers
hangs a `Gate` before it. What runs on the machines, and the knobs, are in `fake_world`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from trainlease.effects.gate import Gate, OpenGate
from trainlease.effects.machines.base import Doorbell
from trainlease.effects.machines.fake_world import FakeMachines
from trainlease.model.machine import Machine
from trainlease.model.observed import MachineView, Workload


@dataclass(frozen=True)
class Call:
    """One call, as a gate sees it. Verbs: observe, ensure_on, ensure_off, forget.

    `generation` is None where the verb has none; `machine` is the uid for forget.
    """

    user: str
    verb: str
    machine: str
    generation: int | None = None


class FakeProvider:
    """One operator's way to the machines: the port. Its calls go through the gate."""

    def __init__(self, world: FakeMachines, user: str = "", gate: Gate[Call] | None = None) -> None:
        self._world = world
        self._user = user
        self._gate: Gate[Call] = gate or OpenGate()

    async def observe(self, machine: Machine) -> MachineView:
        call = Call(self._user, "observe", machine.name)
        await self._gate.before(call)
        view = self._world.view(machine)
        await self._gate.after(call)
        return view

    async def ensure_on(self, machine: Machine, workload: Workload) -> None:
        call = Call(self._user, "ensure_on", machine.name, workload.generation)
        await self._through(call, lambda late: self._world.start(machine, workload, late))

    async def ensure_off(self, machine: Machine) -> None:
        call = Call(self._user, "ensure_off", machine.name)
        await self._through(call, lambda late: self._world.stop(machine, late))

    async def forget(self, machine_uid: str, generation: int) -> None:
        call = Call(self._user, "forget", machine_uid, generation)
        await self._through(call, lambda _: self._world.forget(machine_uid, generation))

    def on_change(self, doorbell: Doorbell) -> None:
        self._world.add_bell(doorbell)

    async def _through(self, call: Call, act: Callable[[float], None]) -> None:
        loop = asyncio.get_running_loop()
        decided = loop.time()
        await self._gate.before(call)
        act(loop.time() - decided)
        await self._gate.after(call)
