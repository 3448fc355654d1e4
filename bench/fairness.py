"""How fairly the queue shares machines: thousands of grants by the operator's own decisions.

    python -m bench.fairness

Plays plan.placement and plan.ledger over jobs that arrive, run and end, in simulated time: nothing
but these two decides who gets what, and what is counted. Job lengths are log-uniform from 1 minute
to 12 hours. One platform is away half of the time: for the first half of the grants, or by turns as
long away as there. While it is there it always has work, as the others always have; what it still
runs when it goes runs to its end.

A platform's *due* is its share of all machine time while it has work, among those that have work
then. Whoever was away for less than some half-lives of use gets more than its due for a while after
it is back: the queue makes level what was used, not what is used now.

Not in here: the operator's loop, and what a start or a stop takes.
"""

import heapq
import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from trainlease.model.base import Meta
from trainlease.model.machine import Machine, MachineSpec, MachineStatus, NodeSlot
from trainlease.model.machine_lease import JobRef, MachineLease, MachineLeaseSpec
from trainlease.model.mode import Mode
from trainlease.model.reasons import MachineState
from trainlease.model.settings import Settings
from trainlease.model.training_job import TrainingJob, TrainingJobSpec, lease_name
from trainlease.plan import ledger
from trainlease.plan.placement import Candidate, Slot, place

SHORTEST, LONGEST = 60.0, 12 * 3600.0
"""Seconds that a job runs."""
_START = datetime(2026, 1, 1, tzinfo=UTC)
_POOL = "onprem"
_LINE = 2
"""Jobs of a platform that wait at a time: it never runs out of work."""


@dataclass(frozen=True)
class Case:
    """`absent` is away for so many hours, there for as many, and so on; None: once, half of all."""

    machines: int = 4
    absent: str = "latam"
    away_hours: float | None = None
    grants: int = 10_000
    shares: Mapping[str, int] = field(
        default_factory=lambda: {"saturno": 1, "nutresa": 2, "latam": 4}
    )
    seed: int = 1


@dataclass(frozen=True)
class Figures:
    """By platform: machine-seconds used while it had work, and those that were its due.

    `waits`: for each return of the absent platform, the seconds until its first grant and the
    seconds until any machine became free after it came.
    """

    used: Mapping[str, float]
    due: Mapping[str, float]
    waits: tuple[tuple[float, float], ...]

    def deviation(self, platform: str) -> float:
        """How far its use is from its due, as a part of the due: 0.05 is 5 % more."""
        return self.used[platform] / self.due[platform] - 1

    @property
    def worst(self) -> float:
        """The largest deviation of all platforms, whichever way."""
        return max(abs(self.deviation(name)) for name in self.used)


def main() -> None:
    """Print the table of all cases."""
    print(f"machines  {'away half of the time':28}" + "".join(f"{n:>9}" for n in Case().shares))
    for case in _cases():
        figures = play(case)
        length = "once" if case.away_hours is None else f"{case.away_hours / 24:.0f} days at a time"
        used = "".join(f"{figures.deviation(name):>+9.1%}" for name in case.shares)
        longest = max(waited for waited, _ in figures.waits)
        turn = max(waited - free for waited, free in figures.waits)
        print(
            f"{case.machines:8}  {f'{case.absent}, {length}':28}{used}   newcomer waited at most "
            f"{longest / 3600:.1f} h, {turn / 3600:.1f} h past the first machine that was free"
        )


def _cases() -> Iterator[Case]:
    for machines, away, absent in itertools.product((2, 4, 8), (None, 24 * 7, 24), Case().shares):
        yield Case(machines=machines, absent=absent, away_hours=away)


def play(case: Case, settings: Settings | None = None) -> Figures:
    """All grants of one case; the same case gives the same figures."""
    return _Run(case, settings or Settings()).play()


class _Run:
    """Simulated time in seconds; every machine is held or handed on at once."""

    def __init__(self, case: Case, settings: Settings) -> None:
        self._case = case
        self._settings = settings
        self._random = random.Random(case.seed)
        self._numbers = itertools.count(1)
        self._now = 0.0
        self._next_turn = math.inf if case.away_hours is None else case.away_hours * 3600
        self._present = {name: name != case.absent for name in case.shares}
        self._machines = {f"gpu-{n}": _machine(f"gpu-{n}") for n in range(1, case.machines + 1)}
        self._waiting: dict[str, list[Candidate]] = {name: [] for name in case.shares}
        self._ends: list[tuple[float, str]] = []
        self._used = dict.fromkeys(case.shares, 0.0)
        self._due = dict.fromkeys(case.shares, 0.0)
        self._came: float | None = None
        self._first_free: float | None = None
        self._waits: list[tuple[float, float]] = []

    def play(self) -> Figures:
        granted = 0
        while granted < self._case.grants:
            granted += self._grant()
            if self._case.away_hours is None and granted * 2 >= self._case.grants:
                self._come_once()
            self._pass_time()
        return Figures(self._used, self._due, tuple(self._waits))

    def _grant(self) -> int:
        """Hand out what is free until nobody gets any more; how many were granted."""
        count = 0
        while True:
            slots = [Slot(machine) for machine in self._machines.values()]
            if not any(slot.is_open for slot in slots):
                return count
            found = place(self._line(), slots, self._case.shares, self._time, self._settings)
            for grant in found.grants:
                self._begin(grant.candidate, grant.machine)
            count += len(found.grants)

    def _begin(self, candidate: Candidate, machine: Machine) -> None:
        assert candidate.job is not None
        self._waiting[candidate.platform].remove(candidate)
        status = ledger.claimed(
            machine, candidate.lease, candidate.job, candidate.platform, self._time, self._settings
        )
        self._machines[machine.name] = machine.model_copy(update={"status": status})
        heapq.heappush(self._ends, (self._now + self._length(), machine.name))
        if candidate.platform == self._case.absent and self._came is not None:
            free = self._first_free if self._first_free is not None else self._now
            self._waits.append((self._now - self._came, free - self._came))
            self._came = None

    def _pass_time(self) -> None:
        """To the next end of a job, or to the next coming or going."""
        until = min(self._ends[0][0], self._next_turn)
        self._count(until - self._now)
        self._now = until
        if until == self._next_turn:
            self._turn()
            self._next_turn += (self._case.away_hours or 0) * 3600
            return
        _, name = heapq.heappop(self._ends)
        machine = self._machines[name]
        status = ledger.freed(
            machine, (), "ended", self._time, self._settings, blames_machine=False
        )
        self._machines[name] = machine.model_copy(update={"status": status})
        if self._first_free is None:
            self._first_free = until

    def _come_once(self) -> None:
        if not self._present[self._case.absent]:
            self._turn()

    def _turn(self) -> None:
        absent = self._case.absent
        self._present[absent] = not self._present[absent]
        self._waiting[absent].clear()
        self._came = self._now if self._present[absent] else None
        self._first_free = None

    def _count(self, seconds: float) -> None:
        """What each platform used in these seconds, and what was its due."""
        there = [name for name, present in self._present.items() if present]
        whole = sum(self._case.shares[name] for name in there)
        for name in there:
            self._due[name] += seconds * len(self._machines) * self._case.shares[name] / whole
        for machine in self._machines.values():
            holder = machine.status.holder
            if holder is not None and self._present[holder.platform]:
                self._used[holder.platform] += seconds

    def _line(self) -> list[Candidate]:
        for name, waiting in self._waiting.items():
            while self._present[name] and len(waiting) < _LINE:
                waiting.append(_candidate(name, next(self._numbers), self._time))
        return [candidate for waiting in self._waiting.values() for candidate in waiting]

    def _length(self) -> float:
        return SHORTEST * math.exp(self._random.random() * math.log(LONGEST / SHORTEST))

    @property
    def _time(self) -> datetime:
        return _START + timedelta(seconds=self._now)


def _machine(name: str) -> Machine:
    return Machine(
        metadata=Meta(name=name, uid=f"uid-{name}", resource_version="1"),
        spec=MachineSpec(mode=Mode.ENFORCE, pool=_POOL, node=NodeSlot(name="srv")),
        status=MachineStatus(state=MachineState.FREE, generation=1, since=_START),
    )


def _candidate(platform: str, number: int, now: datetime) -> Candidate:
    name = f"{platform}-{number}"
    meta = Meta(name=name, namespace=platform, uid=f"uid-{name}", creation_timestamp=now)
    job = TrainingJob(metadata=meta, spec=TrainingJobSpec(pool=_POOL, image="train:1"))
    lease = lease_name(name, 1)
    return Candidate(
        MachineLease(
            metadata=meta.model_copy(update={"name": lease, "uid": f"uid-{lease}"}),
            spec=MachineLeaseSpec(job=JobRef(name=name, uid=job.uid), attempt=1, pool=_POOL),
        ),
        job,
        platform,
    )


if __name__ == "__main__":
    main()
