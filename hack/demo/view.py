"""What is shown at one moment: each job, each machine, each database. Pure: dicts in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Object = Mapping[str, Any]

FINAL = ("Succeeded", "Failed")


@dataclass(frozen=True)
class JobLine:
    """A TrainingJob, in the words that kubectl shows."""

    title: str
    state: str
    machine: str
    why: str
    model: str
    settled: bool

    @property
    def shown(self) -> str:
        parts = [self.state or "new", f"on {self.machine}" if self.machine else "", self.why]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True)
class MachineLine:
    """A Machine, in the words that kubectl shows."""

    name: str
    state: str
    holder: str
    until: str
    dbs: str
    why: str
    debts: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        held = f" by {self.holder}" if self.holder else ""
        until = f" until {self.until}" if self.until else ""
        parts = [f"{self.state or 'new'}{held}{until}", self.why]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True)
class DatabaseLine:
    """What a platform's own rows say of each machine; `trouble` where they cannot be read."""

    platform: str
    words: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""

    @property
    def shown(self) -> str:
        if self.trouble:
            return self.trouble
        return ", ".join(f"{machine} {word}" for machine, word in sorted(self.words.items()))


@dataclass(frozen=True)
class View:
    """One look at everything."""

    jobs: tuple[JobLine, ...] = ()
    machines: tuple[MachineLine, ...] = ()
    databases: tuple[DatabaseLine, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Every job has ended and its results are recorded; every machine is free, nothing owed."""
        return (
            bool(self.jobs)
            and all(job.settled for job in self.jobs)
            and all(machine.state == "Free" and not machine.debts for machine in self.machines)
        )


def job_line(job: Object) -> JobLine:
    status = job.get("status") or {}
    return JobLine(
        title=title(job),
        state=status.get("state", ""),
        machine=status.get("machine", ""),
        why=status.get("why", ""),
        model=status.get("model", ""),
        settled=status.get("state") in FINAL and _has_results(job),
    )


def machine_line(machine: Object) -> MachineLine:
    status = machine.get("status") or {}
    return MachineLine(
        name=machine["metadata"]["name"],
        state=status.get("state", ""),
        holder=status.get("holderTitle", ""),
        until=status.get("until", ""),
        dbs=status.get("dbs", ""),
        why=status.get("why", ""),
        debts=tuple(status.get("debts", ())),
    )


def title(thing: Object) -> str:
    """namespace/name."""
    return f"{thing['metadata']['namespace']}/{thing['metadata']['name']}"


def condition(thing: Object, kind: str) -> Mapping[str, str]:
    """The condition of this type; empty where there is none."""
    found = (thing.get("status") or {}).get("conditions", ())
    return next((one for one in found if one["type"] == kind), {})


def changes(before: View, after: View) -> list[str]:
    """A line for each thing that is not as it was: what people read who have no terminal."""
    return [
        *_changed(
            ((f"{job.title}", job.shown) for job in before.jobs),
            ((f"{job.title}", job.shown) for job in after.jobs),
        ),
        *_changed(
            ((machine.name, machine.shown) for machine in before.machines),
            ((machine.name, machine.shown) for machine in after.machines),
        ),
        *_changed(
            ((f"{db.platform}'s database", db.shown) for db in before.databases),
            ((f"{db.platform}'s database", db.shown) for db in after.databases),
        ),
    ]


def _changed(before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]) -> list[str]:
    known = dict(before)
    return [f"{name}: {shown}" for name, shown in after if known.get(name) != shown]


def _has_results(job: Object) -> bool:
    """Whether the words that may come after the end have come: results, then promotion."""
    wanted = ["ResultsRecorded"]
    if job["status"]["state"] == "Succeeded" and job["spec"].get("promote"):
        wanted.append("Promoted")
    return all(condition(job, kind) for kind in wanted)
