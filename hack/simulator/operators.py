"""The operators as processes of the world: started, watched, fed with events, replaced when dead.

Each start is a new process with a new identity. The perform table is the production's, each line
wrapped only to note which action is under way. A process that ends by itself, or by an error that
is not sorted, is a breach.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any

from simulator.line import Grounds, Line
from simulator.loop import Process
from simulator.promise import announce
from simulator.weather import DOING, Doing
from trainlease.effects.kube.fake import FakeKube
from trainlease.model.errors import Restored
from trainlease.model.settings import Settings
from trainlease.reconcile.operator import DeadWatch, LeadershipLost, Operator
from trainlease.reconcile.perform import TABLE
from trainlease.reconcile.ports import Ports

Table = Mapping[type, Callable[[Any, Any], Awaitable[None]]]
WATCHED = ("trainingjobs", "machineleases", "machines", "platforms")
KEEPS_RUNNING = "keeps-running"
announce(KEEPS_RUNNING, "An operator ends only when it leads no more, or its watch is dead")
_RESTART = (0.5, 20.0)
_STANDSTILL = (1.0, 60.0)
_SLOW_EVENT = 3.0


@dataclass
class Running:
    """One operator's present process."""

    process: Process
    watch: "_Watch"


@dataclass
class Operators:
    """All operators of a world, by name."""

    grounds: Grounds
    kube: FakeKube
    settings: Settings
    connect: Callable[[str, Line, Process], Ports]
    complain: Callable[[str, str], None]
    table: Table = field(default_factory=lambda: TABLE)
    deaf: dict[str, float] = field(default_factory=dict)
    """Name -> until when it hears no event."""
    slow: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Name -> until when its watch stays behind, and by how many seconds."""
    starts: int = 0
    _running: dict[str, Running] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """A new process of this operator, with a watch of its own."""
        self.starts += 1
        self.deaf.pop(name, None)
        process = Process(f"{name}-{self.starts}")
        line = Line(self.grounds, process)
        ports = self.connect(process.name, line, process)
        operator = Operator(ports, self.settings, process.name, table=self._wrapped())
        watch = _Watch(self, name, process, operator)
        watch.begin()
        self._running[name] = Running(process, watch)
        task = process.start(self.grounds.loop, operator.run())
        task.add_done_callback(partial(self._ended, name))

    def tell(self, word: str, plural: str, body: dict[str, Any]) -> None:
        """An object has changed: the event is on its way to each process that runs."""
        if plural in WATCHED:
            for running in self._running.values():
                running.watch.event(word, plural, body)

    def kill(self, name: str) -> None:
        """SIGKILL; another process is started after a while."""
        if self._running[name].process.dead:
            return  # the next one is on its way
        self._bury(name)
        self.grounds.later(self.grounds.rng.uniform(*_RESTART), self.start, name)

    def kill_process(self, process: Process) -> None:
        """SIGKILL to this very process, if it still runs."""
        for name, running in self._running.items():
            if running.process is process:
                self.kill(name)
                return

    def pause(self, name: str, length: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        self._pause(self._running[name].process, length)

    def pause_process(self, process: Process) -> None:
        self._pause(process, self.grounds.rng.uniform(*_STANDSTILL))

    def deafen(self, name: str, length: float, *, comes_back: bool) -> None:
        """The watch brings nothing for a while; then it begins anew, or is dead for good."""
        until = self.grounds.loop.time() + length
        self.deaf[name] = until if comes_back else inf
        if comes_back:
            watch = self._running[name].watch
            self.grounds.later(length, watch.begin)

    def watch_anew(self) -> None:
        """Every watch was cut, and begins with all that there is."""
        for running in self._running.values():
            running.watch.begin()

    def slow_down(self, name: str, length: float, lag: float) -> None:
        """The watch of this operator brings old events for a while, whichever process has it."""
        self.slow[name] = self.grounds.loop.time() + length, lag

    def thaw_all(self) -> None:
        """No process stands still any more."""
        for running in self._running.values():
            self.grounds.loop.thaw(running.process)

    def _pause(self, process: Process, length: float) -> None:
        self.grounds.loop.freeze(process)
        self.grounds.later(length, self.grounds.loop.thaw, process)

    def _bury(self, name: str) -> None:
        self.grounds.loop.kill(self._running[name].process)

    def _ended(self, name: str, task: "asyncio.Task[None]") -> None:
        """Its main task came to an end without having been killed."""
        error = None if task.cancelled() else task.exception()
        if not isinstance(error, LeadershipLost | DeadWatch | Restored):
            self.complain(KEEPS_RUNNING, f"{name} ended by itself: {error!r}")
        self.kill(name)

    def _wrapped(self) -> Table:
        return {kind: self._noting(kind.__name__, perform) for kind, perform in self.table.items()}

    def _noting(
        self, action: str, perform: Callable[[Any, Any], Awaitable[None]]
    ) -> Callable[[Any, Any], Awaitable[None]]:
        loop = self.grounds.loop

        async def noted(context: Any, what: Any) -> None:
            before = DOING.get()
            DOING.set(Doing(action, loop.time()))
            try:
                await perform(context, what)
            finally:
                DOING.set(before)

        return noted


@dataclass
class _Watch:
    """The events on their way to one process: each object's in order, some very late, some lost."""

    operators: Operators
    name: str
    process: Process
    operator: Operator
    _last: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def begin(self) -> None:
        """A watch begins with all that there is."""
        for plural in WATCHED:
            for body in self.operators.kube.objects(plural):
                self.event("ADDED", plural, body)

    def event(self, word: str, plural: str, body: dict[str, Any]) -> None:
        if self.process.dead:
            return
        grounds = self.operators.grounds
        now = grounds.loop.time()
        if now < self.operators.deaf.get(self.name, 0.0):
            return
        delay = 0.001 + 0.02 * grounds.rng.random()
        if grounds.weather.is_stormy and grounds.rng.random() < 0.03:
            delay = _SLOW_EVENT * grounds.rng.random()
        until, lag = self.operators.slow.get(self.name, (0.0, 0.0))
        if now < until:
            delay += lag
        meta = body["metadata"]
        key = plural, meta.get("namespace", ""), meta["name"]
        at = self._last[key] = max(now + delay, self._last.get(key, 0.0))
        self.process.call(grounds.loop.call_at, at, self.operator.heard, word, plural, body)
