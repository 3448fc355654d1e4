"""Machine rows inside one transaction: the platform's own row, our side row, the start log.

What may be written is decided by the verdict that is handed in; here it is only carried out. The
own row is read first and locks the others out, since it is always there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import sqlalchemy as sa

from trainlease.effects.platforms.columns import Misfit, moment, shown
from trainlease.effects.platforms.layout import Layout
from trainlease.effects.platforms.side_tables import LEDGER
from trainlease.model.errors import SchemaInvalid
from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    RowState,
    SideRow,
    Verdict,
    Write,
)


@dataclass(frozen=True)
class Found:
    """One machine's rows, and the key as the own row spells it (which the side rows carry)."""

    rows: MachineRows
    key: Any = None


@dataclass(frozen=True)
class _Sides:
    ours: SideRow | None = None
    others: tuple[str, ...] = field(default=())


class LedgerRows:
    """The statements for one layout, which must have passed the check of misfits."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._map = layout.mapping.machines
        names = [self._map.key, self._map.status]
        names += [self._map.owner] if self._map.owner else []
        self._table = sa.table(self._map.table, *(sa.column(name) for name in names))
        self._key = layout.column(self._map.table, self._map.key)
        self._status = layout.column(self._map.table, self._map.status)
        there = layout.tables.get(LEDGER.name, {})
        self._has_sides = all(column.name in there for column in LEDGER.columns)

    def read(
        self, connection: sa.Connection, machines: Mapping[str, str], cluster: str, *, lock: bool
    ) -> dict[str, Found]:
        """All rows of these machines (our name -> own name); `lock` keeps others from writing.

        Where our table is not there yet, nothing of ours stands in it.
        """
        own = self._read_own(connection, machines, lock=lock)
        spelled = dict(machines) | {name: shown(row[0]) for name, row in own.items()}
        sides = _read_sides(connection, spelled, cluster, lock=lock) if self._has_sides else {}
        return {name: self._found(own.get(name), sides.get(name, _Sides())) for name in machines}

    def write(
        self, connection: sa.Connection, entry: LedgerEntry, found: Found, verdict: Verdict
    ) -> None:
        """Carry out a verdict on the rows that were read, with a lock, in this transaction."""
        write = verdict.write
        if write is Write.NOTHING:
            return
        if write is not Write.SIDE_ONLY:
            self._write_own(connection, entry, found)
        if write is Write.OWN_ONLY:
            return
        machine = LEDGER.c.machine == shown(found.key)
        if write is Write.TAKE_OVER and found.rows.other_clusters:
            others = LEDGER.c.cluster.in_(found.rows.other_clusters)
            connection.execute(sa.delete(LEDGER).where(machine, others))
        line = self._write_start_log(connection, entry, found)
        values = _side_values(entry, line)
        if found.rows.side is None:
            new = {"machine": shown(found.key), "cluster": entry.cluster, **values}
            connection.execute(sa.insert(LEDGER).values(new))
        else:
            ours = LEDGER.c.cluster == entry.cluster
            connection.execute(sa.update(LEDGER).where(machine, ours).values(values))

    def _read_own(
        self, connection: sa.Connection, machines: Mapping[str, str], *, lock: bool
    ) -> dict[str, Sequence[Any]]:
        keys = {}
        for name, own_name in machines.items():
            try:
                keys[name] = self._key.fit(own_name)
            except Misfit:
                continue  # no row can have this key
        if not keys:
            return {}
        column = self._table.c[self._map.key]
        query = sa.select(*self._table.c).where(column.in_(list(keys.values())))
        found: dict[str, list[Sequence[Any]]] = {}
        for row in connection.execute(query.with_for_update() if lock else query):
            # Most servers compare names without regard to case.
            found.setdefault(shown(row[0]).casefold(), []).append(row)
        result = {}
        for name, key in keys.items():
            rows = found.get(str(key).casefold(), [])
            exact = [row for row in rows if shown(row[0]) == str(key)] or rows
            if len(exact) > 1:
                raise SchemaInvalid(
                    f"table {self._map.table} has {len(exact)} rows with {self._map.key} = "
                    f"{machines[name]}: leave one, and make {self._map.key} unique"
                )
            if exact:
                result[name] = exact[0]
        return result

    def _found(self, row: Sequence[Any] | None, sides: _Sides) -> Found:
        if row is None:
            return Found(MachineRows(None, "", None, sides.ours, sides.others))
        free = self._status.says(row[1], self._map.free)
        known = free or self._status.says(row[1], self._map.occupied)
        rows = MachineRows(
            own=RowState.FREE if free else RowState.OCCUPIED,
            raw=shown(row[1]),
            owner=shown(row[2]) if self._map.owner else None,
            side=sides.ours,
            other_clusters=sides.others,
            known=known,
        )
        return Found(rows, row[0])

    def _write_own(self, connection: sa.Connection, entry: LedgerEntry, found: Found) -> None:
        occupied = entry.state is RowState.OCCUPIED
        word = self._map.occupied if occupied else self._map.free
        values: dict[str, Any] = {self._map.status: self._status.fit(word)}
        if self._map.owner:
            owner = self._layout.column(self._map.table, self._map.owner)
            values[self._map.owner] = owner.cut(entry.who) if occupied else owner.nothing
        this = self._table.c[self._map.key] == found.key
        connection.execute(sa.update(self._table).where(this).values(values))

    def _write_start_log(
        self, connection: sa.Connection, entry: LedgerEntry, found: Found
    ) -> int | None:
        """Close the line of the claim that is replaced, open one for a new claim: its id."""
        log = self._layout.mapping.start_log
        if log is None:
            return None
        side = found.rows.side
        names = (log.id, log.machine, log.who, log.started, log.ended)
        table = sa.table(log.table, *(sa.column(name) for name in names))
        if side and side.start_log_id is not None and side.state is RowState.OCCUPIED:
            this = sa.and_(table.c[log.id] == side.start_log_id, table.c[log.ended].is_(None))
            end = {log.ended: moment(entry.at)}
            connection.execute(sa.update(table).where(this).values(end))
        if entry.state is RowState.FREE:
            return None
        line = {
            log.machine: self._layout.column(log.table, log.machine).cut(shown(found.key)),
            log.who: self._layout.column(log.table, log.who).cut(entry.who),
            log.started: moment(entry.at),
        }
        return connection.execute(sa.insert(table).values(line)).lastrowid


def _read_sides(
    connection: sa.Connection, spelled: Mapping[str, str], cluster: str, *, lock: bool
) -> dict[str, _Sides]:
    """By our name of the machine; `spelled` is the key as the own row has it."""
    if not spelled:
        return {}
    query = sa.select(LEDGER).where(LEDGER.c.machine.in_(sorted(set(spelled.values()))))
    rows = connection.execute(query.with_for_update() if lock else query).mappings().all()
    sides = {}
    for name, key in spelled.items():
        here = [row for row in rows if row["machine"] == key]
        ours = next((_side_row(name, row) for row in here if row["cluster"] == cluster), None)
        others = sorted(row["cluster"] for row in here if row["cluster"] != cluster)
        sides[name] = _Sides(ours, tuple(others))
    return sides


def _side_row(machine: str, row: sa.RowMapping) -> SideRow:
    try:
        state = RowState(row["state"])
    except ValueError:
        raise SchemaInvalid(
            f"table {LEDGER.name}: the state of {row['machine']} is neither Free nor Occupied: "
            "somebody edited it; put the word right"
        ) from None
    return SideRow(
        cluster=row["cluster"],
        machine=machine,
        machine_uid=row["machine_uid"],
        fence=row["fence"],
        generation=row["generation"],
        state=state,
        holder=row["holder"],
        lease_uid=row["lease_uid"],
        start_log_id=row["start_log_id"],
    )


def _side_values(entry: LedgerEntry, line: int | None) -> dict[str, Any]:
    return {
        "machine_uid": entry.machine_uid,
        "fence": entry.fence,
        "generation": entry.generation,
        "state": entry.state.value,
        "holder": entry.holder,
        "lease_uid": entry.lease_uid,
        "start_log_id": line,
        "updated_at": entry.at.astimezone(UTC).replace(tzinfo=None),
    }
