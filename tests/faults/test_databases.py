"""A platform's database killed, frozen, read-only, restored from older rows, edited by hand.

Whatever it was, the rows follow the ledger with one write a row; a person's own word stays.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.conftest import Figure
from tests.faults.crew import PATIENCE, Crew
from tests.faults.stage import PROMISES, ROUNDS, Scene, Stage

from bed.mariadb import MariaDB
from bed.platform_schemas import Door
from bed.waiting import wait_until
from demo.judge_claims import free_after_end, occupied_before_start, outcome_before_free
from demo.judge_results import (
    all_rows_agree,
    jobs_ended_as_wanted,
    nothing_left_running,
    training_rows_tell,
)

NEEDED, AWAY = "saturno", "nutresa"
"""Whose jobs run, and who must confirm them; and whose database is not needed for them."""

Switch = Callable[[MariaDB], None]
OUTAGES: dict[str, tuple[Switch, Switch]] = {
    "killed": (MariaDB.kill, MariaDB.restart),
    "frozen": (MariaDB.freeze, MariaDB.thaw),
    "read-only": (
        lambda server: server.set_read_only(True),
        lambda server: server.set_read_only(False),
    ),
}


def running(stage: Stage) -> tuple[Scene, str]:
    scene = stage.scene()
    scene.until_free()
    title = scene.apply_job()
    scene.until_runs(title)
    return scene, title


def until_told(scene: Scene, platform: str, *, occupied: bool) -> None:
    stage, machine = scene.stage, scene.machines[0]
    wait_until(
        lambda: stage.words(machine).get(platform) is occupied, PATIENCE, "its row", every=0.01
    )


@pytest.mark.parametrize("platform", [NEEDED, AWAY])
@pytest.mark.parametrize("outage", OUTAGES)
def test_away_while_a_training_ends(
    stage: Stage, crew: Crew, figure: Figure, outage: str, platform: str
) -> None:
    """The machine is Free with a debt; the debt is paid by one write once it is back."""
    crew.lead()
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
    stage: Stage, crew: Crew, outage: str
) -> None:
    begin, end = OUTAGES[outage]
    crew.lead()
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


@pytest.mark.parametrize("platform", [NEEDED, AWAY])
def test_restored_to_free_while_the_training_runs(
    stage: Stage, crew: Crew, tmp_path: Path, figure: Figure, platform: str
) -> None:
    crew.lead(TRAINLEASE_COMPARE_EVERY="2")
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
    stage: Stage, crew: Crew, tmp_path: Path, figure: Figure, platform: str
) -> None:
    crew.lead(TRAINLEASE_COMPARE_EVERY="2")
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


def test_set_free_by_hand_while_the_training_runs(stage: Stage, crew: Crew, figure: Figure) -> None:
    crew.lead(TRAINLEASE_COMPARE_EVERY="2")
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


def test_taken_by_hand_is_theirs_until_they_free_it(stage: Stage, crew: Crew) -> None:
    crew.lead(TRAINLEASE_COMPARE_EVERY="2")
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
