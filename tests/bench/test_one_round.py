"""The bench runs, and its table and its JSON say the same; how fast it was is for its reader."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.side_by_side.burst import quick_pods
from bench.side_by_side.figures import Report, machine
from bench.side_by_side.rounds import OURS, PLAIN, Sides, singles

from bed import ControlPlane, sweep


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[ControlPlane, Sides]]:
    """Both sides over pods that take no time."""
    with quick_pods(tmp_path, slots=1) as stand:
        yield stand
    sweep(tmp_path)


@pytest.mark.part("control-plane")
def test_one_round_tells_people_what_it_tells_programs(both: tuple[ControlPlane, Sides]) -> None:
    plane, sides = both
    report = Report(machine(plane))
    singles(plane, sides, 1, report)
    told, table = json.loads(json.dumps(report.wire())), report.lines()
    for figure in told["figures"]:
        (row,) = [line for line in table if line.startswith(figure["name"])]
        assert all(f"{figure[side][0]:.4g}" in row for side in (OURS, PLAIN) if figure[side])
    writes = told["figures"][0]
    assert [sum(told["writes"][f"one job, {side}"].values()) for side in (OURS, PLAIN)] == [
        *writes[OURS],
        *writes[PLAIN],
    ]
