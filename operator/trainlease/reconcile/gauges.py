"""How it all stands now, in numbers: read from what the process knows, whenever it is scraped.

Only the leader speaks of machines, jobs and databases, so that a sum over the replicas counts each
once. Not in here: what is counted as it happens (metering, and where it happens).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from trainlease.effects.metrics import catalog
from trainlease.effects.metrics.base import Metric, Sample
from trainlease.model import conditions as cond
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.reasons import MachineCondition, PlatformCondition
from trainlease.reconcile.context import Context
from trainlease.reconcile.leader import Leader
from trainlease.reconcile.queue import KeyedQueue

UNSEEN = "Unseen"


def gauges(context: Context, leader: Leader, queue: KeyedQueue) -> Iterator[Sample]:
    """All gauges, and the leader changes, which the Lease counts."""
    yield Sample(catalog.LEADER, leader.is_leader)
    if not leader.is_leader:
        return
    yield Sample(catalog.LEADER_CHANGES, leader.transitions)
    yield Sample(catalog.QUEUE_DEPTH, queue.waiting)
    yield Sample(catalog.TRACKER_BREAKER_OPEN, context.results.is_server_down)
    yield from _platforms(context)
    for machine in context.store.machines.values():
        yield from _machine(machine)
    yield from _jobs(context)


def _platforms(context: Context) -> Iterator[Sample]:
    machines = context.store.machines.values()
    for name, platform in context.store.platforms.items():
        link = context.databases.link(name)
        rows = [link.rows[m.uid] for m in machines if m.uid in link.rows] if link else []
        in_sync = cond.is_true(platform.status.conditions, PlatformCondition.IN_SYNC)
        owed = sum(name in machine.status.debts for machine in machines)
        yield Sample(catalog.DEBTS, owed, (name,))
        yield Sample(catalog.PLATFORM_IN_SYNC, in_sync, (name,))
        yield Sample(catalog.OCCUPIED_ELSEWHERE, sum(row.is_foreign for row in rows), (name,))
        if link is not None:
            yield Sample(catalog.DATABASE_BREAKER_OPEN, link.breaker.is_open, (name,))


def _machine(machine: Machine) -> Iterator[Sample]:
    status = machine.status
    since = (status.since if status.state else None) or machine.created
    labels = (machine.name, machine.spec.pool, str(status.state or UNSEEN))
    yield Sample(catalog.MACHINE_STATE_START, since.timestamp(), labels)
    available = cond.get(status.conditions, MachineCondition.AVAILABLE)
    if available is not None and not available.is_true:
        yield Sample(catalog.MACHINE_UNAVAILABLE, 1, (machine.name, available.reason))


def _jobs(context: Context) -> Iterator[Sample]:
    states = Counter(str(job.status.state or UNSEEN) for job in context.store.jobs.values())
    yield from _counted(catalog.JOBS, ((state,) for state in states.elements()))
    waiting = [lease for lease in context.store.leases.values() if _waits(context, lease)]
    pools = [_pool(context, lease) for lease in waiting]
    reasons = [str(context.memory.waits[lease.uid].reason) for lease in waiting]
    yield from _counted(catalog.WAITING_JOBS, zip(pools, reasons, strict=True))
    oldest: dict[str, datetime] = {}
    for pool, lease in zip(pools, waiting, strict=True):
        job = context.store.job_of(lease.spec.job.uid) if lease.spec.job else None
        if job is not None:
            oldest[pool] = min(oldest.get(pool, job.created), job.created)
    for pool, created in oldest.items():
        yield Sample(catalog.OLDEST_WAITING_JOB, created.timestamp(), (pool,))


def _waits(context: Context, lease: MachineLease) -> bool:
    return not lease.is_hold and not lease.is_bound and lease.uid in context.memory.waits


def _pool(context: Context, lease: MachineLease) -> str:
    """A pool that there is, or none: what a job may write must not make series without end."""
    named = context.store.machines.get(lease.spec.machine or "")
    pool = named.spec.pool if named else lease.spec.pool or ""
    return pool if context.store.machines_in(pool) else ""


def _counted(metric: Metric, labels: Iterable[tuple[str, ...]]) -> Iterator[Sample]:
    for found, count in Counter(labels).items():
        yield Sample(metric, count, found)
