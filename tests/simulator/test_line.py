"""The line: what each fault does to a call, to its caller and to the outside."""

from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest

from simulator.line import Grounds, Health, Landing, Line, Server
from simulator.loop import Process, VirtualLoop, run
from simulator.weather import DOING, Aim, Call, Doing, Fault, Weather
from trainlease.model.errors import AnswerLost, Conflict, Unavailable

WRITE = Call("kube", "patch", True, 5.0, 5.0, guarded=True)
READ = Call("kube", "get", False, 5.0)


class Bench:
    """One process on one line to one server, which counts what landed."""

    def __init__(self, loop: VirtualLoop, *aims: Aim) -> None:
        self.loop = loop
        self.process = Process("operator")
        self.landed: list[float] = []
        self.lateness: list[float] = []
        self.touched = 0
        self.server = Server("server")
        rng = Random("line")
        self.grounds = Grounds(
            loop,
            Weather(rng, aims=aims),
            rng,
            Landing(),
            touch=self._touch,
            pause=self._pause,
            kill=loop.kill,
        )
        self.line = Line(self.grounds, self.process)
        self.heard: list[Any] = []

    async def call(self, call: Call = WRITE) -> None:
        DOING.set(Doing("Claim", self.loop.time()))
        try:
            self.heard.append(await self.line.send(self.server, call, self._act))
        except (Unavailable, Conflict) as error:
            self.heard.append(type(error))

    def start(self, call: Call = WRITE) -> None:
        self.process.start(self.loop, self.call(call))

    def _act(self) -> str:
        if self.touched:
            raise Conflict("it has changed")
        self.landed.append(self.loop.time())
        self.lateness.append(self.grounds.landing.lateness)
        return "done"

    def _touch(self, call: Call) -> None:
        self.touched += 1

    def _pause(self, process: Process) -> None:
        self.loop.freeze(process)
        self.grounds.later(30.0, self.loop.thaw, process)


def bench(
    play: Callable[[Bench], Coroutine[Any, Any, None]], *faults: Fault, nth: int = 0
) -> Bench:
    """Play a scene in which the faults are aimed at the n-th call of a claim."""

    async def main(loop: VirtualLoop) -> Bench:
        found = Bench(loop, *(Aim("Claim", fault, nth) for fault in faults))
        await play(found)
        return found

    return run(main)


async def once(scene: Bench) -> None:
    scene.start()
    await _pass(scene, 60.0)


async def _pass(scene: Bench, seconds: float) -> None:
    done = scene.loop.create_future()
    scene.grounds.later(seconds, done.set_result, None)
    await done


def test_without_a_fault_a_call_lands_and_is_answered() -> None:
    scene = bench(once)
    assert (len(scene.landed), scene.heard) == (1, ["done"])


@pytest.mark.parametrize(
    ("fault", "landings", "heard"),
    [
        (Fault.REFUSED, 0, [Unavailable]),
        (Fault.LOST, 1, [AnswerLost]),
        (Fault.LATE, 1, [AnswerLost]),
        (Fault.CONFLICT, 0, [Conflict]),
        (Fault.FROZEN, 1, ["done"]),
        (Fault.CRASH_BEFORE, 0, []),
        (Fault.CRASH_AFTER, 1, []),
    ],
)
def test_each_fault_does_what_its_name_says(fault: Fault, landings: int, heard: list[Any]) -> None:
    scene = bench(once, fault)
    assert (len(scene.landed), scene.heard) == (landings, heard)
    assert scene.grounds.weather.hits == {("Claim", fault): 1}


def test_a_frozen_process_sends_its_call_once_it_goes_on() -> None:
    scene = bench(once, Fault.FROZEN)
    assert scene.landed[0] > 30.0
    assert scene.lateness[0] > 30.0


def test_a_fault_is_aimed_at_the_nth_call_and_hits_once() -> None:
    async def thrice(scene: Bench) -> None:
        for _ in range(3):
            await once(scene)

    scene = bench(thrice, Fault.LOST, nth=1)
    assert scene.heard == ["done", AnswerLost, "done"]


def test_after_the_storm_no_call_is_hit() -> None:
    async def calm(scene: Bench) -> None:
        scene.grounds.weather.is_stormy = False
        await once(scene)

    scene = bench(calm, *Fault)
    assert (scene.heard, scene.grounds.weather.hits) == (["done"], {})


def test_a_server_that_is_down_refuses_and_does_nothing() -> None:
    async def down(scene: Bench) -> None:
        scene.server.turn(Health.DOWN)
        await once(scene)

    scene = bench(down)
    assert (scene.landed, scene.heard) == ([], [Unavailable])


def test_a_frozen_server_does_what_it_took_when_it_is_thawed() -> None:
    async def frozen(scene: Bench) -> None:
        scene.server.turn(Health.FROZEN)
        await once(scene)
        assert (scene.landed, scene.heard) == ([], [AnswerLost])
        scene.server.turn(Health.UP)

    assert len(bench(frozen).landed) == 1


def test_a_read_of_a_frozen_server_is_unavailable_and_not_lost() -> None:
    async def frozen(scene: Bench) -> None:
        scene.server.turn(Health.FROZEN)
        scene.start(READ)
        await _pass(scene, 60.0)

    assert bench(frozen).heard == [Unavailable]


def test_what_a_dead_process_has_sent_lands_all_the_same() -> None:
    async def killed(scene: Bench) -> None:
        scene.start()
        await _pass(scene, 0.0005)
        scene.loop.kill(scene.process)
        await _pass(scene, 10.0)

    scene = bench(killed)
    assert (len(scene.landed), scene.heard) == (1, [])
