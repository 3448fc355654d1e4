"""The queue's turn: who waits, which machines there are, whom to grant what.

Reads the store and what is remembered, asks plan.placement, makes the first compare-and-set of each
grant. Not in here: the order of the queue; the second compare-and-set (the machine's own look).
"""

from collections.abc import Awaitable, Callable, Mapping

from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.reasons import WaitReason
from trainlease.model.training_job import TrainingJob
from trainlease.plan import actions as act
from trainlease.plan import leases, ledger, placement, report, rows, twins
from trainlease.plan.placement import Candidate, Slot
from trainlease.plan.waits import Wait
from trainlease.reconcile.context import Context


class Placing:
    """The queues of all pools; what each lease waits for goes into the memory."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def turn(self, perform: Callable[[act.Action], Awaitable[bool]]) -> None:
        """One pass over all pools; a refused claim only means that the next pass decides anew."""
        now = self._context.now()
        candidates = self._candidates()
        slots = self._slots() if candidates else []
        shares = {p.name: p.spec.share for p in self._context.store.platforms.values()}
        placed = placement.place_all(candidates, slots, shares, now, self._context.settings)
        self._keep(placed.waits, candidates)
        for grant in placed.grants:
            lease, job = grant.candidate.lease, grant.candidate.job
            status = ledger.claimed(
                grant.machine, lease, job, grant.candidate.platform, now, self._context.settings
            )
            await perform(act.Claim(grant.machine, status, lease))

    def _candidates(self) -> list[Candidate]:
        held = {
            m.status.holder.uid for m in self._context.store.machines.values() if m.status.holder
        }
        found = []
        for key in sorted(self._context.store.leases):
            lease = self._context.store.leases[key]
            over = lease.is_bound or lease.is_released or lease.status.ended or lease.deleting
            wanted = self._context.store.machines.get(lease.spec.machine or "")
            refused = leases.refusal(lease, wanted, self._context.settings)
            if over or lease.uid in held or refused:
                continue
            candidate = self._hold(lease) if lease.is_hold else self._attempt(lease)
            if candidate is not None:
                found.append(candidate)
        return found

    def _hold(self, lease: MachineLease) -> Candidate:
        platform = self._context.store.platform_of(lease.namespace)
        return Candidate(lease, None, platform.name if platform else "")

    def _attempt(self, lease: MachineLease) -> Candidate | None:
        """None while it is not this lease's turn to wait at all."""
        assert lease.spec.job is not None
        job = self._context.store.job_of(lease.spec.job.uid)
        number = lease.spec.attempt or 0
        if job is None or job.is_finished or job.deleting or job.spec.suspend:
            return None
        attempt = job.status.attempt(number)
        platform = self._context.store.platform_of(job.namespace)
        if platform is None or (attempt is not None and attempt.outcome is not None):
            return None
        if self._has_another_turn(job, number):
            return None
        trouble = self._trouble(platform)
        if trouble is None and self._lacks_its_run(job, number):
            why = self._context.results.trouble_of(job)
            if not why:
                return None  # its run is on its way, and rings
            trouble = (WaitReason.TRACKING_UNAVAILABLE, why)
        return Candidate(lease, job, platform.name, trouble)

    def _has_another_turn(self, job: TrainingJob, number: int) -> bool:
        """Whether another attempt is under way: leases may have been restored as unbound.

        The bound one goes first, then the earliest; what is earlier than the job's last is over.
        """
        last = job.status.last_attempt.number if job.status.last_attempt else 0
        if number < last:
            return True
        for lease in self._context.store.leases_of(job.uid):
            other = lease.spec.attempt or 0
            stored = job.status.attempt(other)
            is_over = lease.is_released or (stored is not None and stored.outcome is not None)
            goes_first = lease.is_bound or last <= other < number
            if other != number and not is_over and goes_first:
                return True
        return False

    def _lacks_its_run(self, job: TrainingJob, number: int) -> bool:
        """A job that wants results is not granted a machine before its attempt has a run."""
        if not job.spec.wants_results or self._context.results.run_id(job, number) is not None:
            return False
        self._context.results.prepare(job, number)
        return True

    def _trouble(self, platform: Platform) -> tuple[WaitReason, str] | None:
        """While a needed database is away, placement does not leave Free, and the job says why."""
        if not platform.is_enforced:
            what = f"the Platform {platform.name} is only observed: set its spec.mode to Enforce"
            return WaitReason.NOT_ALLOWED, what
        if platform.deleting:
            return WaitReason.NOT_ALLOWED, f"the Platform {platform.name} is being deleted"
        if platform.is_paused:
            return WaitReason.NOT_ALLOWED, f"the Platform {platform.name} is paused"
        obstacle = rows.obstacle(self._context.databases.facts(), platform.name)
        return (WaitReason.PLATFORM_DATABASE_DOWN, obstacle) if obstacle else None

    def _slots(self) -> list[Slot]:
        now = self._context.now()
        machines = [self._context.store.machines[n] for n in sorted(self._context.store.machines)]
        facts, slots = self._context.databases.facts(), []
        for machine in machines:
            known = self._context.databases.rows(machine)
            view = self._context.memory.view(machine)
            barred = report.unavailable(
                machine,
                view,
                known,
                now,
                self._context.settings,
                double=twins.double(machine, machines, view),
            )
            reason, detail = barred or (None, "")
            slots.append(Slot(machine, reason, detail, placement.rowless(machine, facts, known)))
        return slots

    def _keep(self, waits: Mapping[str, Wait], candidates: list[Candidate]) -> None:
        """Remember what each waits for, and ring those whose reason or place is new."""
        known = self._context.memory.waits
        before = dict(known)
        known.clear()
        known.update(waits)
        for candidate in candidates:
            wait = waits.get(candidate.lease.uid)
            if wait is None or wait.is_like(before.get(candidate.lease.uid)):
                continue
            if candidate.job is not None:
                self._context.ring("job", candidate.job.title)
            else:
                self._context.ring("lease", candidate.lease.title)
