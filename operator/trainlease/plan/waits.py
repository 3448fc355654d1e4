"""Why a job waits, and by when at the latest: reason, place and sentence. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from trainlease.model.machine_lease import MachineLease
from trainlease.model.reasons import WaitReason
from trainlease.plan.ledger import show_time

_PLACES_SHOWN = 3
_ORDINAL = {1: "1st", 2: "2nd", 3: "3rd"}


@dataclass(frozen=True)
class Wait:
    """A reason to wait. Two waits are alike if reason and place are: then nothing is written."""

    reason: WaitReason
    message: str
    place: int | None = None

    def is_like(self, other: "Wait | None") -> bool:
        return other is not None and (self.reason, self.place) == (other.reason, other.place)


def blocked(reason: WaitReason, message: str) -> Wait:
    """A wait that no other job's end will end."""
    return Wait(reason, f"{reason}: {message}")


def queued(
    place: int,
    length: int,
    target: str,
    ahead: MachineLease | None,
    by: datetime | None,
    now: datetime,
) -> Wait:
    """In line for a machine: the place if it is 3 or less, who is in front, and by when."""
    where = target.removeprefix("pool ")
    if place > _PLACES_SHOWN:
        return Wait(WaitReason.QUEUED, f"queued in {where}, behind {_PLACES_SHOWN} or more")
    text = f"{_ORDINAL[place]} of {length} in {where}"
    if ahead is not None:
        text += f", after {ahead.namespace}/{ahead.spec.job.name if ahead.spec.job else ahead.name}"
    if by is not None:
        text += f"; by {show_time(by, now)}"
    return Wait(WaitReason.QUEUED, text, place)


def first_free(names: Sequence[str], ends: Mapping[str, datetime]) -> str | None:
    """The machine whose claim ends first at the latest."""
    return min(names, key=lambda n: (ends[n], n), default=None)
