"""The end of the demo, for people: what became of everything, and which promises held. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from demo.show import Row, coloured, databases, table
from demo.tracked import TrackedRun, TrackedVersion
from demo.verdict import Verdict
from demo.view import DatabaseLine, Object, job_line


@dataclass(frozen=True)
class Ending:
    """What was read at the end; `trainings` and `starts` are each platform's own rows."""

    jobs: Sequence[Object] = ()
    machines: Sequence[Object] = ()
    databases: Sequence[DatabaseLine] = ()
    trainings: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    starts: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    runs: Sequence[TrackedRun] = ()
    versions: Sequence[TrackedVersion] = ()


def report(ending: Ending, verdicts: Sequence[Verdict]) -> Group:
    """Everything, the verdicts last."""
    parts: list[RenderableType] = [
        _jobs(ending.jobs),
        *(_history(machine) for machine in ending.machines),
        databases(ending.databases),
        *(_rows(f"{name}'s trainings", rows) for name, rows in ending.trainings.items()),
        _starts(ending.starts),
        _runs(ending.runs),
        _versions(ending.versions),
    ]
    spaced = [part for each in parts for part in (each, Text())]
    return Group(*spaced, *promises(verdicts))


def promises(verdicts: Sequence[Verdict]) -> list[Text]:
    """A line for each promise, and one for all."""
    lines = [Text("Promises, as an observer saw them", style="bold")]
    for each in verdicts:
        mark, style = ("kept  ", "green") if each.kept else ("BROKEN", "bold red")
        lines.append(Text.assemble("  ", (mark, style), "  ", each.line))
    broken = sum(not each.kept for each in verdicts)
    word = "each of them was kept" if not broken else f"{broken} of them broke"
    lines.append(Text(f"{len(verdicts)} promises: {word}", style="green" if not broken else "red"))
    return lines


def _jobs(jobs: Sequence[Object]) -> RenderableType:
    rows: list[Row] = []
    for job in jobs:
        line = job_line(job)
        tries = [
            f"{attempt['number']} {attempt.get('outcome', '')} on {attempt.get('machine', '')}"
            for attempt in (job.get("status") or {}).get("attempts", ())
        ]
        rows.append([line.title, coloured(line.state), "\n".join(tries), line.why, line.model])
    return table("Jobs", ["JOB", "STATE", "ATTEMPTS", "WHY", "MODEL"], rows, wide="WHY")


def _history(machine: Object) -> RenderableType:
    rows: list[Row] = [
        [
            line["at"][11:23],
            coloured(line["state"]),
            str(line["generation"]),
            line.get("holder", ""),
            line["reason"],
        ]
        for line in (machine.get("status") or {}).get("history", ())
    ]
    name = f"History of {machine['metadata']['name']}{_costs(machine)}"
    return table(name, ["AT (UTC)", "STATE", "GEN", "HOLDER", "REASON"], rows, wide="REASON")


def _costs(machine: Object) -> str:
    usage = (machine.get("status") or {}).get("usage", ())
    parts = [f"{u['platform']} {u['seconds']:.0f} s for {float(u['cost']):.4f}" for u in usage]
    return f": used by {', '.join(parts)}" if parts else ""


def _rows(name: str, rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    columns = list(rows[0]) if rows else ["(no rows)"]
    cells: list[Row] = [[_cell(row[column]) for column in columns] for row in rows]
    return table(name, columns, cells)


def _starts(logs: Mapping[str, Sequence[Mapping[str, Any]]]) -> RenderableType:
    """The start logs side by side: a line for each time that a machine was turned on."""
    lines: dict[tuple[str, str, int], dict[str, str]] = {}
    for platform, rows in logs.items():
        seen: Counter[tuple[str, str]] = Counter()
        for row in rows:
            who = row["machine"], row["who"].removeprefix("trainlease:")
            seen[who] += 1
            lines.setdefault((*who, seen[who]), {})[platform] = _from_to(row)
    ordered = sorted(lines.items(), key=lambda line: (min(line[1].values()), line[0]))
    cells: list[Row] = [
        [machine, who, *(times.get(platform, "no line") for platform in logs)]
        for (machine, who, _), times in ordered
    ]
    columns = ["MACHINE", "FOR", *(platform.upper() for platform in logs)]
    return table("Start logs: who turned which machine on, and when (UTC)", columns, cells)


def _from_to(row: Mapping[str, Any]) -> str:
    began, ended = (str(row[name] or "")[11:19] for name in ("started", "ended"))
    return f"{began} to {ended or 'now'}"


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _runs(runs: Iterable[TrackedRun]) -> RenderableType:
    rows: list[Row] = [
        [
            run.experiment,
            run.tags.get("trainlease.job", run.name),
            run.tags.get("trainlease.attempt", ""),
            coloured(run.status),
            run.tags.get("trainlease.machine", ""),
            ", ".join(f"{name} {value:.3f}" for name, value in sorted(run.metrics.items())),
        ]
        for run in runs
    ]
    columns = ["EXPERIMENT", "JOB", "ATTEMPT", "STATUS", "MACHINE", "METRICS"]
    return table("MLflow runs", columns, rows)


def _versions(versions: Iterable[TrackedVersion]) -> RenderableType:
    rows: list[Row] = [
        [
            version.model,
            str(version.number),
            ", ".join(version.aliases),
            version.stage if version.stage != "None" else "",
            "" if version.value is None else f"{version.metric} {version.value:.3f}",
            version.reason,
        ]
        for version in versions
    ]
    columns = ["MODEL", "VERSION", "ALIAS", "STAGE", "METRIC", "WHY"]
    return table("Model versions", columns, rows, wide="WHY")
