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


class BrokenMutant(Exception):
    """It crashes, or never comes to an end: nothing is known of its guard."""


@dataclass(frozen=True)
class Chase:
    """How it went for one mutant; `promise` is what broke, empty where it survived."""

    mutant: Mutant
    promise: str
    detail: str
    seed: int
    cpu_seconds: float

    @property
    def is_caught(self) -> bool:
        return bool(self.promise)

    @property
    def needed(self) -> int:
        """How many seeds it took."""
        return self.seed - self.mutant.first + 1


def chase(mutant: Mutant) -> Chase:
    """Look for it in all its seeds; DoesNotApply or BrokenMutant where it is no mutant."""
    with mutated(mutant) as source:
        seeds = (str(mutant.first), str(mutant.within), str(source))
        done = _python(source, "-m", "mutants.hunt", *seeds)
    if done.returncode:
        raise BrokenMutant(f"{mutant.name}: {done.stderr[-2000:] or done.returncode}")
    find = Find(**json.loads(done.stdout))
    if find.crash and not find.promise:
        raise BrokenMutant(f"{mutant.name}: it only crashes, {find.crash}")
    return Chase(mutant, find.promise, find.detail, find.seed, find.cpu_seconds)


@contextmanager
def mutated(mutant: Mutant) -> Iterator[Path]:
    """A copy of operator/ with the mutant's patches, for as long as this lasts."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        source = Path(folder) / "operator"
        shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
        mutant.apply(source)
        yield source


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
