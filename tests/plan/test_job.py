"""What a TrainingJob does next: each wait has its reason, each attempt follows an outcome."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    NOW,
    SETTINGS,
    a_claimed_machine,
    a_job,
    a_lease,
    a_platform,
    an_attempt,
    at,
    off,
    on,
)

from trainlease.model import conditions as cond
from trainlease.model.observed import MachineView, Power
from trainlease.model.reasons import Cause, JobCondition, JobState, Outcome, WaitReason
from trainlease.plan import actions as act
from trainlease.plan.job import JobFacts, decide
from trainlease.plan.waits import Wait

SATURNO = a_platform("saturno")


def decided(facts: JobFacts, when: Any = NOW) -> act.Action:
    return decide(facts, when, SETTINGS)


def written(action: act.Action) -> Any:
    assert isinstance(action, act.WriteJob)
    return action.status


def reason_of(status: Any, kind: JobCondition) -> tuple[str, str] | None:
    found = cond.get(status.conditions, kind)
    return (found.status, found.reason) if found else None


def settled(facts: JobFacts, when: Any = NOW) -> Any:
    """The status once nothing more is to be written: a second plan must be empty."""
    status = written(decided(facts, when))
    after = replace(facts, job=facts.job.model_copy(update={"status": status}))
    assert isinstance(decided(after, when), act.Wait)
    return status


# --- accept, begin -------------------------------------------------------------------------------


def test_a_namespace_that_no_platform_owns_is_said_with_what_to_do() -> None:
    status = settled(JobFacts(a_job(conditions={})))
    assert reason_of(status, JobCondition.ACCEPTED) == ("False", "NoPlatform")
    assert "apply a Platform" in status.why


def test_what_runs_goes_on_when_its_platform_is_gone() -> None:
    job = a_job(status={"state": JobState.RUNNING}, attempts=[an_attempt(started=NOW)])
    facts = JobFacts(job, lease=a_lease(job, bound_to="gpu-1"), held=True)
    assert isinstance(decided(facts), act.Wait)


def test_a_new_job_begins_its_first_attempt() -> None:
    job = a_job()
    assert decided(JobFacts(job, SATURNO)) == act.CreateLease(job, 1)


def test_a_job_restored_without_its_status_takes_no_number_that_a_lease_has_used() -> None:
    job = a_job()
    assert decided(JobFacts(job, SATURNO, used=2)) == act.CreateLease(job, 3)


@pytest.mark.parametrize(
    ("says", "job", "held", "want"),
    [
        ("the one before has no outcome", a_job(attempts=[an_attempt(1)]), False, None),
        ("a machine is still held in its name", a_job(), True, None),
        (
            "its backoff is not over",
            a_job(attempts=[an_attempt(1, Cause.MACHINE_LOST)]),
            False,
            None,
        ),
        (
            "the one before ended long ago",
            a_job(attempts=[an_attempt(1, Cause.MACHINE_LOST, ended=at(-60))]),
            False,
            2,
        ),
        (
            "it was suspended, and is no more",
            a_job(attempts=[an_attempt(1, Cause.SUSPENDED)]),
            False,
            2,
        ),
        ("it is finished", a_job(status={"state": JobState.FAILED, "finished": NOW}), False, None),
        ("it is being deleted", a_job(deleting=True), False, None),
        ("it is suspended", a_job(suspend=True), False, None),
    ],
)
def test_whether_the_next_attempt_begins_when(
    says: str, job: Any, held: bool, want: int | None
) -> None:
    action = decided(JobFacts(job, SATURNO, held=held))
    number = action.number if isinstance(action, act.CreateLease) else None
    assert number == want, says


def test_a_job_whose_lease_was_deleted_is_not_finished_while_a_machine_is_held_in_its_name() -> (
    None
):
    job = a_job(created=at(-1_000_000))
    assert decided(JobFacts(job, SATURNO, held=True)) == act.Wait()
    assert isinstance(decided(JobFacts(job, SATURNO)), act.WriteJob)


def test_a_suspended_job_says_so_once() -> None:
    status = settled(JobFacts(a_job(suspend=True), SATURNO))
    assert (status.state, reason_of(status, JobCondition.SUSPENDED)) == (
        JobState.SUSPENDED,
        ("True", "Suspended"),
    )


def test_after_128_attempts_it_is_over() -> None:
    job = a_job(attempts=[an_attempt(128, Cause.OCCUPIED_ELSEWHERE, ended=at(-600))])
    assert written(decided(JobFacts(job, SATURNO))).state is JobState.FAILED


# --- attempts without a machine ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "job", "lease_gone", "want"),
    [
        ("it is suspended", a_job(suspend=True), False, (Outcome.SUSPENDED, Cause.SUSPENDED)),
        (
            "it waited too long",
            a_job(created=at(-86400)),
            False,
            (Outcome.LIMIT_EXCEEDED, Cause.WAITING_LIMIT),
        ),
        (
            "it took too long in all",
            a_job(created=at(-3600), limits={"total": "1h"}),
            False,
            (Outcome.LIMIT_EXCEEDED, Cause.TOTAL_LIMIT),
        ),
        (
            "its lease was deleted",
            a_job(attempts=[an_attempt(1)]),
            True,
            (Outcome.CANCELLED, Cause.CANCELLED),
        ),
    ],
)
def test_an_attempt_in_the_queue_ends_when(
    says: str, job: Any, lease_gone: bool, want: tuple[Outcome, Cause]
) -> None:
    lease = None if lease_gone else a_lease(job)
    action = decided(JobFacts(job, SATURNO, lease=lease, lease_gone=lease_gone))
    assert isinstance(action, act.SetOutcome), says
    assert (action.outcome, action.cause) == want


def test_the_waiting_limit_counts_from_the_last_attempts_end() -> None:
    job = a_job(created=at(-90000), attempts=[an_attempt(1, Cause.MACHINE_LOST, ended=at(-60))])
    action = decided(JobFacts(job, SATURNO, lease=a_lease(job, 2)))
    assert isinstance(action, act.Wait)


def test_an_attempt_that_holds_a_machine_is_not_ended_here() -> None:
    job = a_job(suspend=True)
    facts = JobFacts(job, SATURNO, lease=a_lease(job), held=True)
    assert not isinstance(decided(facts), act.SetOutcome)


# --- waiting -------------------------------------------------------------------------------------

QUEUED = Wait(WaitReason.QUEUED, "2nd of 3 in onprem; by 14:00Z", 2)


def waiting(wait: Wait | None = QUEUED) -> JobFacts:
    job = a_job()
    return JobFacts(job, SATURNO, lease=a_lease(job), wait=wait)


def test_a_waiting_job_says_why_and_by_when() -> None:
    status = settled(waiting())
    assert (status.state, status.why, status.place) == (JobState.WAITING, QUEUED.message, 2)
    assert reason_of(status, JobCondition.LEASE_ACQUIRED) == ("False", "Queued")
    assert reason_of(status, JobCondition.ACCEPTED) == ("True", "Accepted")


@pytest.mark.parametrize(
    ("says", "wait", "want_written"),
    [
        ("another time", replace(QUEUED, message="2nd of 3 in onprem; by 15:00Z"), False),
        ("another place", Wait(WaitReason.QUEUED, "1st of 3 in onprem", 1), True),
        ("another reason", Wait(WaitReason.PLATFORM_DATABASE_DOWN, "down"), True),
    ],
)
def test_what_is_written_anew_while_it_waits(says: str, wait: Wait, want_written: bool) -> None:
    facts = waiting()
    job = facts.job.model_copy(update={"status": settled(facts)})
    action = decided(replace(facts, job=job, wait=wait))
    assert isinstance(action, act.WriteJob) is want_written, says


def test_what_it_waits_for_is_written_once_a_minute_at_most() -> None:
    facts = waiting()
    job = facts.job.model_copy(update={"status": settled(facts)})
    moved = replace(facts, job=job, wait=Wait(WaitReason.QUEUED, "1st of 3", 1), said=at(-40))
    assert decided(moved) == act.Wait(at(20) - NOW)
    assert written(decided(moved, at(20))).place == 1


# --- starting, running ---------------------------------------------------------------------------


def bound(job: Any = None, view: MachineView | None = None, **fields: Any) -> JobFacts:
    job = job or a_job()
    lease = a_lease(job, bound_to="gpu-1")
    machine = a_claimed_machine(lease)
    return JobFacts(job, SATURNO, lease=lease, machine=machine, held=True, view=view, **fields)


def test_within_five_seconds_of_its_claim_nothing_is_written() -> None:
    facts = bound(view=off())
    assert decided(facts, at(-57)) == act.Wait(at(2) - NOW)


def test_after_five_seconds_it_says_starting_and_at_what() -> None:
    status = settled(bound(view=MachineView(Power.OFF, detail="pulling the image")))
    assert (status.state, status.machine) == (JobState.STARTING, "gpu-1")
    assert status.why == "starting on gpu-1: pulling the image"


def test_running_is_stored_in_one_write_with_all_that_belongs_to_it() -> None:
    status = settled(bound(view=on(), started=at(-30), run_id="r1"))
    assert (status.state, status.machine) == (JobState.RUNNING, "gpu-1")
    assert status.why == "attempt 1 since 11:59Z, at most until 14:00Z"
    assert status.attempts == (
        an_attempt(1, machine="gpu-1", generation=7, run_id="r1", started=at(-30)),
    )
    for kind in (JobCondition.ACCEPTED, JobCondition.LEASE_ACQUIRED, JobCondition.RUNNING):
        assert cond.is_true(status.conditions, kind)


# --- finished ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "spec", "age", "want"),
    [
        ("its own ttl has passed", {"ttl": "1h"}, 3600, True),
        ("its own ttl has not passed", {"ttl": "1h"}, 3599, False),
        ("the default of 30 days has passed", {}, 30 * 86400, True),
    ],
)
def test_a_finished_job_is_removed_when(
    says: str, spec: dict[str, Any], age: int, want: bool
) -> None:
    job = a_job(status={"state": JobState.SUCCEEDED, "finished": at(-age)}, **spec)
    assert isinstance(decided(JobFacts(job, SATURNO)), act.DeleteJob) is want, says
