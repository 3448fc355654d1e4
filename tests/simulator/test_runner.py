"""Whole seeds: they replay exactly, and faults that are aimed are hit."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

from simulator.campaign import Report, cells
from simulator.quiet import keep_quiet
from simulator.runner import run, spots
from simulator.weather import Fault
from trainlease.plan import actions as act
from trainlease.reconcile.perform import TABLE

ROOT = Path(__file__).parents[2]


def command(*args: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`python -m simulator`, as a person types it."""
    paths = os.pathsep.join((str(ROOT / "hack"), str(ROOT / "operator")))
    return subprocess.run(
        [sys.executable, "-m", "simulator", *args],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_seed_takes_the_same_steps_each_time() -> None:
    keep_quiet()
    for seed in (3, 4):
        assert run(seed) == run(seed)


def test_a_seed_takes_the_same_steps_in_another_process_with_other_hashes() -> None:
    keep_quiet()
    want = f"trace {run(5).trace[:16]}"
    for salt in ("1", "2"):
        assert want in command("--seed", "5", PYTHONHASHSEED=salt).stdout


def test_a_trace_that_is_printed_changes_nothing() -> None:
    keep_quiet()
    lines: list[str] = []
    assert run(6, lines=lines).trace == run(6).trace
    assert any("Claimed" in line for line in lines)


def test_every_action_of_the_perform_table_is_a_place_for_faults() -> None:
    want = {kind.__name__ for kind in TABLE} - {"Wait"}
    assert want <= set(spots())
    assert want == {spot for spot, _ in cells()} & want


def test_each_action_that_may_be_decided_has_a_line_and_both_of_its_crash_points() -> None:
    actions = set(get_args(act.Action))
    assert actions == set(TABLE)
    crashes = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
    want = {(kind.__name__, crash) for kind in actions - {act.Wait} for crash in crashes}
    assert want <= set(Report().empty_cells)  # until a seed has hit them


async def no_turning_off(context: Any, action: act.TurnOff) -> None:
    """What is to be turned off runs on."""


def test_a_seed_may_end_at_its_first_broken_promise() -> None:
    keep_quiet()
    table = {**TABLE, act.TurnOff: no_turning_off}
    early, whole = (run(0, table=table, ends_at_breach=ends) for ends in (True, False))
    assert early.breaches[0] == whole.breaches[0]
    assert early.steps < whole.steps
