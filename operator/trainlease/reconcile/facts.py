"""Reads all that bears on one machine, job or lease, in the order in which the protocol needs it.

*Gone* is only ever what a live GET answered NotFound, or another uid; where the read fails, so
does the look, and the key is tried again. Not in here: any write, and what follows from the facts.
"""

import asyncio
from dataclasses import replace
from typing import Any, TypeVar

from trainlease.model.base import KubeObject
from trainlease.model.errors import NotFound, TrainleaseError
from trainlease.model.machine import CLAIM, Holder, Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.observed import MachineView, Power
from trainlease.model.platform import Platform
from trainlease.model.reasons import MachineState
from trainlease.model.training_job import TrainingJob, lease_name
from trainlease.plan import twins, words
from trainlease.plan.job import JobFacts
from trainlease.plan.leases import LeaseFacts
from trainlease.plan.machine_facts import MachineFacts
from trainlease.plan.rows import PlatformFact
from trainlease.reconcile.context import Context

Model = TypeVar("Model", bound=KubeObject)


class Facts:
    """Gathers, from the store where that is enough, and live where *gone* hangs on it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    # -- machine ---------------------------------------------------------------------------------

    async def of_machine(self, machine: Machine) -> MachineFacts:
        """In this order: the Machine (as it was read), its lease, its job, its provider."""
        holder = machine.status.holder
        lease = await self._holders_lease(machine, holder) if holder else None
        job = await self._holders_job(holder) if holder else None
        view = await self.look(machine)
        platforms = await self._platforms(machine, view)
        tick = self._context.ports.clock.monotonic()
        memory, claim = self._context.memory, (machine.uid, machine.status.generation)
        return MachineFacts(
            cluster=self._context.databases.cluster,
            machine=machine,
            platforms=platforms,
            rows=self._context.databases.rows(machine),
            telling=self._context.databases.telling(machine),
            view=view,
            lease=lease,
            job=job,
            never_started=claim in memory.made,
            start_issued=claim in memory.issued,
            seen_on=claim in memory.started,
            off_for=memory.off_for(machine, tick),
            stood_for=memory.stood_for(machine, tick),
            is_twins=twins.may_be_a_twins(machine, self._context.store.machines.values()),
            adoptable=None if machine.status.state else await self._adoptable(machine),
        )

    async def _platforms(
        self, machine: Machine, view: MachineView | None
    ) -> tuple[PlatformFact, ...]:
        """Of a machine that somebody else turned on, the rows must be read after that was seen.

        Who takes a machine writes its row first: a row that was read before may say free still.
        So must those that a person claims, who may know more of them than the last compare.
        """
        theirs = view is not None and view.power is Power.ON and view.generation is None
        theirs = theirs and machine.status.state not in (None, MachineState.CLAIMED)
        if not theirs and words.spoken(machine, CLAIM) is None:
            return self._context.databases.facts()
        read = await self._context.databases.read_anew(machine)
        facts = self._context.databases.facts()
        return tuple(replace(fact, compared=fact.name in read) for fact in facts)

    async def look(self, machine: Machine) -> MachineView | None:
        """What the provider says now; None where it cannot say, or is not enabled."""
        provider = self._context.ports.providers.get(machine.spec.provider)
        if provider is None:
            return None
        try:
            async with asyncio.timeout(self._context.settings.call_timeout):
                view = await provider.observe(machine)
        except (TrainleaseError, TimeoutError):
            self._context.memory.lost_sight(machine)
            return None
        before = self._context.memory.view(machine)
        tick = self._context.ports.clock.monotonic()
        if self._context.memory.saw(machine, view, self._context.now(), tick):
            self._tell_of(machine, before, view)
        return view

    def _tell_of(self, machine: Machine, before: MachineView | None, view: MachineView) -> None:
        """A new view concerns the holder's job, and the queue where the power changed."""
        holder = machine.status.holder
        if holder is not None and holder.job:
            self._context.ring("job", f"{holder.namespace}/{holder.job}")
        if before is None or before.power is not view.power:
            self._context.ring("placement", "")

    async def _holders_lease(self, machine: Machine, holder: Holder) -> MachineLease | None:
        lease = self._context.store.leases.get(f"{holder.namespace}/{holder.name}")
        generation = machine.status.generation
        if lease and lease.uid == holder.uid and lease.is_bound_to(machine.uid, generation):
            return lease
        return await self.live(MachineLease, holder.namespace, holder.name, holder.uid)

    async def _holders_job(self, holder: Holder) -> TrainingJob | None:
        if holder.job is None or holder.job_uid is None:
            return None
        job = self._context.store.jobs.get(f"{holder.namespace}/{holder.job}")
        if job is not None and job.uid == holder.job_uid:
            return job
        return await self.live(TrainingJob, holder.namespace, holder.job, holder.job_uid)

    async def _adoptable(self, machine: Machine) -> tuple[MachineLease, TrainingJob, str] | None:
        """The bound lease of a live job without an outcome that names this Machine, if any."""
        for key in sorted(self._context.store.leases):
            lease = self._context.store.leases.get(key)  # it may have gone while another was read
            if lease is None or lease.status.machine_uid != machine.uid:
                continue
            if lease.is_released or not lease.spec.job:
                continue
            found = await self.live(MachineLease, lease.namespace, lease.name, lease.uid)
            named = lease.spec.job
            job = await self.live(TrainingJob, lease.namespace, named.name, named.uid)
            if found is None or job is None or job.is_finished:
                continue
            if found.status.machine_uid != machine.uid or found.is_released:
                continue  # restored without its status as well
            attempt = job.status.attempt(lease.spec.attempt or 0)
            platform = self._context.store.platform_of(lease.namespace)
            if platform is not None and (attempt is None or attempt.outcome is None):
                return found, job, platform.name
        return None

    # -- job -------------------------------------------------------------------------------------

    async def of_job(self, job: TrainingJob) -> JobFacts:
        lease = self._open_lease(job)
        last = job.status.last_attempt
        number = last.number if last and last.outcome is None else None
        gone = False
        if lease is None and number is not None:
            lease = await self._live_lease(job, number)
            gone = lease is None
        machine = self._machine_of(lease)
        attempt = lease.spec.attempt if lease else None
        platform = self._context.store.platform_of(job.namespace)
        return JobFacts(
            job=job,
            platform=platform,
            lease=lease,
            lease_gone=gone,
            used=await self._used(job),
            machine=machine,
            view=self._context.memory.view(machine) if machine else None,
            started=self._context.memory.started_at(machine) if machine else None,
            held=self._is_held(job),
            run_id=self._context.results.run_id(job, attempt) if attempt else None,
            wait=self._context.memory.waits.get(lease.uid) if lease else None,
            said=self._context.memory.said.get(job.uid),
            row_trouble=self._row_trouble(job, platform),
        )

    def _row_trouble(self, job: TrainingJob, platform: Platform | None) -> str | None:
        if platform is None or job.spec.external_id is None:
            return None
        return self._context.databases.word_trouble(job.uid, platform.name)

    def _open_lease(self, job: TrainingJob) -> MachineLease | None:
        """The lease of the attempt that is under way; never that of one with an outcome."""
        last = job.status.last_attempt
        first_open = 1 if last is None else last.number + (0 if last.outcome is None else 1)
        found = (
            x for x in self._context.store.leases_of(job.uid) if (x.spec.attempt or 0) >= first_open
        )
        # One at most, but for leases that were restored as unbound.
        return min(
            (x for x in found if not x.is_released), key=lambda x: not x.is_bound, default=None
        )

    async def _used(self, job: TrainingJob) -> int:
        """The highest attempt whose lease is over; by a live read where the job does not know it.

        Whoever restores a job without its status may be about to restore its leases as well.
        """
        leases = self._context.store.leases_of(job.uid)
        number = max((x.spec.attempt or 0 for x in leases if x.is_released), default=0)
        last = job.status.last_attempt
        if number <= (last.number if last else 0):
            return number
        found = await self.live(
            MachineLease, job.namespace, lease_name(job.name, number), None, job.uid
        )
        return number if found is None or found.is_released else 0

    async def _live_lease(self, job: TrainingJob, number: int) -> MachineLease | None:
        for lease in self._context.store.leases_of(job.uid):
            if lease.spec.attempt == number:
                return lease
        return await self.live(
            MachineLease, job.namespace, lease_name(job.name, number), None, job.uid
        )

    def _machine_of(self, lease: MachineLease | None) -> Machine | None:
        """The machine that holds this lease by its own word."""
        if lease is None or lease.status.machine is None:
            return None
        machine = self._context.store.machines.get(lease.status.machine)
        if machine is None or machine.status.state is not MachineState.CLAIMED:
            return None
        same = lease.is_bound_to(machine.uid, machine.status.generation)
        return machine if same else None

    def _is_held(self, job: TrainingJob) -> bool:
        return any(
            m.status.holder is not None
            and m.status.holder.job_uid == job.uid
            and m.status.state is MachineState.CLAIMED
            for m in self._context.store.machines.values()
        )

    # -- lease -----------------------------------------------------------------------------------

    async def of_lease(self, lease: MachineLease) -> LeaseFacts:
        """In this order: the lease (as it was read), its job, the machine that it names."""
        job = None
        if lease.spec.job is not None:
            named = lease.spec.job
            job = self._context.store.job_of(named.uid) or await self.live(
                TrainingJob, lease.namespace, named.name, named.uid
            )
        machine, gone = await self._leases_machine(lease)
        wait = self._context.memory.waits.get(lease.uid)
        wanted = self._context.store.machines.get(lease.spec.machine or "")
        return LeaseFacts(
            lease, job=job, machine=machine, machine_gone=gone, wait=wait, wanted=wanted
        )

    async def _leases_machine(self, lease: MachineLease) -> tuple[Machine | None, bool]:
        """The machine, and whether the one that a bound lease names is gone."""
        name = lease.status.machine
        if name is None:
            held = (m for m in self._context.store.machines.values() if _holds(m, lease))
            return next(held, None), False
        machine = self._context.store.machines.get(name)
        if machine is None or not _holds(machine, lease):
            machine = await self.live(Machine, "", name, lease.status.machine_uid)
        return machine, machine is None

    # -- live reads ------------------------------------------------------------------------------

    async def live(
        self, kind: type[Model], namespace: str, name: str, uid: str | None, job_uid: str = ""
    ) -> Model | None:
        """A consistent read; None is *gone*: no such object, or one with another uid."""
        try:
            body = await self._context.ports.kube.get(kind.plural, namespace, name)
        except NotFound:
            if uid is not None:
                title = f"{namespace}/{name}" if namespace else name
                self._context.store.removed(kind.plural, title, uid)
            return None
        self._context.store.wrote(kind.plural, body)
        if uid is not None and body["metadata"]["uid"] != uid:
            return None
        if job_uid and _job_uid(body) != job_uid:
            return None
        return kind.model_validate(body)


def _holds(machine: Machine, lease: MachineLease) -> bool:
    holder = machine.status.holder
    return holder is not None and holder.uid == lease.uid


def _job_uid(body: dict[str, Any]) -> str:
    return str(((body.get("spec") or {}).get("job") or {}).get("uid", ""))
