"""The store of the fake API server: what a write does to an object, without network or time.

Objects are kept as marshalled bytes: a copy costs a few microseconds, nothing that is handed out
can change what is stored, and a snapshot is a copy of references. Not in here: schemas (`admit`
may refuse), foreground deletion, the grace period of pods, managed fields.
"""

import json
import marshal
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from trainlease.effects.clock import Clock
from trainlease.effects.kube.base import Body
from trainlease.effects.kube.kinds import KINDS, Kind, kind_of
from trainlease.effects.kube.merge import merge
from trainlease.model.base import format_time
from trainlease.model.errors import AlreadyExists, BadSpec, Conflict, NotFound

Key = tuple[str, str]
"""Namespace (empty for a cluster-scoped object) and name."""
Admit = Callable[[str, Body, Body | None], None]
"""Raises BadSpec for an object (plural, new, old) that the CRD's schema would refuse."""
Watcher = Callable[[str, str, Body], None]
"""Called with ADDED, MODIFIED or DELETED, the plural, and a copy of its own."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_GENERATED = "bcdfghjklmnpqrstvwxz2456789"
_SERVER_OWNED = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
_DROPPED_WHEN_EMPTY = ("labels", "annotations", "finalizers", "ownerReferences")
_FIRST_NAMESPACES = ("default", "kube-system")
_to_json = json.JSONEncoder(allow_nan=False).encode


class Stored(NamedTuple):
    """One object, with what is asked for most often beside it."""

    blob: bytes
    uid: str
    version: str
    owned: bool
    deleting: bool

    def body(self) -> Body:
        found: Body = marshal.loads(self.blob)
        return found


class Snapshot(NamedTuple):
    """The whole store at one moment; it never changes."""

    objects: Mapping[str, Mapping[Key, Stored]]
    revision: int


@dataclass(frozen=True)
class Write:
    """A write that was accepted. `before` is None for a create, `after` for an object removed."""

    at: datetime
    user: str
    verb: str
    plural: str
    subresource: str
    namespace: str
    name: str
    was: Stored | None
    now: Stored | None

    @cached_property
    def before(self) -> Body | None:
        return self.was.body() if self.was else None

    @cached_property
    def after(self) -> Body | None:
        return self.now.body() if self.now else None

    @property
    def changed(self) -> bool:
        """False for a no-op: it was answered, and stored nothing."""
        return self.was is not self.now


class Author(NamedTuple):
    """Who writes, by which verb: what the log of writes tells."""

    user: str
    verb: str
    subresource: str = ""


class FakeStore:
    """All objects, the revision that each write raises, the log of writes, the watchers."""

    def __init__(self, clock: Clock, seed: int, namespaces: Iterable[str], admit: Admit) -> None:
        self.writes: list[Write] = []
        self.revision = 0
        self._clock = clock
        self._seed = seed
        self._admit = admit
        self._made = 0
        self._objects: dict[str, dict[Key, Stored]] = {plural: {} for plural in KINDS}
        self._watchers: list[Watcher] = []
        for name in (*_FIRST_NAMESPACES, *namespaces):
            self.create("namespaces", {"metadata": {"name": name}}, "admin")
        self.writes.clear()

    def get(self, plural: str, namespace: str, name: str) -> Body:
        return self._found(plural, namespace, name).body()

    def list(self, plural: str, namespace: str = "") -> list[Body]:
        """Sorted by namespace and name, as etcd does."""
        kind = kind_of(plural)
        if namespace:
            kind.check_namespace(namespace)
        objects = self._objects[plural]
        return [objects[k].body() for k in sorted(objects) if not namespace or k[0] == namespace]

    def create(self, plural: str, body: Mapping[str, Any], user: str) -> Body:
        kind = kind_of(plural)
        new = _without_nulls({"apiVersion": kind.api_version, "kind": kind.kind, **_json(body)})
        meta = new.setdefault("metadata", {})
        key = self._new_key(kind, meta)
        if key in self._objects[plural]:
            raise AlreadyExists(f'{plural} "{key[1]}" already exists')
        self._made += 1
        meta["uid"] = f"{self._seed & 0xFFFFFFFF:08x}-0000-4000-8000-{self._made:012x}"
        meta["creationTimestamp"] = format_time(self._clock.now())
        for name in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"):
            meta.pop(name, None)
        if kind.has_status:
            meta["generation"] = 1
            new.pop("status", None)
        self._admit(plural, new, None)
        return self._put(kind, key, new, None, Author(user, "create"))

    def patch(
        self, plural: str, namespace: str, name: str, patch: Mapping[str, Any], user: str
    ) -> Body:
        """A merge-patch of all but the status of a kind that has it as a subresource."""
        kind = kind_of(plural)
        change = _json(patch)
        if kind.has_status:
            change.pop("status", None)
        return self._merge(kind, (namespace, name), change, Author(user, "patch"))

    def patch_status(
        self,
        plural: str,
        namespace: str,
        name: str,
        status: Mapping[str, Any],
        version: str,
        user: str,
    ) -> Body:
        kind = kind_of(plural)
        if not kind.has_status:
            raise BadSpec(f"{plural} have no status")
        change = {"metadata": {"resourceVersion": version}, "status": _json(status)}
        return self._merge(kind, (namespace, name), change, Author(user, "patch", "status"))

    def delete(self, plural: str, namespace: str, name: str, uid: str, user: str) -> None:
        """Removed at once, or marked where a finalizer holds it."""
        kind = kind_of(plural)
        old = self._found(plural, namespace, name)
        if old.uid != uid:
            raise NotFound(f'{plural} "{name}" is another object now')
        author = Author(user, "delete")
        body = old.body()
        if not body["metadata"].get("finalizers"):
            self._remove(kind, (namespace, name), body, old, author)
        elif old.deleting:
            self._note(kind, (namespace, name), old, old, author)
        else:
            meta = body["metadata"]
            meta["deletionTimestamp"] = format_time(self._clock.now())
            meta["deletionGracePeriodSeconds"] = 0
            if "generation" in meta:
                meta["generation"] += 1
            self._put(kind, (namespace, name), body, old, author)

    def collect_garbage(self, user: str) -> int:
        """Delete what no living owner, or no living namespace, holds; how many were deleted."""
        deleted = 0
        while doomed := list(self._doomed()):
            for plural, (namespace, name), stored in doomed:
                self.delete(plural, namespace, name, stored.uid, user)
            deleted += len(doomed)
        return deleted

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call the watcher after each change; the answer ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def snapshot(self) -> Snapshot:
        return Snapshot({p: dict(objects) for p, objects in self._objects.items()}, self.revision)

    def restore(self, snapshot: Snapshot, *, bump: bool) -> None:
        self._objects = {plural: dict(objects) for plural, objects in snapshot.objects.items()}
        if not bump:
            self.revision = snapshot.revision

    def _new_key(self, kind: Kind, meta: dict[str, Any]) -> Key:
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + self._suffix()
        name, namespace = meta.get("name", ""), meta.get("namespace", "")
        kind.check_namespace(namespace)
        if not _NAME.fullmatch(name):
            raise BadSpec(f'{kind.kind} "{name}" is invalid: metadata.name')
        if kind.namespaced and ("", namespace) not in self._objects["namespaces"]:
            raise NotFound(f'namespaces "{namespace}" not found')
        return namespace, name

    def _suffix(self) -> str:
        number = (self._seed * 7919 + self._made * 104729 + 1) % len(_GENERATED) ** 5
        letters = []
        for _ in range(5):
            number, digit = divmod(number, len(_GENERATED))
            letters.append(_GENERATED[digit])
        return "".join(letters)

    def _found(self, plural: str, namespace: str, name: str) -> Stored:
        kind_of(plural).object(namespace, name)
        found = self._objects[plural].get((namespace, name))
        if found is None:
            raise NotFound(f'{plural} "{name}" not found')
        return found

    def _merge(self, kind: Kind, key: Key, change: dict[str, Any], author: Author) -> Body:
        old = self._found(kind.plural, *key)
        before = old.body()
        _check_guards(kind, key, old, change)
        new = merge(before, change)
        _keep_server_owned(before, new)
        if new == before:
            self._note(kind, key, old, old, author)
            return new
        if kind.has_status and _spec(new) != _spec(before):
            new["metadata"]["generation"] += 1
        self._admit(kind.plural, new, before)
        if old.deleting and not new["metadata"].get("finalizers"):
            return self._remove(kind, key, new, old, author)
        _check_no_new_finalizer(kind, before, new)
        return self._put(kind, key, new, old, author)

    def _put(self, kind: Kind, key: Key, body: Body, old: Stored | None, author: Author) -> Body:
        stored = self._stamped(body)
        self._objects[kind.plural][key] = stored
        self._note(kind, key, old, stored, author)
        self._tell("MODIFIED" if old else "ADDED", kind, stored)
        return body

    def _remove(self, kind: Kind, key: Key, body: Body, old: Stored, author: Author) -> Body:
        stored = self._stamped(body)
        del self._objects[kind.plural][key]
        self._note(kind, key, old, None, author)
        self._tell("DELETED", kind, stored)
        return body

    def _stamped(self, body: Body) -> Stored:
        """The body as it is stored, with the next revision in it."""
        self.revision += 1
        meta = body["metadata"]
        for name in _DROPPED_WHEN_EMPTY:
            if name in meta and not meta[name]:
                del meta[name]
        meta["resourceVersion"] = str(self.revision)
        return Stored(
            marshal.dumps(body),
            meta["uid"],
            meta["resourceVersion"],
            "ownerReferences" in meta,
            "deletionTimestamp" in meta,
        )

    def _note(
        self, kind: Kind, key: Key, was: Stored | None, now: Stored | None, author: Author
    ) -> None:
        at = self._clock.now()
        user, verb, subresource = author
        self.writes.append(Write(at, user, verb, kind.plural, subresource, *key, was, now))

    def _tell(self, word: str, kind: Kind, stored: Stored) -> None:
        for watcher in tuple(self._watchers):
            watcher(word, kind.plural, stored.body())

    def _doomed(self) -> Iterable[tuple[str, Key, Stored]]:
        for plural, objects in self._objects.items():
            for key, stored in objects.items():
                if stored.deleting:
                    continue
                homeless = key[0] and ("", key[0]) not in self._objects["namespaces"]
                if homeless or (stored.owned and not self._has_owner(key[0], stored)):
                    yield plural, key, stored

    def _has_owner(self, namespace: str, stored: Stored) -> bool:
        return any(
            self._is_alive(namespace, owner)
            for owner in stored.body()["metadata"]["ownerReferences"]
        )

    def _is_alive(self, namespace: str, owner: Mapping[str, Any]) -> bool:
        """Owners are looked for in the dependent's own namespace, or among the cluster's."""
        for kind in KINDS.values():
            if (kind.api_version, kind.kind) == (owner["apiVersion"], owner["kind"]):
                place = namespace if kind.namespaced else ""
                found = self._objects[kind.plural].get((place, owner["name"]))
                return found is not None and found.uid == owner["uid"]
        return True  # a kind that is not served here: nobody can say that it is gone


def _json(body: Mapping[str, Any]) -> Body:
    """A copy as JSON knows it: tuples are lists, and what no JSON can carry is refused."""
    try:
        copy: Body = json.loads(_to_json(body))
    except ValueError as error:
        raise BadSpec(f"no JSON: {error}") from None
    return copy


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _spec(body: Body) -> Body:
    return {key: value for key, value in body.items() if key not in ("metadata", "status")}


def _check_guards(kind: Kind, key: Key, old: Stored, change: Body) -> None:
    """What a patch says of the metadata that only the server sets must be true."""
    meta = change.get("metadata", {})
    if meta.get("resourceVersion", "") not in ("", old.version):
        raise Conflict(f'{kind.plural} "{key[1]}": the object has been modified')
    if meta.get("uid", old.uid) != old.uid:
        raise Conflict(f'{kind.plural} "{key[1]}": the uid is not {meta["uid"]}')
    if meta.get("name", key[1]) != key[1] or meta.get("namespace", key[0]) != key[0]:
        raise BadSpec(f'{kind.kind} "{key[1]}" cannot be renamed')


def _keep_server_owned(before: Body, new: Body) -> None:
    old, meta = before["metadata"], dict(new.get("metadata", {}))
    new["metadata"] = meta
    for name in (*_SERVER_OWNED, "name", "namespace", "resourceVersion"):
        if name in old:
            meta[name] = old[name]
        else:
            meta.pop(name, None)


def _check_no_new_finalizer(kind: Kind, before: Body, new: Body) -> None:
    if "deletionTimestamp" not in new["metadata"]:
        return
    old = before["metadata"].get("finalizers", [])
    if any(finalizer not in old for finalizer in new["metadata"].get("finalizers", [])):
        raise BadSpec(f"{kind.kind}: no new finalizers can be added to an object being deleted")
