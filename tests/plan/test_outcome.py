"""How an attempt's end is stored: once, and with what follows from it."""

from datetime import timedelta
from typing import Any

import pytest
from tests.builders import NOW, SETTINGS, a_job, an_attempt, an_exit, at

from trainlease.model import conditions as cond
from trainlease.model.reasons import Blame, Cause, JobCondition, JobState, Outcome
from trainlease.plan.outcome import backoff_left, is_final, next_attempt_at, with_outcome


def ended(job: Any, cause: Cause, number: int = 1, **attempt: Any) -> Any:
    outcome = Outcome.SUCCEEDED if cause is Cause.COMPLETED else Outcome.FAILED
    if cause is Cause.SUSPENDED:
        outcome = Outcome.SUSPENDED
    open_ = an_attempt(number, **attempt)
    return with_outcome(job, open_, outcome, cause, "so it was", NOW, SETTINGS)


def test_an_outcome_is_set_once() -> None:
    job = a_job(attempts=[an_attempt(1, Cause.EXIT_CODE)], retries={"application": 3})
    assert ended(job, Cause.COMPLETED) is None


def test_a_finished_job_takes_no_outcome_any_more() -> None:
    assert ended(a_job(status={"state": JobState.FAILED}), Cause.COMPLETED) is None


def test_finished_and_succeeded_are_set_in_one_write() -> None:
    status = ended(a_job(), Cause.COMPLETED, started=at(-90))
    assert (status.state, status.why, status.finished) == (
        JobState.SUCCEEDED,
        "attempt 1 took 90 s",
        NOW,
    )
    for kind in (JobCondition.FINISHED, JobCondition.SUCCEEDED):
        assert cond.is_true(status.conditions, kind)


def test_a_failure_says_its_cause_and_sentence() -> None:
    status = ended(a_job(), Cause.OUT_OF_MEMORY)
    assert (status.state, status.why) == (JobState.FAILED, "OutOfMemory: so it was")


def test_a_failure_that_is_repeated_leaves_the_job_waiting_without_a_machine() -> None:
    job = a_job(conditions={JobCondition.ACCEPTED: True, JobCondition.RUNNING: True,
                            JobCondition.LEASE_ACQUIRED: True})  # fmt: skip
    status = ended(job, Cause.MACHINE_LOST)
    assert (status.state, status.machine, status.finished) == (JobState.WAITING, None, None)
    for kind in (JobCondition.RUNNING, JobCondition.LEASE_ACQUIRED):
        assert not cond.is_true(status.conditions, kind)
    assert cond.get(status.conditions, JobCondition.FINISHED) is None


def test_a_suspended_attempt_leaves_the_job_suspended() -> None:
    assert ended(a_job(suspend=True), Cause.SUSPENDED).state is JobState.SUSPENDED


def test_what_was_known_of_the_attempt_is_kept() -> None:
    job = a_job(attempts=[an_attempt(1, run_id="r1", machine="gpu-1", started=at(-60))])
    status = with_outcome(
        job,
        an_attempt(1, machine="gpu-2"),
        Outcome.FAILED,
        Cause.EXIT_CODE,
        "exit 1",
        at(5),
        SETTINGS,
        ended=an_exit(),
    )
    assert status is not None
    kept = status.attempts[0]
    assert (kept.run_id, kept.machine, kept.started, kept.ended) == ("r1", "gpu-1", at(-60), NOW)


@pytest.mark.parametrize(
    ("says", "causes", "spec", "want"),
    [
        ("an application error is not repeated by default", [Cause.EXIT_CODE], {}, True),
        ("but is where it is asked for", [Cause.EXIT_CODE], {"application": 1}, False),
        ("as often as asked for", [Cause.EXIT_CODE] * 2, {"application": 1}, True),
        ("a lost machine twice", [Cause.MACHINE_LOST] * 2, {}, False),
        ("and not a third time", [Cause.MACHINE_LOST] * 3, {}, True),
        ("a machine that did not start three times", [Cause.START_TIMEOUT] * 3, {}, False),
        ("and not a fourth time", [Cause.START_TIMEOUT] * 4, {}, True),
        (
            "causes are counted apart",
            [Cause.MACHINE_LOST] * 2 + [Cause.START_TIMEOUT] * 3,
            {},
            False,
        ),
        ("what nobody is to blame for never counts", [Cause.OCCUPIED_ELSEWHERE] * 99, {}, False),
        ("what no retry can help ends at once", [Cause.CANNOT_START], {"application": 9}, True),
    ],
)
def test_retries_by_cause(says: str, causes: list[Cause], spec: Any, want: bool) -> None:
    job = a_job(retries=spec)
    attempts = [an_attempt(n, c) for n, c in enumerate(causes, start=1)]
    assert is_final(attempts, job, SETTINGS) is want, says


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_somebody_or_nobody_to_blame(cause: Cause) -> None:
    assert cause.blame in Blame


def delay(failures: int, name: str = "caries") -> float:
    attempts = [an_attempt(n, Cause.MACHINE_LOST) for n in range(1, failures + 1)]
    due = next_attempt_at(a_job(name, attempts=attempts), SETTINGS)
    assert due is not None
    return (due - NOW).total_seconds()


@pytest.mark.parametrize(("failures", "want"), [(1, 10), (2, 20), (3, 40), (9, 300), (60, 300)])
def test_the_backoff_doubles_up_to_five_minutes_with_a_jitter_of_a_fifth(
    failures: int, want: float
) -> None:
    assert 0.8 * want <= delay(failures) <= 1.2 * want


def test_the_jitter_is_the_same_after_a_restart_and_differs_between_jobs() -> None:
    assert delay(2) == delay(2)
    assert len({delay(2, f"job-{n}") for n in range(9)}) > 5


def test_a_job_that_was_suspended_goes_on_at_once() -> None:
    job = a_job(attempts=[an_attempt(1, Cause.SUSPENDED)])
    assert next_attempt_at(job, SETTINGS) is None


def test_a_backoff_that_a_wrong_clock_wrote_hours_ahead_is_not_waited_for() -> None:
    job = a_job(attempts=[an_attempt(1, Cause.MACHINE_LOST)])
    left = backoff_left(job, NOW, SETTINGS)
    assert left is not None
    assert 8 <= left.total_seconds() <= 12
    assert backoff_left(job, NOW - timedelta(hours=1), SETTINGS) is None
    assert backoff_left(job, NOW + timedelta(hours=1), SETTINGS) is None
