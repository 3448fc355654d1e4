"""Three real database servers, and each way in which one can be away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from bed import MariaDB, Missing


@pytest.fixture
def server(mariadb_servers: dict[str, MariaDB]) -> Iterator[MariaDB]:
    server = mariadb_servers["nutresa"]
    server.create_database("bed_test", "bed_user", "a p@ss/word")
    server.execute(
        "CREATE TABLE machines (name VARCHAR(50), state VARCHAR(9))", database="bed_test"
    )
    server.execute("INSERT INTO machines VALUES (%s, %s)", "gpu-1", "libre ñ", database="bed_test")
    yield server
    server.thaw()
    server.restart()
    server.set_read_only(False)
    server.execute("DROP DATABASE bed_test")


def as_the_user(server: MariaDB, sql: str) -> tuple[tuple[object, ...], ...]:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user="bed_user",
        password="a p@ss/word",
        database="bed_test",
        autocommit=True,
        read_timeout=1,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def error_of(server: MariaDB, sql: str) -> int:
    with pytest.raises(pymysql.Error) as refused:
        as_the_user(server, sql)
    return int(refused.value.args[0])


def test_three_servers_are_three(mariadb_servers: dict[str, MariaDB]) -> None:
    assert list(mariadb_servers) == ["saturno", "nutresa", "latam"]
    for name, server in mariadb_servers.items():
        server.create_database(f"only_{name}", f"user_{name}", "x")
    table = "information_schema.schemata"
    ours = f"SELECT schema_name AS name FROM {table} WHERE schema_name LIKE 'only%'"
    seen = {
        name: [row["name"] for row in server.execute(ours)]
        for name, server in mariadb_servers.items()
    }
    assert seen == {name: [f"only_{name}"] for name in mariadb_servers}


def test_a_user_may_write_rows_and_no_more(server: MariaDB) -> None:
    as_the_user(server, "UPDATE machines SET state = 'ocupado'")

    assert as_the_user(server, "SELECT * FROM machines") == (("gpu-1", "ocupado"),)
    assert error_of(server, "DROP TABLE machines") == 1142
    assert error_of(server, "SELECT * FROM mysql.user") == 1142


def test_the_dsn_survives_odd_characters(server: MariaDB) -> None:
    dsn = server.create_database("odd", "odd_user", "a p@ss/word")
    server.execute("DROP DATABASE odd")

    assert dsn == f"mysql+pymysql://odd_user:a%20p%40ss%2Fword@127.0.0.1:{server.port}/odd"
    assert server.admin_dsn("odd") == f"mysql+pymysql://root@127.0.0.1:{server.port}/odd"


@pytest.mark.parametrize("end", [MariaDB.kill, MariaDB.stop], ids=["killed", "stopped"])
def test_it_comes_back_with_its_data(server: MariaDB, end: object) -> None:
    assert callable(end)
    port = server.port
    end(server)
    assert error_of(server, "SELECT 1") == 2003

    server.restart()

    assert server.port == port
    assert as_the_user(server, "SELECT state FROM machines") == (("libre ñ",),)


def test_what_was_saved_can_be_restored(server: MariaDB, tmp_path: Path) -> None:
    server.save(tmp_path / "saved")
    as_the_user(server, "UPDATE machines SET state = 'later'")

    server.restore(tmp_path / "saved")

    assert as_the_user(server, "SELECT state FROM machines") == (("libre ñ",),)


def test_a_frozen_server_answers_nothing(server: MariaDB) -> None:
    server.freeze()
    assert error_of(server, "SELECT 1") in (2003, 2013)
    server.thaw()
    assert as_the_user(server, "SELECT 1") == ((1,),)


def test_a_read_only_server_refuses_writes(server: MariaDB) -> None:
    server.set_read_only(True)
    assert error_of(server, "UPDATE machines SET state = 'no'") == 1290
    server.set_read_only(False)
    as_the_user(server, "UPDATE machines SET state = 'yes'")


def test_a_machine_without_it_says_what_to_install() -> None:
    with pytest.raises(Missing, match="mariadb-server-core and mariadb-client-core") as missing:
        MariaDB.ensure_installed(path="")

    assert missing.value.part == "MariaDB"


def test_servers_are_found_beside_the_path() -> None:
    found = MariaDB.ensure_installed(path="/usr/bin:/bin")

    assert os.access(found, os.X_OK)
