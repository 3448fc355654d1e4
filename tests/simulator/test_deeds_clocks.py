"""An operator's host whose wall clock is set: its processes see it, now and later."""

from datetime import timedelta

from simulator.drawing import draw_all
from simulator.loop import VirtualLoop, run
from simulator.scenario_clocks import CLOCK_SET
from simulator.world import World


def test_a_host_keeps_its_clock_over_the_processes_that_run_there() -> None:
    ahead: list[timedelta] = []

    async def main(loop: VirtualLoop) -> None:
        world = World(draw_all(3, ()), loop)
        await world.apply_all()
        world.operators.start("north")
        first = world.clocks["north"]
        world.set_clock("north", 3600.0)
        ahead.append(first.now() - world.clock.now())
        world.operators.start("north")
        assert world.clocks["north"] is not first
        ahead.append(world.clocks["north"].now() - world.clock.now())
        world.set_clock("north", -3600.0)
        ahead.append(world.clocks["north"].now() - world.clock.now())

    run(main)
    hours = [round(lead.total_seconds() / 3600) for lead in ahead]
    assert hours == [1, 1, 0]


def test_clocks_are_set_forward_and_back() -> None:
    jumps = [
        deed.length
        for seed in range(300)
        for deed in draw_all(seed, ()).deeds
        if deed.what == CLOCK_SET
    ]
    assert min(jumps) < -600
    assert max(jumps) > 600
