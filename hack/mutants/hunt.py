"""In a process of its own: seeds, one after the other, until the first broken promise.

`python -m mutants.hunt SOURCE FIRST COUNT [NEED...]` with SOURCE (a copy of operator/) first in
PYTHONPATH: COUNT seeds that draw one of NEED, from FIRST on. One line of JSON at the end. The
simulator is used as it is.
"""

import json
import resource
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import trainlease
from simulator.drawing import draw_all
from simulator.operators import KEEPS_RUNNING
from simulator.quiet import keep_quiet
from simulator.runner import SORTED, run, spots
from simulator.scenario_haste import EVERY

SEEDS = range(10_000)
"""Those from which mutants take theirs: the tree as it is passes them in tests/simulator."""
CRASHES = (SORTED, KEEPS_RUNNING)
"""Promises that any misspelt patch breaks: they catch nothing."""
_MOST_CPU = 900
"""Seconds after which a mutant that never comes to an end is ended."""


@dataclass(frozen=True)
class Find:
    """What a hunt came to: `promise` is empty where nothing was caught; `crash` an error then.

    `needed` is how many seeds it took.
    """

    seed: int = -1
    promise: str = ""
    detail: str = ""
    crash: str = ""
    needed: int = 0


def hunt(seeds: Iterable[int]) -> Find:
    """The first broken promise of these seeds."""
    crash = ""
    for needed, seed in enumerate(seeds, start=1):
        breaches = run(seed, ends_at_breach=True).breaches
        caught = next((b for b in breaches if b.promise not in CRASHES), None)
        if caught is not None:
            return Find(seed, caught.promise, caught.detail, needed=needed)
        crash = crash or next((f"seed {seed}: {b.detail}" for b in breaches), "")
    return Find(crash=crash)


def drawn(needs: Collection[str], first: int = 0) -> Iterator[int]:
    """The seeds in whose scenario one of these happens; where nothing is needed, the hasty ones.

    From `first` on, and then those before it.

    A need is what a deed of the scenario is called, or an aimed fault ("Start lands late"), or
    "down at rest".
    """
    seeds = SEEDS if needs else SEEDS[::EVERY]
    begin = seeds.index(first) if first in seeds else 0
    for seed in (*seeds[begin:], *seeds[:begin]):
        if not needs or not happens(seed).isdisjoint(needs):
            yield seed


def happens(seed: int) -> set[str]:
    """What a seed draws, in the words of `drawn`."""
    scenario = draw_all(seed, spots())
    found = {deed.what for deed in scenario.deeds}
    found |= {f"{aim.action} {aim.fault}" for aim in scenario.aims}
    return found | ({"down at rest"} if scenario.down_at_rest else set())


def main(source: str, first: str, count: str, *needs: str) -> None:
    """See the module."""
    if not Path(trainlease.__file__).is_relative_to(source):
        raise SystemExit(f"this is {trainlease.__file__}, not the copy in {source}")
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_CPU, _MOST_CPU))
    keep_quiet()
    print(json.dumps(asdict(hunt(islice(drawn(needs, int(first)), int(count))))))


if __name__ == "__main__":
    main(*sys.argv[1:])
