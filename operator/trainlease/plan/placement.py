"""Who gets which machine next, and what each of the others is told. Pure.

One queue for each pool: platforms by (machine-seconds used, decayed, + 3,600 x machines held) /
share, then priority inside the platform, then age. No preemption. A claim is only decided here;
the compare-and-sets that make it true are in reconcile.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.observed import Told
from trainlease.model.reasons import Blame, MachineState, UnavailableReason, WaitReason
from trainlease.model.settings import Settings
from trainlease.model.training_job import TrainingJob
from trainlease.plan import ledger, rows
from trainlease.plan.rows import PlatformFact, Rows
from trainlease.plan.waits import Wait, blocked, first_free, queued


@dataclass(frozen=True)
class Slot:
    """A machine as the queue sees it; `unavailable` says why it takes no claim, if it does not.

    `rowless`: platforms that must be told of its claim and have no row for it, with what to do.
    """

    machine: Machine
    unavailable: UnavailableReason | None = None
    detail: str = ""
    rowless: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.unavailable is None and self.machine.status.state is MachineState.FREE


@dataclass(frozen=True)
class Candidate:
    """A lease without a machine. `trouble` is a reason of its own why it cannot be granted now."""

    lease: MachineLease
    job: TrainingJob | None
    platform: str
    trouble: tuple[WaitReason, str] | None = None

    @property
    def target(self) -> str:
        return self.lease.spec.machine or f"pool {self.lease.spec.pool}"

    def wants(self, machine: Machine) -> bool:
        spec = self.lease.spec
        return spec.machine == machine.name if spec.machine else spec.pool == machine.spec.pool

    def may_use(self, machine: Machine) -> bool:
        """A hold by a person may use each machine; a job those that its platform may."""
        return self.job is None or machine.spec.permits(self.platform)

    def fits(self, slot: Slot) -> bool:
        """Wanted, permitted, and to be found in the databases that must be told."""
        if not self.wants(slot.machine) or not self.may_use(slot.machine):
            return False
        return self.job is None or self.platform not in slot.rowless

    @property
    def priority(self) -> int:
        return self.job.spec.priority if self.job else 0

    @property
    def age(self) -> datetime:
        """When the job was made: a retry keeps its age."""
        return self.job.created if self.job else self.lease.created

    @property
    def lost_on(self) -> str | None:
        """The machine of the last infrastructure failure, to be avoided while there is another."""
        if self.job is None:
            return None
        for attempt in reversed(self.job.status.attempts):
            if attempt.cause and attempt.cause.blame in (Blame.INFRASTRUCTURE, Blame.LOST):
                return attempt.machine
        return None


@dataclass(frozen=True)
class Grant:
    candidate: Candidate
    machine: Machine


@dataclass(frozen=True)
class Placement:
    """The grants to make now, and what every other candidate waits for, by lease uid."""

    grants: tuple[Grant, ...] = ()
    waits: Mapping[str, Wait] = field(default_factory=dict)


def place_all(
    candidates: Iterable[Candidate],
    slots: Sequence[Slot],
    shares: Mapping[str, int],
    now: datetime,
    settings: Settings,
) -> Placement:
    """Each pool by its own queue; whoever names a machine waits in the queue of its pool."""
    pools: dict[str, str] = {s.machine.name: s.machine.spec.pool for s in slots}
    queues: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        spec = candidate.lease.spec
        pool = pools.get(spec.machine, "") if spec.machine else spec.pool or ""
        queues.setdefault(pool, []).append(candidate)
    grants: list[Grant] = []
    waits: dict[str, Wait] = {}
    for pool, queue in queues.items():
        own = [s for s in slots if s.machine.spec.pool == pool]
        placed = place(queue, own, shares, now, settings)
        grants += placed.grants
        waits |= placed.waits
    return Placement(tuple(grants), waits)


def rowless(machine: Machine, platforms: Iterable[PlatformFact], known: Rows) -> dict[str, str]:
    """Platforms whose jobs could never start here: in a database that must say so it has no row,
    or another cluster's."""
    without = {n for n, row in known.items() if row.told in (Told.NO_ROW, Told.OTHER_CLUSTER)}
    if not without:
        return {}
    platforms = tuple(platforms)
    return {
        holder.name: rows.disagreement(machine, fact, known)
        for holder in platforms
        for fact in rows.needed(platforms, holder.name)
        if fact.name in without
    }


def place(
    candidates: Iterable[Candidate],
    slots: Sequence[Slot],
    shares: Mapping[str, int],
    now: datetime,
    settings: Settings,
) -> Placement:
    """Match the queue with the free machines, in the queue's order."""
    waits: dict[str, Wait] = {}
    ready: list[Candidate] = []
    for candidate in candidates:
        wait = _hindrance(candidate, slots)
        if wait is None:
            ready.append(candidate)
        else:
            waits[candidate.lease.uid] = wait
    line = _line(ready, slots, shares, now, settings)
    grants, left = _match(line, slots)
    waits.update(_explain(left, grants, slots, now, settings))
    return Placement(tuple(grants), waits)


def _hindrance(candidate: Candidate, slots: Sequence[Slot]) -> Wait | None:
    """Why this candidate could not be granted even an empty pool; most basic cause first."""
    wanted = [s for s in slots if candidate.wants(s.machine)]
    if not wanted:
        what = f"no machine is in {candidate.target}: declare one, or correct the name"
        return blocked(WaitReason.POOL_EMPTY, what)
    permitted = [s for s in wanted if candidate.may_use(s.machine)]
    if not permitted:
        what = (
            f"{candidate.platform} may use none of the machines of {candidate.target}: "
            "add it to spec.platforms of one"
        )
        return blocked(WaitReason.NOT_ALLOWED, what)
    listed = [s for s in permitted if candidate.fits(s)]
    if not listed:
        what = "; ".join(sorted({s.rowless[candidate.platform] for s in permitted}))
        return blocked(WaitReason.NOT_ALLOWED, what)
    permitted = listed
    if all(s.unavailable is UnavailableReason.OCCUPIED_ELSEWHERE for s in permitted):
        what = "; ".join(sorted(f"{s.machine.name}: {s.detail}" for s in permitted))
        return blocked(WaitReason.OCCUPIED_ELSEWHERE, what)
    if candidate.trouble:
        return blocked(*candidate.trouble)
    if all(s.unavailable is not None for s in permitted):
        what = "; ".join(
            sorted(f"{s.machine.name} is not available: {s.detail}" for s in permitted)
        )
        return blocked(WaitReason.CAPACITY_UNAVAILABLE, what)
    return None


def _line(
    ready: Iterable[Candidate],
    slots: Sequence[Slot],
    shares: Mapping[str, int],
    now: datetime,
    settings: Settings,
) -> list[Candidate]:
    """The order of the queue: holds first, then the platforms in turn by what they used.

    Each is compared with the machine that it would get counted as held: compared without it, one
    long job would lift a small share far above its part (Webster's divisors against Adams').
    """
    ready = list(ready)
    holds = sorted((c for c in ready if c.job is None), key=lambda c: (c.age, c.lease.uid))
    by_platform: dict[str, list[Candidate]] = {}
    for candidate in sorted(
        (c for c in ready if c.job is not None),
        key=lambda c: (-c.priority, c.age, c.lease.namespace, c.lease.name),
    ):
        by_platform.setdefault(candidate.platform, []).append(candidate)
    used = {name: _used(name, slots, now, settings) for name in by_platform}
    line = holds
    more = settings.held_machine_seconds
    while by_platform:
        name = min(by_platform, key=lambda n: ((used[n] + more) / shares.get(n, 1), n))
        line.append(by_platform[name].pop(0))
        used[name] += more
        if not by_platform[name]:
            del by_platform[name]
    return line


def _used(platform: str, slots: Sequence[Slot], now: datetime, settings: Settings) -> float:
    """Machine-seconds of this pool used by the platform (decayed), and an hour a machine held.

    The claims that run now are used as long as they run: booked only at their end, a long one
    would count like a short one for half a day.
    """
    total = 0.0
    for slot in slots:
        status = slot.machine.status
        usage = status.usage_of(platform)
        if usage:
            total += ledger.decayed(usage, now, settings.usage_half_life)
        if status.holder and status.holder.platform == platform:
            total += ledger.held_seconds(slot.machine, now) + settings.held_machine_seconds
    return total


def _match(line: Sequence[Candidate], slots: Sequence[Slot]) -> tuple[list[Grant], list[Candidate]]:
    free = [s for s in slots if s.is_open]
    grants: list[Grant] = []
    left: list[Candidate] = []
    for candidate in line:
        fitting = [s for s in free if candidate.fits(s)]
        if not fitting or _waits_for_another(candidate, fitting, slots):
            left.append(candidate)
            continue
        slot = min(fitting, key=lambda s: (s.machine.name == candidate.lost_on, s.machine.name))
        free.remove(slot)
        grants.append(Grant(candidate, slot.machine))
    return grants, left


def _waits_for_another(
    candidate: Candidate, fitting: Sequence[Slot], slots: Sequence[Slot]
) -> bool:
    """Whether only the machine of the last failure is free while another permitted one exists."""
    if any(s.machine.name != candidate.lost_on for s in fitting):
        return False
    return any(
        s.unavailable is None and s.machine.name != candidate.lost_on and candidate.fits(s)
        for s in slots
    )


def _explain(
    left: Sequence[Candidate],
    grants: Sequence[Grant],
    slots: Sequence[Slot],
    now: datetime,
    settings: Settings,
) -> dict[str, Wait]:
    """Place and *by when* at the latest: if nobody passes and each claim ends by its deadline."""
    granted = {g.machine.name: g.candidate for g in grants}
    ends: dict[str, datetime] = {}
    certain = not any(s.machine.status.state is MachineState.STOPPING for s in slots)
    for slot in slots:
        if slot.unavailable is not None:
            continue
        name, status = slot.machine.name, slot.machine.status
        if name in granted:
            ends[name] = now + _length(slot.machine, granted[name], settings)
        else:
            ends[name] = status.deadline or now
    by_name = {s.machine.name: s for s in slots}
    waits: dict[str, Wait] = {}
    ahead: Candidate | None = None
    for place_, candidate in enumerate(left, start=1):
        mine = [n for n in ends if candidate.fits(by_name[n])]
        next_ = first_free([n for n in mine if n != candidate.lost_on] or mine, ends)
        by = ends[next_] if next_ and certain else None
        if next_:
            ends[next_] += _length(by_name[next_].machine, candidate, settings)
        waits[candidate.lease.uid] = queued(
            place_, len(left), candidate.target, ahead.lease if ahead else None, by, now
        )
        ahead = candidate
    return waits


def _length(machine: Machine, candidate: Candidate, settings: Settings) -> timedelta:
    return ledger.claim_length(machine, candidate.lease, candidate.job, settings)
