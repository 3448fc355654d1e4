"""What the observer saw, as plain values: nothing here is the operator's own word.

Ledger, outcomes and leases come from the API server's audit log, flips from triggers of the
observer's own in each database, processes from /proc, runs and versions from MLflow. All of it
is of one host, so its times are of one clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

CLAIMED, STOPPING, FREE = "Claimed", "Stopping", "Free"

AttemptId = tuple[str, int]
"""A job's uid and the number of the attempt."""


@dataclass(frozen=True)
class LedgerWrite:
    """One stored change of a Machine's status; `at` is when the API server got the request."""

    revision: int
    at: datetime
    machine: str
    state: str
    generation: int
    lease_uid: str = ""
    platform: str = ""
    job: str = ""
    job_uid: str = ""
    attempt: int = 0
    debts: tuple[str, ...] = ()

    @property
    def attempt_id(self) -> AttemptId:
        return self.job_uid, self.attempt


@dataclass(frozen=True)
class OutcomeWrite:
    """One stored status of a job that says how an attempt ended."""

    revision: int
    at: datetime
    job: str
    job_uid: str
    attempt: int
    outcome: str

    @property
    def attempt_id(self) -> AttemptId:
        return self.job_uid, self.attempt


@dataclass(frozen=True)
class Flip:
    """A platform's own row of a machine changed its word, as the trigger saw it."""

    at: datetime
    platform: str
    machine: str
    occupied: bool


@dataclass(frozen=True)
class Process:
    """The processes of one attempt: the first one's start and when one was last seen alive."""

    job_uid: str
    attempt: int
    started: datetime
    last_seen: datetime

    @property
    def attempt_id(self) -> AttemptId:
        return self.job_uid, self.attempt


@dataclass(frozen=True)
class Run:
    """An MLflow run with the tags that say whose it is."""

    run_id: str
    job_uid: str
    attempt: int
    status: str

    @property
    def attempt_id(self) -> AttemptId:
        return self.job_uid, self.attempt


@dataclass(frozen=True)
class Version:
    """A registered version; `metric` is what its job is promoted by, `production` the alias."""

    model: str
    number: int
    ready: bool
    metric: str
    value: float | None
    production: bool = False


@dataclass(frozen=True)
class Job:
    """A job at the end; `attempts` are their outcomes, `wanted` is the state it should end in."""

    uid: str
    title: str
    state: str
    wanted: str
    attempts: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingRow:
    """A platform's own row of a training at the end, in the four words that platforms share."""

    job: str
    word: str


@dataclass(frozen=True)
class Row:
    """A platform's own row of a machine at the end."""

    platform: str
    machine: str
    occupied: bool


@dataclass(frozen=True)
class Outage:
    """When a platform's database was away."""

    platform: str
    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Kill:
    """An attempt whose processes were killed together with their supervisor."""

    job: str
    job_uid: str
    attempt: int


@dataclass(frozen=True)
class Facts:
    """All that was seen of one demo."""

    platforms: tuple[str, ...]
    confirm: Mapping[str, str] = field(default_factory=dict)
    ledger: tuple[LedgerWrite, ...] = ()
    outcomes: tuple[OutcomeWrite, ...] = ()
    flips: tuple[Flip, ...] = ()
    processes: tuple[Process, ...] = ()
    left_running: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    versions: tuple[Version, ...] = ()
    jobs: tuple[Job, ...] = ()
    rows: tuple[Row, ...] = ()
    training_rows: tuple[TrainingRow, ...] = ()
    outages: tuple[Outage, ...] = ()
    kills: tuple[Kill, ...] = ()
    searched: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """One generation of a machine's ledger, from its first write to the one that frees it."""

    machine: str
    generation: int
    begin: LedgerWrite
    free: LedgerWrite | None

    @property
    def attempt_id(self) -> AttemptId:
        return self.begin.attempt_id

    def covers(self, at: datetime) -> bool:
        """Whether the machine was in this claim's hands, its release included."""
        end = self.free.at if self.free else None
        return self.begin.at <= at and (end is None or at <= end)


def claims(facts: Facts) -> list[Claim]:
    """Every claim that was ever stored, by machine and generation."""
    found = []
    for machine, writes in by_machine(facts).items():
        held = (write for write in writes if write.generation > 0)
        for generation, group in groupby(held, key=lambda write: write.generation):
            of_claim = list(group)
            claimed = [write for write in of_claim if write.state == CLAIMED]
            free = next((write for write in of_claim if write.state == FREE), None)
            if claimed:
                found.append(Claim(machine, generation, claimed[0], free))
    return found


def needed(facts: Facts, platform: str) -> list[str]:
    """The platforms whose database must say occupied before a job of this one starts."""
    return [
        name
        for name in facts.platforms
        if (word := facts.confirm.get(name, "Own")) == "All" or (word == "Own" and name == platform)
    ]


def by_machine(facts: Facts) -> dict[str, list[LedgerWrite]]:
    """The ledger of each machine in the order in which it was stored."""
    ordered = sorted(facts.ledger, key=lambda write: (write.machine, write.revision))
    return {name: list(group) for name, group in groupby(ordered, key=lambda w: w.machine)}


def occupied_at(facts: Facts, platform: str, machine: str, at: datetime) -> bool:
    """What the platform's own row said at a time, by the triggers; free before the first one."""
    flips = [
        f for f in facts.flips if (f.platform, f.machine) == (platform, machine) and f.at <= at
    ]
    return max(flips, key=lambda flip: flip.at).occupied if flips else False


def milliseconds(length: timedelta) -> str:
    """A length of time as people read it."""
    total = length.total_seconds() * 1000
    return f"{total:.0f} ms" if total < 10_000 else f"{total / 1000:.1f} s"
