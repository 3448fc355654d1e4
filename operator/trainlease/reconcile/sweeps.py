"""Leftovers of jobs that are gone: a training's row without a last word, a run without an end.

*Gone* is a live GET's word, never the store's. Not in here: machines and leases of jobs that are
gone, which end by their own looks.
"""

from datetime import datetime

from trainlease.effects.metrics import catalog
from trainlease.model.errors import NeedsPerson, Unavailable
from trainlease.model.observed import OpenTraining
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob
from trainlease.plan import results, trainings
from trainlease.reconcile.context import Context
from trainlease.reconcile.facts import Facts


class Sweeps:
    """One pass over all platforms and all open runs; whoever is away is swept the next time."""

    def __init__(self, context: Context, facts: Facts) -> None:
        self._context = context
        self._facts = facts

    async def sweep(self) -> None:
        for name in sorted(self._context.store.platforms):
            platform = self._context.store.platforms.get(name)  # it may have gone by now
            if platform is not None and platform.is_enforced and not platform.is_paused:
                await self._sweep_trainings(platform, self._context.now())
        try:
            await self._context.results.sweep(self.is_closed)
        except (Unavailable, NeedsPerson):
            return

    async def is_gone(self, namespace: str, name: str, uid: str) -> bool:
        """Whether the job of this uid is gone, by a live GET."""
        if self._context.store.job_of(uid) is not None:
            return False
        return await self._facts.live(TrainingJob, namespace, name, uid) is None

    async def is_closed(self, namespace: str, name: str, uid: str) -> bool:
        """Whether an open run of this job is a leftover: the job is gone, or it is recorded.

        A run whose creation was not answered belongs to no attempt if none got a machine.
        """
        job = self._context.store.job_of(uid)
        if job is not None:
            return results.is_recorded(job)
        return await self.is_gone(namespace, name, uid)

    async def _sweep_trainings(self, platform: Platform, now: datetime) -> None:
        try:
            found = await self._context.databases.open_trainings(platform.name)
        except (Unavailable, NeedsPerson):
            return
        for training in found:
            if await self.is_gone(training.namespace, training.name, training.job_uid):
                entry = trainings.gone(
                    training,
                    self._context.databases.cluster,
                    platform,
                    now,
                    has_another=self._has_another(training),
                )
                self._context.databases.say(entry, platform.name)
                self._context.ports.metrics.count(catalog.SWEPT, "row")

    def _has_another(self, training: OpenTraining) -> bool:
        """Whether a job that lives names the training: made anew, mostly, from the same file."""
        wanted = training.namespace, training.training_id
        jobs = self._context.store.jobs.values()
        return any((job.namespace, job.spec.external_id) == wanted for job in jobs)
