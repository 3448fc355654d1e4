"""One kind's objects in the store: what is news, what is older, what is gone.

Versions are compared as numbers, which Kubernetes allows within a kind. After a restore of etcd
they go back: a LIST shows it that is older than what was known when it was asked for, or that has
an object as it was before a version that the LIST must know. Nothing that is known holds then.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from trainlease.model.base import KubeObject
from trainlease.model.errors import Restored

Model = TypeVar("Model", bound=KubeObject)

_log = logging.getLogger(__name__)
_PROBLEMS_TOLD = 3


@dataclass(frozen=True)
class Seen:
    """A body, and what of it decides whether it is news."""

    body: Mapping[str, Any]
    title: str
    uid: str
    version: int
    is_last: bool
    """Being deleted and held by no finalizer: it was stored for the last time."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Seen":
        meta = body["metadata"]
        namespace = meta.get("namespace")
        title = f"{namespace}/{meta['name']}" if namespace else meta["name"]
        is_last = "deletionTimestamp" in meta and not meta.get("finalizers")
        return cls(body, title, meta["uid"], int(meta["resourceVersion"]), is_last)


@dataclass(frozen=True)
class _Grave:
    """Which versions of a uid that is gone are refused, and in which round of LISTs it was dug."""

    version: float
    round: int


@dataclass
class Shelf(Generic[Model]):
    """One kind. Each method answers the title that changed, or None."""

    kind: type[Model]
    unheard: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    _objects: dict[str, Model] = field(default_factory=dict)
    _known: dict[str, tuple[str, int]] = field(default_factory=dict)
    _heard: dict[str, int] = field(default_factory=dict)
    _graves: dict[str, _Grave] = field(default_factory=dict)
    _round: int = 0
    newest: int = 0
    """The highest version that is known."""
    _newest_at_list: int = 0

    def __post_init__(self) -> None:
        self.objects: Mapping[str, Model] = MappingProxyType(self._objects)

    def hear(self, seen: Seen) -> None:
        """Note how far the watch has come with this title."""
        self._heard[seen.title] = max(seen.version, self._heard.get(seen.title, 0))
        if self._heard[seen.title] >= self.unheard.get(seen.title, math.inf):
            del self.unheard[seen.title]

    def put(self, seen: Seen) -> str | None:
        """Take the object as it was seen, unless something newer is known of it."""
        grave = self._graves.get(seen.uid)
        if grave and seen.version <= grave.version:
            return None
        known = self._known.get(seen.title)
        if known and seen.version <= known[1]:
            return None
        self._learn(seen)
        return seen.title

    def drop(self, seen: Seen) -> str | None:
        """The object went, and this is the last that was seen of it."""
        self.newest = max(self.newest, seen.version)
        self._dig(seen.uid, seen.version)
        known = self._known.get(seen.title)
        if known is None:
            self._heard.pop(seen.title, None)
            return None
        if known[0] != seen.uid and known[1] > seen.version:
            return None  # a later object has the name now
        return self._forget(seen.title)

    def bury(self, title: str, uid: str) -> str | None:
        """The object is gone; when it went is not known."""
        # The version of its end is not known: events up to it may still be on their way.
        self._dig(uid, math.inf)
        known = self._known.get(title)
        return self._forget(title) if known and known[0] == uid else None

    def replace(self, listed: list[Seen], version: int, asked: int = 0) -> list[str]:
        """Take over a LIST; answers all titles that changed by it.

        `asked`: what was `newest` when the LIST was asked for. Restored where versions went back.
        """
        self._round += 1
        went_back = version < max(asked, self._newest_at_list)
        if went_back or any(self._is_of_the_past(seen, version) for seen in listed):
            raise Restored(f"the versions of {self.kind.plural} went back")
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
        self._newest_at_list = self.newest = max(self.newest, version)
        return changed

    def _is_of_the_past(self, seen: Seen, version: int) -> bool:
        """Whether a LIST of this version must know something later of what it has here."""
        known = self._known.get(seen.title)
        grave = self._graves.get(seen.uid)
        replaced = known is not None and seen.version < known[1] <= version
        return replaced or (grave is not None and seen.version <= grave.version <= version)

    def _learn(self, seen: Seen) -> None:
        self.newest = max(self.newest, seen.version)
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


def _reason(error: ValidationError) -> str:
    """Where it is wrong and how, without the values, which may be anything."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    told = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in problems[:_PROBLEMS_TOLD]
    ]
    more = len(problems) - len(told)
    return "; ".join([*told, f"and {more} more"] if more else told)
