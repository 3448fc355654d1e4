"""Many seeds, on several processes, and what they show together."""

import gc
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from simulator.quiet import keep_quiet
from simulator.runner import Result, run, spots
from simulator.weather import Fault, can_meet

GUARDED = (
    "Claim",
    "Bind",
    "SetOutcome",
    "WriteMachine",
    "WriteLease",
    "WriteJob",
    "SetFinalizer",
    "TakeOff",
)
"""Actions that write what they have read: a conflict can meet them."""
_CHUNK = 10
_COLLECT_EVERY = 5


@dataclass
class Report:
    """What many seeds showed."""

    count: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    """Virtual seconds in all."""
    hits: Counter[tuple[str, Fault]] = field(default_factory=Counter)
    failed: list[Result] = field(default_factory=list)

    def add(self, result: Result, cpu_seconds: float) -> None:
        self.count += 1
        self.cpu_seconds += cpu_seconds
        self.seconds += result.seconds
        self.hits.update(result.hits)
        if result.breaches:
            self.failed.append(result)

    @property
    def empty_cells(self) -> list[tuple[str, Fault]]:
        """Cells of the table action x fault that no seed has hit, and that some should have."""
        return [cell for cell in cells() if not self.hits[cell]]

    def table(self) -> Iterator[str]:
        """The table of hits; a dot where the fault cannot meet the action."""
        wanted = set(cells())
        yield f"{'':16}" + "".join(f"{fault:>15}" for fault in Fault)
        for spot in spots():
            row = (
                str(self.hits[spot, fault]) if (spot, fault) in wanted else "." for fault in Fault
            )
            yield f"{spot:16}" + "".join(f"{cell:>15}" for cell in row)


def cells() -> list[tuple[str, Fault]]:
    """All pairs of an action (or a write beside them) and a fault that can meet it."""
    return [
        (spot, fault)
        for spot in spots()
        for fault in Fault
        if can_meet(spot, fault, guarded=spot in GUARDED)
    ]


def run_many(seeds: Iterable[int], jobs: int) -> Iterator[tuple[Result, float]]:
    """Each seed's result and its CPU seconds, in the order in which they are done."""
    if jobs <= 1:
        yield from map(_timed, seeds)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(_timed, seeds, chunksize=_CHUNK)


def campaign(seeds: Iterable[int], jobs: int) -> Report:
    """Run them all."""
    report = Report()
    for result, cpu in run_many(seeds, jobs):
        report.add(result, cpu)
    report.failed.sort(key=lambda result: result.seed)
    return report


def _timed(seed: int) -> tuple[Result, float]:
    keep_quiet()
    gc.disable()  # a world is garbage in one piece: it is collected now and then, not all the time
    before = time.process_time()
    result = run(seed)
    if seed % _COLLECT_EVERY == 0:
        gc.collect()
    return result, time.process_time() - before
