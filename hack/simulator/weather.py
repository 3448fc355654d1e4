"""What befalls a call between an operator and the outside: drawn from the seed, counted by action.

A fault is either drawn by its rate, or aimed: the n-th call of an action is hit by it. Every hit is
counted, so that a table of action x fault shows what no seed has tried. When the storm is over no
call is hit any more. Not in here: what a fault does to the call (`line`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from trainlease.effects.tracking.fake_server import WRITES


class Fault(StrEnum):
    """What can befall one call."""

    REFUSED = "never arrives"
    LOST = "answer lost"
    LATE = "lands late"
    CONFLICT = "conflict"
    FROZEN = "frozen before"
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"


BY_RATE = (Fault.REFUSED, Fault.LOST, Fault.LATE, Fault.CONFLICT)
"""Those that are drawn by a rate; a process that stands still or dies is always aimed."""


@dataclass(frozen=True)
class Doing:
    """The action that a process performs, and when it began to."""

    action: str
    since: float


DOING: ContextVar[Doing | None] = ContextVar("doing", default=None)


@dataclass(frozen=True)
class Call:
    """One call on its way. `guarded`: it names the version of what it changes."""

    port: str
    verb: str
    writes: bool
    timeout: float
    lateness: float = 0.0
    """The longest that it may be under way, in seconds, if it is late."""
    guarded: bool = False
    key: tuple[str, str, str] = ("", "", "")
    """Plural, namespace and name, of a call to the API server."""


TRACKER_WRITES = WRITES
"""The requests by which MLflow is changed."""
AIMED_VERBS = (
    "tell_training",
    "create_run",
    "log",
    "end_run",
    "create_version",
    "tag_version",
    "set_alias",
    "set_stage",
)
"""Those of them that every campaign must hit by each fault (the others are seldom called)."""
VERBS = ("tell_training", *TRACKER_WRITES)
"""Writing calls that are made beside the actions, and are counted under their own names."""


def can_meet(fault: Fault, *, guarded: bool) -> bool:
    """Whether a write can meet this fault; `guarded`: it names a version."""
    return guarded or fault is not Fault.CONFLICT


def spot_of(call: Call) -> str:
    """Where a writing call is counted: under its action, or its own verb; empty for none."""
    if not call.writes:
        return ""
    if call.verb in VERBS:
        return call.verb
    doing = DOING.get()
    return doing.action if doing else ""


@dataclass(frozen=True)
class Aim:
    """The `nth` writing call (from 0) at this spot (an action, or a verb) is hit by this fault."""

    action: str
    fault: Fault
    nth: int


@dataclass
class Weather:
    """See the module; one for all processes of a world."""

    rng: Random
    rates: Mapping[Fault, float] = field(default_factory=dict)
    aims: Iterable[Aim] = ()
    is_stormy: bool = True
    hits: Counter[tuple[str, Fault]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._left = {(aim.action, aim.fault): aim.nth for aim in self.aims}
        self._any = sum(self.rates.values())

    def strike(self, call: Call) -> Fault | None:
        """The fault that this call meets, if it meets one."""
        if not self.is_stormy:
            return None
        spot = spot_of(call)
        fault = self._aimed(call, spot) or self._drawn(call)
        if fault is not None and spot:
            self.hits[spot, fault] += 1
        return fault

    def latency(self, call: Call) -> float:
        """Seconds one way: mostly quick, seldom slow, never above half of the call's timeout."""
        chance = self.rng.random()
        if chance < 0.9 or not self.is_stormy:
            return 0.001 + 0.02 * chance
        return float(0.02 + (chance - 0.9) * 4 * call.timeout)

    def _aimed(self, call: Call, spot: str) -> Fault | None:
        if not spot or not self._left:
            return None
        for (action, fault), left in self._left.items():
            if action != spot or (fault is Fault.CONFLICT and not call.guarded):
                continue
            if left == 0:
                del self._left[action, fault]
                return fault
            self._left[action, fault] = left - 1
        return None

    def _drawn(self, call: Call) -> Fault | None:
        chance = self.rng.random()
        if chance >= self._any:
            return None
        for fault, rate in self.rates.items():
            if chance < rate:
                return fault if fault is not Fault.CONFLICT or call.guarded else None
            chance -= rate
        return None
