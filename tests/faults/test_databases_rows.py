"""A platform's database restored from older rows, or edited by hand.

The rows follow the ledger with one write a row; a person's own word stays.
"""

import time
from pathlib import Path

import pytest
from tests.faults.conftest import Figure
from tests.faults.crew import Crew
from tests.faults.rows import AWAY, NEEDED, running, until_told
from tests.faults.stage import PROMISES, Scene, Stage

from bed.platform_schemas import Door
from demo.judge_claims import free_after_end, occupied_before_start, outcome_before_free
from demo.judge_results import (
    all_rows_agree,
    jobs_ended_as_wanted,
    nothing_left_running,
    training_rows_tell,
)

pytestmark = pytest.mark.usefixtures("mended", "led")


@pytest.fixture
def led(crew_of_module: Crew) -> None:
    """Somebody leads, and compares all rows often."""
    crew_of_module.leader(TRAINLEASE_COMPARE_EVERY="2")


@pytest.mark.parametrize("platform", [NEEDED, AWAY])
def test_restored_to_free_while_the_training_runs(
    stage: Stage, tmp_path: Path, figure: Figure, platform: str
) -> None:
    scene = stage.scene()
    scene.until_free()
    stage.server(platform).save(tmp_path / "saved")
    before = stage.changes(platform, scene.machines[0])
    title = scene.apply_job()
    scene.until_runs(title)
    scene.must_keep(occupied_before_start)  # which the backup knows nothing of
    stage.server(platform).restore(tmp_path / "saved")
    back = time.monotonic()
    until_told(scene, platform, occupied=True)
    figure("convergence after older rows were restored, seconds", time.monotonic() - back)
    assert stage.changes(platform, scene.machines[0]) == before + 1
    scene.open_gates()
    scene.until_rest()
    assert stage.changes(platform, scene.machines[0]) == before + 2
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep(*(promise for promise in PROMISES if promise is not occupied_before_start))


@pytest.mark.parametrize("platform", [NEEDED, AWAY])
def test_restored_to_occupied_after_the_training(
    stage: Stage, tmp_path: Path, figure: Figure, platform: str
) -> None:
    scene, _ = running(stage)
    stage.server(platform).save(tmp_path / "saved")
    before = stage.changes(platform, scene.machines[0])
    scene.open_gates()
    scene.until_rest()
    scene.must_keep()
    stage.server(platform).restore(tmp_path / "saved")
    back = time.monotonic()
    until_told(scene, platform, occupied=False)
    figure("convergence after older rows were restored, seconds", time.monotonic() - back)
    scene.until_rest()
    assert stage.changes(platform, scene.machines[0]) == before + 1
    scene.must_keep(all_rows_agree, training_rows_tell, jobs_ended_as_wanted, nothing_left_running)


def test_set_free_by_hand_while_the_training_runs(stage: Stage, figure: Figure) -> None:
    scene, title = running(stage)
    before = stage.changes(AWAY, scene.machines[0])
    by_hand(scene, busy=0)
    edited = time.monotonic()
    until_told(scene, AWAY, occupied=True)
    figure("convergence after an edit (compare every 2 s), seconds", time.monotonic() - edited)
    assert stage.changes(AWAY, scene.machines[0]) == before + 2
    scene.open_gates()
    scene.until_rest()
    assert scene.outcomes(title) == ["Succeeded"]
    said_by_a_person = (free_after_end, outcome_before_free)
    scene.must_keep(*(promise for promise in PROMISES if promise not in said_by_a_person))


def test_taken_by_hand_is_theirs_until_they_free_it(stage: Stage) -> None:
    scene = stage.scene()
    scene.until_free()
    by_hand(scene, busy=1)
    scene.until(lambda: scene.condition("Available").get("reason") == "OccupiedElsewhere")
    before = stage.changes(AWAY, scene.machines[0])
    title = scene.apply_job()
    scene.until(lambda: "OccupiedElsewhere" in str(scene.job(title)))
    assert stage.changes(AWAY, scene.machines[0]) == before
    by_hand(scene, busy=0)
    scene.until_runs(title)
    scene.open_gates()
    scene.until_rest()
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()


def by_hand(scene: Scene, busy: int) -> None:
    """What a person at the platform's console types."""
    door = Door(scene.stage.server(AWAY), AWAY)
    door.execute("UPDATE gpu_hosts SET busy = ? WHERE hostname = ?", busy, scene.machines[0])
