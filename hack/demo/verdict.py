"""A verdict on one promise: kept or broken, over how much, and what spoke against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 3


@dataclass(frozen=True)
class Verdict:
    """`evidence` says what was looked at; `against` has a sentence for each breach."""

    promise: str
    evidence: str
    against: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        return not self.against

    @property
    def line(self) -> str:
        """What a person reads after the mark."""
        if self.kept:
            return f"{self.promise}: {self.evidence}"
        shown, more = self.against[:_SHOWN], len(self.against) - _SHOWN
        tail = f"; and {more} more" if more > 0 else ""
        return f"{self.promise}: {'; '.join(shown)}{tail}"


def verdict(promise: str, looked_at: int, evidence: str, against: Sequence[str]) -> Verdict:
    """A promise that nothing put to the test is not kept: a verdict over nothing says nothing."""
    if not looked_at and not against:
        return Verdict(promise, evidence, ("nothing put it to the test",))
    return Verdict(promise, evidence, tuple(against))
