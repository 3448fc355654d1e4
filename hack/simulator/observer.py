"""The observer: takes every fact of the outside, judges the promises, keeps what was broken.

It never asks an operator. Each fact is judged against the picture as it stood before it, then
becomes part of the picture; `at_rest` judges the whole once nothing moves any more.
"""

from simulator import (  # noqa: F401  (each registers its promises)
    promises_jobs,
    promises_ledger,
    promises_power,
    promises_rest,
    promises_rows,
)
from simulator.book import Book
from simulator.facts import Breach, Fact, Rest
from simulator.limits import Limits
from simulator.promise import PROMISES, judges_of


class Observer:
    """See the module. `only` limits it to these promises."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.book = Book(limits)
        self.breaches: list[Breach] = []

    def see(self, fact: Fact) -> None:
        """One fact, in the order in which it became so."""
        self._judge(fact)
        self.book.take(fact)

    def at_rest(self, rest: Rest) -> None:
        """Everything has come to rest: judge what must agree then."""
        self._judge(rest)

    def complain(self, at: float, name: str, detail: str) -> None:
        """The world itself saw a promise broken (one that has no single fact)."""
        rule = PROMISES[name].says if name in PROMISES else ""
        self.breaches.append(Breach(at, name, detail, rule))

    def _judge(self, fact: Fact | Rest) -> None:
        for name, judge in judges_of(fact):
            for detail in judge(self.book, fact):
                self.complain(fact.at, name, detail)
