"""The three platforms of the bed: the examples fit them, and the observer sees each change."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.platforms.backends import MACHINES, SqlBackend, entry, training

from bed import MariaDB
from bed.platform_schemas import (
    SCHEMAS,
    platform_manifest,
    read_changes,
    read_machines,
    read_start_log,
    read_trainings,
)
from trainlease.model.observed import RowState, TrainingWord
from trainlease.plan.platform_rows import judge

EXAMPLES = Path(__file__).parents[2] / "examples" / "platforms"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_example_is_the_platform_that_the_bed_prepares(name: str) -> None:
    example = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    assert example == platform_manifest(name, f"{name}-db", MACHINES)


@pytest.mark.parametrize("where", ["mariadb", "sqlite"])
@pytest.mark.parametrize("name", SCHEMAS)
async def test_a_claim_is_seen_in_all_tables_and_by_the_observer(
    name: str, where: str, tmp_path: Path, mariadb_servers: dict[str, MariaDB]
) -> None:
    target = mariadb_servers[name] if where == "mariadb" else tmp_path / f"{name}.db"
    backend = SqlBackend(name, target)
    database, place = backend.database, backend.place
    for what in (entry(backend), entry(backend, RowState.FREE)):
        await database.tell(what, judge)
        await database.tell(what, judge)
    await database.tell_training(training(TrainingWord.RUNNING))
    await database.close()
    words, own = backend.mapping.machines, backend.platform.machine_name("gpu-1")

    mine, other = read_machines(name, target, place)
    assert (mine["machine"], mine["status"], mine["state"]) == (own, words.free, "Free")
    assert (mine["fence"], other["fence"]) == (3, None)
    (line,) = read_trainings(name, target, place)
    assert (line["state"], line["attempt"], line["job"]) == ("running", 1, "saturno/caries-001")
    (start,) = read_start_log(name, target, place)
    assert start["machine"] == own

    changes = read_changes(name, target, place)
    told = [(c["source"], c["machine"], c["old_state"], c["new_state"]) for c in changes]
    free, occupied = str(words.free), str(words.occupied)
    assert told == [
        ("machines", own, free, occupied),
        ("ledger", own, None, "Occupied"),
        ("machines", own, occupied, free),
        ("ledger", own, "Occupied", "Free"),
    ]
    assert [c["fence"] for c in changes] == [None, 2, None, 3]
    times = [c["at"] for c in changes]
    assert times == sorted(times)
    author = f"tl_{place}" if where == "mariadb" else ""
    assert {c["author"] for c in changes} == {author}
