"""FakeMachines: what runs where, in memory, whoever started it.

No threads, no chance, no time but the event loop's timers and the clock port's. What runs belongs
to the world: it goes on when the one who started it is frozen or killed. How a workload runs is
the script's word; each change of power goes to the journal, for observers.

Two flavours. OBJECT is a pod or a process: what ended stands there terminated, keeps its name
taken, and a late start of the same claim cannot land; a start of another claim does, whatever
runs. INSTANCE is a cloud machine: there is one power and no record, a start of what is on changes
nothing, and any start lands on what is off.

A machine is the hardware that has this name. A Machine that was made anew finds what runs on an
instance, though not as its own; of objects it sees its own alone.
"""

import asyncio
import contextvars
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf
from typing import Any

from trainlease.effects.clock import Clock
from trainlease.effects.machines.base import Doorbell
from trainlease.model.errors import Refused, TrainleaseError
from trainlease.model.machine import Machine
from trainlease.model.observed import Exit, MachineView, Power, Workload
from trainlease.model.reasons import Cause


class Flavour(Enum):
    OBJECT = "object"
    INSTANCE = "instance"


class Who(Enum):
    """Who changed the power."""

    US = "an operator"
    LEGACY = "the legacy program"
    ITSELF = "the machine itself"


@dataclass(frozen=True)
class Course:
    """How a workload runs: `boot` seconds until it is up, then `seconds` until it ends.

    A boot of inf hangs; `seconds` None: until it is turned off, or its deadline. `recorded` False:
    it vanishes, as a force-deleted pod; MACHINE_LOST with a record is a process that was lost.
    """

    seconds: float | None = 60.0
    boot: float = 0.0
    cause: Cause = Cause.COMPLETED
    code: int | None = 0
    message: str = "exit code 0"
    log_tail: str = ""
    recorded: bool = True


Script = Callable[[Workload], Course]


@dataclass(frozen=True)
class PowerChange:
    """Something began or ended to run. `generation` is None for the legacy program's run.

    `lateness` is how many seconds the call that did it was under way.
    """

    by: Who
    machine: str
    uid: str
    on: bool
    generation: int | None = None
    job_uid: str = ""
    attempt: int = 0
    lateness: float = 0.0


Journal = Callable[[PowerChange], None]


@dataclass
class _Run:
    """One claim's run, from the start that landed to its end."""

    workload: Workload
    course: Course
    is_booting: bool
    is_stopping: bool = False
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


_Claim = tuple[str, int]
"""A claim by (machine uid, generation)."""


@dataclass
class _Host:
    """One machine of the world."""

    name: str
    runs: dict[_Claim, _Run] = field(default_factory=dict)
    exits: dict[_Claim, Exit] = field(default_factory=dict)
    legacy: bool = False

    @property
    def is_on(self) -> bool:
        return bool(self.runs) or self.legacy


class FakeMachines:
    """See the module; knobs are methods and attributes, the port is FakeProvider.

    `stop_seconds` is how long an end takes by machine name (inf: it hangs in stopping);
    `refusals` is the error that a start gets; `unknown`: its power cannot be told, and why;
    `twins`: a Machine's name -> that of another Machine on the same hardware.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        script: Script | None = None,
        flavour: Flavour = Flavour.OBJECT,
        journal: Journal | None = None,
    ) -> None:
        self.script: Script = script or (lambda _: Course())
        self.flavour = flavour
        self.stop_seconds: dict[str, float] = {}
        self.refusals: dict[str, TrainleaseError] = {}
        self.unknown: dict[str, str] = {}
        self.twins: dict[str, str] = {}
        self._clock = clock
        self._journal: Journal = journal or (lambda _: None)
        self._hosts: dict[str, _Host] = {}
        self.names: dict[str, str] = {}
        """Of each Machine that was heard of, by its uid."""
        self._bells: list[tuple[Doorbell, contextvars.Context]] = []

    # -- what others do to a machine -------------------------------------------------------------

    def legacy_on(self, name: str, uid: str) -> bool:
        """The legacy program turns it on; False if it is on already, which it takes as success."""
        host = self._host(uid, name)
        if host.is_on:
            return False
        host.legacy = True
        self._changed(host, PowerChange(Who.LEGACY, name, uid, True))
        return True

    def legacy_off(self, uid: str) -> bool:
        """The legacy program turns off what it turned on; False if that does not run."""
        host = self._host(uid)
        if not host.legacy:
            return False
        self._end_legacy(uid, Who.LEGACY)
        return True

    def lose(self, uid: str, *, recorded: bool = True) -> None:
        """The machine dies: all that runs ends at once, as kill -9 of it all would.

        `recorded`: what ran is known to be lost, as of a process; else it is known no more.
        """
        host = self._host(uid)
        for claim in list(host.runs):
            self._finish(host, claim, replace(_LOST, recorded=recorded), Who.ITSELF)
        if host.legacy:
            self._end_legacy(uid, Who.ITSELF)

    def on(self, present: Container[str] | None = None) -> dict[str, int | None]:
        """Machines that are on, by name, with the oldest claim that runs (None: not ours).

        `present`: the uids of the Machines that there are; a claim of another is nobody's.
        """
        return {
            h.name: min((g for uid, g in h.runs if present is None or uid in present), default=None)
            for h in self._hosts.values()
            if h.is_on
        }

    def exits(self) -> dict[tuple[str, int], Cause]:
        """How what stands there terminated ended, by (machine, generation)."""
        return {
            (self.names.get(uid, uid), generation): end.cause
            for host in self._hosts.values()
            for (uid, generation), end in host.exits.items()
        }

    # -- what the port does ----------------------------------------------------------------------

    def view(self, machine: Machine) -> MachineView:
        host = self._host(machine.uid, machine.name)
        exits = {generation: e for (uid, generation), e in host.exits.items() if uid == machine.uid}
        oldest = min((g for uid, g in host.runs if uid == machine.uid), default=None)
        if machine.name in self.unknown:
            return MachineView(Power.UNKNOWN, None, exits, self.unknown[machine.name])
        if oldest is None:
            others = host.legacy or (host.runs and self.flavour is Flavour.INSTANCE)
            return MachineView(Power.ON if others else Power.OFF, exits=exits)
        run = host.runs[machine.uid, oldest]
        detail = "stopping" if run.is_stopping else "booting" if run.is_booting else ""
        power = Power.UNKNOWN if detail == "booting" else Power.ON
        return MachineView(power, oldest, exits, detail)

    def start(self, machine: Machine, workload: Workload, lateness: float) -> None:
        claim = machine.uid, workload.generation
        host = self._host(machine.uid, machine.name)
        if claim in host.runs or claim in host.exits:
            return
        if self.flavour is Flavour.INSTANCE and host.is_on:
            return
        if refusal := self.refusals.get(machine.name):
            raise refusal
        course = self.script(workload)
        run = host.runs[claim] = _Run(workload, course, is_booting=course.boot > 0)
        self._plan(host, claim, run)
        self._changed(host, _change(Who.US, machine.uid, run, on=True, lateness=lateness))

    def stop(self, machine: Machine, lateness: float) -> None:
        """Ends what is ours; a run that is not ours only where nothing of ours is left."""
        host = self._host(machine.uid, machine.name)
        seconds = self.stop_seconds.get(machine.name, 0.0)
        if not host.runs and host.legacy:
            self._end_legacy(machine.uid, Who.US, lateness)
        for claim, run in list(host.runs.items()):
            if self.flavour is Flavour.OBJECT and claim[0] != machine.uid:
                continue
            if run.is_stopping and seconds > 0:
                continue
            run.is_stopping = True
            if seconds <= 0:
                self._finish(host, claim, _TURNED_OFF, Who.US, lateness)
            else:
                self._after(seconds, run, self._finish, host, claim, _TURNED_OFF, Who.US, lateness)

    def forget(self, machine_uid: str, generation: int) -> None:
        host = self._host(machine_uid)
        if (machine_uid, generation) in host.runs:
            raise Refused(f"generation {generation} still runs", "wrong state")
        host.exits.pop((machine_uid, generation), None)

    def add_bell(self, doorbell: Doorbell) -> None:
        """It rings in the context it was hung up in, so in the process that hung it up."""
        self._bells.append((doorbell, contextvars.copy_context()))

    # -- how a run goes --------------------------------------------------------------------------

    def _plan(self, host: _Host, claim: _Claim, run: _Run) -> None:
        """Boot, end and dead-man deadline, whichever comes first."""
        course = run.course
        if course.boot > 0:
            self._after(course.boot, run, self._booted, host, run)
        if course.seconds is not None:
            seconds = course.boot + course.seconds
            self._after(seconds, run, self._finish, host, claim, course, Who.ITSELF)
        left = (run.workload.deadline - self._clock.now()).total_seconds()
        self._after(max(0.0, left), run, self._finish, host, claim, _TOO_LONG, Who.ITSELF)

    def _after(self, seconds: float, run: _Run, act: Callable[..., None], *args: Any) -> None:
        if seconds == inf:
            return
        # An empty context: a run belongs to no task and to no process of whoever started it.
        loop = asyncio.get_running_loop()
        run.timers.append(loop.call_later(seconds, act, *args, context=contextvars.Context()))

    def _booted(self, host: _Host, run: _Run) -> None:
        run.is_booting = False
        self._ring(host.name)

    def _finish(
        self, host: _Host, claim: _Claim, course: Course, by: Who, lateness: float = 0.0
    ) -> None:
        run = host.runs.pop(claim)
        for timer in run.timers:
            timer.cancel()
        if self.flavour is Flavour.OBJECT and course.recorded:
            host.exits[claim] = Exit(
                claim[1],
                course.cause,
                course.message,
                self._clock.now(),
                course.code,
                course.log_tail,
            )
        self._changed(host, _change(by, claim[0], run, on=False, lateness=lateness))

    def _end_legacy(self, uid: str, by: Who, lateness: float = 0.0) -> None:
        host = self._host(uid)
        host.legacy = False
        self._changed(host, PowerChange(by, host.name, uid, False, lateness=lateness))

    def _changed(self, host: _Host, change: PowerChange) -> None:
        self._journal(change)
        self._ring(host.name)

    def _ring(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        for doorbell, context in self._bells:
            loop.call_soon(doorbell, name, context=context)

    def _host(self, uid: str, name: str = "") -> _Host:
        """The hardware of this Machine, which is known by its name once that was heard."""
        if name:
            self.names[uid] = name
        name = self.names.get(uid, uid)
        hardware = self.twins.get(name, name)
        return self._hosts.setdefault(hardware, _Host(hardware))


_LOST = Course(
    cause=Cause.MACHINE_LOST, code=None, message="it was ended together with its supervisor"
)
_TURNED_OFF = Course(cause=Cause.CANCELLED, code=None, message="turned off")
_TOO_LONG = Course(
    cause=Cause.MACHINE_LIMIT, code=None, message="it reached the deadline of its claim"
)


def _change(by: Who, uid: str, run: _Run, *, on: bool, lateness: float) -> PowerChange:
    work = run.workload
    return PowerChange(
        by, work.machine, uid, on, work.generation, work.job_uid, work.attempt, lateness
    )
