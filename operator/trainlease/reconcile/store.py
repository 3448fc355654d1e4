"""What we know of our four kinds: filled by LIST, kept fresh by watch events and by our own writes.

Promises: nothing here is ever older than what it replaced; an object that is known to be gone does
not come back by a late event; each change is parsed once and rings once. It is a cache: *gone* and
*held* are never concluded from it (design: a live GET). Not in here: the LIST, the watch, and when
to look.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic

from trainlease.model.base import KubeObject
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob
from trainlease.reconcile.shelf import Model, Seen, Shelf

OnChange = Callable[[str, str], None]


class Store:
    """The objects by title (`namespace/name`, or `name`), in the order in which they came.

    `on_change(plural, title)` is called after each change, once it can be read here.
    """

    def __init__(self, on_change: OnChange) -> None:
        self._on_change = on_change
        self._jobs = Shelf(TrainingJob)
        self._leases = Shelf(MachineLease)
        self._machines = Shelf(Machine)
        self._platforms = Shelf(Platform)
        shelves = (self._jobs, self._leases, self._machines, self._platforms)
        self._shelves: dict[str, Shelf[Any]] = {s.kind.plural: s for s in shelves}
        self._leases_by_job: _Index[MachineLease] = _Index(
            lambda lease: lease.spec.job.uid if lease.spec.job else None
        )
        self._jobs_by_uid: _Index[TrainingJob] = _Index(lambda job: job.uid)

    @property
    def jobs(self) -> Mapping[str, TrainingJob]:
        return self._jobs.objects

    @property
    def leases(self) -> Mapping[str, MachineLease]:
        return self._leases.objects

    @property
    def machines(self) -> Mapping[str, Machine]:
        return self._machines.objects

    @property
    def platforms(self) -> Mapping[str, Platform]:
        return self._platforms.objects

    @property
    def broken(self) -> Mapping[tuple[str, str], str]:
        """Why an object, by (plural, title), cannot be read: it is in none of the mappings."""
        return {
            (plural, title): reason
            for plural, shelf in self._shelves.items()
            for title, reason in shelf.broken.items()
        }

    @property
    def unheard(self) -> Mapping[tuple[str, str], int]:
        """Versions by (plural, title) that a LIST brought and the watch has not brought since.

        What stays here for longer than an event may take shows a dead watch.
        """
        return {
            (plural, title): version
            for plural, shelf in self._shelves.items()
            for title, version in shelf.unheard.items()
        }

    def leases_of(self, job_uid: str) -> tuple[MachineLease, ...]:
        """The leases of this job's attempts, by attempt."""
        found = self._leases_by_job.of(job_uid)
        return tuple(sorted(found, key=lambda lease: (lease.spec.attempt or 0, lease.title)))

    def job_of(self, uid: str) -> TrainingJob | None:
        return next(iter(self._jobs_by_uid.of(uid)), None)

    def platform_of(self, namespace: str) -> Platform | None:
        """Who owns the namespace: the oldest that claims it; one that leaves only if no other does.

        What a leaving platform runs is still its own.
        """
        owners = [p for p in self.platforms.values() if p.spec.namespace == namespace]
        return min(owners, key=lambda p: (p.deleting, p.created, p.uid), default=None)

    def machines_in(self, pool: str) -> tuple[Machine, ...]:
        """The pool's machines, by name."""
        found = (machine for machine in self.machines.values() if machine.spec.pool == pool)
        return tuple(sorted(found, key=lambda machine: machine.name))

    def heard(self, word: str, plural: str, body: Mapping[str, Any]) -> None:
        """A watch event: ADDED, MODIFIED or DELETED."""
        seen = Seen.of(body)
        shelf = self._shelves[plural]
        shelf.hear(seen)
        self._changed(plural, shelf.drop(seen) if word == "DELETED" else shelf.put(seen))

    def wrote(self, plural: str, body: Mapping[str, Any]) -> KubeObject | None:
        """The answer of our own write; one that took the last finalizer off is a removal.

        Answers the object where this is news of it, so that nobody need parse it again.
        """
        seen = Seen.of(body)
        shelf = self._shelves[plural]
        title = shelf.drop(seen) if seen.is_last else shelf.put(seen)
        self._changed(plural, title)
        return None if title is None else shelf.objects.get(title)

    def removed(self, plural: str, key: str, uid: str) -> None:
        """A live GET said that the object of this title and uid is gone."""
        self._changed(plural, self._shelves[plural].bury(key, uid))

    def newest(self, plural: str) -> int:
        """The highest version that is known of this kind: a LIST asked for now is not older."""
        return self._shelves[plural].newest

    def replace(
        self, plural: str, bodies: Iterable[Mapping[str, Any]], version: str, asked: int = 0
    ) -> None:
        """The answer of a LIST: what it does not have is gone, unless it is newer than the list.

        Restored where it shows that the server is back at an earlier state.

        `asked` is what `newest` said when the LIST was asked for.
        """
        shelf = self._shelves[plural]
        for title in shelf.replace([Seen.of(body) for body in bodies], int(version), asked):
            self._changed(plural, title)

    def _changed(self, plural: str, title: str | None) -> None:
        if title is None:
            return
        if plural == MachineLease.plural:
            self._leases_by_job.update(title, self.leases.get(title))
        elif plural == TrainingJob.plural:
            self._jobs_by_uid.update(title, self.jobs.get(title))
        self._on_change(plural, title)


class _Index(Generic[Model]):
    """The objects of one kind by a key that each may have."""

    def __init__(self, key_of: Callable[[Model], str | None]) -> None:
        self._key_of = key_of
        self._keys: dict[str, str] = {}
        self._found: dict[str, dict[str, Model]] = {}

    def of(self, key: str) -> Iterable[Model]:
        return self._found.get(key, {}).values()

    def update(self, title: str, model: Model | None) -> None:
        """Put the object that now has this title in the place of the one that had it."""
        old = self._keys.pop(title, None)
        if old is not None:
            del self._found[old][title]
            if not self._found[old]:
                del self._found[old]
        key = None if model is None else self._key_of(model)
        if key is not None and model is not None:
            self._keys[title] = key
            self._found.setdefault(key, {})[title] = model
