"""A million seeds, in as many sittings as it takes.

The state file holds where it stands and what was seen so far. It is written whole after each block
of seeds, so that Ctrl-C, SIGKILL or a reboot cost a block at most, and the end is the same as in
one sitting. What was seen of other code says nothing of this code: where the source has changed
since, it begins anew. Not in here: the seeds themselves (`runner`), the workers (`campaign`).
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.campaign import Report, run_with, workers

SOURCES = (Path(__file__).parent, Path(__file__).parents[2] / "operator" / "trainlease")
"""What a seed's result hangs on: the simulator and the operator."""
_TELL_EVERY = 60.0
_SHOWN = 10

Say = Callable[[str], None]


@dataclass
class Progress:
    """Seeds from `first` up to `upcoming` were run, by code of this fingerprint."""

    fingerprint: str
    first: int
    upcoming: int
    report: Report = field(default_factory=Report)

    def to_json(self) -> dict[str, Any]:
        return vars(self) | {"report": self.report.to_json()}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> "Progress":
        return cls(**told | {"report": Report.of_json(told["report"])})


def fingerprint(sources: tuple[Path, ...] = SOURCES) -> str:
    """A digest of every line of Python below these folders."""
    digest = hashlib.sha256()
    for root in sources:
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def save(path: Path, progress: Progress) -> None:
    """All or nothing: whoever reads the file finds the state before or the state after."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w") as file:
        json.dump(progress.to_json(), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def take_up(path: Path, first: int, code: str, say: Say, *, despite_changes: bool) -> Progress:
    """The state that the file holds, or a new one, with the reason said."""
    if not path.exists():
        return Progress(code, first, first)
    found = Progress.of_json(json.loads(path.read_text()))
    if found.first != first:
        say(f"{path} is of seeds from {found.first} on: begun anew from {first}")
        return Progress(code, first, first)
    if found.fingerprint != code and not despite_changes:
        say(f"the source has changed since seed {found.upcoming}: begun anew from {first}")
        return Progress(code, first, first)
    if found.fingerprint != code:
        say(f"the source has changed since seed {found.upcoming}: gone on all the same")
        found.fingerprint = code
    return found


def go_on(path: Path, progress: Progress, seeds: int, jobs: int, block: int, say: Say) -> None:
    """Run what is left of so many seeds; KeyboardInterrupt stops it after the last whole block."""
    end = progress.first + seeds
    began, start, told = time.monotonic(), progress.upcoming, 0.0
    with workers(jobs) as pool:
        while progress.upcoming < end:
            upcoming = min(progress.upcoming + block, end)
            progress.report.join(run_with(pool, range(progress.upcoming, upcoming)))
            progress.upcoming = upcoming
            save(path, progress)
            now = time.monotonic()
            if now - told >= _TELL_EVERY:
                told = now
                say(_where(progress, seeds, (upcoming - start) / (now - began)))


def summary(progress: Progress, seeds: int) -> Iterator[str]:
    """What was seen, and how to see again what broke."""
    report = progress.report
    yield from report.table()
    yield from report.deeds_done()
    yield (
        f"{report.count} of {seeds} seeds from {progress.first} on, {report.cpu_seconds:.0f} CPU "
        f"seconds, {report.seconds / 3600:.0f} hours of virtual time"
    )
    for failure in report.failed[:_SHOWN]:
        yield f"seed {failure.seed}: {failure.first}"
        yield f"    python -m simulator --seed {failure.seed} --trace"
    yield f"{len(report.failed)} seeds with a broken promise"


def _where(progress: Progress, seeds: int, rate: float) -> str:
    left = (progress.first + seeds - progress.upcoming) / rate / 3600
    return (
        f"{progress.report.count} of {seeds} seeds, {rate:.1f} a second, {left:.1f} hours left, "
        f"{len(progress.report.failed)} with a broken promise"
    )
