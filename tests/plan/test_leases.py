"""A MachineLease's own end: released when nobody holds for it, Lost when nothing holds it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    NOW,
    SETTINGS,
    a_claimed_machine,
    a_hold,
    a_job,
    a_lease,
    a_machine,
    an_attempt,
)

from trainlease.model import conditions as cond
from trainlease.model.machine_lease import Ended
from trainlease.model.reasons import Cause, JobState, LeaseCondition, Outcome, WaitReason
from trainlease.plan import actions as act
from trainlease.plan.leases import LeaseFacts, decide
from trainlease.plan.waits import Wait

JOB = a_job()
DONE = a_job(attempts=[an_attempt(1, Cause.COMPLETED)])
BOUND = a_lease(JOB, bound_to="gpu-1")
UNBOUND = a_lease(JOB)
HELD = a_claimed_machine(BOUND)
FREE = a_machine(generation=7)
HOLD = a_hold(bound_to="gpu-1")


def decided(facts: LeaseFacts) -> act.Action:
    return decide(facts, NOW, SETTINGS)


def said(action: act.Action, kind: LeaseCondition) -> Any:
    assert isinstance(action, act.WriteLease)
    return cond.get(action.status.conditions, kind)


def settled(facts: LeaseFacts) -> act.Action:
    """The write, after which a second plan is empty."""
    action = decided(facts)
    assert isinstance(action, act.WriteLease)
    lease = facts.lease.model_copy(update={"status": action.status})
    assert decided(replace(facts, lease=lease)) == act.Wait()
    return action


@pytest.mark.parametrize(
    ("says", "facts"),
    [
        ("its machine holds it, though its attempt ended", LeaseFacts(BOUND, DONE, HELD)),
        ("its machine holds it, though its job is gone", LeaseFacts(BOUND, None, HELD)),
        ("it is half bound", LeaseFacts(UNBOUND, DONE, HELD)),
        ("its machine was not read", LeaseFacts(BOUND, JOB)),
        (
            "its machine was restored and not yet seen",
            LeaseFacts(BOUND, JOB, a_machine(state=None)),
        ),
        ("it waits in the queue", LeaseFacts(UNBOUND, JOB)),
        ("it is released already", LeaseFacts(a_lease(JOB, released=True), None)),
        ("it is a hold, and its machine holds it", LeaseFacts(HOLD, None, a_claimed_machine(HOLD))),
    ],
)
def test_a_lease_stays_as_it_is_while(says: str, facts: LeaseFacts) -> None:
    assert decided(facts) == act.Wait(), says


@pytest.mark.parametrize(
    ("says", "facts", "want"),
    [
        ("its attempt ended and its machine is free", LeaseFacts(BOUND, DONE, FREE), "Succeeded"),
        ("its job is gone and its machine is free", LeaseFacts(BOUND, None, FREE), "JobGone"),
        (
            "its job is gone and so is its machine",
            LeaseFacts(BOUND, None, None, machine_gone=True),
            "JobGone",
        ),
        ("its job went while it waited", LeaseFacts(UNBOUND, None), "JobGone"),
        ("its attempt ended while it waited", LeaseFacts(UNBOUND, DONE), "Succeeded"),
        (
            "its job finished while it waited",
            LeaseFacts(UNBOUND, a_job(status={"state": JobState.FAILED})),
            "JobFinished",
        ),
        (
            "its hold expired",
            LeaseFacts(a_hold(bound_to="gpu-1", ended=Ended.EXPIRED), None, FREE),
            "Expired",
        ),
        ("its machine forgot the hold", LeaseFacts(HOLD, None, FREE), "NotHeld"),
    ],
)
def test_a_lease_is_released_when(says: str, facts: LeaseFacts, want: str) -> None:
    assert said(settled(facts), LeaseCondition.RELEASED).reason == want, says


@pytest.mark.parametrize(
    ("says", "facts"),
    [
        ("its machine is free", LeaseFacts(BOUND, JOB, FREE)),
        (
            "its machine is in a later claim",
            LeaseFacts(BOUND, JOB, a_claimed_machine(BOUND, generation=8)),
        ),
        ("its machine is held by another", LeaseFacts(BOUND, JOB, a_claimed_machine(a_hold()))),
        ("its machine is gone", LeaseFacts(BOUND, JOB, None, machine_gone=True)),
    ],
)
def test_the_attempt_of_a_bound_lease_is_lost_when(says: str, facts: LeaseFacts) -> None:
    action = decided(facts)
    assert isinstance(action, act.SetOutcome), says
    assert (action.number, action.outcome, action.cause) == (1, Outcome.LOST, Cause.NOT_HELD)


def test_a_hold_outside_the_namespaces_for_holds_is_refused() -> None:
    granted = said(settled(LeaseFacts(a_hold(namespace="saturno"))), LeaseCondition.GRANTED)
    assert (granted.status, granted.reason) == ("False", "NamespaceNotAllowed")
    assert "ops" in granted.message


def test_what_a_hold_waits_for_is_written_anew_only_if_more_than_the_time_changed() -> None:
    wait = Wait(WaitReason.QUEUED, "1st of 1 in gpu-1; by 14:00Z", 1)
    facts = LeaseFacts(a_hold(), wait=wait)
    action = settled(facts)
    assert said(action, LeaseCondition.GRANTED).message == wait.message
    assert isinstance(action, act.WriteLease)
    lease = facts.lease.model_copy(update={"status": action.status})
    later = replace(wait, message="1st of 1 in gpu-1; by 15:00Z")
    assert decided(LeaseFacts(lease, wait=later)) == act.Wait()


def test_what_a_job_waits_for_is_said_on_the_job_alone() -> None:
    facts = LeaseFacts(UNBOUND, JOB, wait=Wait(WaitReason.QUEUED, "1st of 1", 1))
    assert decided(facts) == act.Wait()
