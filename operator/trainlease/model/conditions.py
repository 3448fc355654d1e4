"""Conditions, which are the API: type, status, reason, message (what, then what to do)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from trainlease.model.base import StatusShape, Time

Status = Literal["True", "False", "Unknown"]


class Condition(StatusShape):
    """A Kubernetes condition (metav1.Condition)."""

    type: Annotated[str, Field(max_length=63)]
    """What the condition speaks of."""
    status: Status
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=64)]
    """Why, in one word."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """What happened, then what to do."""
    last_transition_time: Time
    """When its status last changed."""
    observed_generation: int | None = None
    """The generation of the spec that it speaks of."""

    @property
    def is_true(self) -> bool:
        return self.status == "True"


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16)]


def get(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """The condition of this type, if it is there."""
    return next((c for c in conditions if c.type == kind), None)


def is_true(conditions: Iterable[Condition], kind: str) -> bool:
    found = get(conditions, kind)
    return found is not None and found.is_true


def with_condition(
    conditions: Iterable[Condition],
    kind: str,
    status: bool | None,
    reason: str,
    message: str = "",
    *,
    now: datetime,
    generation: int | None = None,
) -> tuple[Condition, ...]:
    """The conditions with one set; its transition time moves only when its status does.

    A status of None is Unknown. Nothing changes (not even the time) when all else is equal.
    """
    word: Mapping[bool | None, Status] = {True: "True", False: "False", None: "Unknown"}
    before = list(conditions)
    old = get(before, kind)
    said = (word[status], reason, message[:4096], generation)
    if old and said == (old.status, old.reason, old.message, old.observed_generation):
        return tuple(before)
    since = old.last_transition_time if old and old.status == word[status] else now
    new = Condition(
        type=kind,
        status=word[status],
        reason=reason,
        message=message[:4096],
        last_transition_time=since,
        observed_generation=generation,
    )
    if old is None:
        return (*before, new)
    return tuple(new if c.type == kind else c for c in before)
