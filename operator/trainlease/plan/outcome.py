"""How an attempt's end is stored, and what follows: the next attempt, or the job's end. Pure."""

import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from trainlease.model import conditions as cond
from trainlease.model.observed import Exit
from trainlease.model.reasons import Blame, Cause, JobCondition, JobState, Outcome, WaitReason
from trainlease.model.settings import Settings
from trainlease.model.training_job import Attempt, TrainingJob, TrainingJobStatus


def with_outcome(
    job: TrainingJob,
    attempt: Attempt,
    outcome: Outcome,
    cause: Cause,
    message: str,
    now: datetime,
    settings: Settings,
    *,
    ended: Exit | None = None,
) -> TrainingJobStatus | None:
    """The status with this attempt's outcome, and Finished with it where there is no next one.

    None if an outcome is stored already: it is set once, and the loser reads again.
    """
    stored = job.status.attempt(attempt.number) or attempt
    if stored.outcome is not None or job.is_finished:
        return None
    done = stored.but(
        outcome=outcome,
        cause=cause,
        message=message[:4096],
        ended=ended.at if ended else now,
        started=stored.started or attempt.started,
        machine=stored.machine or attempt.machine,
        generation=stored.generation or attempt.generation,
        run_id=stored.run_id or attempt.run_id,
    )
    status = job.status.with_attempt(done).but(machine=None, place=None)
    if outcome is Outcome.SUCCEEDED:
        return finished(job, status, True, cause, _took(done), now)
    if is_final(status.attempts, job, settings):
        return finished(job, status, False, cause, message, now)
    state, why = JobState.WAITING, f"attempt {done.number} ended {outcome}: {message}"
    if outcome is Outcome.SUSPENDED:
        state, why = JobState.SUSPENDED, "suspended: set suspend to false to go on"
    status = _with_running(job, status, False, cause, why, now)
    conditions = cond.with_condition(
        status.conditions,
        JobCondition.LEASE_ACQUIRED,
        False,
        WaitReason.SUSPENDED if outcome is Outcome.SUSPENDED else WaitReason.BACKOFF,
        why,
        now=now,
        generation=job.metadata.generation,
    )
    return status.but(state=state, why=why[:1024], conditions=conditions)


def finished(
    job: TrainingJob,
    status: TrainingJobStatus,
    succeeded: bool,
    reason: str,
    message: str,
    now: datetime,
) -> TrainingJobStatus:
    """Finished with Succeeded or Failed, set together in one write; they never change."""
    status = _with_running(job, status, False, reason, "", now)
    kind = JobCondition.SUCCEEDED if succeeded else JobCondition.FAILED
    conditions = status.conditions
    for name in (JobCondition.FINISHED, kind):
        conditions = cond.with_condition(
            conditions,
            name,
            True,
            reason,
            message,
            now=now,
            generation=job.metadata.generation,
        )
    return status.but(
        state=JobState.SUCCEEDED if succeeded else JobState.FAILED,
        why=message[:1024] if succeeded else f"{reason}: {message}"[:1024],
        finished=now,
        conditions=conditions,
    )


def is_final(attempts: Iterable[Attempt], job: TrainingJob, settings: Settings) -> bool:
    """Whether the last attempt was the last one: its cause's retries are used up."""
    causes = [a.cause for a in attempts if a.cause is not None]
    if not causes:
        return False
    blame = causes[-1].blame
    if blame is Blame.FINAL:
        return True
    if blame is Blame.NOBODY:
        return False
    return sum(c.blame is blame for c in causes) > _allowed(job, blame, settings)


def next_attempt_at(job: TrainingJob, settings: Settings) -> datetime | None:
    """When the next attempt may begin: after a backoff that doubles; None: at once.

    The jitter is a function of (uid, attempt), so that a restart changes nothing.
    """
    last = job.status.last_attempt
    if last is None or last.ended is None or last.cause is None:
        return None
    if last.cause is Cause.SUSPENDED:
        return None
    failures = sum(1 for a in job.status.attempts if a.cause and a.cause is not Cause.SUSPENDED)
    delay = min(settings.backoff_most, settings.backoff_first * 2 ** min(failures - 1, 10))
    jitter = zlib.crc32(f"{job.uid}/{last.number}".encode()) % 1000 / 1000
    return last.ended + timedelta(seconds=delay * (0.8 + 0.4 * jitter))


def backoff_left(job: TrainingJob, now: datetime, settings: Settings) -> timedelta | None:
    """What is left of the backoff, if anything is.

    More than any backoff lasts was written by a clock that was far ahead: nothing is left of it.
    """
    due = next_attempt_at(job, settings)
    if due is None or not now < due <= now + 2 * timedelta(seconds=settings.backoff_most):
        return None
    return due - now


def _allowed(job: TrainingJob, blame: Blame, settings: Settings) -> int:
    own = getattr(job.spec.retries, blame.value) if job.spec.retries else None
    default: int = getattr(settings, f"retries_{blame.value}")
    return default if own is None else own


def _took(attempt: Attempt) -> str:
    if attempt.started is None or attempt.ended is None:
        return f"attempt {attempt.number} succeeded"
    seconds = int((attempt.ended - attempt.started).total_seconds())
    length = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
    return f"attempt {attempt.number} took {length}"


def _with_running(
    job: TrainingJob,
    status: TrainingJobStatus,
    value: bool,
    reason: str,
    message: str,
    now: datetime,
) -> TrainingJobStatus:
    """Running is only ever turned false where it was true."""
    if not cond.is_true(status.conditions, JobCondition.RUNNING):
        return status
    conditions = cond.with_condition(
        status.conditions,
        JobCondition.RUNNING,
        value,
        reason,
        message,
        now=now,
        generation=job.metadata.generation,
    )
    return status.but(conditions=conditions)
