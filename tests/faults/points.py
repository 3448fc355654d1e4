"""Where a call of the operator can be caught: by what it asks, on its way or before its answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.crew import Replica
from tests.faults.stage import Scene

from bed.proxy import Catch, Moment, Said

AFTER, BEFORE = Moment.AFTER, Moment.BEFORE


@dataclass(frozen=True)
class Point:
    """One call: on its way to the server, or landed there and not answered yet."""

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
