"""What we know of our four kinds: filled by LIST, kept fresh by watch events and by our own writes.

Promises: nothing here is ever older than what it replaced; an object that is known to be gone does
not come back by a late event; each change is parsed once and rings once. It is a cache: *gone* and
*held* are never concluded from it (design: a live GET). Not in here: the LIST, the watch, and when
to look.

Versions are compared as numbers, which Kubernetes allows within a kind. After a restore of etcd
they may go back; a LIST that is older than all that was known at the LIST before shows that, and
is then taken whole.
"""

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from trainlease.model.base import KubeObject
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob

OnChange = Callable[[str, str], None]
Model = TypeVar("Model", bound=KubeObject)

_log = logging.getLogger(__name__)
_PROBLEMS_TOLD = 3


class Store:
    """The objects by title (`namespace/name`, or `name`), in the order in which they came.

    `on_change(plural, title)` is called after each change, once it can be read here.
    """

    def __init__(self, on_change: OnChange) -> None:
        self._on_change = on_change
        self._jobs = _Shelf(TrainingJob)
        self._leases = _Shelf(MachineLease)
        self._machines = _Shelf(Machine)
        self._platforms = _Shelf(Platform)
        shelves = (self._jobs, self._leases, self._machines, self._platforms)
        self._shelves: dict[str, _Shelf[Any]] = {s.kind.plural: s for s in shelves}
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
        seen = _Seen.of(body)
        shelf = self._shelves[plural]
        shelf.hear(seen)
        self._changed(plural, shelf.drop(seen) if word == "DELETED" else shelf.put(seen))

    def wrote(self, plural: str, body: Mapping[str, Any]) -> None:
        """The answer of our own write; one that took the last finalizer off is a removal."""
        seen = _Seen.of(body)
        shelf = self._shelves[plural]
        self._changed(plural, shelf.drop(seen) if seen.is_last else shelf.put(seen))

    def removed(self, plural: str, key: str, uid: str) -> None:
        """A live GET said that the object of this title and uid is gone."""
        self._changed(plural, self._shelves[plural].bury(key, uid))

    def replace(self, plural: str, bodies: Iterable[Mapping[str, Any]], version: str) -> None:
        """The answer of a LIST: what it does not have is gone, unless it is newer than the list."""
        shelf = self._shelves[plural]
        for title in shelf.replace([_Seen.of(body) for body in bodies], _number(version)):
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


@dataclass(frozen=True)
class _Seen:
    """A body, and what of it decides whether it is news."""

    body: Mapping[str, Any]
    title: str
    uid: str
    version: int
    is_last: bool
    """Being deleted and held by no finalizer: it was stored for the last time."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "_Seen":
        meta = body["metadata"]
        namespace = meta.get("namespace")
        title = f"{namespace}/{meta['name']}" if namespace else meta["name"]
        is_last = "deletionTimestamp" in meta and not meta.get("finalizers")
        return cls(body, title, meta["uid"], _number(meta["resourceVersion"]), is_last)


@dataclass(frozen=True)
class _Grave:
    """Which versions of a uid that is gone are refused, and in which round of LISTs it was dug."""

    version: float
    round: int


@dataclass
class _Shelf(Generic[Model]):
    """One kind. Each method answers the title that changed, or None."""

    kind: type[Model]
    unheard: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    _objects: dict[str, Model] = field(default_factory=dict)
    _known: dict[str, tuple[str, int]] = field(default_factory=dict)
    _heard: dict[str, int] = field(default_factory=dict)
    _graves: dict[str, _Grave] = field(default_factory=dict)
    _round: int = 0
    _newest: int = 0
    _newest_at_list: int = 0

    def __post_init__(self) -> None:
        self.objects: Mapping[str, Model] = MappingProxyType(self._objects)

    def hear(self, seen: _Seen) -> None:
        """Note how far the watch has come with this title."""
        self._heard[seen.title] = max(seen.version, self._heard.get(seen.title, 0))
        if self._heard[seen.title] >= self.unheard.get(seen.title, math.inf):
            del self.unheard[seen.title]

    def put(self, seen: _Seen) -> str | None:
        grave = self._graves.get(seen.uid)
        if grave and seen.version <= grave.version:
            return None
        known = self._known.get(seen.title)
        if known and seen.version <= known[1]:
            return None
        self._learn(seen)
        return seen.title

    def drop(self, seen: _Seen) -> str | None:
        self._newest = max(self._newest, seen.version)
        self._dig(seen.uid, seen.version)
        known = self._known.get(seen.title)
        if known is None:
            self._heard.pop(seen.title, None)
            return None
        if known[0] != seen.uid and known[1] > seen.version:
            return None  # a later object has the name now
        return self._forget(seen.title)

    def bury(self, title: str, uid: str) -> str | None:
        # The version of its end is not known: events up to it may still be on their way.
        self._dig(uid, math.inf)
        known = self._known.get(title)
        return self._forget(title) if known and known[0] == uid else None

    def replace(self, listed: list[_Seen], version: int) -> list[str]:
        self._round += 1
        if version < self._newest_at_list:
            self._start_anew()
        self._fill_graves()
        present = {seen.title for seen in listed}
        gone = [t for t, (_, v) in self._known.items() if t not in present and v <= version]
        changed = [self._forget(title) for title in gone]
        changed += [title for seen in listed if (title := self.put(seen)) is not None]
        self.unheard = {
            seen.title: seen.version
            for seen in listed
            if self._known.get(seen.title) and self._heard.get(seen.title, 0) < seen.version
        }
        self._newest_at_list = self._newest = max(self._newest, version)
        return changed

    def _learn(self, seen: _Seen) -> None:
        self._newest = max(self._newest, seen.version)
        self._known[seen.title] = (seen.uid, seen.version)
        try:
            model = self.kind.model_validate(seen.body)
        except ValidationError as error:
            self._set_aside(seen.title, error)
            return
        self.broken.pop(seen.title, None)
        self._objects[seen.title] = model

    def _set_aside(self, title: str, error: ValidationError) -> None:
        reason = _reason(error)
        if self.broken.get(title) != reason:
            _log.error(
                "%s %s cannot be read and is passed over: %s", self.kind.plural, title, reason
            )
        self.broken[title] = reason
        self._objects.pop(title, None)

    def _forget(self, title: str) -> str:
        self._objects.pop(title, None)
        del self._known[title]
        self.broken.pop(title, None)
        self.unheard.pop(title, None)
        self._heard.pop(title, None)
        return title

    def _dig(self, uid: str, version: float) -> None:
        self._graves[uid] = _Grave(version, self._round)

    def _fill_graves(self) -> None:
        """A LIST answered two rounds after an end was asked for after it: it tells the truth."""
        old = [uid for uid, grave in self._graves.items() if grave.round < self._round - 1]
        for uid in old:
            del self._graves[uid]

    def _start_anew(self) -> None:
        """The server's versions went back: nothing that is known is newer than anything."""
        _log.warning("the versions of %s went back: the API server was restored", self.kind.plural)
        self._known = {title: (uid, -1) for title, (uid, _) in self._known.items()}
        self._heard.clear()
        self._graves.clear()
        self._newest = 0


def _number(version: str) -> int:
    return int(version)


def _reason(error: ValidationError) -> str:
    """Where it is wrong and how, without the values, which may be anything."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    told = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in problems[:_PROBLEMS_TOLD]
    ]
    more = len(problems) - len(told)
    return "; ".join([*told, f"and {more} more"] if more else told)
