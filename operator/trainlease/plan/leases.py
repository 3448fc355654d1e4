"""The next status of a MachineLease, and the limits that end a claim. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from trainlease.model import conditions as cond
from trainlease.model.base import to_timedelta
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import Ended, MachineLease, MachineLeaseStatus
from trainlease.model.reasons import Cause, LeaseCondition
from trainlease.model.settings import Settings
from trainlease.model.training_job import Attempt, TrainingJob


def bound(lease: MachineLease, machine: Machine, now: datetime) -> MachineLeaseStatus:
    """Granted: the lease names the machine and the generation of its claim."""
    generation = machine.status.generation
    return lease.status.but(
        machine=machine.name,
        machine_uid=machine.uid,
        generation=generation,
        bound_at=now,
        conditions=cond.with_condition(
            lease.status.conditions,
            LeaseCondition.GRANTED,
            True,
            "Bound",
            f"{machine.name}, generation {generation}",
            now=now,
        ),
    )


def released(lease: MachineLease, reason: str, message: str, now: datetime) -> MachineLeaseStatus:
    """Over: the machine is nobody's or another's."""
    return lease.status.but(
        conditions=cond.with_condition(
            lease.status.conditions, LeaseCondition.RELEASED, True, reason, message, now=now
        )
    )


def refused(lease: MachineLease, reason: str, message: str, now: datetime) -> MachineLeaseStatus:
    """Not granted, and why: for a hold, which has no job that could say it."""
    return lease.status.but(
        conditions=cond.with_condition(
            lease.status.conditions, LeaseCondition.GRANTED, False, reason, message, now=now
        )
    )


def expired(lease: MachineLease, now: datetime) -> MachineLeaseStatus:
    """A hold whose time is over; to a hold this is what the outcome is to a job."""
    return lease.status.but(ended=Ended.EXPIRED)


def hold_deadline(lease: MachineLease, settings: Settings) -> datetime | None:
    """When a hold ends; None while it is not granted. `for` may be changed at any time."""
    if lease.status.bound_at is None:
        return None
    length = lease.spec.for_
    span = to_timedelta(length) if length else timedelta(seconds=settings.hold_for)
    return lease.status.bound_at + span


def limit(job: TrainingJob, name: str, default: float) -> timedelta:
    """One of the job's limits, or the operator's default (in seconds)."""
    own = getattr(job.spec.limits, name) if job.spec.limits else None
    return to_timedelta(own) if own else timedelta(seconds=default)


def limits(
    job: TrainingJob, attempt: Attempt | None, deadline: datetime | None, settings: Settings
) -> Iterator[tuple[datetime, Cause, str]]:
    """When this claim must end at the latest, by which limit, and the sentence that says so."""
    if attempt and attempt.started:
        running = limit(job, "running", settings.running_limit)
        what = f"it ran for its limit of {_show(running)}: raise limits.running, or train less"
        yield attempt.started + running, Cause.RUNNING_LIMIT, what
    total = limit(job, "total", settings.total_limit)
    what = f"it took its limit of {_show(total)} in all: raise limits.total"
    yield job.created + total, Cause.TOTAL_LIMIT, what
    if deadline:
        what = "the claim reached the most that this machine may be on (maxOn)"
        yield deadline, Cause.MACHINE_LIMIT, what


def _show(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    parts = [(seconds // 3600, "h"), (seconds % 3600 // 60, "m"), (seconds % 60, "s")]
    return "".join(f"{n}{unit}" for n, unit in parts if n) or "0s"
