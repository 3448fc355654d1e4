"""The last claim steps: outcome, stop, free. Each case fails without its guard."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.builders import (
    NOW,
    SETTINGS,
    a_claimed_machine,
    a_fact,
    a_job,
    an_attempt,
    an_exit,
    at,
    known,
    off,
    on,
)
from tests.plan.claims import (
    JOB,
    LEASE,
    MACHINE,
    RUNNING,
    TOLD_FREE,
    claimed,
    decided,
    ended,
    stopping,
    stored,
)

from trainlease.model.mode import Mode
from trainlease.model.observed import MachineView, Power, RowState, Told
from trainlease.model.reasons import Cause, JobState, MachineState, Outcome
from trainlease.plan import actions as act
from trainlease.plan.claim import decide

# --- run, outcome --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "changes"),
    [
        ("it went off after it was seen on", {"view": off(), "seen_on": True}),
        (
            "it went off after Running was stored, before this process began",
            {"view": off(), "job": a_job(attempts=[an_attempt(started=at(-30))])},
        ),
        ("it is on, but by an earlier claim", {"view": on(6)}),
        ("it is on, but by nobody known", {"view": on(None), "seen_on": True}),
        ("its Machine is being deleted", {"machine": a_claimed_machine(LEASE, deleting=True)}),
    ],
)
def test_an_attempt_is_lost_when(says: str, changes: dict[str, Any]) -> None:
    action = decided(claimed(**changes))
    assert isinstance(action, act.SetOutcome), says
    assert (action.outcome, action.cause) == (Outcome.LOST, Cause.MACHINE_LOST)


def test_what_was_turned_off_without_a_decision_is_lost_and_tried_again() -> None:
    action = decided(replace(RUNNING, view=off(an_exit(Cause.CANCELLED))))
    assert isinstance(action, act.SetOutcome)
    assert (action.outcome, action.cause) == (Outcome.LOST, Cause.NOT_HELD)


@pytest.mark.parametrize("view", [None, MachineView(Power.UNKNOWN)])
def test_an_unknown_power_decides_nothing_about_what_ran(view: MachineView | None) -> None:
    facts = replace(RUNNING, view=view)
    assert isinstance(decided(facts), act.Wait)
    assert isinstance(decide(facts, NOW + timedelta(hours=1), SETTINGS), act.Wait)


@pytest.mark.parametrize("view", [None, MachineView(Power.UNKNOWN)])
def test_a_claim_that_nobody_saw_on_within_its_start_limit_ends(view: MachineView | None) -> None:
    action = decide(claimed(view=view), NOW + timedelta(hours=1), SETTINGS)
    assert isinstance(action, act.SetOutcome)
    assert action.outcome is Outcome.START_FAILED


@pytest.mark.parametrize(
    ("cause", "want"),
    [
        (Cause.COMPLETED, Outcome.SUCCEEDED),
        (Cause.EXIT_CODE, Outcome.FAILED),
        (Cause.CANNOT_START, Outcome.FAILED),
        (Cause.MACHINE_LOST, Outcome.LOST),
        (Cause.START_TIMEOUT, Outcome.START_FAILED),
        (Cause.RUNNING_LIMIT, Outcome.LIMIT_EXCEEDED),
    ],
)
def test_what_stands_there_terminated_is_the_outcome(cause: Cause, want: Outcome) -> None:
    action = decided(replace(RUNNING, view=off(an_exit(cause))))
    assert isinstance(action, act.SetOutcome)
    assert (action.outcome, action.cause) == (want, cause)


def test_an_exit_of_an_earlier_claim_says_nothing_of_this_one() -> None:
    assert isinstance(decided(claimed(view=off(an_exit(generation=6)))), act.Start)


@pytest.mark.parametrize(
    ("says", "job", "when", "want"),
    [
        (
            "its running limit",
            a_job(limits={"running": "1h"}, attempts=[an_attempt(started=at(-60))]),
            at(3540),
            Cause.RUNNING_LIMIT,
        ),
        ("its total limit", a_job(limits={"total": "30m"}), at(1800), Cause.TOTAL_LIMIT),
        ("the machine's longest claim", JOB, at(7200), Cause.MACHINE_LIMIT),
    ],
)
def test_an_attempt_ends_at(says: str, job: Any, when: Any, want: Cause) -> None:
    facts = replace(RUNNING, job=job)
    before = decided(facts, when - (at(1) - NOW))
    assert isinstance(before, act.Wait), says
    assert before.until == at(1) - NOW
    action = decided(facts, when)
    assert isinstance(action, act.SetOutcome)
    assert (action.outcome, action.cause) == (Outcome.LIMIT_EXCEEDED, want)


def test_suspending_a_job_ends_its_attempt() -> None:
    action = decided(replace(RUNNING, job=a_job(suspend=True)))
    assert isinstance(action, act.SetOutcome)
    assert action.outcome is Outcome.SUSPENDED


# --- leaving Claimed -----------------------------------------------------------------------------


def test_claimed_is_not_left_before_the_outcome_is_stored() -> None:
    for view in (off(an_exit()), off(), on(), on(6), None):
        action = decided(replace(RUNNING, view=view))
        assert not isinstance(action, act.WriteMachine)


@pytest.mark.parametrize(
    ("says", "changes", "want"),
    [
        ("no start was ever issued", {}, MachineState.FREE),
        (
            "what was started stands there terminated",
            {"never_started": False, "view": off(an_exit())},
            MachineState.FREE,
        ),
        (
            "off is seen, but a start may be under way",
            {"never_started": False},
            MachineState.STOPPING,
        ),
        (
            "it is lost, and nothing stands there",
            {"never_started": False, "view": off(an_exit(Cause.MACHINE_LOST))},
            MachineState.STOPPING,
        ),
        ("it is on", {"never_started": False, "view": on()}, MachineState.STOPPING),
        (
            "what was started is terminated, but something else is on",
            {"never_started": False, "view": replace(on(None), exits={7: an_exit()})},
            MachineState.STOPPING,
        ),
        (
            "what was started is terminated, but a later claim is known, of a restored ledger",
            {
                "never_started": False,
                "view": replace(off(), exits={7: an_exit(), 9: an_exit(generation=9)}),
            },
            MachineState.STOPPING,
        ),
        ("nobody can say", {"never_started": False, "view": None}, MachineState.STOPPING),
        (
            "no start was issued in it, but an earlier claim's has landed late",
            {"view": on(6)},
            MachineState.STOPPING,
        ),
        (
            "no start was issued in it, but an earlier claim's is on its way up",
            {"view": replace(on(6), power=Power.UNKNOWN)},
            MachineState.STOPPING,
        ),
        (
            "no start was issued in it, and another program's run is on",
            {"view": on(None)},
            MachineState.FREE,
        ),
    ],
)
def test_where_a_claim_goes_once_its_outcome_is_stored(
    says: str, changes: dict[str, Any], want: MachineState
) -> None:
    facts = claimed(job=ended(), rows=TOLD_FREE, **changes)
    assert stored(decided(facts)).state is want, says


def test_a_job_that_is_gone_needs_no_outcome() -> None:
    facts = claimed(job=None, never_started=False)
    assert stored(decided(facts)).state is MachineState.STOPPING


@pytest.mark.parametrize("lease", [LEASE, None])
def test_a_job_that_finished_beside_its_grant_gives_the_machine_back(lease: Any) -> None:
    done = a_job(status={"state": JobState.FAILED})
    want = stored(decided(claimed(job=done, lease=lease, rows=TOLD_FREE)))
    assert want.state is MachineState.FREE


# --- Stopping ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "changes", "want"),
    [
        ("what our own start turned on", {"view": on()}, True),
        ("what a start of an earlier life of ours turned on", {"view": on(3)}, True),
        ("what is nobody's, as every database says", {"view": on(None)}, True),
        (
            "what is nobody's, while a database is down",
            {"view": on(None), "platforms": (a_fact("saturno"), a_fact("latam", down=True))},
            False,
        ),
        (
            "what is nobody's, while one that is only observed was not read",
            {
                "view": on(None),
                "platforms": (
                    a_fact("saturno"),
                    a_fact("latam", mode=Mode.OBSERVE, compared=False),
                ),
            },
            False,
        ),
        (
            "what another program says that it occupies",
            {"view": on(None), "rows": {"latam": known(MACHINE, Told.FOREIGN)}},
            False,
        ),
    ],
)
def test_what_is_turned_off(says: str, changes: dict[str, Any], want: bool) -> None:
    assert isinstance(decided(stopping(**changes)), act.TurnOff) is want, says


def test_what_is_nobodys_is_occupied_in_every_database_before_it_is_turned_off() -> None:
    telling = decided(stopping(view=on(None), rows={}))
    assert isinstance(telling, act.Tell)
    assert {e.state for _, e in telling.entries} == {RowState.OCCUPIED}
    under_way = stopping(view=on(None), rows={}, telling={"saturno": 14, "latam": 14})
    assert isinstance(decided(under_way), act.Wait)


def test_a_machine_is_turned_off_in_stopping_only() -> None:
    for facts in (RUNNING, replace(RUNNING, job=ended())):
        assert not isinstance(decided(facts), act.TurnOff)


@pytest.mark.parametrize(
    ("says", "changes"),
    [
        ("nobody can say", {"view": None}),
        ("the provider does not know", {"view": MachineView(Power.UNKNOWN)}),
        ("it is off, but not yet cooled down", {"off_for": timedelta(seconds=14)}),
        ("it is off, but Stopping was not seen for long", {"stood_for": timedelta(seconds=14)}),
        ("it was never seen off", {"off_for": None}),
    ],
)
def test_free_is_not_told_while(says: str, changes: dict[str, Any]) -> None:
    assert isinstance(decided(stopping(**changes)), act.Wait), says


def test_the_wait_is_what_is_left_of_the_cool_down() -> None:
    action = decided(stopping(off_for=timedelta(seconds=10)))
    assert action == act.Wait(timedelta(seconds=5))


@pytest.mark.parametrize("hours", [-3, 3])
def test_the_cool_down_does_not_follow_a_wall_clock_that_jumps(hours: int) -> None:
    short = stopping(off_for=timedelta(seconds=14), rows=TOLD_FREE)
    assert decided(short, NOW + timedelta(hours=hours)) == act.Wait(timedelta(seconds=1))
    over = stopping(rows=TOLD_FREE)
    assert isinstance(decided(over, NOW + timedelta(hours=hours)), act.WriteMachine)


def test_after_the_cool_down_free_is_told_and_then_stored() -> None:
    telling = decided(stopping())
    assert isinstance(telling, act.Tell)
    assert {e.fence for _, e in telling.entries} == {15}
    assert stored(decided(stopping(rows=TOLD_FREE))).state is MachineState.FREE


def test_another_programs_run_does_not_hold_back_free() -> None:
    foreign = replace(known(MACHINE, Told.FOREIGN), fence=15, told=Told.IN_STEP)
    rows = {"saturno": known(MACHINE, free=True), "latam": foreign}
    assert stored(decided(stopping(view=on(None), rows=rows))).state is MachineState.FREE
