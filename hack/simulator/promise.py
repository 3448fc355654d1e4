"""What a promise is: a name, the sentence of the design that it quotes, and the judge of a fact.

The judges are in the modules `promises_*`; each yields one sentence for each way in which the fact
breaks its promise.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from simulator.book import Book
from simulator.facts import Powered

Judge = Callable[[Book, Any], Iterator[str]]
_JUDGES: dict[tuple[str, str], list[tuple[str, Judge]]] = {}
_REGISTER: dict[type, list[tuple[str, str, Judge]]] = defaultdict(list)


@dataclass
class Promise:
    """One promise; several judges may stand for it."""

    name: str
    says: str
    judges: list[Judge] = field(default_factory=list)


PROMISES: dict[str, Promise] = {}


def promise(name: str, on: type, says: str, *, plural: str = "") -> Callable[[Judge], Judge]:
    """Register a judge of facts of type `on` (of writes: of one plural)."""

    def register(judge: Judge) -> Judge:
        known = PROMISES.setdefault(name, Promise(name, says))
        known.judges.append(judge)
        _REGISTER[on].append((name, plural, judge))
        return judge

    return register


def announce(name: str, says: str) -> None:
    """Register a promise that no single fact can break: the world itself complains of it."""
    PROMISES[name] = Promise(name, says)


def judges_of(fact: object) -> list[tuple[str, Judge]]:
    """The judges of this fact, with the names of their promises."""
    key = type(fact).__name__, getattr(fact, "plural", "")
    if key not in _JUDGES:
        _JUDGES[key] = [(n, j) for n, p, j in _REGISTER[type(fact)] if p in ("", key[1])]
    return _JUDGES[key]


def is_in_time(book: Book, fact: Powered) -> bool:
    """Power cannot be fenced: of a call later than the cool-down only the repair is promised."""
    return fact.lateness <= book.limits.call_lateness


def is_right_after_a_restore(book: Book, at: float) -> bool:
    """Whether a write may land that was decided before an older etcd came back.

    By its version only that is refused which has changed since the backup, and a create has none.
    """
    return at - book.restored_at < book.limits.call_lateness
