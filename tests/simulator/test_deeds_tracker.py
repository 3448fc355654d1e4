"""MLflow that makes twice what it is to make: the twin comes into being, and is taken away."""

from simulator.deeds import Deeds
from simulator.drawing import draw_all
from simulator.loop import VirtualLoop, run
from simulator.scenario import Deed
from simulator.scenario_tracker import MAKES_TWICE
from simulator.world import SETTINGS, World
from trainlease.model import tracking as word


def test_the_twin_of_a_run_is_made_and_does_not_stay() -> None:
    runs: list[list[bool]] = []

    async def main(loop: VirtualLoop) -> None:
        world = World(draw_all(3, ()), loop)
        world.weather.rates = {}
        await world.apply_all()
        world.operators.start("north")
        deeds = Deeds(world)
        deeds.do(Deed(0.0, MAKES_TWICE, "", 1000.0))
        wanted = next(j for j in world.scenario.jobs if j.spec.get("tracking") != "BestEffort")
        deeds.apply_job(wanted)
        done = loop.create_future()
        world.grounds.later(60.0 + SETTINGS.compare_every, done.set_result, None)
        await done
        first = [row for row in world.mlflow.runs.values() if row.tags[word.ATTEMPT] == "1"]
        runs.append(sorted(row.deleted for row in first))

    run(main)
    assert runs == [[False, True]]
