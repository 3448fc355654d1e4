"""The tables of a fake platform's database: the same rows as over SQL, in dictionaries.

A write changes rows as `ledger_rows` and `training_rows` do, and tells a journal what each machine
row and each training said before and after. Not in here: who may call, and when it fails.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from trainlease.effects.platforms.base import Judge
from trainlease.model.errors import SchemaInvalid
from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    OpenTraining,
    RowState,
    SideRow,
    TrainingEntry,
    TrainingWord,
    Verdict,
    Write,
)

FREE, OCCUPIED = "free", "occupied"
"""The platform's two words."""
_STATES = {FREE: RowState.FREE, OCCUPIED: RowState.OCCUPIED}
_WORDS = {state: word for word, state in _STATES.items()}


class Journal(Protocol):
    """Hears of each change, in the order in which they became so; `by` is the caller's user."""

    def row(self, by: str, machine: str, before: MachineRows, after: MachineRows) -> None:
        """A machine's rows (by our name of it) say something else."""
        ...

    def training(
        self, by: str, training_id: str, before: TrainingWord | None, after: TrainingWord
    ) -> None:
        """A training's own row says something else."""
        ...


@dataclass(frozen=True)
class OwnRow:
    """The platform's own row of one machine, as it is written there."""

    status: str = FREE
    owner: str = ""


@dataclass(frozen=True)
class OwnTraining:
    """The platform's own row of one training; `word` None: what the platform first wrote."""

    word: TrainingWord | None = None
    message: str = ""
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True)
class StartLine:
    """A line of the start log."""

    machine: str
    who: str
    started: datetime
    ended: datetime | None = None


@dataclass
class Tables:
    """All rows; keys are the platform's own names. A copy of it is a backup."""

    machines: dict[str, OwnRow] = field(default_factory=dict)
    trainings: dict[str, OwnTraining] = field(default_factory=dict)
    ledger: dict[tuple[str, str], SideRow] = field(default_factory=dict)
    """(own name, cluster) -> row."""
    jobs: dict[tuple[str, str], TrainingEntry] = field(default_factory=dict)
    """(cluster, job uid) -> what was told last."""
    starts: dict[int, StartLine] = field(default_factory=dict)

    def copy(self) -> "Tables":
        return Tables(
            dict(self.machines),
            dict(self.trainings),
            dict(self.ledger),
            dict(self.jobs),
            dict(self.starts),
        )


class FakeTables:
    """The rows of one database and what may be done with them.

    `machines` maps our names to the platform's; `cluster` is the one whose side rows the journal
    is told of; a platform without an owner column has no word for who took a machine.
    """

    def __init__(
        self,
        machines: Mapping[str, str],
        trainings: Iterable[str],
        *,
        cluster: str,
        has_owner: bool,
        maps_trainings: bool,
        journal: Journal | None,
    ) -> None:
        self.names = dict(machines)
        self.cluster = cluster
        self.has_owner = has_owner
        self.maps_trainings = maps_trainings
        self.data = Tables(
            machines={own: OwnRow() for own in self.names.values()},
            trainings={name: OwnTraining() for name in trainings},
        )
        self._journal = journal

    def rows(self, machine: str, own_name: str, cluster: str) -> MachineRows:
        """What is said of one machine, as one cluster reads it."""
        own = self.data.machines.get(own_name)
        side = self.data.ledger.get((own_name, cluster))
        others = sorted(c for name, c in self.data.ledger if name == own_name and c != cluster)
        side = replace(side, machine=machine) if side else None
        if own is None:
            return MachineRows(None, "", None, side, tuple(others))
        return MachineRows(
            own=_STATES.get(own.status, RowState.OCCUPIED),
            raw=own.status,
            owner=own.owner if self.has_owner else None,
            side=side,
            other_clusters=tuple(others),
            known=own.status in _STATES,
        )

    def tell(self, by: str, entry: LedgerEntry, judge: Judge) -> Verdict:
        """One transaction: read, judge, write."""
        before = self.rows(entry.machine, entry.own_name, entry.cluster)
        verdict = judge(entry, before)
        if verdict.write is Write.NOTHING:
            return verdict
        self._write(entry, before, verdict.write)
        if self._journal is not None:
            after = self.rows(entry.machine, entry.own_name, entry.cluster)
            self._journal.row(by, entry.machine, before, after)
        return verdict

    def tell_training(self, by: str, entry: TrainingEntry) -> bool:
        """One transaction on a training's two rows."""
        own = self.data.trainings.get(entry.training_id)
        if own is None:
            raise SchemaInvalid(f"there is no row of training {entry.training_id!r}: add the row")
        key = (entry.cluster, entry.job_uid)
        stored = self.data.jobs.get(key)
        if stored is not None:
            standing = (stored.attempt, stored.rank, stored.word)
            if standing == (entry.attempt, entry.rank, entry.word):
                return True
            if not entry.may_follow(*standing):
                return False
        self.data.jobs[key] = entry
        if not entry.side_only:
            self.put_training(by, entry.training_id, _written(own, entry))
        return True

    def open_trainings(self, cluster: str) -> list[OpenTraining]:
        return [
            OpenTraining(e.job_uid, e.namespace, e.name, e.training_id, e.attempt, e.rank)
            for (at, _), e in sorted(self.data.jobs.items())
            if at == cluster and not e.word.is_final
        ]

    def put_machine(self, by: str, machine: str, row: OwnRow | None) -> None:
        """Write the own row by hand; None takes it away."""
        own_name = self.names[machine]
        before = self.rows(machine, own_name, self.cluster)
        if row is None:
            self.data.machines.pop(own_name, None)
        else:
            self.data.machines[own_name] = row
        self._say(by, machine, before)

    def put_side(self, by: str, machine: str, cluster: str, row: SideRow | None) -> None:
        """Write a cluster's side row by hand; None takes it away."""
        own_name = self.names[machine]
        before = self.rows(machine, own_name, self.cluster)
        if row is None:
            self.data.ledger.pop((own_name, cluster), None)
        else:
            self.data.ledger[own_name, cluster] = row
        self._say(by, machine, before)

    def put_training(self, by: str, training_id: str, row: OwnTraining) -> None:
        """Write a training's own row."""
        before = self.data.trainings.get(training_id, OwnTraining()).word
        self.data.trainings[training_id] = row
        if self._journal is not None and row.word is not None and row.word is not before:
            self._journal.training(by, training_id, before, row.word)

    def replace_all(self, by: str, data: Tables) -> None:
        """Put a backup back."""
        before = {m: self.rows(m, own, self.cluster) for m, own in self.names.items()}
        words = {name: row.word for name, row in self.data.trainings.items()}
        self.data = data.copy()
        for machine, rows in before.items():
            self._say(by, machine, rows)
        if self._journal is None:
            return
        for name, row in self.data.trainings.items():
            if row.word is not None and row.word is not words.get(name):
                self._journal.training(by, name, words.get(name), row.word)

    def _say(self, by: str, machine: str, before: MachineRows) -> None:
        after = self.rows(machine, self.names[machine], self.cluster)
        if self._journal is not None and after != before:
            self._journal.row(by, machine, before, after)

    def _write(self, entry: LedgerEntry, before: MachineRows, write: Write) -> None:
        occupied = entry.state is RowState.OCCUPIED
        if write is not Write.SIDE_ONLY:
            owner = entry.who if occupied and self.has_owner else ""
            self.data.machines[entry.own_name] = OwnRow(_WORDS[entry.state], owner)
        if write is Write.OWN_ONLY:
            return
        if write is Write.TAKE_OVER:
            for cluster in before.other_clusters:
                del self.data.ledger[entry.own_name, cluster]
        self._end_line(before.side, entry.at)
        self.data.ledger[entry.own_name, entry.cluster] = SideRow(
            cluster=entry.cluster,
            machine=entry.machine,
            machine_uid=entry.machine_uid,
            fence=entry.fence,
            generation=entry.generation,
            state=entry.state,
            holder=entry.holder,
            lease_uid=entry.lease_uid,
            start_log_id=self._begin_line(entry) if occupied else None,
        )

    def _begin_line(self, entry: LedgerEntry) -> int:
        number = len(self.data.starts) + 1
        self.data.starts[number] = StartLine(entry.own_name, entry.who, entry.at)
        return number

    def _end_line(self, side: SideRow | None, at: datetime) -> None:
        if side is None or side.start_log_id is None:
            return
        line = self.data.starts.get(side.start_log_id)
        if line is not None and line.ended is None:
            self.data.starts[side.start_log_id] = replace(line, ended=at)


def _written(own: OwnTraining, entry: TrainingEntry) -> OwnTraining:
    return OwnTraining(
        word=entry.word,
        message=entry.message,
        started=entry.at if entry.word is TrainingWord.RUNNING else own.started,
        ended=entry.at if entry.word.is_final else own.ended,
    )
