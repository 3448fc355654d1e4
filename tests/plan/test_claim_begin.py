"""The first claim steps: bind, tell, start. Each case fails without its guard."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.builders import (
    a_fact,
    a_job,
    a_lease,
    at,
    known,
    on,
)
from tests.plan.claims import (
    CLAIMED,
    JOB,
    MACHINE,
    RUNNING,
    TOLD_FREE,
    claimed,
    decided,
    ended,
    stored,
)

from trainlease.model.mode import Mode
from trainlease.model.observed import MachineView, Power, RowState, Told
from trainlease.model.platform import Confirm
from trainlease.model.reasons import Cause, JobState, MachineState, Outcome
from trainlease.plan import actions as act

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
            "it confirmed an earlier claim only, and is being told of this one",
            {
                "rows": {"saturno": replace(known(MACHINE), fence=12), "latam": known(MACHINE)},
                "telling": {"saturno": 14},
            },
        ),
        (
            "what it confirmed is of a life that its ledger has lost",
            {"rows": {"saturno": replace(known(MACHINE), fence=20), "latam": known(MACHINE)}},
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


def test_a_start_limit_is_not_prolonged_by_a_clock_that_ran_ahead_when_the_claim_was_made() -> None:
    asked = {"saturno": 14, "latam": 14}
    ahead = claimed(rows={}, telling=asked, stood_for=timedelta(seconds=600))
    action = decided(ahead, at(-3600))
    assert isinstance(action, act.SetOutcome)
    assert action.cause is Cause.START_REFUSED
    assert not isinstance(
        decided(replace(ahead, stood_for=timedelta(0)), at(-3600)), act.SetOutcome
    )
