"""What one process remembers of machines beyond what is stored; lost at its end, and safely so.

Whatever is missing here after a restart makes the operator more careful, never bolder: a claim of
which nothing is remembered may have been started, a machine not yet seen is of unknown power.
"""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trainlease.model.machine import Machine
from trainlease.model.observed import Exit, MachineView, Power
from trainlease.model.reasons import MachineState
from trainlease.plan.waits import Wait

Claim = tuple[str, int]
"""A claim by (machine uid, generation)."""
Standing = tuple[MachineState | None, int, datetime | None]
"""State, generation and the time of the last line of history."""


@dataclass
class Memory:
    """Views by machine uid, and facts about claims."""

    views: dict[str, MachineView] = field(default_factory=dict)
    off_since: dict[str, float] = field(default_factory=dict)
    """Since when it was seen off without a break, in monotonic seconds: wall clocks jump."""
    stood_since: dict[str, tuple[Standing, float]] = field(default_factory=dict)
    """How each Machine's ledger stands, and since when it was seen so, in monotonic seconds."""
    started: dict[Claim, datetime] = field(default_factory=dict)
    """When a claim's workload was first seen on."""
    made: set[Claim] = field(default_factory=set)
    """Claims that this process made, and in which it issued no start."""
    issued: set[Claim] = field(default_factory=set)
    """Claims in which this process issued a start that may have landed."""
    waits: dict[str, Wait] = field(default_factory=dict)
    """What each lease without a machine waits for, as the queue said last, by lease uid."""
    said: dict[str, datetime] = field(default_factory=dict)
    """When a job was last written with such a reason, by job uid."""

    def saw(self, machine: Machine, view: MachineView, now: datetime, tick: float) -> bool:
        """Keep what a provider said at `tick` (monotonic seconds); whether it is new."""
        before = self.views.get(machine.uid)
        self.views[machine.uid] = view
        if view.power is not Power.OFF:
            self.off_since.pop(machine.uid, None)
        else:
            self.off_since.setdefault(machine.uid, tick)
        if view.power is Power.ON and view.generation is not None:
            self.started.setdefault((machine.uid, view.generation), now)
        return before != view

    def off_for(self, machine: Machine, tick: float) -> timedelta | None:
        """For how long it was seen off without a break; None if it was not seen off last."""
        since = self.off_since.get(machine.uid)
        return None if since is None else timedelta(seconds=tick - since)

    def stood_for(self, machine: Machine, tick: float) -> timedelta:
        """For how long its ledger was seen to stand as it does."""
        status = machine.status
        last = status.history[-1].at if status.history else None
        standing = (status.state, status.generation, last)
        known = self.stood_since.get(machine.uid)
        if known is None or known[0] != standing:
            known = self.stood_since[machine.uid] = (standing, tick)
        return timedelta(seconds=tick - known[1])

    def lost_sight(self, machine: Machine) -> None:
        """The provider could not say: nothing is known of its power."""
        self.views.pop(machine.uid, None)
        self.off_since.pop(machine.uid, None)

    def view(self, machine: Machine) -> MachineView | None:
        return self.views.get(machine.uid)

    def exit_of(self, machine: Machine | None, generation: int | None) -> Exit | None:
        """The terminated object of this claim, if it still stands there."""
        view = self.views.get(machine.uid) if machine else None
        return view.exits.get(generation) if view and generation is not None else None

    def started_at(self, machine: Machine) -> datetime | None:
        """When this claim's workload was first seen on."""
        return self.started.get((machine.uid, machine.status.generation))

    def forget_others(self, alive: Set[str]) -> None:
        """Drop what concerns Machines that are gone; `alive` are the uids of all there are."""
        for uid in self.views.keys() - alive:
            del self.views[uid]
        for uid in self.off_since.keys() - alive:
            del self.off_since[uid]
        for uid in self.stood_since.keys() - alive:
            del self.stood_since[uid]
        for claims in (self.made, self.issued):
            claims -= {claim for claim in claims if claim[0] not in alive}
        for claim in [c for c in self.started if c[0] not in alive]:
            del self.started[claim]

    def forget_before(self, machine: Machine) -> None:
        """Drop what concerns earlier claims of this machine."""
        uid, generation = machine.uid, machine.status.generation
        for claims in (self.made, self.issued):
            claims -= {c for c in claims if c[0] == uid and c[1] < generation}
        for claim in [c for c in self.started if c[0] == uid and c[1] < generation]:
            del self.started[claim]
