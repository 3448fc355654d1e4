"""Leftovers of jobs that are gone: a training's row without a last word, a run without an end.

*Gone* is a live GET's word, never the store's. Not in here: machines and leases of jobs that are
gone, which end by their own looks.
"""

from datetime import datetime

from trainlease.effects.clock import Clock
from trainlease.model.errors import NeedsPerson, Unavailable
from trainlease.model.training_job import TrainingJob
from trainlease.plan import trainings
from trainlease.reconcile.databases import Databases
from trainlease.reconcile.facts import Facts
from trainlease.reconcile.results import Results
from trainlease.reconcile.store import Store


class Sweeps:
    """One pass over all platforms and all open runs; whoever is away is swept the next time."""

    def __init__(
        self, store: Store, facts: Facts, databases: Databases, results: Results, clock: Clock
    ) -> None:
        self._store = store
        self._facts = facts
        self._databases = databases
        self._results = results
        self._clock = clock

    async def sweep(self) -> None:
        for name in sorted(self._store.platforms):
            platform = self._store.platforms[name]
            if platform.is_enforced and not platform.is_paused:
                await self._sweep_trainings(name, self._clock.now())
        try:
            await self._results.sweep(self.is_gone)
        except (Unavailable, NeedsPerson):
            return

    async def is_gone(self, namespace: str, name: str, uid: str) -> bool:
        """Whether the job of this uid is gone, by a live GET."""
        if self._store.job_of(uid) is not None:
            return False
        return await self._facts.live(TrainingJob, namespace, name, uid) is None

    async def _sweep_trainings(self, name: str, now: datetime) -> None:
        platform = self._store.platforms[name]
        try:
            found = await self._databases.open_trainings(name)
        except (Unavailable, NeedsPerson):
            return
        for training in found:
            if await self.is_gone(training.namespace, training.name, training.job_uid):
                entry = trainings.gone(training, self._databases.cluster, platform, now)
                self._databases.say(entry, name)
