"""Whole seeds: they replay exactly, faults that are aimed are hit, and a missing guard is seen."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from simulator.campaign import Report, cells
from simulator.quiet import keep_quiet
from simulator.runner import run, spots
from simulator.weather import Fault
from trainlease.model.machine import Machine
from trainlease.model.observed import RowState, Told
from trainlease.plan import actions as act
from trainlease.plan.rows import RowKnowledge
from trainlease.reconcile.perform import TABLE

ROOT = Path(__file__).parents[2]
ENOUGH = 20
"""Seeds in which a guard that is gone must be seen."""


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


# --- a guard that is gone is seen ----------------------------------------------------------------


async def _fresh(context: Any, machine: Machine) -> Machine:
    body = await context.ports.kube.get("machines", "", machine.name)
    return Machine.model_validate(body)


async def claim_under_the_old_generation(context: Any, action: act.Claim) -> None:
    status = action.status.but(generation=action.machine.status.generation)
    await TABLE[act.Claim](context, replace(action, status=status))


async def tell_nobody(context: Any, action: act.Tell) -> None:
    """Occupied counts as told everywhere, and no database has heard of it."""
    if action.entries[0][1].state is RowState.FREE:
        await TABLE[act.Tell](context, action)
        return
    for name, entry in action.entries:
        known = RowKnowledge(entry.fence, Told.IN_STEP)
        context.databases.link(name).rows[action.machine.uid] = known
    context.ring("machine", action.machine.name)


async def write_without_compare(context: Any, action: act.WriteMachine) -> None:
    fresh = await _fresh(context, action.machine)
    await TABLE[act.WriteMachine](context, replace(action, machine=fresh))


async def no_turning_off(context: Any, action: act.TurnOff) -> None:
    """What is to be turned off runs on."""


SABOTAGE: tuple[tuple[type, Callable[[Any, Any], Awaitable[None]], str], ...] = (
    (act.Claim, claim_under_the_old_generation, "generation"),
    (act.Tell, tell_nobody, "occupied-before-start"),
    (act.WriteMachine, write_without_compare, "outcome-first"),
    (act.TurnOff, no_turning_off, "rest-ledger"),
)


@pytest.mark.parametrize(
    ("kind", "performer", "want"), SABOTAGE, ids=lambda x: getattr(x, "__name__", "")
)
def test_a_performer_without_its_guard_is_caught(
    kind: type, performer: Callable[[Any, Any], Awaitable[None]], want: str
) -> None:
    keep_quiet()
    table = {**TABLE, kind: performer}
    results = (run(seed, table=table) for seed in range(ENOUGH))
    assert any(breach.promise == want for result in results for breach in result.breaches)
