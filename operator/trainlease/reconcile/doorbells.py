"""Which keys must look when an object is not what it was. A doorbell brings no news.

Ringing too often costs a look that ends in nothing; ringing too seldom would leave something
waiting for its next appointment.
"""

from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob
from trainlease.reconcile.databases import Ring
from trainlease.reconcile.store import Store


class Doorbells:
    """Rings for one change in the store: the object's own key, and all that hang on it."""

    def __init__(self, store: Store, ring: Ring) -> None:
        self._store = store
        self._ring = ring
        self._rules: dict[str, tuple[object, ...]] = {}
        """What was last seen of each Platform that machines and jobs go by."""

    def changed(self, plural: str, title: str) -> None:
        """The object of this title was put, replaced or removed."""
        if plural == Machine.plural:
            self._machine(title)
        elif plural == MachineLease.plural:
            self._lease(title)
        elif plural == TrainingJob.plural:
            self._job(title)
        else:
            self._platform(title)
        self._ring("placement", "")

    def all(self) -> None:
        """Everything there is: the first look of a new leader."""
        self._rules = {title: _rules(p) for title, p in self._store.platforms.items()}
        for kind, titles in (
            ("platform", self._store.platforms),
            ("machine", self._store.machines),
            ("job", self._store.jobs),
            ("lease", self._store.leases),
        ):
            for title in titles:
                self._ring(kind, title)
        self._ring("placement", "")
        self._ring("sweep", "")

    def _machine(self, title: str) -> None:
        self._ring("machine", title)
        for lease in self._store.leases.values():
            if lease.status.machine == title and not lease.is_released:
                self._ring("lease", lease.title)
        machine = self._store.machines.get(title)
        holder = machine.status.holder if machine else None
        if holder is None:
            return
        self._ring("lease", f"{holder.namespace}/{holder.name}")
        if holder.job:
            self._ring("job", f"{holder.namespace}/{holder.job}")

    def _lease(self, title: str) -> None:
        self._ring("lease", title)
        for machine in self._store.machines.values():
            holder = machine.status.holder
            if holder is not None and f"{holder.namespace}/{holder.name}" == title:
                self._ring("machine", machine.name)
        lease = self._store.leases.get(title)
        if lease is None:
            self._those_without_a_lease(title.partition("/")[0])
        elif lease.spec.job is not None:
            self._ring("job", f"{lease.namespace}/{lease.spec.job.name}")

    def _those_without_a_lease(self, namespace: str) -> None:
        """A lease is gone, and with it whose it was: its job is one of the open ones there."""
        for title, job in self._store.jobs.items():
            if job.namespace == namespace and not job.is_finished:
                self._ring("job", title)

    def _job(self, title: str) -> None:
        self._ring("job", title)
        job = self._store.jobs.get(title)
        if job is None:
            self._ring("sweep", "")
            for lease in self._store.leases.values():
                named = lease.spec.job
                if named is not None and f"{lease.namespace}/{named.name}" == title:
                    self._ring("lease", lease.title)
        for machine in self._store.machines.values():
            holder = machine.status.holder
            if holder is not None and holder.job and f"{holder.namespace}/{holder.job}" == title:
                self._ring("machine", machine.name)
        for lease in self._store.leases_of(job.uid) if job else ():
            self._ring("lease", lease.title)

    def _platform(self, title: str) -> None:
        """What it reports of itself concerns nobody else."""
        self._ring("platform", title)
        platform = self._store.platforms.get(title)
        rules = None if platform is None else _rules(platform)
        if rules is not None and rules == self._rules.get(title):
            return
        if rules is None:
            self._rules.pop(title, None)
        else:
            self._rules[title] = rules
        for name in self._store.machines:
            self._ring("machine", name)
        for name in self._store.jobs:
            self._ring("job", name)


def _rules(platform: Platform) -> tuple[object, ...]:
    return platform.uid, platform.spec, platform.is_paused, platform.deleting
