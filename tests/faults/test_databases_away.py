"""A platform's database killed, frozen and read-only: it holds back its own jobs and no machine."""

import time
from collections.abc import Callable

import pytest
from tests.faults.conftest import Figure
from tests.faults.crew import Crew
from tests.faults.rows import AWAY, NEEDED, running, until_told
from tests.faults.stage import ROUNDS, Stage

from bed.mariadb import MariaDB

pytestmark = pytest.mark.usefixtures("mended")

Switch = Callable[[MariaDB], None]
OUTAGES: dict[str, tuple[Switch, Switch]] = {
    "killed": (MariaDB.kill, MariaDB.restart),
    "frozen": (MariaDB.freeze, MariaDB.thaw),
    "read-only": (
        lambda server: server.set_read_only(True),
        lambda server: server.set_read_only(False),
    ),
}


@pytest.mark.parametrize("platform", [NEEDED, AWAY])
@pytest.mark.parametrize("outage", OUTAGES)
def test_away_while_a_training_ends(
    stage: Stage, crew_of_module: Crew, figure: Figure, outage: str, platform: str
) -> None:
    """The machine is Free with a debt; the debt is paid by one write once it is back."""
    crew_of_module.leader()
    for _ in range(ROUNDS):
        away_once(stage, figure, outage, platform)


def away_once(stage: Stage, figure: Figure, outage: str, platform: str) -> None:
    begin, end = OUTAGES[outage]
    scene, title = running(stage)
    before = stage.changes(platform, scene.machines[0])
    begin(stage.server(platform))
    scene.open_gates()
    scene.until(lambda: scene.machine().get("debts") == [platform])
    assert scene.machine()["state"] == "Free"
    end(stage.server(platform))
    back = time.monotonic()
    until_told(scene, platform, occupied=False)
    figure(f"convergence after it was {outage}, seconds", time.monotonic() - back)
    scene.until_rest()
    writes = stage.changes(platform, scene.machines[0]) - before
    figure("writes a row after a return", writes)
    assert writes == 1
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()


@pytest.mark.parametrize("outage", OUTAGES)
def test_away_before_a_start_it_holds_back_its_own_jobs_and_nobody_elses(
    stage: Stage, crew_of_module: Crew, outage: str
) -> None:
    begin, end = OUTAGES[outage]
    crew_of_module.leader()
    scene = stage.scene(machines=2)
    scene.until_free()
    begin(stage.server(NEEDED))
    held_back, other = scene.apply_job(NEEDED), scene.apply_job(AWAY)
    scene.until(lambda: stage.watcher.training(other, 1))
    assert stage.watcher.training(held_back, 1) is None
    end(stage.server(NEEDED))
    scene.until(lambda: stage.watcher.training(held_back, 1))
    scene.open_gates()
    scene.until_rest()
    assert scene.outcomes(held_back) == scene.outcomes(other) == ["Succeeded"]
    scene.must_keep()
