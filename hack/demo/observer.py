"""Looks at everything from outside: while it runs, for the table; at the end, for the judges."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo import audited
from demo.databases import PlatformDatabase
from demo.director import Director
from demo.facts import Facts, Job, Row, TrainingRow
from demo.parts import Parts, examples
from demo.report import Ending
from demo.tracked import Tracked, TrackedVersion
from demo.view import Object, View, job_line, machine_line, title
from demo.watcher import Watcher

_API = "/apis/trainlease.dev/v1alpha1"
WRONG_FOR_GOOD = ("latam/digits-part-4",)
"""The examples that are wrong for good."""


@dataclass
class Observer:
    """Everything that can be looked at without asking the operator."""

    parts: Parts
    watcher: Watcher
    director: Director

    def view(self) -> View:
        """How it stands now."""
        jobs = sorted(self._jobs(), key=title)
        return View(
            jobs=tuple(map(job_line, jobs)),
            machines=tuple(map(machine_line, self._machines())),
            databases=tuple(one.line(self._machine_names) for one in self.parts.databases),
        )

    def is_at_rest(self, view: View) -> bool:
        """Whether nothing more will come: jobs, machines, databases and processes are done."""
        return (
            view.is_settled
            and self.director.is_over
            and not self.watcher.alive
            and not any(database.trouble for database in view.databases)
            and all(row.word in ("succeeded", "failed") for row in self._training_rows())
            and not any(row.occupied for one in self.parts.databases for row in self._rows(one))
        )

    def facts(self) -> Facts:
        """All that was seen, for the judges."""
        jobs, databases = self._jobs(), self.parts.databases
        events = [event for event in self.parts.plane.audit() if event.is_write]
        director = self.director
        return Facts(
            platforms=tuple(one.platform for one in databases),
            confirm=_confirm(),
            ledger=audited.ledger(events),
            outcomes=audited.outcomes(events),
            flips=tuple(flip for one in databases for flip in one.flips(self._machine_names)),
            processes=self.watcher.processes,
            left_running=tuple(f"process {p.pid} of {p.job}" for p in self.watcher.alive),
            runs=tuple(run.fact for run in self._tracked.runs()),
            versions=tuple(version.fact for version in self._versions(jobs)),
            jobs=tuple(map(_job, jobs)),
            rows=tuple(row for one in databases for row in self._rows(one)),
            training_rows=tuple(self._training_rows()),
            outages=(director.outage,) if director.outage else (),
            kills=(director.kill,) if director.kill else (),
            searched=tuple(self._readable()),
            leaks=leaks({one.platform: one.secret for one in databases}, self._readable()),
        )

    def ending(self) -> Ending:
        """What people are shown at the end."""
        jobs = sorted(self._jobs(), key=title)
        return Ending(
            jobs=jobs,
            machines=self._machines(),
            databases=[one.line(self._machine_names) for one in self.parts.databases],
            trainings={one.platform: one.trainings() for one in self.parts.databases},
            starts={one.platform: one.starts(self._machine_names) for one in self.parts.databases},
            runs=self._tracked.runs(),
            versions=self._versions(jobs),
        )

    @property
    def _tracked(self) -> Tracked:
        return Tracked(self.parts.mlflow.url)

    @property
    def _machine_names(self) -> list[str]:
        return [body["metadata"]["name"] for body in examples()["Machine"]]

    def _jobs(self) -> list[dict[str, Any]]:
        return self.parts.listed(f"{_API}/trainingjobs")

    def _machines(self) -> list[dict[str, Any]]:
        return self.parts.listed(f"{_API}/machines")

    def _rows(self, database: PlatformDatabase) -> list[Row]:
        return database.rows(self._machine_names)

    def _training_rows(self) -> list[TrainingRow]:
        """Each platform's own rows, by the id that the job's manifest names."""
        words = {one.platform: one.training_words() for one in self.parts.databases}
        return [
            TrainingRow(title(job), words[platform].get(job["spec"]["externalId"], "no row"))
            for platform in words
            for job in examples()["TrainingJob"]
            if job["metadata"]["namespace"] == platform
        ]

    def _versions(self, jobs: Iterable[Object]) -> list[TrackedVersion]:
        """With the metric of the job whose run each one came from."""
        metrics = {
            attempt.get("runId", ""): job["spec"].get("promote", {}).get("metric", "")
            for job in jobs
            for attempt in _attempts(job)
        }
        return self._tracked.versions(metrics)

    def _readable(self) -> dict[str, Iterator[bytes]]:
        """All that people read, by the name of the place."""
        parts = self.parts
        listed = ("trainingjobs", "machineleases", "machines", "platforms")
        paths = [*(f"{_API}/{plural}" for plural in listed), "/api/v1/events"]
        return {
            "our objects and events": (json.dumps(parts.listed(path)).encode() for path in paths),
            "the audit log": _contents(parts.plane.audit_log),
            "the operator's log": _contents(parts.operator.log),
            "the trainings' folders": _contents(parts.claims),
            "MLflow": _contents(parts.mlflow.folder),
        }


def leaks(secrets: Mapping[str, str], readable: Mapping[str, Iterable[bytes]]) -> tuple[str, ...]:
    """Each place that people read in which a database's secret stands."""
    found = {
        f"the secret of {platform}'s database stands in {place}"
        for place, texts in readable.items()
        for text in texts
        for platform, secret in secrets.items()
        if secret.encode() in text
    }
    return tuple(sorted(found))


def _confirm() -> dict[str, str]:
    """For which leases each platform's database must say occupied, as its manifest wishes."""
    return {
        body["metadata"]["name"]: body["spec"]["database"].get("confirm", "Own")
        for body in examples()["Platform"]
    }


def _job(job: Object) -> Job:
    return Job(
        uid=job["metadata"]["uid"],
        title=title(job),
        state=(job.get("status") or {}).get("state", ""),
        wanted="Failed" if title(job) in WRONG_FOR_GOOD else "Succeeded",
        attempts=tuple(attempt.get("outcome", "") for attempt in _attempts(job)),
    )


def _attempts(job: Object) -> list[dict[str, Any]]:
    return list((job.get("status") or {}).get("attempts", ()))


def _contents(path: Path) -> Iterator[bytes]:
    """The content of a file, or of all files below a folder; one that goes meanwhile is none."""
    files = path.rglob("*") if path.is_dir() else [path]
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            if file.is_file():
                yield file.read_bytes()
