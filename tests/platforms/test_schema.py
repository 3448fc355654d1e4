"""What a database lacks is said with statements that, pasted as they are, make it whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.platforms.backends import (
    CLUSTER,
    MACHINES,
    TIMEOUT,
    TRAINING,
    SqlBackend,
    entry,
    platform,
    rows_of,
    training,
)

from bed import MariaDB
from bed.platform_schemas import SCHEMAS, Door, create, mapping_for
from trainlease.effects.platforms.engines import open_engine
from trainlease.effects.platforms.presets import mapping_of
from trainlease.effects.platforms.side_tables import side_table_ddl
from trainlease.effects.platforms.sql import SqlDatabase
from trainlease.model.errors import BadSpec, SchemaInvalid
from trainlease.model.observed import RowState, Told, TrainingWord, Write
from trainlease.plan.platform_rows import judge

STATEMENT = re.compile(r"(?:USE|CREATE TABLE|ALTER TABLE|GRANT) [^;]*;")


def statements(text: str) -> list[str]:
    """What a DBA would copy out of a message."""
    return STATEMENT.findall(text)


async def made_whole(database: SqlDatabase, door: Door) -> int:
    """Paste what the check says until it says nothing; how many statements that took."""
    count = 0
    for _ in range(4):
        problems = (await database.check()).problems
        found = [line for problem in problems for line in statements(problem)]
        if not problems:
            return count
        assert found, problems
        door.script(found)
        count += len(found)
    raise AssertionError(f"still not whole: {problems}")


@pytest.mark.parametrize("name", SCHEMAS)
async def test_an_empty_file_is_made_whole(name: str, tmp_path: Path) -> None:
    file = tmp_path / "empty.db"
    file.touch()
    database = SqlDatabase(platform(name), f"sqlite:///{file}", timeout=TIMEOUT)
    assert await made_whole(database, Door(file, "")) == 5
    await database.close()


@pytest.mark.parametrize("name", SCHEMAS)
async def test_a_server_that_never_heard_of_us_is_made_whole(
    name: str, mariadb_servers: dict[str, MariaDB]
) -> None:
    server, place = mariadb_servers[name], f"fresh_{name}"
    dsn = create(name, server, machines=MACHINES, trainings=[TRAINING], database=place)
    database = SqlDatabase(platform(name), dsn, timeout=TIMEOUT)
    with pytest.raises(SchemaInvalid) as raised:
        await database.check()
    door = Door(server, place)
    door.script(line for line in statements(str(raised.value)) if not line.startswith("USE"))
    assert await made_whole(database, door) == 0
    await database.close()


DAMAGES = [
    ("DROP TABLE maquinas", "table maquinas is not there"),
    ("DROP TABLE encendidos", "table encendidos is not there"),
    ("DROP TABLE trainlease_ledger", "table trainlease_ledger is not there"),
    ("ALTER TABLE maquinas DROP COLUMN usada_por", "table maquinas has no column usada_por"),
    ("ALTER TABLE trainlease_ledger DROP COLUMN fence", "has no column fence"),
    ("REVOKE UPDATE ON {db}.maquinas FROM {user}", "has no right to UPDATE in table maquinas"),
    ("REVOKE INSERT ON {db}.encendidos FROM {user}", "has no right to INSERT in table encendidos"),
    (
        "REVOKE SELECT ON {db}.trainlease_ledger FROM {user}",
        "to SELECT and UPDATE in table trainlease_",
    ),
    ("ALTER TABLE maquinas ENGINE=MyISAM", "table maquinas is of type MyISAM"),
]


@pytest.mark.parametrize(("damage", "want"), DAMAGES, ids=[damage for damage, _ in DAMAGES])
async def test_a_damage_is_named_and_mended(saturno: SqlBackend, damage: str, want: str) -> None:
    assert isinstance(saturno.database, SqlDatabase)
    await rows_of(saturno)
    saturno.execute(damage.format(db=saturno.place, user=f"tl_{saturno.place}"))
    problems = "\n".join((await saturno.database.check()).problems)
    assert want in problems
    assert await made_whole(saturno.database, Door(saturno.target, saturno.place)) > 0


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE trainlease_ledger",
        "ALTER TABLE maquinas DROP COLUMN estado",
        "REVOKE UPDATE ON {db}.maquinas FROM {user}",
    ],
)
async def test_a_call_that_meets_a_damage_says_what_the_check_says(
    saturno: SqlBackend, damage: str
) -> None:
    await rows_of(saturno)
    saturno.execute(damage.format(db=saturno.place, user=f"tl_{saturno.place}"))
    with pytest.raises(SchemaInvalid) as raised:
        await saturno.database.tell(entry(saturno), judge)
    assert str(raised.value).startswith("saturno's database: ")
    assert statements(str(raised.value))


async def test_a_reader_without_our_tables_still_sees_the_platforms_own_rows(
    saturno: SqlBackend,
) -> None:
    saturno.set_machine("gpu-1", RowState.OCCUPIED, "ANA")
    for table in ("trainlease_ledger", "trainlease_trainings"):
        saturno.execute(f"DROP TABLE {table}")
    rows = await rows_of(saturno)
    assert (rows.own, rows.owner, rows.side) == (RowState.OCCUPIED, "ANA", None)
    report = await saturno.database.check()
    assert [p for p in report.problems if "CREATE TABLE trainlease_ledger" in p]
    with pytest.raises(SchemaInvalid, match="trainlease_ledger"):
        await saturno.database.tell(entry(saturno), judge)


async def test_an_enum_without_the_word_names_those_that_it_has(latam: SqlBackend) -> None:
    latam.execute("ALTER TABLE equipamento MODIFY situacao ENUM('LIVRE', 'TOMADO') NOT NULL")
    (problem,) = (await latam.database.check()).problems
    assert "column situacao allows 'LIVRE' and 'TOMADO', but not 'EM_USO'" in problem
    with pytest.raises(SchemaInvalid, match="TOMADO"):
        await latam.database.tell(entry(latam), judge)


async def test_a_word_for_an_integer_column_is_a_misfit(
    mariadb_servers: dict[str, MariaDB],
) -> None:
    """MySQL itself would say that 'free' equals 0."""
    backend = SqlBackend("nutresa", mariadb_servers["nutresa"])
    mapping = mapping_for("nutresa").wire()
    mapping["machines"] |= {"free": "free", "occupied": "1"}
    database = SqlDatabase(platform("nutresa", mapping=mapping), backend.dsn, timeout=TIMEOUT)
    (problem,) = (await database.check()).problems
    assert "column busy is tinyint(1), and 'free' is no number" in problem
    await database.close()
    await backend.database.close()


@pytest.mark.parametrize("where", ["mariadb", "sqlite"])
async def test_digits_as_text_mean_the_number_in_an_integer_column(
    where: str, tmp_path: Path, mariadb_servers: dict[str, MariaDB]
) -> None:
    target = mariadb_servers["nutresa"] if where == "mariadb" else tmp_path / "nutresa.db"
    backend = SqlBackend("nutresa", target)
    mapping = mapping_for("nutresa").wire()
    mapping["machines"] |= {"free": "0", "occupied": "1"}
    database = SqlDatabase(platform("nutresa", mapping=mapping), backend.dsn, timeout=TIMEOUT)
    assert (await database.tell(entry(backend), judge)).told is Told.IN_STEP
    assert (await rows_of(backend)).own is RowState.OCCUPIED
    await database.close()
    await backend.database.close()


async def test_a_number_means_its_digits_in_a_text_column(saturno: SqlBackend) -> None:
    mapping = mapping_for("saturno").wire()
    mapping["machines"] |= {"free": 0, "occupied": 1}
    saturno.execute("UPDATE maquinas SET estado = '0'")
    changed = platform("saturno", preset=None, mapping=mapping)
    database = SqlDatabase(changed, saturno.dsn, timeout=TIMEOUT)
    assert (await database.tell(entry(saturno), judge)).told is Told.IN_STEP
    assert saturno.execute("SELECT estado FROM maquinas WHERE nombre = 'gpu-1'") == [
        {"estado": "1"}
    ]
    await database.close()


async def test_a_word_that_is_neither_counts_as_occupied_by_somebody_else(
    latam: SqlBackend,
) -> None:
    await latam.database.tell(entry(latam), judge)
    latam.execute("UPDATE equipamento SET situacao = 'MANUTENCAO' WHERE codigo = 'GPU1'")
    rows = await rows_of(latam)
    assert (rows.own, rows.raw, rows.known) == (RowState.OCCUPIED, "MANUTENCAO", False)
    verdict = await latam.database.tell(entry(latam), judge)
    assert (verdict.write, verdict.told) == (Write.NOTHING, Told.FOREIGN)


async def test_a_training_id_that_is_no_number_is_said_so(
    mariadb_servers: dict[str, MariaDB],
) -> None:
    backend = SqlBackend("nutresa", mariadb_servers["nutresa"])
    with pytest.raises(SchemaInvalid, match="'301 bis' is no number"):
        await backend.database.tell_training(training(TrainingWord.RUNNING, training_id="301 bis"))
    await backend.database.close()


async def test_two_rows_for_one_machine_are_said_so(saturno: SqlBackend) -> None:
    saturno.execute("ALTER TABLE maquinas DROP PRIMARY KEY")
    saturno.execute("INSERT INTO maquinas (nombre) VALUES ('gpu-1')")
    with pytest.raises(SchemaInvalid, match="2 rows with nombre = gpu-1"):
        await saturno.database.tell(entry(saturno), judge)


async def test_texts_are_cut_to_the_room_that_there_is(saturno: SqlBackend) -> None:
    saturno.execute("ALTER TABLE maquinas MODIFY usada_por VARCHAR(14)")
    saturno.execute("ALTER TABLE entrenamientos MODIFY mensaje VARCHAR(9)")
    await saturno.database.tell(entry(saturno), judge)
    await saturno.database.tell_training(training(TrainingWord.RUNNING))
    assert (await rows_of(saturno)).owner == "trainlease:sat"
    assert saturno.training() == (TrainingWord.RUNNING, "attempt 1")


async def test_an_owner_column_that_cannot_hold_our_mark_is_refused(saturno: SqlBackend) -> None:
    saturno.execute("ALTER TABLE maquinas MODIFY usada_por INT NULL")
    (problem,) = (await saturno.database.check()).problems
    assert "leave owner out of the mapping" in problem


async def test_a_start_log_that_asks_for_more_is_refused(saturno: SqlBackend) -> None:
    saturno.execute("ALTER TABLE encendidos ADD COLUMN sala INT NOT NULL")
    (problem,) = (await saturno.database.check()).problems
    assert "column sala needs a value" in problem


async def test_times_are_stored_in_utc(saturno: SqlBackend) -> None:
    await saturno.database.tell(entry(saturno), judge)
    (line,) = saturno.execute("SELECT encendida_en FROM encendidos")
    assert str(line["encendida_en"]) == "2026-11-22 12:27:05"
    (side,) = saturno.execute("SELECT updated_at FROM trainlease_ledger")
    assert str(side["updated_at"]) == "2026-11-22 12:27:05.123456"


async def test_a_machine_is_found_however_the_platform_spells_its_case(
    saturno: SqlBackend,
) -> None:
    saturno.execute("UPDATE maquinas SET nombre = 'GPU-1' WHERE nombre = 'gpu-1'")
    await saturno.database.tell(entry(saturno), judge)
    rows = await rows_of(saturno)
    assert (rows.own, rows.side is not None) == (RowState.OCCUPIED, True)
    assert saturno.execute("SELECT machine FROM trainlease_ledger") == [{"machine": "GPU-1"}]


async def test_a_sqlite_file_that_was_moved_away_is_missed_and_not_made_anew(
    tmp_path: Path,
) -> None:
    file = tmp_path / "saturno.db"
    backend = SqlBackend("saturno", file)
    await backend.database.tell(entry(backend), judge)
    away = file.rename(tmp_path / "away.db")
    with pytest.raises(Exception, match="its file cannot be opened"):
        await rows_of(backend)
    assert not file.exists()
    away.rename(file)
    assert (await rows_of(backend)).own is RowState.OCCUPIED
    await backend.database.close()


def test_an_unknown_preset_names_those_that_there_are() -> None:
    with pytest.raises(BadSpec, match="integrations-v1"):
        mapping_of(platform("saturno", preset="integrations-v9"))


@pytest.mark.parametrize(
    ("dsn", "want"),
    [
        ("s3cret", "the dsn is no address"),
        ("mysql://u:s3cret@host", "names no database"),
        ("sqlite:///:memory:", "names no database"),
        ("postgresql://u:s3cret@host/d", "must begin with mysql:// or sqlite://"),
        ("mysql://u:s3cret@host/d?read_default_file=/etc/x", "no other options than charset"),
        ("mysql://u:s3cret@host:port/d", "the dsn is no address"),
    ],
)
def test_a_dsn_that_is_wrong_is_said_so_without_its_content(dsn: str, want: str) -> None:
    with pytest.raises(BadSpec, match=want) as raised:
        open_engine("saturno's database", dsn, 1.0)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("dialect", ["mysql", "sqlite"])
def test_the_side_tables_statements_are_public(dialect: str) -> None:
    ledger, trainings = side_table_ddl(dialect)
    assert ledger.startswith("CREATE TABLE trainlease_ledger (machine VARCHAR(190) NOT NULL, ")
    assert trainings.startswith("CREATE TABLE trainlease_trainings (cluster VARCHAR(64) NOT NULL")
    assert CLUSTER not in ledger
