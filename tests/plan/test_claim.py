"""The claim steps, one guard of docs/protocol.md after the other: without it the case fails."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    NOW,
    SETTINGS,
    a_claimed_machine,
    a_fact,
    a_hold,
    a_job,
    a_lease,
    a_machine,
    an_attempt,
    an_exit,
    at,
    known,
    off,
    on,
)

from trainlease.model.machine import Mode
from trainlease.model.machine_lease import Ended
from trainlease.model.observed import MachineView, Power, RowState, Told
from trainlease.model.platform import Confirm
from trainlease.model.reasons import Cause, JobState, MachineState, Outcome
from trainlease.plan import actions as act
from trainlease.plan.claim import MachineFacts, decide

JOB = a_job()
LEASE = a_lease(JOB, bound_to="gpu-1")
MACHINE = a_claimed_machine(LEASE)
CLAIMED = MachineFacts(
    cluster="c",
    machine=MACHINE,
    platforms=(a_fact("saturno"), a_fact("latam")),
    rows={"saturno": known(MACHINE), "latam": known(MACHINE)},
    view=off(),
    lease=LEASE,
    job=JOB,
    never_started=True,
)
"""Claimed by a bound lease of a live job, told to all databases, off, not yet started."""
RUNNING = replace(CLAIMED, view=on(), never_started=False, start_issued=True, seen_on=True)
TOLD_FREE = {"saturno": known(MACHINE, free=True), "latam": known(MACHINE, free=True)}


def ended(cause: Cause = Cause.COMPLETED, **attempt: Any) -> Any:
    """The job with the outcome of its first attempt stored."""
    return a_job(attempts=[an_attempt(1, cause, **attempt)])


def claimed(**changes: Any) -> MachineFacts:
    return replace(CLAIMED, **changes)


def decided(facts: MachineFacts, when: Any = NOW) -> act.Action:
    return decide(facts, when, SETTINGS)


def stored(action: act.Action) -> Any:
    assert isinstance(action, act.WriteMachine)
    return action.status


# --- bind ----------------------------------------------------------------------------------------


def test_a_half_bind_is_completed_before_anything_else() -> None:
    half = a_lease(JOB)
    action = decided(claimed(lease=half, rows={}))
    assert isinstance(action, act.Bind)
    assert action.status.machine_uid == MACHINE.uid
    assert action.status.generation == 7


@pytest.mark.parametrize(
    "lease",
    [
        pytest.param(a_lease(JOB, bound_to="gpu-2"), id="bound to another machine"),
        pytest.param(a_lease(JOB, bound_to="gpu-1", generation=6), id="bound to an earlier claim"),
        pytest.param(a_lease(JOB, released=True), id="released before it was bound"),
    ],
)
def test_a_claim_whose_lease_is_bound_elsewhere_or_over_is_undone(lease: Any) -> None:
    telling = decided(claimed(lease=lease))
    assert isinstance(telling, act.Tell)
    assert [e.state for _, e in telling.entries] == [RowState.FREE, RowState.FREE]
    want = stored(decided(claimed(lease=lease, rows=TOLD_FREE)))
    assert want.state is MachineState.FREE
    assert want.holder is None


def test_a_lease_that_is_gone_while_its_job_lives_stores_cancelled_first() -> None:
    action = decided(claimed(lease=None))
    assert isinstance(action, act.SetOutcome)
    assert (action.outcome, action.cause) == (Outcome.CANCELLED, Cause.CANCELLED)


def test_a_lease_that_is_gone_goes_through_stopping_and_never_straight_to_free() -> None:
    facts = claimed(lease=None, job=ended(Cause.CANCELLED), never_started=False)
    assert stored(decided(facts)).state is MachineState.STOPPING


# --- tell, start ---------------------------------------------------------------------------------


def test_occupied_goes_to_every_database_at_once() -> None:
    action = decided(claimed(rows={}))
    assert isinstance(action, act.Tell)
    assert [(n, e.state, e.fence) for n, e in action.entries] == [
        ("saturno", RowState.OCCUPIED, 14),
        ("latam", RowState.OCCUPIED, 14),
    ]


def test_who_is_being_told_is_not_told_twice() -> None:
    facts = claimed(rows={}, telling={"saturno": 14, "latam": 14})
    assert isinstance(decided(facts), act.Wait)


@pytest.mark.parametrize(
    ("says", "changes"),
    [
        ("its own platform's database has not confirmed", {"rows": {"latam": known(MACHINE)}}),
        (
            "its own platform's database failed",
            {"rows": {"saturno": known(MACHINE, None), "latam": known(MACHINE)}},
        ),
        (
            "it confirmed an earlier claim only",
            {"rows": {"saturno": replace(known(MACHINE), fence=12), "latam": known(MACHINE)}},
        ),
        (
            "a database that confirms all leases has not",
            {"platforms": (a_fact("saturno"), a_fact("latam", down=True, confirm=Confirm.ALL))},
        ),
        (
            "its own platform is paused",
            {"platforms": (a_fact("saturno", paused=True), a_fact("latam")), "rows": {}},
        ),
        (
            "its own platform is observed only",
            {"platforms": (a_fact("saturno", mode=Mode.OBSERVE), a_fact("latam")), "rows": {}},
        ),
        ("the provider says on by somebody else's start", {"view": on(None)}),
        ("the provider says that it does not know", {"view": MachineView(Power.UNKNOWN)}),
        ("the provider says nothing", {"view": None}),
        ("a start was issued in this claim", {"start_issued": True, "never_started": False}),
        ("the outcome is stored", {"job": ended(Cause.CANCELLED)}),
        ("the job is finished beside it", {"job": a_job(status={"state": JobState.FAILED})}),
        ("the job is gone", {"job": None}),
        ("the job is suspended", {"job": a_job(suspend=True)}),
        ("the lease does not name it back yet", {"lease": a_lease(JOB)}),
    ],
)
def test_nothing_is_started_while(says: str, changes: dict[str, Any]) -> None:
    changes = dict(changes)
    if "platforms" in changes:
        down = [p.name for p in changes["platforms"] if p.is_down]
        changes.setdefault("rows", {k: v for k, v in CLAIMED.rows.items() if k not in down})
    assert not isinstance(decided(claimed(**changes)), act.Start), says


@pytest.mark.parametrize(
    ("says", "changes"),
    [
        ("all have confirmed", {}),
        (
            "a database that is not needed is down",
            {
                "platforms": (a_fact("saturno"), a_fact("latam", down=True)),
                "rows": {"saturno": known(MACHINE)},
            },
        ),
        (
            "its own platform's database never confirms",
            {
                "platforms": (a_fact("saturno", down=True, confirm=Confirm.NEVER),),
                "rows": {},
            },
        ),
        (
            "another platform is observed only, whatever it would confirm",
            {
                "platforms": (
                    a_fact("saturno"),
                    a_fact("latam", mode=Mode.OBSERVE, confirm=Confirm.ALL),
                ),
                "rows": {"saturno": known(MACHINE)},
            },
        ),
    ],
)
def test_it_is_started_when(says: str, changes: dict[str, Any]) -> None:
    assert isinstance(decided(claimed(**changes)), act.Start), says


@pytest.mark.parametrize(
    ("told", "want_cause"),
    [
        (Told.FOREIGN, Cause.OCCUPIED_ELSEWHERE),
        (Told.OTHER_CLUSTER, Cause.OCCUPIED_ELSEWHERE),
        (Told.NO_ROW, Cause.START_REFUSED),
    ],
)
def test_a_needed_row_that_is_not_ours_gives_the_claim_back_before_the_start(
    told: Told, want_cause: Cause
) -> None:
    facts = claimed(rows={"saturno": known(MACHINE, told), "latam": known(MACHINE)})
    action = decided(facts)
    assert isinstance(action, act.SetOutcome)
    assert (action.outcome, action.cause) == (Outcome.START_FAILED, want_cause)


def test_a_foreign_row_does_not_end_what_runs() -> None:
    rows = {"saturno": known(MACHINE, Told.FOREIGN), "latam": known(MACHINE)}
    assert isinstance(decided(replace(RUNNING, rows=rows)), act.Wait)


@pytest.mark.parametrize(
    ("says", "changes", "want"),
    [
        ("it did not come up", {"start_issued": True}, Cause.START_TIMEOUT),
        (
            "a database did not confirm",
            {"rows": {}, "telling": {"saturno": 14, "latam": 14}},
            Cause.START_REFUSED,
        ),
    ],
)
def test_a_start_has_a_limit(says: str, changes: dict[str, Any], want: Cause) -> None:
    action = decided(claimed(**changes), at(600))
    assert isinstance(action, act.SetOutcome), says
    assert (action.outcome, action.cause) == (Outcome.START_FAILED, want)


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


def test_an_unknown_power_decides_nothing_about_what_ran() -> None:
    facts = replace(RUNNING, view=MachineView(Power.UNKNOWN))
    assert isinstance(decided(facts), act.Wait)


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
        ("nobody can say", {"never_started": False, "view": None}, MachineState.STOPPING),
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


def test_a_job_that_finished_beside_its_grant_gives_the_machine_back() -> None:
    done = a_job(status={"state": JobState.FAILED})
    want = stored(decided(claimed(job=done, rows=TOLD_FREE)))
    assert want.state is MachineState.FREE


# --- Stopping ------------------------------------------------------------------------------------

STOPPING = replace(
    CLAIMED,
    machine=a_claimed_machine(LEASE, state=MachineState.STOPPING),
    job=ended(),
    never_started=False,
    off_since=at(-60),
)


def stopping(**changes: Any) -> MachineFacts:
    return replace(STOPPING, **changes)


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


def test_a_machine_is_turned_off_in_stopping_only() -> None:
    for facts in (RUNNING, replace(RUNNING, job=ended())):
        assert not isinstance(decided(facts), act.TurnOff)


@pytest.mark.parametrize(
    ("says", "changes"),
    [
        ("nobody can say", {"view": None}),
        ("the provider does not know", {"view": MachineView(Power.UNKNOWN)}),
        ("it is off, but not yet cooled down", {"off_since": at(-14)}),
        ("it was never seen off", {"off_since": None}),
    ],
)
def test_free_is_not_told_while(says: str, changes: dict[str, Any]) -> None:
    assert isinstance(decided(stopping(**changes)), act.Wait), says


def test_the_wait_is_what_is_left_of_the_cool_down() -> None:
    action = decided(stopping(off_since=at(-10)))
    assert action == act.Wait(at(5) - NOW)


def test_after_the_cool_down_free_is_told_and_then_stored() -> None:
    telling = decided(stopping())
    assert isinstance(telling, act.Tell)
    assert {e.fence for _, e in telling.entries} == {15}
    assert stored(decided(stopping(rows=TOLD_FREE))).state is MachineState.FREE


def test_another_programs_run_does_not_hold_back_free() -> None:
    foreign = replace(known(MACHINE, Told.FOREIGN), fence=15, told=Told.IN_STEP)
    rows = {"saturno": known(MACHINE, free=True), "latam": foreign}
    assert stored(decided(stopping(view=on(None), rows=rows))).state is MachineState.FREE


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


FREE = MachineFacts(
    cluster="c",
    machine=a_machine(generation=7),
    platforms=(a_fact("saturno"), a_fact("latam")),
    rows=TOLD_FREE,
    view=off(),
)


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

NEW = MachineFacts(cluster="c", machine=a_machine(state=None, generation=0), view=off())


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

HOLD = a_hold(bound_to="gpu-1", for_="1h")
HELD = replace(CLAIMED, machine=a_claimed_machine(HOLD), lease=HOLD, job=None)


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
