"""How long it takes after a fault: failover of the leader, convergence of the databases.

    python -m bench.faults [ROUNDS]

Runs those tests of tests/faults that measure (real parts, a quarter of an hour), each outage of a
database and each change of the leader ROUNDS times (default 5), and prints for each figure how
often it was measured, its median, its 99th percentile and its worst. Nothing is judged by time: a
figure is printed, a broken promise fails the run.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

FIGURES, ROUNDS, LISTS = "TRAINLEASE_FIGURES", "TRAINLEASE_ROUNDS", "TRAINLEASE_QUIET_LISTS"
_MEASURING = ("databases_away", "databases_rows", "leaders", "quiet")
_MODULES = tuple(f"tests/faults/test_{name}.py" for name in _MEASURING)
_TWO_MINUTES = "60"
"""Full looks at everything, of which there is one in 2 s."""


def main() -> int:
    rounds = sys.argv[1] if len(sys.argv) > 1 else "5"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures"
        file.touch()
        own = {FIGURES: str(file), ROUNDS: rounds, LISTS: _TWO_MINUTES}
        command = [sys.executable, "-m", "pytest", *_MODULES, "-q"]
        failed = subprocess.run(command, env=os.environ | own).returncode
        print("\n".join(table(read(file.read_text().splitlines()))))
    return failed


def read(lines: Sequence[str]) -> dict[str, list[float]]:
    """The figures by name, as the tests wrote them: one JSON object a line."""
    found: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        figure = json.loads(line)
        found[figure["name"]].append(figure["value"])
    return found


def table(figures: Mapping[str, Sequence[float]]) -> list[str]:
    """The lines that are printed."""
    head = f"{'figure':<64} {'n':>4} {'median':>8} {'p99':>8} {'worst':>8}"
    return [head, *(_line(name, sorted(figures[name])) for name in sorted(figures))]


def _line(name: str, values: Sequence[float]) -> str:
    median, worst = statistics.median(values), values[-1]
    p99 = values[math.ceil(0.99 * len(values)) - 1]
    return f"{name:<64} {len(values):>4} {median:>8.2f} {p99:>8.2f} {worst:>8.2f}"


if __name__ == "__main__":
    sys.exit(main())
