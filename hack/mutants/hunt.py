"""In a process of its own: seeds, one after the other, until the first broken promise.

`python -m mutants.hunt FIRST COUNT SOURCE` with SOURCE (a copy of operator/) first in PYTHONPATH.
One line of JSON at the end. The simulator is used as it is.
"""

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import trainlease
from simulator.facts import Breach
from simulator.operators import KEEPS_RUNNING
from simulator.quiet import keep_quiet
from simulator.runner import SORTED, run

CRASHES = (SORTED, KEEPS_RUNNING)
"""Promises that any misspelt patch breaks: they catch nothing."""
_MOST_CPU = 900
"""Seconds after which a mutant that never comes to an end is ended."""


@dataclass(frozen=True)
class Find:
    """What a hunt came to: `promise` is empty where nothing was caught; `crash` an error then."""

    seed: int
    promise: str = ""
    detail: str = ""
    crash: str = ""
    cpu_seconds: float = 0.0


def hunt(seeds: range) -> Find:
    """The first broken promise of these seeds."""
    crash = ""
    for seed in seeds:
        breaches = run(seed, ends_at_breach=True).breaches
        caught = next((b for b in breaches if b.promise not in CRASHES), None)
        if caught is not None:
            return _find(seed, caught)
        crash = crash or next((f"seed {seed}: {b.detail}" for b in breaches), "")
    return Find(seeds.stop - 1, crash=crash, cpu_seconds=time.process_time())


def _find(seed: int, breach: Breach) -> Find:
    return Find(seed, breach.promise, breach.detail, cpu_seconds=time.process_time())


def main(first: str, count: str, source: str) -> None:
    """See the module."""
    if not Path(trainlease.__file__).is_relative_to(source):
        raise SystemExit(f"this is {trainlease.__file__}, not the copy in {source}")
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_CPU, _MOST_CPU))
    keep_quiet()
    print(json.dumps(asdict(hunt(range(int(first), int(first) + int(count))))))


if __name__ == "__main__":
    main(*sys.argv[1:])
