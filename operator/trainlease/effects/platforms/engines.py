"""An engine for each kind of database: how it connects, how long it waits, how it begins.

Promises: a pool of one connection; no call to a server outlasts the time given; a row lock is
waited for 3 s at most; values are refused rather than bent to fit; no parameter is ever printed; a
SQLite file is never created. What the tables are like is read here too, since each kind tells it
in its own way.
"""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from trainlease.effects.platforms.columns import Column, Tables, mysql_column, sqlite_column
from trainlease.model.errors import BadSpec

_LOCK_WAIT = 3
_IDLE = 15
"""Seconds after which the server ends a connection that says nothing: what stands still in a
transaction (a frozen operator, a host that is gone) must not keep its row locks for hours."""
_RECYCLE = 10  # shorter than _IDLE, and than any firewall on the way
_MYSQL = ("mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql")
_SQLITE = ("sqlite", "sqlite+pysqlite")
# An option in a dsn may name files to read or commands to send: these are all that one needs.
_OPTIONS = frozenset(
    {"charset", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity"}
)
WRITES = "trainlease_writes"
"""Execution option of a transaction that is going to write."""


def open_engine(title: str, dsn: str, timeout: float) -> sa.Engine:
    """The engine for a dsn (mysql://... or sqlite:///...), not yet connected.

    `timeout` is in seconds, for each message to the server; raises BadSpec, never with a part of
    the dsn.
    """
    try:
        url = sa.make_url(dsn)
    except (ArgumentError, ValueError):
        raise BadSpec(
            f"{title}: the dsn is no address: write mysql://USER:PASSWORD@HOST/DATABASE"
        ) from None
    if not url.database or url.database == ":memory:":
        raise BadSpec(f"{title}: the dsn names no database: add /DATABASE at its end")
    if url.drivername in _SQLITE:
        return _sqlite_engine(Path(url.database), timeout)
    if url.drivername not in _MYSQL:
        raise BadSpec(f"{title}: the dsn must begin with mysql:// or sqlite://")
    if not set(url.query) <= _OPTIONS:
        allowed = ", ".join(sorted(_OPTIONS))
        raise BadSpec(f"{title}: the dsn may have no other options than {allowed}")
    return _mysql_engine(url, timeout)


def read_tables(connection: sa.Connection, names: Iterable[str]) -> Tables:
    """The columns of those of these tables that are there (and that the user may see)."""
    return _READERS[connection.dialect.name](connection, list(names))


def unsafe_tables(connection: sa.Connection, names: Iterable[str]) -> list[tuple[str, str]]:
    """Tables whose storage engine has no transactions, each with that engine's name."""
    if connection.dialect.name != "mysql":
        return []
    rows = connection.execute(_STORAGE, {"names": list(names)})
    return [(str(t), str(e)) for t, e in rows if e and str(e).lower() in ("myisam", "aria")]


def _mysql_engine(url: sa.URL, timeout: float) -> sa.Engine:
    lock_wait = max(1, min(_LOCK_WAIT, int(timeout) - 1))
    session = (
        f"SET SESSION innodb_lock_wait_timeout={lock_wait}, wait_timeout={_IDLE}, "
        "time_zone='+00:00', "
        "sql_mode=CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"
    )
    options: dict[str, object] = {
        "connect_timeout": timeout,
        "read_timeout": timeout,
        "write_timeout": timeout,
        "init_command": session,
    }
    if "charset" not in url.query:
        options["charset"] = "utf8mb4"
    return sa.create_engine(
        url.set(drivername="mysql+pymysql"),
        connect_args=options,
        hide_parameters=True,
        isolation_level="REPEATABLE READ",
        max_overflow=0,
        pool_recycle=_RECYCLE,
        pool_size=1,
        pool_timeout=timeout,
    )


def _sqlite_engine(file: Path, timeout: float) -> sa.Engine:
    address = f"file:{quote(str(file.absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            address, uri=True, timeout=min(_LOCK_WAIT, timeout), isolation_level=None
        )

    # No pool: a file that was moved away must be missed, not written to in its grave.
    engine = sa.create_engine(
        "sqlite://", creator=connect, poolclass=sa.NullPool, hide_parameters=True
    )

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get(WRITES)
        # A transaction that reads first and writes later would be refused half-way (SQLITE_BUSY).
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


_COLUMNS = sa.text(
    "SELECT table_name, column_name, column_type, is_nullable, character_maximum_length, extra, "
    "column_default IS NOT NULL FROM information_schema.columns "
    "WHERE table_schema = DATABASE() AND table_name IN :names"
).bindparams(sa.bindparam("names", expanding=True))
_STORAGE = sa.text(
    "SELECT table_name, engine FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_name IN :names"
).bindparams(sa.bindparam("names", expanding=True))
_PRAGMA = sa.text('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(:table)')


def _read_mysql(connection: sa.Connection, names: list[str]) -> Tables:
    tables: dict[str, dict[str, Column]] = {}
    rows = connection.execute(_COLUMNS, {"names": names})
    for table, name, declared, nullable, length, extra, has_default in rows:
        column = mysql_column(
            name,
            declared,
            nullable == "YES",
            None if length is None else int(length),
            extra,
            bool(has_default),
        )
        tables.setdefault(str(table).lower(), {})[name.lower()] = column
    return tables


def _read_sqlite(connection: sa.Connection, names: list[str]) -> Tables:
    tables: dict[str, dict[str, Column]] = {}
    for table in names:
        for name, declared, notnull, default, key in connection.execute(_PRAGMA, {"table": table}):
            column = sqlite_column(name, declared, not notnull, bool(key), default is not None)
            tables.setdefault(table.lower(), {})[name.lower()] = column
    return tables


_READERS: dict[str, Callable[[sa.Connection, list[str]], Tables]] = {
    "mysql": _read_mysql,
    "sqlite": _read_sqlite,
}
