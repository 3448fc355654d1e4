"""One mutant from its patch to its end: the copy, the patch, the process that looks for it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutants.hunt import Find
from mutants.mutant import ROOT, SOURCE, Mutant

UNIT_TESTS = "unit tests"
"""What catches a mutant whose guard no promise needs."""


class BrokenMutant(Exception):
    """It crashes, or never comes to an end: nothing is known of its guard."""


@dataclass(frozen=True)
class Chase:
    """How it went for one mutant; `promise` is what broke at `seed`, empty where it survived."""

    mutant: Mutant
    promise: str
    detail: str
    seed: int
    needed: int

    @property
    def is_caught(self) -> bool:
        return bool(self.promise)


def chase(mutant: Mutant, first: int = 0) -> Chase:
    """Look for it in all its seeds, from `first` on and then in those before.

    DoesNotApply or BrokenMutant where it is no mutant.
    """
    if mutant.tests:
        return _by_tests(mutant)
    with mutated(mutant) as source:
        seeds = (str(first), str(mutant.within), *mutant.needs)
        done = _python(source, "-m", "mutants.hunt", str(source), *seeds)
    if done.returncode:
        raise BrokenMutant(f"{mutant.name}: {done.stderr[-2000:] or done.returncode}")
    find = Find(**json.loads(done.stdout))
    if find.crash and not find.promise:
        raise BrokenMutant(f"{mutant.name}: it only crashes, {find.crash}")
    return Chase(mutant, find.promise, find.detail, find.seed, find.needed)


@contextmanager
def mutated(mutant: Mutant) -> Iterator[Path]:
    """A copy of operator/ with the mutant's patches, for as long as this lasts."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        source = Path(folder) / "operator"
        shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
        mutant.apply(source)
        yield source


def _by_tests(mutant: Mutant) -> Chase:
    """Caught where a test of its files fails; one that cannot run at all is no catch."""
    with mutated(mutant) as source:
        paths = f"pythonpath={source} hack ."
        done = _python(
            source, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-o", paths, *mutant.tests
        )
    if done.returncode > 1:
        raise BrokenMutant(f"{mutant.name}: {done.stdout[-2000:]}")
    failed = next((x for x in done.stdout.splitlines() if x.startswith("FAILED")), "")
    return Chase(mutant, UNIT_TESTS if failed else "", failed, seed=0, needed=1)


def _python(source: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    paths = os.pathsep.join((str(source), str(ROOT / "hack")))
    return subprocess.run(
        [sys.executable, *args],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
