"""Claims in each of their phases, for the tests of the claim steps: each case changes one fact."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

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
    at,
    known,
    off,
    on,
)

from trainlease.model.reasons import Cause, MachineState
from trainlease.plan import actions as act
from trainlease.plan.claim import decide
from trainlease.plan.machine_facts import MachineFacts

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


STOPPING = replace(
    CLAIMED,
    machine=a_claimed_machine(LEASE, state=MachineState.STOPPING),
    job=ended(),
    never_started=False,
    off_for=timedelta(seconds=60),
    stood_for=timedelta(seconds=60),
)


def stopping(**changes: Any) -> MachineFacts:
    return replace(STOPPING, **changes)


FREE = MachineFacts(
    cluster="c",
    machine=a_machine(generation=7),
    platforms=(a_fact("saturno"), a_fact("latam")),
    rows=TOLD_FREE,
    view=off(),
)

NEW = MachineFacts(cluster="c", machine=a_machine(state=None, generation=0), view=off())

HOLD = a_hold(bound_to="gpu-1", for_="1h")
HELD = replace(CLAIMED, machine=a_claimed_machine(HOLD, deadline=at(3540)), lease=HOLD, job=None)
