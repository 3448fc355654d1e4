"""The rounds: first one side, then the other, and the other way round in the next."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bed import AuditEvent, ControlPlane
from bench.side_by_side.figures import Figure, Report
from bench.side_by_side.sides import Side, remove, submit
from bench.side_by_side.stories import Ears, Story, bill, stories, words_of_waiting

OURS, PLAIN = "ours", "batch/v1"
NOTHING: Sequence[str] = ("true",)
ONE_SECOND: Sequence[str] = ("sleep", "1")
Sides = Mapping[str, Side]
Values = dict[str, dict[str, list[float]]]

_SINGLES = {
    "API writes": "<= 21 / 19",
    "job's create answered to pod's create received, ms": "ratio <= 6",
    "pod reported ended to outcome stored, ms": "<= 150",
    "pod reported ended to slot Free, ms": "<= 150",
}
_QUEUES = {
    "makespan, s": "ours <= batch/v1",
    "until the last pod ended, s": "ours <= batch/v1",
    "makespan / ideal": "ours <= batch/v1",
    "API writes a job": "",
    "of them, words of waiting": "",
    "CPU of operator / controller-manager, ms a job": "",
}


@dataclass(frozen=True)
class Told:
    """What became of many jobs of one side; times in seconds."""

    makespan: float
    """To the last word on how a job ended."""
    until_last_pod: float
    writes: int
    words_of_waiting: int


@dataclass(frozen=True)
class Programs:
    """The process ids of what each side pays for in CPU, beside the API server."""

    pids: Mapping[str, int]

    def cpu(self, side: str) -> float:
        """Seconds of CPU that it took so far."""
        stat = Path(f"/proc/{self.pids[side]}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def singles(
    plane: ControlPlane, sides: Sides, rounds: int, report: Report, title: str = "one job"
) -> None:
    """One job that need not wait: what it writes, how soon it begins, how soon its end is known."""
    values: Values = {name: {side: [] for side in sides} for name in _SINGLES}
    for number, side in alternate(sides, rounds):
        name, kind = f"{title.replace(' ', '-')}-{number}", sides[side]
        ears = Ears(plane)
        submit(plane, kind, [name], NOTHING)
        ears.until(_over(side, [name]), f"{name} of {side}")
        heard = ears.until_quiet(kind.namespace)
        told = bill(heard, kind.namespace)
        report.bills[f"{title}, {side}"] = told
        found = _of_one(told.total(), stories(heard, [name])[name])
        for what, value in zip(values, found, strict=True):
            values[what][side] += value
    report.figures += _figures(values, f"{title}: ", _SINGLES)


def queues(
    plane: ControlPlane,
    sides: Sides,
    programs: Programs,
    jobs: int,
    slots: int,
    rounds: int,
    report: Report,
) -> None:
    """So many jobs of one second at once on so few slots: how well these are used."""
    values: Values = {name: {side: [] for side in sides} for name in _QUEUES}
    ideal = jobs / slots
    for number, side in alternate(sides, rounds):
        names = [f"queue-{number}-{job}" for job in range(jobs)]
        before = programs.cpu(side)
        told = run_all(plane, sides[side], side, names, ONE_SECOND)
        spent = programs.cpu(side) - before
        found = (
            *(told.makespan, told.until_last_pod, told.makespan / ideal),
            *(told.writes / jobs, told.words_of_waiting / jobs, spent * 1000 / jobs),
        )
        for what, value in zip(values, found, strict=True):
            values[what][side].append(value)
        remove(plane, sides[side], names)
    title = f"{jobs} one-second jobs, {slots} slots: "
    report.figures += _figures(values, title, _QUEUES)


def run_all(
    plane: ControlPlane,
    kind: Side,
    side: str,
    names: Sequence[str],
    command: Sequence[str] = NOTHING,
) -> Told:
    """So many jobs at once, until each has its last word and nothing more is written."""
    ears = Ears(plane)
    submit(plane, kind, names, command)
    ears.until(_over(side, names), f"{len(names)} jobs of {side}")
    heard = ears.until_quiet(kind.namespace)
    told = stories(heard, names).values()
    begun = min(_known(story.created) for story in told)
    return Told(
        makespan=_seconds(begun, max(_known(story.stored) for story in told)),
        until_last_pod=_seconds(begun, max(_known(story.pod_ended) for story in told)),
        writes=bill(heard, kind.namespace).total(),
        words_of_waiting=words_of_waiting(heard),
    )


def alternate(sides: Sides, rounds: int) -> Iterator[tuple[int, str]]:
    """Each round's number with each side; who was first comes last in the next round."""
    order = list(sides)
    for number in range(rounds):
        for side in order:
            yield number, side
        order.reverse()


def _over(side: str, names: Sequence[str]) -> Callable[[list[AuditEvent]], bool]:
    """Whether each of these jobs has its last word, and its slot."""

    def are_over(heard: list[AuditEvent]) -> bool:
        told = stories(heard, names).values()
        return all(story.stored and (story.free or side == PLAIN) for story in told)

    return are_over


def _of_one(total: int, story: Story) -> list[list[float]]:
    created, asked = _known(story.created), _known(story.pod_asked)
    ended, stored = _known(story.pod_ended), _known(story.stored)
    free = [_seconds(ended, story.free) * 1000] if story.free else []
    return [
        [float(total)],
        [_seconds(created, asked) * 1000],
        [_seconds(ended, stored) * 1000],
        free,
    ]


def _figures(values: Values, title: str, goals: Mapping[str, str]) -> list[Figure]:
    return [
        Figure(title + name, by_side[OURS], by_side.get(PLAIN, ()), goals[name])
        for name, by_side in values.items()
    ]


def _known(moment: datetime | None) -> datetime:
    assert moment is not None, "the audit log does not tell of it"
    return moment


def _seconds(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds()
