"""What to do next for one TrainingJob: accept, begin an attempt, say where it stands, clean up.

Pure. The end of an attempt that holds a machine is decided in plan.claim; here are the ends of
attempts that never got one, and everything that a person reads on the job.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from trainlease.model import conditions as cond
from trainlease.model.base import to_timedelta
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.observed import MachineView
from trainlease.model.platform import Platform
from trainlease.model.reasons import Cause, JobCondition, JobState, Outcome
from trainlease.model.settings import Settings
from trainlease.model.training_job import Attempt, TrainingJob, TrainingJobStatus
from trainlease.plan import actions as act
from trainlease.plan import leases, ledger, outcome
from trainlease.plan.waits import Wait
from trainlease.plan.workload import registered_model

MAX_ATTEMPTS = 128


@dataclass(frozen=True)
class JobFacts:
    """A job and all that bears on it.

    `lease` is that of the open attempt; `machine` the one that it is bound to, `view` what its
    provider says; `started` when we saw it on; `held` whether any machine is held in this job's
    name; `run_id` the open attempt's MLflow run; `wait` what the queue says, and `said` when this
    process last wrote such a reason. `lease_gone`: the open attempt is stored, and its lease is
    gone by a live GET. `used`: the highest attempt whose lease is over; a job that was restored
    without its status may know of none. `row_trouble`: why the training's own row cannot be
    written, empty if it was, None while that is not known.
    """

    job: TrainingJob
    platform: Platform | None = None
    lease: MachineLease | None = None
    lease_gone: bool = False
    used: int = 0
    machine: Machine | None = None
    view: MachineView | None = None
    started: datetime | None = None
    held: bool = False
    run_id: str | None = None
    wait: Wait | None = None
    said: datetime | None = None
    row_trouble: str | None = None

    @property
    def status(self) -> TrainingJobStatus:
        return self.job.status

    @property
    def open_number(self) -> int | None:
        """The attempt that is under way, whether it is stored yet or only its lease is there."""
        last = self.status.last_attempt
        if last is not None and last.outcome is None:
            return last.number
        return self.lease.spec.attempt if self.lease else None

    @property
    def next_number(self) -> int:
        last = self.status.last_attempt
        return max(last.number if last else 0, self.used) + 1


Step = Callable[[JobFacts, datetime, Settings], act.Action | None]


def decide(facts: JobFacts, now: datetime, settings: Settings) -> act.Action:
    """The one next action for this job; Wait when it stands still."""
    for step in _STEPS:
        action = step(facts, now, settings)
        if action is not None:
            break
    else:
        action = act.Wait()
    return _row_said(facts, action, now) if isinstance(action, act.Wait) else action


def accepted_status(
    job: TrainingJob, platform: Platform | None, machine: Machine | None, now: datetime
) -> TrainingJob:
    """The job with what its status must say before its end is stored: accepted, and where it ran.

    A training may end before anything of it was stored.
    """
    facts = JobFacts(job, platform=platform, machine=machine)
    status = _bound(facts, now) if machine else _accepted(facts, job.status, now)
    return job.model_copy(update={"status": status})


def _finished(facts: JobFacts, now: datetime, settings: Settings) -> act.Action | None:
    job = facts.job
    if job.deleting:
        return act.Wait()
    if not job.is_finished:
        return None
    ttl = job.spec.ttl
    span = to_timedelta(ttl) if ttl else timedelta(seconds=settings.job_ttl)
    due = (job.finished_at or job.created) + span
    return act.DeleteJob(job) if now >= due else act.Wait(due - now)


def _accept(facts: JobFacts, now: datetime, settings: Settings) -> act.Action | None:
    if facts.platform is not None:
        return None
    what = (
        f"no Platform owns the namespace {facts.job.namespace}: "
        "apply a Platform with it, or use a platform's namespace"
    )
    if facts.held or (facts.lease is not None and facts.lease.is_bound):
        return None  # what runs goes on to its end
    status = _with(facts, JobCondition.ACCEPTED, False, "NoPlatform", what, now)
    status = status.but(state=JobState.WAITING, why=f"NoPlatform: {what}")
    return _report(facts, status)


def _withdraw(facts: JobFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Ends an open attempt that has no machine: suspended, over its limit, or its lease gone."""
    number, job = facts.open_number, facts.job
    if number is None or facts.held or (facts.lease is not None and facts.lease.is_bound):
        return None
    if facts.lease_gone:
        text = "its MachineLease was deleted"
        return act.SetOutcome(job, number, Outcome.CANCELLED, Cause.CANCELLED, text)
    if job.spec.suspend:
        return act.SetOutcome(job, number, Outcome.SUSPENDED, Cause.SUSPENDED, "suspended")
    for due, cause, text in _waiting_limits(job, settings):
        if now >= due:
            return act.SetOutcome(job, number, Outcome.LIMIT_EXCEEDED, cause, text)
    return None


def _begin(facts: JobFacts, now: datetime, settings: Settings) -> act.Action | None:
    """A next attempt is made only after the outcome of the one before is stored."""
    if facts.open_number is not None:
        return None
    if facts.held:  # its claim ends by the machine's own steps, which store the outcome first
        return act.Wait()
    job = facts.job
    for due, cause, text in _waiting_limits(job, settings):
        if now >= due:
            status = outcome.finished(job, facts.status, False, cause, text, now)
            return act.WriteJob(job, _accepted(facts, status, now))
    if job.spec.suspend:
        why = "suspended: set suspend to false to go on"
        status = _with(facts, JobCondition.SUSPENDED, True, "Suspended", why, now)
        return _report(facts, status.but(state=JobState.SUSPENDED, why=why))
    left = outcome.backoff_left(job, now, settings)
    if left:
        return act.Wait(left)
    if facts.next_number > MAX_ATTEMPTS:
        text = f"{MAX_ATTEMPTS} attempts: apply it again under a new name"
        return act.WriteJob(
            job, outcome.finished(job, facts.status, False, Cause.TOTAL_LIMIT, text, now)
        )
    return act.CreateLease(job, facts.next_number)


def _waiting(facts: JobFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Says why it waits; stored when the reason or the place changes, once a minute at most."""
    if facts.lease is None or facts.lease.is_bound:
        return None
    soon = min((due for due, *_ in _waiting_limits(facts.job, settings)), default=None)
    rest = act.Wait(soon - now) if soon else act.Wait()
    wait = facts.wait
    if wait is None:
        return rest
    old = cond.get(facts.status.conditions, JobCondition.LEASE_ACQUIRED)
    if old and (old.reason, facts.status.place) == (wait.reason.value, wait.place):
        return rest
    if facts.said is not None and facts.status.state is JobState.WAITING:
        left = facts.said + timedelta(seconds=settings.wait_reason_every) - now
        if left > timedelta(0):
            return act.Wait(min(left, rest.until or left))
    status = _with(facts, JobCondition.LEASE_ACQUIRED, False, wait.reason, wait.message, now)
    status = status.but(
        state=JobState.WAITING, why=wait.message[:1024], place=wait.place, machine=None
    )
    return _report(facts, status, rest)


def _starting(facts: JobFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Not running 5 s after its claim: say Starting, and at what."""
    lease, machine = facts.lease, facts.machine
    if lease is None or machine is None or facts.started is not None:
        return None
    since = lease.status.bound_at or now
    left = since + timedelta(seconds=settings.starting_shown_after) - now
    if left > timedelta(0):
        return act.Wait(left)
    detail = facts.view.detail if facts.view and facts.view.detail else "not on yet"
    why = f"starting on {machine.name}: {detail}"
    status = _bound(facts, now).but(state=JobState.STARTING, why=why, machine=machine.name)
    return _report(facts, status)


def _running(facts: JobFacts, now: datetime, settings: Settings) -> act.Action | None:
    lease, machine, started = facts.lease, facts.machine, facts.started
    if lease is None or machine is None or started is None:
        return None
    number = lease.spec.attempt or 1
    deadline = machine.status.deadline
    why = f"attempt {number} since {ledger.show_time(started, now)}"
    if deadline:
        why += f", at most until {ledger.show_time(_ends(facts, started, settings), now)}"
    attempt = facts.status.attempt(number) or Attempt(number=number)
    attempt = attempt.but(
        machine=machine.name,
        generation=lease.status.generation,
        run_id=facts.run_id or attempt.run_id,
        started=attempt.started or started,
    )
    if facts.status.state is JobState.RUNNING and facts.status.attempt(number) == attempt:
        return act.Wait()
    status = _with(
        facts, JobCondition.RUNNING, True, "Started", f"on {machine.name}", now, _bound(facts, now)
    )
    status = status.with_attempt(attempt)
    return _report(
        facts, status.but(state=JobState.RUNNING, why=why, machine=machine.name, place=None)
    )


def _ends(facts: JobFacts, started: datetime, settings: Settings) -> datetime:
    assert facts.machine is not None
    deadline = facts.machine.status.deadline
    running = started + leases.limit(facts.job, "running", settings.running_limit)
    return min(running, deadline) if deadline else running


def _waiting_limits(
    job: TrainingJob, settings: Settings
) -> tuple[tuple[datetime, Cause, str], ...]:
    """When a job that has no machine must give up, and the sentence that says so."""
    since = max([job.created, *(a.ended for a in job.status.attempts if a.ended)])
    waiting = leases.limit(job, "waiting", settings.waiting_limit)
    total = leases.limit(job, "total", settings.total_limit)
    return (
        (
            since + waiting,
            Cause.WAITING_LIMIT,
            "it waited for a machine as long as it may: raise limits.waiting, or free the pool",
        ),
        (
            job.created + total,
            Cause.TOTAL_LIMIT,
            "it took as long in all as it may: raise limits.total",
        ),
    )


def _bound(facts: JobFacts, now: datetime) -> TrainingJobStatus:
    assert facts.machine is not None
    return _with(facts, JobCondition.LEASE_ACQUIRED, True, "Bound", f"{facts.machine.name}", now)


def _with(
    facts: JobFacts,
    kind: JobCondition,
    value: bool,
    reason: str,
    message: str,
    now: datetime,
    status: TrainingJobStatus | None = None,
) -> TrainingJobStatus:
    status = status or _accepted(facts, facts.status, now)
    conditions = cond.with_condition(
        status.conditions,
        kind,
        value,
        reason,
        message,
        now=now,
        generation=facts.job.metadata.generation,
    )
    if kind is not JobCondition.SUSPENDED and cond.is_true(conditions, JobCondition.SUSPENDED):
        conditions = cond.with_condition(
            conditions, JobCondition.SUSPENDED, False, "Resumed", "", now=now
        )
    return status.but(conditions=conditions)


def _accepted(facts: JobFacts, status: TrainingJobStatus, now: datetime) -> TrainingJobStatus:
    """Accepted, for the platform that owns its namespace."""
    if facts.platform is None:
        return status
    conditions = cond.with_condition(
        status.conditions,
        JobCondition.ACCEPTED,
        True,
        "Accepted",
        _acceptance(facts, facts.platform),
        now=now,
        generation=facts.job.metadata.generation,
    )
    model = status.model or registered_model(facts.job)
    return status.but(model=model, conditions=conditions)


def _acceptance(facts: JobFacts, platform: Platform) -> str:
    """For whom it was accepted, and what keeps the training's own row from following it."""
    whom = f"for {platform.name}"
    old = cond.get(facts.status.conditions, JobCondition.ACCEPTED)
    if facts.row_trouble is None and old is not None and old.message.startswith(f"{whom};"):
        return old.message
    return f"{whom}; {facts.row_trouble}" if facts.row_trouble else whom


def _row_said(facts: JobFacts, rest: act.Wait, now: datetime) -> act.Action:
    """A row that cannot be written is said as soon as it is known, also of a finished job."""
    if facts.row_trouble is None or not cond.is_true(
        facts.status.conditions, JobCondition.ACCEPTED
    ):
        return rest
    return _report(facts, _accepted(facts, facts.status, now), rest)


def _report(facts: JobFacts, status: TrainingJobStatus, rest: act.Wait | None = None) -> act.Action:
    return act.WriteJob(facts.job, status) if status != facts.status else rest or act.Wait()


_STEPS: tuple[Step, ...] = (
    _finished,
    _accept,
    _withdraw,
    _begin,
    _waiting,
    _starting,
    _running,
)
