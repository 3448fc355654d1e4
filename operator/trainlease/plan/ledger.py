"""The next status of a Machine for each arrow of plan.states: what is stored, and no more."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from trainlease.model.base import to_timedelta
from trainlease.model.machine import Holder, Machine, MachineStatus, Transition, Usage
from trainlease.model.machine_lease import MachineLease
from trainlease.model.reasons import MachineState
from trainlease.model.settings import Settings
from trainlease.model.training_job import TrainingJob
from trainlease.plan.states import allowed

_ZERO = datetime(2025, 1, 1, tzinfo=UTC)
_HISTORY = 20
REAPER = "trainlease"


class ForbiddenArrow(AssertionError):
    """A status that no arrow of plan.states leads to: a defect of this program."""


@dataclass(frozen=True)
class Times:
    """How long a claim may take: its start, and its run."""

    start: timedelta
    running: timedelta

    @property
    def total(self) -> timedelta:
        return self.start + self.running


def claim_times(job: TrainingJob, settings: Settings) -> Times:
    """The job's own limits, or the operator's."""
    limits = job.spec.limits
    start = to_timedelta(limits.start) if limits and limits.start else None
    running = to_timedelta(limits.running) if limits and limits.running else None
    return Times(
        start=start or timedelta(seconds=settings.boot_timeout),
        running=running or timedelta(seconds=settings.running_limit),
    )


def claim_length(
    machine: Machine, lease: MachineLease, job: TrainingJob | None, settings: Settings
) -> timedelta:
    """Claim deadline = start limit + running limit, at most the machine's `maxOn`."""
    spec = machine.spec
    most = to_timedelta(spec.max_on) if spec.max_on else timedelta(seconds=settings.max_on)
    if job is not None:
        return min(claim_times(job, settings).total, most)
    hold = lease.spec.for_
    return to_timedelta(hold) if hold else timedelta(seconds=settings.hold_for)


def claimed(
    machine: Machine,
    lease: MachineLease,
    job: TrainingJob | None,
    platform: str,
    now: datetime,
    settings: Settings,
) -> MachineStatus:
    """Free -> Claimed: the holder, generation + 1, the deadline."""
    holder = Holder(
        namespace=lease.namespace,
        name=lease.name,
        uid=lease.uid,
        platform=platform,
        job=job.name if job else None,
        job_uid=job.uid if job else None,
        attempt=lease.spec.attempt,
    )
    deadline = now + claim_length(machine, lease, job, settings)
    return _moved(
        machine,
        MachineState.CLAIMED,
        f"granted to {lease.title}",
        now,
        holder=holder,
        generation=machine.status.generation + 1,
        deadline=deadline,
        holder_title=holder.title,
        until=show_time(deadline, now),
    )


def adopted(
    machine: Machine,
    lease: MachineLease,
    job: TrainingJob,
    platform: str,
    now: datetime,
    settings: Settings,
) -> MachineStatus:
    """No status -> Claimed: the claim that its bound lease names, under a fence above all used."""
    claim = claimed(machine, lease, job, platform, now, settings)
    began = lease.status.bound_at or now
    deadline = began + claim_length(machine, lease, job, settings)
    return claim.but(
        generation=lease.status.generation or 0,
        fence_base=fence_base_of(now),
        since=began,
        deadline=deadline,
        until=show_time(deadline, now),
        history=_line(machine, MachineState.CLAIMED, claim, now, f"adopted {lease.title}"),
    )


def first_seen(machine: Machine, now: datetime) -> MachineStatus:
    """No status -> Stopping: under a generation and a fence above anything ever used."""
    return _moved(
        machine,
        MachineState.STOPPING,
        "seen for the first time: off has to be confirmed",
        now,
        generation=generation_of(now),
        fence_base=fence_base_of(now),
        holder_title=None,
    )


def overtaken(machine: Machine, known: int, now: datetime) -> MachineStatus:
    """Free -> Stopping, under a generation above one that a provider has already known.

    What was claimed under it was forgotten by a restored etcd: its records are no new claim's.
    """
    return _moved(
        machine,
        MachineState.STOPPING,
        f"generation {known} was used before: this ledger was restored, off has to be confirmed",
        now,
        generation=max(generation_of(now), known + 1),
        fence_base=max(fence_base_of(now), machine.status.fence_base),
    )


def stopping(machine: Machine, reason: str, now: datetime) -> MachineStatus:
    """Claimed -> Stopping: the end is decided, off is not confirmed."""
    return _moved(machine, MachineState.STOPPING, reason, now, until=None)


def reaped(machine: Machine, reason: str, now: datetime) -> MachineStatus:
    """Free -> Stopping, under a new generation: a machine that is on and nobody's."""
    return _moved(
        machine,
        MachineState.STOPPING,
        reason,
        now,
        generation=machine.status.generation + 1,
        holder=None,
        holder_title=None,
    )


def freed(
    machine: Machine,
    debts: Iterable[str],
    reason: str,
    now: datetime,
    settings: Settings,
    *,
    blames_machine: bool | None,
) -> MachineStatus:
    """-> Free: debts, usage and cost of this claim, a line of history.

    `blames_machine` says whether the claim's failure counts towards the quarantine; a claim that
    did not fail by the machine clears the count, and None (there was no run) leaves it.
    """
    status = machine.status
    blamed = status.blamed if blames_machine is None else status.blamed + 1 if blames_machine else 0
    quarantine = status.quarantined_until
    if blames_machine and blamed >= settings.quarantine_after:
        quarantine = now + timedelta(seconds=settings.quarantine_for)
        blamed = 0
    return _moved(
        machine,
        MachineState.FREE,
        reason,
        now,
        debts=tuple(sorted(debts)),
        usage=_used(machine, now, settings),
        blamed=blamed,
        quarantined_until=quarantine if quarantine and quarantine > now else None,
        holder=None,
        holder_title=None,
        deadline=None,
        until=None,
    )


def fence_raised(machine: Machine, stored: int) -> MachineStatus:
    """fenceBase raised by an even number, so that this claim's fence is above the stored one."""
    status = machine.status
    missing = stored + 1 - status.occupied_fence
    return status.but(fence_base=status.fence_base + missing + missing % 2)


def generation_of(now: datetime) -> int:
    """A generation that no claim of any earlier life of this machine had: seconds since 2025."""
    return int((now - _ZERO).total_seconds())


def fence_base_of(now: datetime) -> int:
    """An even base so far up that every fence ever written from it is below a later life's."""
    return 4 * generation_of(now)


def decayed(usage: Usage, now: datetime, half_life: float) -> float:
    """Machine-seconds used, with a half-life in seconds."""
    age = max(0.0, (now - usage.decayed_at).total_seconds())
    return float(usage.decayed * 0.5 ** (age / half_life))


def held_seconds(machine: Machine, now: datetime) -> float:
    """Seconds since the present holder's claim began, Stopping included; 0 without a holder."""
    status = machine.status
    if status.holder is None or status.since is None:
        return 0.0
    began = min(
        (t.at for t in status.history if t.generation == status.generation), default=status.since
    )
    return max(0.0, (now - began).total_seconds())


def show_time(at: datetime, now: datetime) -> str:
    """`12:27Z`, or `23 Nov 00:27Z` where it is not today."""
    day = "" if at.date() == now.date() else f"{at.day} {at:%b} "
    return f"{day}{at:%H:%M}Z"


def _used(machine: Machine, now: datetime, settings: Settings) -> tuple[Usage, ...]:
    status = machine.status
    if status.holder is None or status.since is None:
        return status.usage
    name = status.holder.platform or REAPER
    seconds = held_seconds(machine, now)
    old = status.usage_of(name) or Usage(platform=name, decayed_at=now)
    cost = Decimal(old.cost) + machine.price * Decimal(str(round(seconds, 3))) / 3600
    new = Usage(
        platform=name,
        seconds=round(old.seconds + seconds, 3),
        decayed=round(decayed(old, now, settings.usage_half_life) + seconds, 3),
        decayed_at=now,
        cost=f"{cost.quantize(Decimal('0.000001'), ROUND_HALF_UP):f}",
    )
    return (*(u for u in status.usage if u.platform != name), new)


def _moved(
    machine: Machine, state: MachineState, reason: str, now: datetime, **changes: object
) -> MachineStatus:
    before = machine.status
    if not allowed(before.state, state):
        raise ForbiddenArrow(f"{machine.name}: {before.state} -> {state}")
    after = before.but(state=state, since=now, **changes)
    return after.but(history=_line(machine, state, after, now, reason))


def _line(
    machine: Machine, state: MachineState, after: MachineStatus, now: datetime, reason: str
) -> tuple[Transition, ...]:
    holder = after.holder or machine.status.holder
    line = Transition(
        at=now,
        state=state,
        generation=after.generation,
        holder=holder.title if holder else None,
        reason=reason[:1024],
    )
    return (*machine.status.history, line)[-_HISTORY:]
