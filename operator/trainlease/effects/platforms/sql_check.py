"""What a database lacks, each problem with the statement that a DBA can paste.

Promises: nothing is changed (rights are proven by EXPLAIN, which asks for them and does nothing);
all problems are told at once, not the first alone.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc as alchemy
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateColumn

from trainlease.effects.platforms.columns import Kind, Misfit
from trainlease.effects.platforms.engines import read_tables, unsafe_tables
from trainlease.effects.platforms.layout import (
    Layout,
    WantedTable,
    wanted_tables,
    wanted_values,
)
from trainlease.effects.platforms.side_tables import create_statement
from trainlease.effects.platforms.sql_errors import Trouble, diagnose
from trainlease.model.base import joined
from trainlease.model.observed import OUR_MARK
from trainlease.model.platform import Mapping


def read_layout(connection: sa.Connection, mapping: Mapping) -> Layout:
    """The mapping beside the tables as they are now."""
    names = [table.name for table in wanted_tables(mapping)]
    return Layout(mapping, read_tables(connection, names))


def problems(connection: sa.Connection, layout: Layout) -> tuple[str, ...]:
    """All that is missing; empty means that each call of the port can be served."""
    found = list(misfits(layout, connection.dialect))
    wanted = [t for t in wanted_tables(layout.mapping) if t.name.lower() in layout.tables]
    for name, storage in unsafe_tables(connection, [table.name for table in wanted]):
        quoted = _quote(connection.dialect, name)
        found.append(
            f"table {name} is of type {storage}, which has no transactions: "
            f"ALTER TABLE {quoted} ENGINE=InnoDB;"
        )
    if connection.dialect.name == "mysql":
        found += _denied(connection, layout, wanted)
    return tuple(found)


def misfits(layout: Layout, dialect: Dialect, *, ours: bool = True) -> Iterator[str]:
    """Tables and columns that are not there, and values that do not fit into theirs.

    Without `ours` the platform's own tables alone are looked at.
    """
    missing = False
    for table in wanted_tables(layout.mapping):
        if table.ours is not None and not ours:
            continue
        lacks = list(_lacks(table, layout, dialect))
        missing = missing or bool(lacks)
        yield from lacks
    if missing:
        return
    for wanted in wanted_values(layout.mapping):
        try:
            layout.column(wanted.table, wanted.column).fit(wanted.value)
        except Misfit as misfit:
            yield f"table {wanted.table}: {misfit}: mend the mapping"
    yield from _unfit_owner(layout)
    yield from _unfit_start_log(layout)


def first_statements(mapping: Mapping, dialect: Dialect, database: str, user: str) -> str:
    """What a DBA runs for a user who has no right yet: our two tables, and all rights."""
    tables = list(wanted_tables(mapping))
    ours = [create_statement(t.ours, dialect.name) for t in tables if t.ours is not None]
    creates = [f"{line.replace('TABLE', 'TABLE IF NOT EXISTS', 1)};" for line in ours]
    grants = [grant_statement(table, dialect, database, f"{user}@%") for table in tables]
    return " ".join([f"USE {_quote(dialect, database)};", *creates, *grants])


def create_own_table(table: WantedTable, dialect: Dialect) -> str:
    """A CREATE TABLE that would fit the mapping of a platform's own table."""
    lines = [f"{_quote(dialect, n)} {_type(kind, dialect)}" for n, kind in table.columns.items()]
    key = _quote(dialect, table.key)
    if dialect.name == "sqlite" and "AUTO_INCREMENT" in table.columns[table.key]:
        lines[0] = f"{key} INTEGER PRIMARY KEY"
    else:
        lines.append(f"PRIMARY KEY ({key})")
    return f"CREATE TABLE {_quote(dialect, table.name)} ({', '.join(lines)});"


def grant_statement(table: WantedTable, dialect: Dialect, database: str, account: str) -> str:
    """The GRANT of all that is done to a table; `account` is USER@HOST as the server says it."""
    user, _, host = account.rpartition("@")
    where = f"{_quote(dialect, database)}.{_quote(dialect, table.name)}"
    return f"GRANT {', '.join(table.rights)} ON {where} TO '{user}'@'{host}';"


def _lacks(table: WantedTable, layout: Layout, dialect: Dialect) -> Iterator[str]:
    columns = layout.tables.get(table.name.lower())
    if columns is None:
        if table.ours is not None:
            create = f"{create_statement(table.ours, dialect.name)};"
        else:
            create = create_own_table(table, dialect)
        yield f"table {table.name} is not there, or its user may not see it: {create}"
        return
    for name, kind in table.columns.items():
        if name.lower() not in columns:
            declared = _declared(table, name, kind, dialect)
            add = f"ALTER TABLE {_quote(dialect, table.name)} ADD COLUMN {declared};"
            yield f"table {table.name} has no column {name}: {add}"


def _denied(connection: sa.Connection, layout: Layout, wanted: list[WantedTable]) -> Iterator[str]:
    account, database = connection.execute(sa.text("SELECT CURRENT_USER(), DATABASE()")).one()
    for table in wanted:
        columns = layout.tables[table.name.lower()]
        if not all(name.lower() in columns for name in table.columns):
            continue
        refused = [word for word, probe in _probes(table) if _is_refused(connection, probe)]
        if refused:
            grant = grant_statement(table, connection.dialect, str(database), str(account))
            yield f"the user has no right to {joined(refused)} in table {table.name}: {grant}"


def _probes(table: WantedTable) -> Iterator[tuple[str, sa.Executable]]:
    columns: dict[str, sa.ColumnClause[Any]] = {n: sa.column(n) for n in table.columns}
    subject = sa.table(table.name, *columns.values())
    yield "SELECT", sa.select(*columns.values())
    if table.updated:
        yield "UPDATE", sa.update(subject).values({n: columns[n] for n in table.updated})
    if table.inserted:
        yield "INSERT", sa.insert(subject).values({n: sa.null() for n in table.inserted})


def _is_refused(connection: sa.Connection, probe: sa.Executable) -> bool:
    assert isinstance(probe, sa.ClauseElement)
    try:
        connection.exec_driver_sql(f"EXPLAIN {probe.compile(connection)}")
    except alchemy.DBAPIError as error:
        if diagnose(error)[0] is not Trouble.SCHEMA:
            raise
        return True
    return False


def _unfit_owner(layout: Layout) -> Iterator[str]:
    machines = layout.mapping.machines
    if machines.owner is None:
        return
    owner = layout.column(machines.table, machines.owner)
    if owner.kind is not Kind.TEXT or (owner.length or len(OUR_MARK)) < len(OUR_MARK):
        yield (
            f"table {machines.table}: column {owner.name} is {owner.declared}, and must hold a "
            "text such as trainlease:saturno/caries-001: leave owner out of the mapping"
        )


def _unfit_start_log(layout: Layout) -> Iterator[str]:
    log = layout.mapping.start_log
    if log is None:
        return
    if not layout.column(log.table, log.id).numbered:
        yield f"table {log.table}: column {log.id} is not numbered by the database (AUTO_INCREMENT)"
    ours = {log.id, log.machine, log.who, log.started}
    for column in layout.tables[log.table.lower()].values():
        if column.required and column.name not in ours:
            yield f"table {log.table}: column {column.name} needs a value that we do not have"


def _declared(table: WantedTable, name: str, kind: str, dialect: Dialect) -> str:
    if table.ours is None:
        return f"{_quote(dialect, name)} {_type(kind, dialect)}"
    return str(CreateColumn(table.ours.columns[name]).compile(dialect=dialect))


def _type(kind: str, dialect: Dialect) -> str:
    return kind.replace(" AUTO_INCREMENT", "") if dialect.name == "sqlite" else kind


def _quote(dialect: Dialect, name: str) -> str:
    return dialect.identifier_preparer.quote(name)
