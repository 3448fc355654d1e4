"""Machines at rest: free, fenced, without a status, held by people, not to be touched."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    NOW,
    a_claimed_machine,
    a_fact,
    a_hold,
    a_machine,
    an_exit,
    at,
    known,
    off,
    on,
)
from tests.plan.claims import (
    CLAIMED,
    FREE,
    HELD,
    HOLD,
    JOB,
    LEASE,
    MACHINE,
    NEW,
    RUNNING,
    STOPPING,
    TOLD_FREE,
    claimed,
    decided,
    ended,
    stored,
)

from trainlease.model.machine_lease import Ended
from trainlease.model.mode import Mode
from trainlease.model.observed import MachineView, Power, RowState, Told
from trainlease.model.reasons import Cause, MachineState
from trainlease.plan import actions as act
from trainlease.plan.machine_facts import MachineFacts

# --- Free and its debts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "platforms", "rows", "want_debts"),
    [
        ("all were told", (a_fact("saturno"), a_fact("latam")), TOLD_FREE, ()),
        (
            "one is down",
            (a_fact("saturno"), a_fact("latam", down=True)),
            {"saturno": known(MACHINE, free=True), "latam": known(MACHINE)},
            ("latam",),
        ),
        (
            "one was never told anything",
            (a_fact("saturno"), a_fact("latam", down=True)),
            {"saturno": known(MACHINE, free=True)},
            ("latam",),
        ),
        (
            "one refused",
            (a_fact("saturno"), a_fact("latam")),
            {"saturno": known(MACHINE, free=True), "latam": known(MACHINE, None, free=True)},
            ("latam",),
        ),
        (
            "one holds a newer word",
            (a_fact("saturno"), a_fact("latam")),
            {
                "saturno": known(MACHINE, free=True),
                "latam": known(MACHINE, Told.FENCED, free=True),
            },
            ("latam",),
        ),
        (
            "one is paused",
            (a_fact("saturno"), a_fact("latam", paused=True)),
            {"saturno": known(MACHINE, free=True)},
            ("latam",),
        ),
        (
            "one is only observed",
            (a_fact("saturno"), a_fact("latam", mode=Mode.OBSERVE)),
            {"saturno": known(MACHINE, free=True)},
            (),
        ),
    ],
)
def test_free_is_stored_with_the_databases_that_were_not_told_as_debts(
    says: str, platforms: Any, rows: Any, want_debts: tuple[str, ...]
) -> None:
    want = stored(decided(claimed(job=ended(), platforms=platforms, rows=rows)))
    assert (want.state, want.debts) == (MachineState.FREE, want_debts), says


def test_free_waits_for_an_answer_that_is_on_its_way() -> None:
    facts = claimed(
        job=ended(),
        rows={"saturno": known(MACHINE, free=True), "latam": known(MACHINE)},
        telling={"latam": 15},
    )
    assert isinstance(decided(facts), act.Wait)


def test_rows_of_free_machines_are_told_too() -> None:
    action = decided(replace(FREE, rows={"saturno": known(MACHINE, free=True)}))
    assert isinstance(action, act.Tell)
    assert [(n, e.state, e.fence) for n, e in action.entries] == [("latam", RowState.FREE, 15)]


@pytest.mark.parametrize(
    ("says", "changes", "want"),
    [
        ("our own late start", {"view": on(7)}, True),
        ("a start of nobody's", {"view": on(None)}, True),
        (
            "the run of another program",
            {
                "view": on(None),
                "rows": {
                    "saturno": known(MACHINE, free=True),
                    "latam": known(MACHINE, Told.FOREIGN),
                },
            },
            False,
        ),
    ],
)
def test_the_reaper_writes_stopping_under_a_new_generation_for(
    says: str, changes: dict[str, Any], want: bool
) -> None:
    action = decided(replace(FREE, **changes))
    assert not isinstance(action, act.TurnOff)
    assert isinstance(action, act.WriteMachine) is want, says
    if want:
        status = stored(action)
        assert (status.state, status.generation) == (MachineState.STOPPING, 8)


@pytest.mark.parametrize(
    ("says", "view"),
    [
        ("a record of a later claim stands there", replace(off(), exits={9: an_exit()})),
        ("a later claim boots there", MachineView(Power.UNKNOWN, 9)),
        ("a later claim runs there", on(9)),
    ],
)
def test_a_free_machine_of_an_older_ledger_is_observed_anew_when(
    says: str, view: MachineView
) -> None:
    status = stored(decided(replace(FREE, view=view)))
    assert status.state is MachineState.STOPPING, says
    assert status.generation > 9
    assert status.fence_base > FREE.status.fence_base


# --- fences --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "facts", "stored_fence", "want_base"),
    [
        ("a later occupied, while claimed", CLAIMED, 16, 4),
        ("the free of this very generation, while claimed", CLAIMED, 15, 2),
        ("a later occupied, while free", FREE, 16, 4),
        (
            "a later occupied, while held by a person",
            replace(
                CLAIMED,
                lease=a_hold(bound_to="gpu-1"),
                machine=a_claimed_machine(a_hold()),
                job=None,
            ),
            16,
            4,
        ),
    ],
)
def test_a_larger_fence_of_our_own_raises_the_base_by_an_even_number(
    says: str, facts: MachineFacts, stored_fence: int, want_base: int
) -> None:
    fenced = replace(known(facts.machine, Told.FENCED), stored_fence=stored_fence)
    status = stored(decided(replace(facts, rows={**facts.rows, "latam": fenced})))
    assert status.fence_base == want_base, says
    assert status.occupied_fence > stored_fence
    assert status.generation == facts.machine.status.generation


def test_our_own_free_that_overtook_its_occupied_raises_nothing() -> None:
    fenced = replace(known(MACHINE, Told.FENCED), stored_fence=15)
    facts = replace(FREE, rows={**TOLD_FREE, "latam": fenced})
    assert not isinstance(decided(facts), act.WriteMachine)


# --- no status -----------------------------------------------------------------------------------


def test_a_machine_without_status_is_never_free_at_once() -> None:
    status = stored(decided(NEW))
    assert status.state is MachineState.STOPPING
    assert status.generation > 10_000_000
    assert status.fence_base > 2 * status.generation


def test_a_machine_without_status_is_observed_first() -> None:
    assert isinstance(decided(replace(NEW, view=None)), act.Wait)


def test_a_bound_lease_of_a_live_job_is_adopted_under_its_own_generation() -> None:
    status = stored(decided(replace(NEW, adoptable=(LEASE, JOB, "saturno"))))
    assert (status.state, status.generation) == (MachineState.CLAIMED, 7)
    assert status.holder.uid == LEASE.uid
    assert status.occupied_fence > 2 * 10_000_000


# --- holds ---------------------------------------------------------------------------------------


def test_a_hold_tells_occupied_and_starts_nothing() -> None:
    assert isinstance(decided(replace(HELD, rows={})), act.Tell)
    assert decided(HELD) == act.Wait(at(3540) - NOW)


@pytest.mark.parametrize(
    ("says", "facts", "when", "want"),
    [
        ("its time is over", HELD, at(3540), Ended.EXPIRED),
        (
            "its Machine is being deleted",
            replace(HELD, machine=a_claimed_machine(HOLD, deleting=True)),
            NOW,
            Ended.FORCED,
        ),
    ],
)
def test_a_hold_ends_when(says: str, facts: MachineFacts, when: Any, want: Ended) -> None:
    action = decided(facts, when)
    assert isinstance(action, act.WriteLease), says
    assert action.status.ended is want


@pytest.mark.parametrize(
    "lease",
    [
        pytest.param(None, id="deleted"),
        pytest.param(a_hold(bound_to="gpu-1", ended=Ended.EXPIRED), id="expired"),
    ],
)
def test_an_ended_hold_frees_its_machine(lease: Any) -> None:
    assert stored(decided(replace(HELD, lease=lease, rows=TOLD_FREE))).state is MachineState.FREE


# --- standing still ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param({"mode": Mode.OBSERVE}, id="observed only"),
        pytest.param({"paused": True}, id="paused"),
    ],
)
def test_nothing_is_done_to_a_machine_that_is(machine: dict[str, Any]) -> None:
    for facts in (RUNNING, replace(STOPPING, view=on()), replace(FREE, view=on(7)), NEW):
        status = facts.machine.status.model_dump()
        still = replace(facts, machine=a_machine(**{**status, **machine}))
        assert decided(still) == act.Wait()


@pytest.mark.parametrize(
    ("blamed", "attempt", "want"),
    [
        (0, {"cause": Cause.MACHINE_LOST}, (1, None)),
        (2, {"cause": Cause.START_TIMEOUT}, (0, at(3600))),
        (2, {"cause": Cause.COMPLETED}, (0, None)),
        (2, {"cause": Cause.OCCUPIED_ELSEWHERE, "started": None}, (2, None)),
    ],
)
def test_only_what_the_machine_is_to_blame_for_leads_to_quarantine(
    blamed: int, attempt: dict[str, Any], want: Any
) -> None:
    machine = a_claimed_machine(LEASE, blamed=blamed)
    status = stored(decided(claimed(machine=machine, job=ended(**attempt), rows=TOLD_FREE)))
    assert (status.blamed, status.quarantined_until) == want


@pytest.mark.parametrize(
    ("says", "view", "want"),
    [
        ("it is off", off(), MachineState.FREE),
        ("its holder turned it on by hand", on(None), MachineState.FREE),
        ("a later claim is on, of which a restored ledger knows nothing", on(9), "Stopping"),
    ],
)
def test_where_the_machine_of_a_hold_that_has_ended_goes_when(
    says: str, view: MachineView, want: str
) -> None:
    lease = HOLD.model_copy(update={"status": HOLD.status.but(ended=Ended.EXPIRED)})
    facts = replace(HELD, lease=lease, view=view, rows=TOLD_FREE)
    assert stored(decided(facts)).state == want, says


@pytest.mark.parametrize("facts", [FREE, STOPPING], ids=["free", "stopping"])
def test_what_may_be_on_by_another_machine_of_the_same_hardware_is_left_alone(
    facts: MachineFacts,
) -> None:
    nobodys = decided(replace(facts, view=on(None)))
    assert isinstance(nobodys, act.WriteMachine | act.Tell | act.TurnOff)
    twins = replace(facts, view=on(None), is_twins=True, rows=TOLD_FREE)
    action = decided(twins, at(3600))
    assert not isinstance(action, act.TurnOff)
    assert not (
        isinstance(action, act.WriteMachine) and stored(action).state is STOPPING.status.state
    )
