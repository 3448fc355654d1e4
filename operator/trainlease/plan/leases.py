"""What to do next for one MachineLease, its next status, and the limits that end a claim. Pure.

Not here: the grant itself (plan.placement), its bind and the expiry of a hold (plan.claim).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from trainlease.model import conditions as cond
from trainlease.model.base import to_timedelta
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import (
    Ended,
    HoldPower,
    MachineLease,
    MachineLeaseStatus,
)
from trainlease.model.reasons import Cause, LeaseCondition, Outcome
from trainlease.model.settings import Settings
from trainlease.model.training_job import Attempt, TrainingJob
from trainlease.plan import actions as act
from trainlease.plan.waits import Wait


@dataclass(frozen=True)
class LeaseFacts:
    """A lease and all that bears on it, read in this order: lease, job, machine.

    `job`: that of the lease's uid; None is gone by a live GET (a hold has none). `machine`: the one
    that a bound lease names, by a read made after the lease's; for an unbound lease the one whose
    ledger names it as its holder, if there is one. `machine_gone`: the machine that a bound lease
    names is gone by a live GET, or another one has its name. `wait`: what the queue says. `wanted`:
    the machine that its spec names, as it was last seen.
    """

    lease: MachineLease
    job: TrainingJob | None = None
    machine: Machine | None = None
    machine_gone: bool = False
    wait: Wait | None = None
    wanted: Machine | None = None

    @property
    def attempt(self) -> Attempt | None:
        """The lease's attempt as the job has it stored, if it does already."""
        number = self.lease.spec.attempt
        return self.job.status.attempt(number) if self.job and number else None

    @property
    def is_held(self) -> bool:
        """Whether the ledger says that the machine is this lease's, by this very claim."""
        holder = self.machine.status.holder if self.machine else None
        if self.machine is None or holder is None or holder.uid != self.lease.uid:
            return False
        status = self.lease.status
        return not self.lease.is_bound or status.generation == self.machine.status.generation

    @property
    def is_undecided(self) -> bool:
        """Whether the machine was not read, or was restored without a status and not yet seen."""
        if not self.lease.is_bound or self.machine_gone:
            return False
        return self.machine is None or self.machine.status.state is None

    @property
    def end(self) -> tuple[str, str] | None:
        """The reason and sentence that this lease is over, if it is."""
        lease, job, attempt = self.lease, self.job, self.attempt
        if lease.is_hold:
            if lease.status.ended:
                said = cond.get(lease.status.conditions, LeaseCondition.RELEASED)
                why = said.message if said else f"the hold ended: {lease.status.ended}"
                return lease.status.ended, why
            if lease.is_bound:
                return Cause.NOT_HELD, f"{lease.status.machine} is not held by it any more"
            return None
        if job is None:
            return "JobGone", "its TrainingJob is gone"
        if attempt and attempt.outcome:
            return attempt.outcome, f"attempt {attempt.number} ended: {attempt.outcome}"
        if job.is_finished:
            return "JobFinished", "its TrainingJob is finished"
        return None


Step = Callable[[LeaseFacts, datetime, Settings], act.Action | None]


def decide(facts: LeaseFacts, now: datetime, settings: Settings) -> act.Action:
    """The one next action for this lease; Wait when it stands still."""
    for step in _STEPS:
        action = step(facts, now, settings)
        if action is not None:
            return action
    return act.Wait()


def refusal(
    lease: MachineLease, wanted: Machine | None, settings: Settings
) -> tuple[str, str] | None:
    """Why the queue may never grant it, if so: a hold where none may be, or of what cannot be."""
    if not lease.is_hold:
        return None
    if lease.namespace not in settings.hold_namespaces:
        where = ", ".join(settings.hold_namespaces) or "none"
        text = f"holds are not allowed in {lease.namespace}: make it in one of these: {where}"
        return "NamespaceNotAllowed", text
    if lease.spec.power is HoldPower.ON and wanted is not None and wanted.spec.aws is None:
        text = (
            f"{wanted.name} cannot be turned on for a hold, only a cloud machine can: "
            "make the hold again without power"
        )
        return "PowerNotAllowed", text
    return None


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


def ended(lease: MachineLease, how: Ended, why: str, now: datetime) -> MachineLeaseStatus:
    """The end of a hold; to a hold this is what the outcome is to a job."""
    conditions = cond.with_condition(
        lease.status.conditions, LeaseCondition.RELEASED, False, how, why, now=now
    )
    return lease.status.but(ended=how, conditions=conditions)


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


def _stands(facts: LeaseFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Over, or held by its machine (whose claim steps act), or not to be judged yet."""
    if facts.lease.is_released or facts.is_held or facts.is_undecided:
        return act.Wait()
    return None


def _not_held(facts: LeaseFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Bound to a machine that does not hold it, as a restore leaves it: its attempt is Lost."""
    lease, job = facts.lease, facts.job
    if not lease.is_bound or job is None or facts.end is not None:
        return None
    text = f"{lease.status.machine} does not hold it any more"
    number = lease.spec.attempt or 0
    return act.SetOutcome(job, number, Outcome.LOST, Cause.NOT_HELD, text)


def _release(facts: LeaseFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Released only once no machine holds it and its end is stored, or nobody is left to ask."""
    if facts.end is None:
        return None
    return act.WriteLease(facts.lease, released(facts.lease, *facts.end, now))


def _refuse(facts: LeaseFacts, now: datetime, settings: Settings) -> act.Action | None:
    """A hold that can never be granted says why."""
    found = refusal(facts.lease, facts.wanted, settings)
    return _said(facts.lease, *found, now) if found else None


def _wait(facts: LeaseFacts, now: datetime, settings: Settings) -> act.Action | None:
    """What a hold waits for; a job says it of itself."""
    if not facts.lease.is_hold or facts.wait is None:
        return None
    return _said(facts.lease, facts.wait.reason, facts.wait.message, now)


def _said(lease: MachineLease, reason: str, message: str, now: datetime) -> act.Action:
    """Granted=False, written when more than the time in it has changed."""
    old = cond.get(lease.status.conditions, LeaseCondition.GRANTED)
    if old and (old.reason, _timeless(old.message)) == (reason, _timeless(message)):
        return act.Wait()
    return act.WriteLease(lease, refused(lease, reason, message, now))


def _timeless(message: str) -> str:
    return message.partition("; by ")[0]


_STEPS: tuple[Step, ...] = (_stands, _not_held, _release, _refuse, _wait)
