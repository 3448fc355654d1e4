"""SIGKILL at each kind of effect: the next replica brings the job to its one good end."""

import pytest
from tests.faults.crew import PATIENCE, Crew
from tests.faults.points import (
    AFTER,
    BEFORE,
    Point,
    job_read,
    job_state,
    lease_bound,
    lease_created,
    ledger,
    results,
    telling,
    told,
)
from tests.faults.stage import Stage

from bed.waiting import wait_until

POINTS = (
    Point("lease-created", AFTER, lease_created),
    Point("machine-claimed", AFTER, ledger("Claimed")),
    Point("lease-bound", AFTER, lease_bound),
    Point("occupied-told", BEFORE, telling(b"Occupied"), by_sql=True),
    Point("occupied-told", AFTER, told(b"Occupied"), by_sql=True),
    Point("start-checked", AFTER, job_read),
    Point("running-stored", BEFORE, job_state("Running")),
    Point("outcome-stored", BEFORE, job_state("Succeeded"), is_late=True),
    Point("outcome-stored", AFTER, job_state("Succeeded"), is_late=True),
    Point("free-told", AFTER, told(b"Free"), by_sql=True, is_late=True),
    Point("free-stored", AFTER, ledger("Free"), is_late=True),
    Point("results-stored", BEFORE, results, is_late=True),
)
STOPPING = Point("stopping-stored", AFTER, ledger("Stopping"))


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_with_a_call_on_its_way(stage: Stage, crew_of_module: Crew, point: Point) -> None:
    leader = crew_of_module.leader()
    scene = stage.scene()
    scene.until_free()
    caught = point.set(scene, leader)
    title = scene.apply_job()
    if point.is_late:
        scene.until_runs(title)
        scene.open_gates()
    caught.wait(PATIENCE, str(point))
    leader.kill()
    caught.drop()
    crew_of_module.successor()
    if not point.is_late:
        scene.until_runs(title)
        scene.open_gates()
    scene.until_rest()
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()


def test_killed_as_soon_as_the_training_is_there(stage: Stage, crew_of_module: Crew) -> None:
    leader = crew_of_module.leader()
    scene = stage.scene()
    scene.until_free()
    title = scene.apply_job()
    wait_until(lambda: stage.watcher.training(title, 1), PATIENCE, "its process", every=0.005)
    leader.kill()
    scene.until_runs(title)
    scene.open_gates()
    scene.until_rest()
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()


def test_killed_between_stopping_and_off(stage: Stage, crew_of_module: Crew) -> None:
    """The next replica turns the machine off, and only then may the training go on."""
    leader = crew_of_module.leader()
    scene = stage.scene()
    scene.until_free()
    title = scene.apply_job()
    scene.until_runs(title)
    first = stage.watcher.training(title, 1)
    caught = STOPPING.set(scene, leader)
    scene.suspend(title, is_on=True)
    caught.wait(PATIENCE, str(STOPPING))
    leader.kill()
    caught.drop()
    crew_of_module.successor()
    scene.until(lambda: first not in stage.watcher.alive)
    scene.suspend(title, is_on=False)
    scene.until_runs(title, attempt=2)
    scene.open_gates()
    scene.until_rest()
    assert scene.outcomes(title) == ["Suspended", "Succeeded"]
    scene.must_keep()


def test_killed_together_with_the_machine_costs_an_attempt(
    stage: Stage, crew_of_module: Crew
) -> None:
    leader = crew_of_module.leader()
    scene = stage.scene(machines=2)
    scene.until_free()
    title = scene.apply_job()
    scene.until_runs(title)
    first = stage.watcher.training(title, 1)
    assert first is not None
    leader.kill()
    stage.watcher.kill(first.claim)
    scene.until_runs(title, attempt=2)
    scene.open_gates()
    scene.until_rest()
    assert scene.outcomes(title) == ["Lost", "Succeeded"]
    scene.must_keep()
