"""One platform's database of each kind, and what a test does to it behind the operator's back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from bed import MariaDB
from bed.platform_schemas import (
    SCHEMAS,
    Door,
    Row,
    Target,
    clear,
    fill,
    mapping_for,
    platform_manifest,
    prepare,
    read_start_log,
    read_trainings,
)
from trainlease.effects.platforms.base import Database
from trainlease.effects.platforms.fake import FakeDatabase
from trainlease.effects.platforms.fake_tables import FREE, OCCUPIED
from trainlease.effects.platforms.layout import training_value
from trainlease.effects.platforms.sql import SqlDatabase
from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    RowState,
    TrainingEntry,
    TrainingWord,
)
from trainlease.model.platform import Platform

CLUSTER = "11111111-2222-3333-4444-555555555555"
MACHINES = ("gpu-1", "gpu-2")
TRAINING = "301"
START = datetime(2026, 11, 22, 12, 27, 5, 123456, tzinfo=UTC)
TIMEOUT = 5.0
"""Seconds: longer than a busy machine needs."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Line:
    """A line of the start log."""

    machine: str
    who: str
    open: bool


class Backend(Protocol):
    """A database, and a person at its console."""

    database: Database
    platform: Platform
    has_owner: bool

    def set_machine(self, machine: str, state: RowState, owner: str = "") -> None: ...

    def remove_machine(self, machine: str) -> None: ...

    def starts(self) -> list[Line]: ...

    def training(self) -> tuple[TrainingWord | None, str]: ...


class SqlBackend:
    """A real database with the schema of one of the three platforms."""

    def __init__(self, name: str, target: Target, place: str = "", dsn: str = "") -> None:
        """In a database of its own, or in one that was prepared and used before."""
        self.name, self.target = name, target
        self.place = place or f"{name}_{next(_numbers)}"
        if dsn:
            clear(name, target, place)
            fill(name, target, machines=MACHINES, trainings=[TRAINING], database=place)
        self.dsn = dsn or prepare(
            name, target, machines=MACHINES, trainings=[TRAINING], database=self.place
        )
        self.platform = platform(name)
        self.database: Database = SqlDatabase(self.platform, self.dsn, timeout=TIMEOUT)
        self.mapping = mapping_for(name)
        self.has_owner = self.mapping.machines.owner is not None

    def set_machine(self, machine: str, state: RowState, owner: str = "") -> None:
        own = self.mapping.machines
        word = own.free if state is RowState.FREE else own.occupied
        self.execute(
            f"UPDATE {own.table} SET {own.status} = ? WHERE {own.key} = ?",
            word,
            self.platform.machine_name(machine),
        )
        if own.owner:
            key = self.platform.machine_name(machine)
            self.execute(f"UPDATE {own.table} SET {own.owner} = ? WHERE {own.key} = ?", owner, key)

    def remove_machine(self, machine: str) -> None:
        own = self.mapping.machines
        key = self.platform.machine_name(machine)
        self.execute(f"DELETE FROM {own.table} WHERE {own.key} = ?", key)

    def starts(self) -> list[Line]:
        rows = read_start_log(self.name, self.target, self.place)
        return [Line(str(r["machine"]), str(r["who"]), r["ended"] is None) for r in rows]

    def training(self) -> tuple[TrainingWord | None, str]:
        trainings = self.mapping.trainings
        assert trainings is not None
        (row,) = read_trainings(self.name, self.target, self.place)
        words = {training_value(trainings, word): word for word in TrainingWord}
        return words[row["status"]], row["message"] or ""

    def execute(self, sql: str, *values: Any) -> list[Row]:
        """As the administrator; ? stands for a value."""
        return Door(self.target, self.place).execute(sql, *values)


class FakeBackend:
    """The fake with an owner column."""

    def __init__(self) -> None:
        self.has_owner = True
        self.platform = platform("saturno")
        self.fake = FakeDatabase(
            "saturno", {name: name for name in MACHINES}, [TRAINING], cluster=CLUSTER
        )
        self.database: Database = self.fake.client()

    def set_machine(self, machine: str, state: RowState, owner: str = "") -> None:
        self.fake.edit(machine, FREE if state is RowState.FREE else OCCUPIED, owner)

    def remove_machine(self, machine: str) -> None:
        self.fake.remove(machine)

    def starts(self) -> list[Line]:
        lines = self.fake.data.starts.values()
        return [Line(line.machine, line.who, line.ended is None) for line in lines]

    def training(self) -> tuple[TrainingWord | None, str]:
        row = self.fake.data.trainings[TRAINING]
        return row.word or TrainingWord.WAITING, row.message


KINDS = ("fake", *(f"{where}-{name}" for where in ("sqlite", "mariadb") for name in SCHEMAS))


def make_backend(
    kind: str, folder: Path, servers: dict[str, MariaDB], prepared: dict[str, tuple[str, str]]
) -> Backend:
    """One of KINDS; `prepared` keeps the servers' databases (place and dsn) for the next test."""
    if kind == "fake":
        return FakeBackend()
    where, name = kind.split("-")
    if where == "sqlite":
        return SqlBackend(name, folder / f"{name}.db")
    made = SqlBackend(name, servers[name], *prepared.get(name, ("", "")))
    prepared[name] = (made.place, made.dsn)
    return made


def platform(name: str, machines: Sequence[str] = MACHINES, **database: Any) -> Platform:
    """The platform as its manifest has it; keywords replace parts of spec.database."""
    manifest = platform_manifest(name, f"{name}-db", machines)
    manifest["spec"]["database"] |= database
    return Platform.model_validate(manifest)


def entry(
    backend: Backend,
    state: RowState = RowState.OCCUPIED,
    generation: int = 1,
    *,
    machine: str = "gpu-1",
    cluster: str = CLUSTER,
    minutes: int = 0,
) -> LedgerEntry:
    """What a database is to say of a machine in one generation."""
    occupied = state is RowState.OCCUPIED
    return LedgerEntry(
        cluster=cluster,
        machine=machine,
        own_name=backend.platform.machine_name(machine),
        machine_uid=f"uid-of-{machine}",
        fence=2 * generation + (0 if occupied else 1),
        generation=generation,
        state=state,
        holder=f"saturno/caries-{generation}" if occupied else "",
        lease_uid=f"lease-{generation}" if occupied else "",
        who=f"trainlease:saturno/caries-{generation}" if occupied else "",
        at=START + timedelta(minutes=minutes),
    )


def training(
    word: TrainingWord, *, attempt: int = 1, rank: int | None = None, training_id: str = TRAINING
) -> TrainingEntry:
    """What a database is to say of the training."""
    ranks = {TrainingWord.WAITING: 1, TrainingWord.RUNNING: 2}
    return TrainingEntry(
        cluster=CLUSTER,
        job_uid="job-1",
        namespace="saturno",
        name="caries-001",
        training_id=training_id,
        attempt=attempt,
        rank=ranks.get(word, 3) if rank is None else rank,
        word=word,
        message=f"attempt {attempt}: {word.value}, señal ñ",
        at=START,
    )


async def rows_of(backend: Backend, machine: str = "gpu-1") -> MachineRows:
    """What the database says of one machine now."""
    names = {machine: backend.platform.machine_name(machine)}
    return (await backend.database.rows(names, CLUSTER))[machine]
