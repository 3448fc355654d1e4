"""A platform's database over SQL: MySQL, MariaDB, or a SQLite file.

Promises: each call is one transaction in the platform's own thread and answers within twice the
timeout; what the rules decide is decided on rows that are locked; every failure crosses as one of
the port's errors, with the statements for a DBA where one can mend it, and without a secret or a
value in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from trainlease.effects.platforms.base import Judge
from trainlease.effects.platforms.engines import WRITES, open_engine
from trainlease.effects.platforms.layout import Layout
from trainlease.effects.platforms.ledger_rows import LedgerRows
from trainlease.effects.platforms.presets import mapping_of
from trainlease.effects.platforms.sql_check import (
    first_statements,
    misfits,
    problems,
    read_layout,
)
from trainlease.effects.platforms.sql_errors import Trouble, diagnose, translated
from trainlease.effects.platforms.training_rows import TrainingRows
from trainlease.effects.platforms.worker import Worker
from trainlease.model.errors import AnswerLost, SchemaInvalid, TrainleaseError
from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    OpenTraining,
    SchemaReport,
    TrainingEntry,
    Verdict,
)
from trainlease.model.platform import Platform

T = TypeVar("T")


class SqlDatabase:
    """The port over SQLAlchemy Core. Nothing is connected before the first call.

    `timeout` is in seconds, for each message to the server. Raises BadSpec for a dsn that is no
    address and for a preset that is not known.
    """

    def __init__(self, platform: Platform, dsn: str, *, timeout: float) -> None:
        self._title = f"{platform.name}'s database"
        self._timeout = timeout
        self._mapping = mapping_of(platform)
        self._engine = open_engine(self._title, dsn, timeout)
        self._worker = Worker(self._title)
        self._layout: Layout | None = None
        self._closed = False

    async def check(self) -> SchemaReport:
        return await self._call(self._check)

    async def rows(self, machines: Mapping[str, str], cluster: str) -> dict[str, MachineRows]:
        def read() -> dict[str, MachineRows]:
            with self._transaction(writes=False, ours=False) as (connection, layout):
                found = LedgerRows(layout).read(connection, machines, cluster, lock=False)
                return {name: one.rows for name, one in found.items()}

        return await self._call(read)

    async def tell(self, entry: LedgerEntry, judge: Judge) -> Verdict:
        def write() -> Verdict:
            with self._transaction(writes=True) as (connection, layout):
                ledger = LedgerRows(layout)
                names = {entry.machine: entry.own_name}
                found = ledger.read(connection, names, entry.cluster, lock=True)[entry.machine]
                verdict = judge(entry, found.rows)
                ledger.write(connection, entry, found, verdict)
                return verdict

        return await self._call(write)

    async def tell_training(self, entry: TrainingEntry) -> bool:
        def write() -> bool:
            with self._transaction(writes=True) as (connection, layout):
                return TrainingRows(layout).tell(connection, entry)

        return self._mapping.trainings is None or await self._call(write)

    async def open_trainings(self, cluster: str) -> Sequence[OpenTraining]:
        def read() -> list[OpenTraining]:
            with self._transaction(writes=False) as (connection, layout):
                return TrainingRows(layout).open(connection, cluster)

        return await self._call(read)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._worker.close(self._engine.dispose, 2 * self._timeout)

    # -- in the worker's thread ------------------------------------------------------------------

    async def _call(self, work: Callable[[], T]) -> T:
        return await self._worker.run(work, 2 * self._timeout)

    def _check(self) -> SchemaReport:
        self._layout = None
        with self._errors(), self._engine.connect() as connection:
            layout = read_layout(connection, self._mapping)
            return SchemaReport(problems(connection, layout))

    @contextmanager
    def _transaction(
        self, *, writes: bool, ours: bool = True
    ) -> Iterator[tuple[sa.Connection, Layout]]:
        """Commits at the end, and rolls back what raised; errors leave it translated.

        `ours`: it needs our two tables too.
        """
        with self._errors(), self._engine.connect() as plain:
            connection = plain.execution_options(**{WRITES: writes})
            layout = self._known_layout(connection, ours=ours)
            yield connection, layout
            self._commit(connection)

    def _commit(self, connection: sa.Connection) -> None:
        try:
            connection.commit()
        except (SQLAlchemyError, OSError) as error:
            trouble, clause = diagnose(error)
            if trouble is Trouble.LOST:
                raise AnswerLost(f"{self._title}: {clause}, in the middle of a commit") from None
            raise

    def _known_layout(self, connection: sa.Connection, *, ours: bool) -> Layout:
        """Read once, and again after each trouble with the schema."""
        if self._layout is not None:
            return self._layout
        layout = read_layout(connection, self._mapping)
        wrong = tuple(misfits(layout, connection.dialect))
        if not wrong:
            self._layout = layout
        elif ours or tuple(misfits(layout, connection.dialect, ours=False)):
            raise SchemaInvalid(f"{self._title}: {'; '.join(wrong)}")
        return layout

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """The door: a library's error becomes one of ours."""
        try:
            yield
        except TrainleaseError:
            raise
        except (SQLAlchemyError, OSError) as error:
            trouble, clause = diagnose(error)
            if trouble is Trouble.SHUT:
                clause = f"{clause}: {self._first_statements()}"
            if trouble is Trouble.SCHEMA:
                self._layout = None
                clause = self._lacks() or f"{clause}: compare the mapping with the tables"
            raise translated(trouble, f"{self._title}: {clause}") from None

    def _first_statements(self) -> str:
        url = self._engine.url
        return first_statements(
            self._mapping, self._engine.dialect, url.database or "", url.username or ""
        )

    def _lacks(self) -> str:
        """What the check finds after a trouble with the schema; empty if it cannot tell."""
        try:
            with self._engine.connect() as connection:
                layout = read_layout(connection, self._mapping)
                return "; ".join(problems(connection, layout))
        except (SQLAlchemyError, OSError):
            return ""
