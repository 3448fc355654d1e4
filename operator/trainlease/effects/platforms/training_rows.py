"""Training rows inside one transaction: the platform's own row, and the side row that fences it."""

from datetime import UTC
from typing import Any

import sqlalchemy as sa

from trainlease.effects.platforms.columns import Misfit, moment
from trainlease.effects.platforms.layout import Layout, training_value
from trainlease.effects.platforms.side_tables import TRAININGS
from trainlease.model.errors import SchemaInvalid
from trainlease.model.observed import OpenTraining, TrainingEntry, TrainingWord
from trainlease.model.platform import TrainingTable

_FINAL = tuple(word.value for word in TrainingWord if word.is_final)


class TrainingRows:
    """The statements for one layout, which must have passed the check of misfits."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def tell(self, connection: sa.Connection, entry: TrainingEntry) -> bool:
        """See the port; to be called in a transaction that writes."""
        trainings = self._layout.mapping.trainings
        if trainings is None:
            return True
        own = _Own(self._layout, trainings, entry.training_id)
        own.lock(connection)
        this = (TRAININGS.c.cluster == entry.cluster) & (TRAININGS.c.job_uid == entry.job_uid)
        stored = (
            connection.execute(sa.select(TRAININGS).where(this).with_for_update())
            .mappings()
            .one_or_none()
        )
        if stored is not None:
            standing = (stored["attempt"], stored["state_rank"], _word(stored))
            if standing == (entry.attempt, entry.rank, entry.word):
                return True
            if not entry.may_follow(*standing):
                return False
        if not entry.side_only:
            own.write(connection, entry)
        values = _side_values(entry)
        if stored is None:
            keys = {"cluster": entry.cluster, "job_uid": entry.job_uid}
            connection.execute(sa.insert(TRAININGS).values(keys | values))
        else:
            connection.execute(sa.update(TRAININGS).where(this).values(values))
        return True

    def open(self, connection: sa.Connection, cluster: str) -> list[OpenTraining]:
        """Our trainings without a final word, oldest job first by its uid."""
        table = TRAININGS.c
        query = (
            sa.select(
                table.job_uid,
                table.namespace,
                table.name,
                table.training_id,
                table.attempt,
                table.state_rank,
            )
            .where(table.cluster == cluster, table.state.not_in(_FINAL))
            .order_by(table.job_uid)
        )
        return [OpenTraining(*row) for row in connection.execute(query)]


class _Own:
    """The platform's row of one training."""

    def __init__(self, layout: Layout, table: TrainingTable, training_id: str) -> None:
        self._layout = layout
        self._map = table
        self._id = training_id
        names = (table.key, table.status, table.message, table.started, table.ended)
        self._table = sa.table(table.table, *(sa.column(name) for name in names if name))

    def lock(self, connection: sa.Connection) -> None:
        """Others wait; raises SchemaInvalid if there is not exactly one such row."""
        column = self._layout.column(self._map.table, self._map.key)
        try:
            key = column.fit(self._id)
        except Misfit as misfit:
            raise SchemaInvalid(
                f"table {self._map.table}: {misfit}: mend the job's externalId"
            ) from None
        self._this = self._table.c[self._map.key] == key
        query = sa.select(self._table.c[self._map.key]).where(self._this).with_for_update()
        count = len(connection.execute(query).all())
        if count != 1:
            raise SchemaInvalid(
                f"table {self._map.table} has {count or 'no'} row{'s' if count else ''} with "
                f"{self._map.key} = {self._id!r}: mend the job's externalId, or add the row"
            )

    def write(self, connection: sa.Connection, entry: TrainingEntry) -> None:
        status = self._layout.column(self._map.table, self._map.status)
        values: dict[str, Any] = {
            self._map.status: status.fit(training_value(self._map, entry.word))
        }
        if self._map.message:
            column = self._layout.column(self._map.table, self._map.message)
            values[self._map.message] = column.cut(entry.message)
        if self._map.started and entry.word is TrainingWord.RUNNING:
            values[self._map.started] = moment(entry.at)
        if self._map.ended and entry.word.is_final:
            values[self._map.ended] = moment(entry.at)
        connection.execute(sa.update(self._table).where(self._this).values(values))


def _word(stored: sa.RowMapping) -> TrainingWord:
    try:
        return TrainingWord(stored["state"])
    except ValueError:
        raise SchemaInvalid(
            f"table {TRAININGS.name}: the state of job {stored['job_uid']} is none of our words: "
            "somebody edited it; put the word right"
        ) from None


def _side_values(entry: TrainingEntry) -> dict[str, Any]:
    return {
        "namespace": entry.namespace,
        "name": entry.name,
        "training_id": entry.training_id,
        "attempt": entry.attempt,
        "state": entry.word.value,
        "state_rank": entry.rank,
        "updated_at": entry.at.astimezone(UTC).replace(tzinfo=None),
    }
