"""SIGKILL at each kind of effect: the next replica brings the job to its one good end."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.faults.crew import PATIENCE, Crew, Replica
from tests.faults.stage import Scene, Stage

from bed.proxy import Catch, Moment, Said
from bed.waiting import wait_until

AFTER, BEFORE = Moment.AFTER, Moment.BEFORE


@dataclass(frozen=True)
class Point:
    """Where the operator is killed: with this call on its way, or landed and not answered."""

    name: str
    moment: Moment
    matches: Callable[[Scene, Said], bool]
    by_sql: bool = False
    is_late: bool = False
    """Whether it comes only after the training has ended."""

    def set(self, scene: Scene, leader: Replica) -> Catch:
        door = scene.stage.doors["saturno"] if self.by_sql else leader.api
        return door.catch(lambda said: self.matches(scene, said), self.moment)

    def __str__(self) -> str:
        return f"{self.name}-{self.moment.name.lower()}"


def lease_created(scene: Scene, said: Said) -> bool:
    return said.method == "POST" and "/machineleases" in said.path


def lease_bound(scene: Scene, said: Said) -> bool:
    return "/machineleases/" in said.path and "generation" in patched(said)


def ledger(state: str) -> Callable[[Scene, Said], bool]:
    def matches(scene: Scene, said: Said) -> bool:
        is_ours = f"/machines/{scene.machines[0]}/status" in said.path
        return is_ours and patched(said).get("state") == state

    return matches


def job_state(state: str) -> Callable[[Scene, Said], bool]:
    return lambda scene, said: is_job(said) and patched(said).get("state") == state


def job_read(scene: Scene, said: Said) -> bool:
    return said.method == "GET" and "/saturno/trainingjobs/" in said.path


def results(scene: Scene, said: Said) -> bool:
    kinds = {condition["type"] for condition in patched(said).get("conditions", ())}
    return is_job(said) and "ResultsRecorded" in kinds


def told(word: bytes) -> Callable[[Scene, Said], bool]:
    """The write of the side table's row, or the commit of the transaction that has it."""

    def matches(scene: Scene, said: Said) -> bool:
        if said.body[5:].startswith(b"COMMIT"):
            return is_told(scene, said.earlier.rpartition(b"COMMIT")[2], word)
        return False

    return matches


def telling(word: bytes) -> Callable[[Scene, Said], bool]:
    return lambda scene, said: is_told(scene, said.body, word)


def is_told(scene: Scene, sql: bytes, word: bytes) -> bool:
    machine = f"'{scene.machines[0]}'".encode()
    writes = b"INSERT INTO trainlease_ledger" in sql or b"UPDATE trainlease_ledger" in sql
    return writes and machine in sql and b"'" + word + b"'" in sql


def is_job(said: Said) -> bool:
    return said.method == "PATCH" and "/trainingjobs/" in said.path


def patched(said: Said) -> dict[str, Any]:
    """The status that is written."""
    if said.method != "PATCH":
        return {}
    status: dict[str, Any] = json.loads(said.body).get("status") or {}
    return status


POINTS = (
    Point("lease-created", AFTER, lease_created),
    Point("machine-claimed", AFTER, ledger("Claimed")),
    Point("lease-bound", BEFORE, lease_bound),
    Point("lease-bound", AFTER, lease_bound),
    Point("occupied-told", BEFORE, telling(b"Occupied"), by_sql=True),
    Point("occupied-told", AFTER, told(b"Occupied"), by_sql=True),
    Point("start-checked", AFTER, job_read),
    Point("running-stored", BEFORE, job_state("Running")),
    Point("outcome-stored", BEFORE, job_state("Succeeded"), is_late=True),
    Point("outcome-stored", AFTER, job_state("Succeeded"), is_late=True),
    Point("free-told", AFTER, told(b"Free"), by_sql=True, is_late=True),
    Point("free-stored", BEFORE, ledger("Free"), is_late=True),
    Point("free-stored", AFTER, ledger("Free"), is_late=True),
    Point("results-stored", BEFORE, results, is_late=True),
)


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
