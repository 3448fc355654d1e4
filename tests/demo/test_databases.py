"""The platforms' databases of the demo, on servers and on files: ended, started, and read."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import BedError, MariaDB, sweep
from demo.databases import PlatformDatabase, make_database
from demo.facts import Flip, Row
from demo.parts import why_no_mariadb
from trainlease.effects.platforms.engines import open_engine

MACHINES = ("gpu-1", "gpu-2")


@pytest.fixture(params=["server", "file"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PlatformDatabase]:
    """Latam's, the one that writes gpu-1 as GPU1."""
    folder = tmp_path / uuid.uuid4().hex[:8]
    sqlite = request.param == "file"
    yield make_database("latam", folder, sqlite=sqlite, machines=MACHINES, trainings=["301"])
    sweep(folder)


def as_operator(database: PlatformDatabase, statement: str) -> None:
    engine = open_engine("latam", database.dsn, timeout=4)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_its_rows_are_told_in_our_names_and_in_both_words(database: PlatformDatabase) -> None:
    as_operator(database, "UPDATE equipamento SET situacao = 'EM_USO' WHERE codigo = 'GPU2'")

    assert database.line(MACHINES).words == {"gpu-1": "free (LIVRE)", "gpu-2": "occupied (EM_USO)"}
    assert database.rows(MACHINES) == [
        Row("latam", "gpu-1", occupied=False),
        Row("latam", "gpu-2", occupied=True),
    ]


def test_each_change_of_a_word_is_a_flip_and_nothing_else_is(database: PlatformDatabase) -> None:
    assert database.flips(MACHINES) == []
    for state, owner in (("EM_USO", "x"), ("EM_USO", "y"), ("LIVRE", "")):
        as_operator(
            database,
            f"UPDATE equipamento SET situacao = '{state}', responsavel = '{owner}' "
            "WHERE codigo = 'GPU1'",
        )

    taken, freed = database.flips(MACHINES)

    assert (taken.machine, taken.occupied) == ("gpu-1", True)
    assert freed == Flip(freed.at, "latam", "gpu-1", occupied=False)
    assert taken.at <= freed.at


def test_a_training_is_told_in_the_words_that_platforms_share(database: PlatformDatabase) -> None:
    as_operator(database, "UPDATE treino SET fase = 'PRONTO' WHERE codigo = 301")

    assert database.training_words() == {"301": "succeeded"}
    assert database.trainings()[0]["status"] == "PRONTO"


def test_the_start_log_has_our_names(database: PlatformDatabase) -> None:
    as_operator(
        database,
        "INSERT INTO ligacoes (equipamento, quem, ligado) "
        "VALUES ('GPU1', 'trainlease:latam/a', '2026-11-24 12:00:00')",
    )

    (line,) = database.starts(MACHINES)

    assert (line["machine"], line["who"]) == ("gpu-1", "trainlease:latam/a")


def test_while_it_is_away_nobody_reads_or_writes_it_and_it_comes_back_whole(
    database: PlatformDatabase,
) -> None:
    database.server.stop()

    assert database.line(MACHINES).trouble.startswith("down: ")
    with pytest.raises(Exception, match=r"(?i)unable to open|connect"):
        as_operator(database, "UPDATE equipamento SET situacao = 'EM_USO'")

    database.server.start()
    assert database.line(MACHINES).words == {"gpu-1": "free (LIVRE)", "gpu-2": "free (LIVRE)"}


def test_its_secret_is_long_and_a_part_of_its_address(database: PlatformDatabase) -> None:
    assert database.secret in database.dsn
    assert len(database.secret) >= 16


def test_rows_that_cannot_be_read_are_a_sentence(database: PlatformDatabase) -> None:
    if isinstance(database.server.target, MariaDB):
        database.server.target.execute("DROP TABLE treino", database="latam")
    else:
        as_operator(database, "DROP TABLE treino")

    with pytest.raises(BedError, match=r"latam's database cannot be read: .*treino"):
        database.trainings()


def test_where_no_server_is_and_none_can_be_had_the_reason_says_what_to_install(
    tmp_path: Path,
) -> None:
    assert why_no_mariadb(str(tmp_path)) == (
        "MariaDB is missing: install the Debian packages mariadb-server-core and "
        "mariadb-client-core (there is no apt-get to install them)"
    )
