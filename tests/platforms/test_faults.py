"""Each way in which a real server can be away or shut: what is said, and the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pymysql
import pytest
import pytest_asyncio
from tests.platforms.backends import CLUSTER, SqlBackend, entry, rows_of, training

from bed import MariaDB
from trainlease.effects.platforms.base import Database
from trainlease.effects.platforms.engines import open_engine
from trainlease.effects.platforms.sql import SqlDatabase
from trainlease.model.errors import (
    AnswerLost,
    Forbidden,
    SchemaInvalid,
    TrainleaseError,
    Unavailable,
)
from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    RowState,
    Told,
    TrainingWord,
    Verdict,
)
from trainlease.plan.platform_rows import judge

SHORT = 1.0
"""Seconds: as long as a test of silence has to take."""


@pytest_asyncio.fixture
async def impatient(saturno: SqlBackend) -> AsyncIterator[SqlDatabase]:
    """Another connection to the same database that soon gives up."""
    database = SqlDatabase(saturno.platform, saturno.dsn, timeout=SHORT)
    yield database
    await database.close()


@pytest.fixture
def server(saturno: SqlBackend) -> MariaDB:
    assert isinstance(saturno.target, MariaDB)
    return saturno.target


async def every_call(database: Database, backend: SqlBackend) -> list[TrainleaseError]:
    """The error of each call of the port."""
    names = {"gpu-1": "gpu-1"}
    errors = []
    for call in (
        database.check(),
        database.rows(names, CLUSTER),
        database.tell(entry(backend), judge),
        database.tell_training(training(TrainingWord.RUNNING)),
        database.open_trainings(CLUSTER),
    ):
        with pytest.raises(TrainleaseError) as raised:
            await call
        errors.append(raised.value)
    return errors


async def test_a_server_ends_a_connection_that_stands_still_and_its_locks_with_it(
    saturno: SqlBackend,
) -> None:
    """Else a frozen operator would keep its successor from writing for as long as it is frozen."""
    engine = open_engine("saturno", saturno.dsn, timeout=SHORT)
    with engine.connect() as connection:
        idle = connection.exec_driver_sql("SELECT @@SESSION.wait_timeout").scalar()
    engine.dispose()
    assert idle == 15


async def test_a_server_that_is_gone_is_unavailable_and_comes_back(
    saturno: SqlBackend, server: MariaDB
) -> None:
    await saturno.database.tell(entry(saturno), judge)
    server.kill()
    errors = await every_call(saturno.database, saturno)
    assert {type(error) for error in errors} == {Unavailable}
    server.restart()
    assert (await rows_of(saturno)).own is RowState.OCCUPIED


async def test_a_connection_that_broke_while_idle_costs_one_call(
    saturno: SqlBackend, server: MariaDB
) -> None:
    await rows_of(saturno)
    server.kill()
    server.restart()
    with pytest.raises(Unavailable):
        await rows_of(saturno)
    assert (await rows_of(saturno)).own is RowState.FREE


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not yet connected"])
async def test_a_frozen_server_is_unavailable(
    impatient: SqlDatabase, saturno: SqlBackend, server: MariaDB, connected: bool
) -> None:
    if connected:
        await impatient.check()
    server.freeze()
    with pytest.raises(Unavailable):
        await impatient.tell(entry(saturno), judge)
    server.thaw()
    assert (await impatient.tell(entry(saturno), judge)).told is Told.IN_STEP


async def test_a_read_only_server_is_unavailable_for_writes_and_can_be_read(
    saturno: SqlBackend, server: MariaDB
) -> None:
    server.set_read_only(True)
    with pytest.raises(Unavailable, match="read-only"):
        await saturno.database.tell(entry(saturno), judge)
    assert (await rows_of(saturno)).own is RowState.FREE
    server.set_read_only(False)
    assert (await saturno.database.tell(entry(saturno), judge)).told is Told.IN_STEP


async def test_a_row_that_another_program_keeps_locked_is_unavailable(
    impatient: SqlDatabase, saturno: SqlBackend, server: MariaDB
) -> None:
    await impatient.check()
    other = pymysql.connect(host="127.0.0.1", port=server.port, user="root", database=saturno.place)
    with other, other.cursor() as cursor:
        cursor.execute("SELECT * FROM maquinas WHERE nombre = 'gpu-1' FOR UPDATE")
        with pytest.raises(Unavailable):
            await impatient.tell(entry(saturno), judge)
    assert (await impatient.tell(entry(saturno), judge)).told is Told.IN_STEP


async def test_a_commit_without_an_answer_is_an_answer_lost(
    impatient: SqlDatabase, saturno: SqlBackend, server: MariaDB
) -> None:
    def freeze_before_the_commit(what: LedgerEntry, rows: MachineRows) -> Verdict:
        server.freeze()
        return judge(what, rows)

    await impatient.tell(entry(saturno), judge)
    with pytest.raises(AnswerLost, match="commit"):
        await impatient.tell(entry(saturno), freeze_before_the_commit)
    server.thaw()
    assert (await impatient.tell(entry(saturno), judge)).told is Told.IN_STEP


async def test_a_wrong_password_is_forbidden_and_not_repeated(saturno: SqlBackend) -> None:
    user, _, rest = saturno.dsn.removeprefix("mysql+pymysql://").partition(":")
    _, _, place = rest.partition("@")
    database = SqlDatabase(saturno.platform, f"mysql://{user}:not-the-secret@{place}", timeout=5.0)
    errors = await every_call(database, saturno)
    await database.close()
    assert {type(error) for error in errors} == {Forbidden}
    assert not any("not-the-secret" in str(error) for error in errors)
    assert "the user or the password in the dsn is wrong" in str(errors[0])


async def test_a_closed_database_answers_nothing(saturno: SqlBackend) -> None:
    await saturno.database.close()
    await saturno.database.close()
    with pytest.raises(Unavailable, match="closed"):
        await saturno.database.check()


async def test_no_trouble_shows_a_value_or_the_password(
    saturno: SqlBackend, server: MariaDB
) -> None:
    password = saturno.dsn.partition("@")[0].rpartition(":")[2]
    server.execute("ALTER TABLE maquinas MODIFY estado VARCHAR(5)", database=saturno.place)
    with pytest.raises(SchemaInvalid) as raised:
        await saturno.database.tell(entry(saturno), judge)
    shown = f"{raised.value!r} {raised.value.__cause__!r}"
    assert password not in shown
    assert "caries-1" not in shown
