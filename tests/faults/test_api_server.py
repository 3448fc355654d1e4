"""The API server restarted in the middle, slow, and back with what it had stored before a grant."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.crew import Crew
from tests.faults.stage import Scene, Stage, on_another_plane

from bed.control_plane import ControlPlane
from bed.fixtures import PLATFORMS
from bed.processes import sweep
from demo.judge_claims import free_told_or_owed, outcome_before_free
from demo.judge_results import (
    all_rows_agree,
    jobs_ended_as_wanted,
    nothing_left_running,
    training_rows_tell,
)


def test_restarted_while_the_training_runs(stage: Stage, crew: Crew) -> None:
    crew.lead()
    scene = stage.scene()
    title = scene.apply_job()
    scene.until_runs(title)
    stage.plane.kill_apiserver()
    scene.open_gates()
    stage.plane.start_apiserver()
    crew.leader()  # one that could not renew in time has ended, as it must
    scene.until_rest()
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()


def test_slow_to_answer_each_call(stage: Stage, crew: Crew) -> None:
    leader = crew.lead()
    scene = stage.scene()
    scene.until_free()
    leader.api.delay = 0.5
    title = scene.apply_job()
    scene.until_runs(title)
    scene.open_gates()
    scene.until_rest()
    assert leader.leads
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()


@pytest.fixture
def restorable(stage: Stage, tmp_path: Path) -> Iterator[Stage]:
    """The databases of the site, under a control plane that may lose what it stored."""
    folder = tmp_path / "restorable"
    yield on_another_plane(stage, ControlPlane.start(folder))
    sweep(folder)
    shutil.rmtree(folder)


@pytest.fixture
def restored_crew(restorable: Stage, tmp_path: Path) -> Iterator[Crew]:
    made = Crew(restorable.plane, tmp_path / "crew", restorable.claims)
    yield made
    made.close()


def test_restored_from_before_the_grant_twice(
    restorable: Stage, restored_crew: Crew, tmp_path: Path
) -> None:
    """First while the training runs, which is turned off; then after it has ended, which is not
    taken for the end of what is run anew under the same attempt and on the same machine."""
    stage, crew = restorable, restored_crew
    crew.lead()
    scene = stage.scene()
    scene.until_free()
    scene.change_machine(cordon=True)
    title = scene.apply_job()
    scene.until_state(title, "Waiting")
    before = scene.machine()["generation"]
    stage.plane.save(tmp_path / "saved")
    crew.leader()
    scene.change_machine(cordon=False)
    scene.until_runs(title)
    for _ in range(2):
        fences = {platform: scene.fence(platform) for platform in PLATFORMS}
        again = restored(scene, crew, tmp_path / "saved")
        again.until_free()
        again.change_machine(cordon=False)
        again.until_runs(title)
        again.open_gates()
        again.until_rest()
        assert again.outcomes(title) == ["Succeeded"]
        assert again.machine()["generation"] > before + 1
        assert all(scene.fence(platform) > fences[platform] for platform in PLATFORMS)
        again.must_keep(
            outcome_before_free,
            free_told_or_owed,
            all_rows_agree,
            training_rows_tell,
            jobs_ended_as_wanted,
            nothing_left_running,
        )


def restored(scene: Scene, crew: Crew, saved: Path) -> Scene:
    """The API server is back at what was saved; who led has ended, and what ran is off."""
    stage = scene.stage
    lost, leader = stage.watcher.alive, crew.leader()
    scene.close_gates()
    stage.plane.restore(saved)
    again = scene.again()
    assert leader.until_ended() == 1
    crew.until(lambda: not set(lost) & set(stage.watcher.alive), "the end of what still ran")
    return again
