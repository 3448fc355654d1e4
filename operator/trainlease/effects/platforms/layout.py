"""What must be in one platform's database: its mapped tables and ours, and what is done to each.

From a mapping alone; whether a database has it all is `sql_check`'s question.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from trainlease.effects.platforms.columns import Column, Tables, Value
from trainlease.effects.platforms.side_tables import LEDGER, TRAININGS
from trainlease.model.observed import TrainingWord
from trainlease.model.platform import MachineTable, Mapping, StartLog, TrainingTable

_NAME, _TEXT, _MOMENT = "VARCHAR(190)", "VARCHAR(255)", "DATETIME"


@dataclass(frozen=True)
class WantedTable:
    """One table: its columns with a type that would do, and the rights that are needed."""

    name: str
    columns: dict[str, str]
    key: str = ""
    updated: tuple[str, ...] = ()
    inserted: tuple[str, ...] = ()
    ours: sa.Table | None = None

    @property
    def rights(self) -> tuple[str, ...]:
        """The words of a GRANT."""
        rights = ["SELECT"]
        rights += ["INSERT"] if self.inserted else []
        rights += ["UPDATE"] if self.updated else []
        # A person's take-over removes the row of another cluster.
        rights += ["DELETE"] if self.ours is LEDGER else []
        return tuple(rights)


@dataclass(frozen=True)
class WantedValue:
    """A word of the mapping that its column must be able to hold."""

    table: str
    column: str
    value: Value


@dataclass(frozen=True)
class Layout:
    """A mapping beside the tables as the database has them."""

    mapping: Mapping
    tables: Tables

    def column(self, table: str, name: str) -> Column:
        """Only for what a check has found to be there."""
        return self.tables[table.lower()][name.lower()]


def wanted_tables(mapping: Mapping) -> Iterator[WantedTable]:
    """The platform's own tables that are mapped, then ours."""
    yield _machines(mapping.machines)
    if mapping.trainings is not None:
        yield _trainings(mapping.trainings)
    if mapping.start_log is not None:
        yield _start_log(mapping.start_log)
    for table in (LEDGER, TRAININGS):
        names = tuple(column.name for column in table.columns)
        updated = tuple(column.name for column in table.columns if not column.primary_key)
        yield WantedTable(table.name, dict.fromkeys(names, ""), "", updated, names, table)


def wanted_values(mapping: Mapping) -> Iterator[WantedValue]:
    """Each word of the mapping with its column."""
    machines, trainings = mapping.machines, mapping.trainings
    for value in (machines.free, machines.occupied):
        yield WantedValue(machines.table, machines.status, value)
    if trainings is not None:
        for word in TrainingWord:
            yield WantedValue(trainings.table, trainings.status, training_value(trainings, word))


def training_value(trainings: TrainingTable, word: TrainingWord) -> Value:
    """The platform's own word."""
    value: Value = getattr(trainings.states, word.value)
    return value


def _machines(table: MachineTable) -> WantedTable:
    columns = {table.key: _NAME, table.status: _type_of(table.free, table.occupied)}
    if table.owner is not None:
        columns[table.owner] = _TEXT
    updated = tuple(name for name in columns if name != table.key)
    return WantedTable(table.table, columns, table.key, updated)


def _trainings(table: TrainingTable) -> WantedTable:
    values = (training_value(table, word) for word in TrainingWord)
    columns = {table.key: _NAME, table.status: _type_of(*values)}
    more = ((table.message, _TEXT), (table.started, _MOMENT), (table.ended, _MOMENT))
    columns |= {name: kind for name, kind in more if name is not None}
    updated = tuple(name for name in columns if name != table.key)
    return WantedTable(table.table, columns, table.key, updated)


def _start_log(table: StartLog) -> WantedTable:
    columns = {
        table.id: "BIGINT AUTO_INCREMENT",
        table.machine: _NAME,
        table.who: _TEXT,
        table.started: _MOMENT,
        table.ended: _MOMENT,
    }
    inserted = (table.machine, table.who, table.started)
    return WantedTable(table.table, columns, table.id, (table.ended,), inserted)


def _type_of(*values: Value) -> str:
    return "INTEGER" if all(isinstance(value, int) for value in values) else "VARCHAR(64)"
