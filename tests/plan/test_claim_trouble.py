"""What is in a claim's way: it ends the attempt, or is the cause once the start limit is over."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.builders import a_machine, at
from tests.plan.claims import RUNNING, claimed, decided

from trainlease.model.observed import MachineView, Power, Trouble
from trainlease.model.reasons import Cause, MachineState, Outcome
from trainlease.plan import actions as act

UNKNOWN = MachineView(Power.UNKNOWN, 7)


def with_trouble(cause: Cause, *, final: bool, generation: int = 7) -> MachineView:
    troubles = {generation: Trouble(cause, "what is wrong", final)}
    return replace(UNKNOWN, troubles=troubles)


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        (Cause.POD_DELETED, Outcome.LOST),
        (Cause.EVICTED, Outcome.LOST),
        (Cause.PREEMPTED, Outcome.LOST),
        (Cause.MACHINE_LOST, Outcome.LOST),
        (Cause.IMAGE_MISSING, Outcome.FAILED),
        (Cause.SECRET_MISSING, Outcome.FAILED),
    ],
)
def test_of_what_no_more_can_come_the_attempt_ends_before_the_machine_is_known_off(
    cause: Cause, outcome: Outcome
) -> None:
    action = decided(replace(RUNNING, view=with_trouble(cause, final=True)))
    assert isinstance(action, act.SetOutcome)
    assert (action.outcome, action.cause, action.message) == (outcome, cause, "what is wrong")


def test_what_may_mend_itself_is_waited_for() -> None:
    facts = claimed(
        view=with_trouble(Cause.IMAGE_MISSING, final=False),
        start_issued=True,
        never_started=False,
    )
    assert isinstance(decided(facts), act.Wait)


def test_after_the_start_limit_it_is_the_cause_and_the_machine_is_not_to_blame() -> None:
    facts = claimed(
        view=with_trouble(Cause.UNSCHEDULABLE, final=False),
        start_issued=True,
        never_started=False,
        stood_for=timedelta(hours=1),
    )
    action = decided(facts, at(3600))
    assert isinstance(action, act.SetOutcome)
    assert (action.outcome, action.cause) == (Outcome.START_FAILED, Cause.UNSCHEDULABLE)
    assert not action.cause.blames_machine


def test_another_claims_trouble_is_none_of_this_one() -> None:
    view = with_trouble(Cause.POD_DELETED, final=True, generation=6)
    assert not isinstance(decided(replace(RUNNING, view=view)), act.SetOutcome)


def test_a_free_machine_has_nobody_to_tell() -> None:
    free = replace(
        RUNNING,
        machine=a_machine(state=MachineState.FREE, generation=7),
        lease=None,
        job=None,
        view=with_trouble(Cause.POD_DELETED, final=True),
    )
    assert not isinstance(decided(free), act.SetOutcome)
