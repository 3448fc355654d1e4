"""Many seeds, on several processes, and what they show together."""

import ctypes
import gc
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

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
_CHUNK = 5
_COLLECT_EVERY = 5
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Failure:
    """A seed with a broken promise, and the first that it broke."""

    seed: int
    first: str


@dataclass
class Report:
    """What many seeds showed. The same seeds give the same, but for the CPU seconds."""

    count: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    """Virtual seconds in all."""
    hits: Counter[tuple[str, Fault]] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    failed: list[Failure] = field(default_factory=list)

    def add(self, result: Result, cpu_seconds: float) -> None:
        self.count += 1
        self.cpu_seconds += cpu_seconds
        self.seconds += result.seconds
        self.hits.update(result.hits)
        self.deeds.update(result.deeds)
        if result.breaches:
            self.failed.append(Failure(result.seed, str(result.breaches[0])))

    def join(self, other: "Report") -> None:
        """Take in what other seeds showed."""
        self.count += other.count
        self.cpu_seconds += other.cpu_seconds
        self.seconds += other.seconds
        self.hits.update(other.hits)
        self.deeds.update(other.deeds)
        self.failed = sorted([*self.failed, *other.failed], key=lambda failure: failure.seed)

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON can carry it."""
        hits = [[spot, fault.value, count] for (spot, fault), count in sorted(self.hits.items())]
        return asdict(self) | {"hits": hits, "deeds": dict(self.deeds)}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> "Report":
        """What `to_json` gave."""
        hits = Counter({(spot, Fault(fault)): count for spot, fault, count in told["hits"]})
        failed = [Failure(**failure) for failure in told["failed"]]
        deeds = Counter(told["deeds"])
        return cls(**told | {"hits": hits, "deeds": deeds, "failed": failed})

    @property
    def empty_cells(self) -> list[tuple[str, Fault]]:
        """Cells of the table action x fault that no seed has hit, and that some should have."""
        return [cell for cell in cells() if not self.hits[cell]]

    @property
    def undone(self) -> list[str]:
        """Kinds of deeds that no seed has done."""
        return [word for word, count in self.deeds.items() if not count]

    @property
    def is_complete(self) -> bool:
        """Whether everything that a campaign must try was tried."""
        return not self.empty_cells and not self.undone

    def table(self) -> Iterator[str]:
        """The table of hits; a dot where the fault cannot meet the action."""
        wanted = set(cells())
        yield f"{'':16}" + "".join(f"{fault:>15}" for fault in Fault)
        for spot in spots():
            row = (
                str(self.hits[spot, fault]) if (spot, fault) in wanted else "." for fault in Fault
            )
            yield f"{spot:16}" + "".join(f"{cell:>15}" for cell in row)

    def deeds_done(self) -> Iterator[str]:
        """How many deeds of each kind befell something."""
        yield from (f"{word:24}{self.deeds[word]:>7}" for word in self.deeds)


def cells() -> list[tuple[str, Fault]]:
    """All pairs of an action (or a write beside them) and a fault that can meet it."""
    return [
        (spot, fault)
        for spot in spots()
        for fault in Fault
        if can_meet(fault, guarded=spot in GUARDED)
    ]


def campaign(seeds: Iterable[int], jobs: int) -> Report:
    """Run them all; with one job in this process."""
    if jobs > 1:
        with workers(jobs) as pool:
            return run_with(pool, seeds)
    keep_quiet()
    with _collected_by_hand():
        return _reported(map(_timed, seeds))


@contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that share seeds; what they have not begun is dropped at the end."""
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(jobs, context, _begin_worker, (os.getpid(),))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def run_with(pool: ProcessPoolExecutor, seeds: Iterable[int]) -> Report:
    """Run them all on these workers."""
    return _reported(pool.map(_timed, seeds, chunksize=_CHUNK))


def _reported(results: Iterable[tuple[Result, float]]) -> Report:
    report = Report()
    for result, cpu in results:
        report.add(result, cpu)
    return report


def _begin_worker(parent: int) -> None:
    """It ends with its parent, however that ends, and leaves Ctrl-C to it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    keep_quiet()
    gc.freeze()
    gc.disable()


@contextmanager
def _collected_by_hand() -> Iterator[None]:
    """A world is garbage in one piece, and what stood before the first one is none."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _timed(seed: int) -> tuple[Result, float]:
    before = time.process_time()
    result = run(seed)
    if seed % _COLLECT_EVERY == 0:
        gc.collect()
    return result, time.process_time() - before
