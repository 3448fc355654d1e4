"""The way between one operator process and the outside: calls take time, and faults meet them.

A call that was sent belongs to the world: it lands although its sender stands still or is dead by
then. What it does happens at one instant, at its landing; the answer travels back. Whoever waits
for a lost answer gets an error at the call's timeout: AnswerLost for a write, Unavailable for a
read. Not in here: which fault meets which call (`weather`), the shapes of the ports (`proxy`).
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any, TypeVar

from simulator.loop import Process, VirtualLoop
from simulator.weather import Call, Fault, Weather
from trainlease.model.errors import AnswerLost, TrainleaseError, Unavailable

Answer = TypeVar("Answer")


class Health(Enum):
    """How it stands with a server."""

    UP = "up"
    DOWN = "down"
    """Refuses at once."""
    FROZEN = "frozen"
    """Takes calls and answers none; what it took lands once it is thawed."""


@dataclass
class Server:
    """One server of the outside, as calls find it."""

    name: str
    health: Health = Health.UP
    refuses: str = ""
    """The verb that it refuses while it does all others."""
    _kept: list[Callable[[], None]] = field(default_factory=list)

    def keep(self, landing: Callable[[], None]) -> None:
        self._kept.append(landing)

    def turn(self, health: Health) -> None:
        """From now on it is up, down or frozen; thawed, it does what it had taken."""
        self.health = health
        kept, self._kept = self._kept, []
        if health is Health.UP:
            for landing in kept:
                landing()
        elif health is Health.FROZEN:
            self._kept = kept


@dataclass
class Landing:
    """What is landing now: whose it is, and since when it was under way."""

    by_us: bool = False
    lateness: float = 0.0


@dataclass
class Grounds:
    """What all lines of a world share."""

    loop: VirtualLoop
    weather: Weather
    rng: Random
    landing: Landing
    touch: Callable[[Call], None]
    """Changes the object that a call is about to change, as another author."""
    pause: Callable[[Process], None]
    """Lets the process stand still for a while."""
    kill: Callable[[Process], None]
    """Kills the process; somebody starts another one later."""

    def __post_init__(self) -> None:
        self._context = contextvars.copy_context()

    def later(self, delay: float, function: Callable[..., None], *args: Any) -> None:
        """Something of the world's own, whatever process runs now."""
        self.loop.call_later(delay, function, *args, context=self._context)


class Line:
    """One process's line to everything."""

    def __init__(self, grounds: Grounds, process: Process) -> None:
        self._grounds = grounds
        self._process = process

    @property
    def landing(self) -> "Landing":
        """What lands at this moment."""
        return self._grounds.landing

    async def send(self, server: Server, call: Call, act: Callable[[], Answer]) -> Answer:
        """Send it and wait for the answer. `act` is what it does where it lands."""
        grounds = self._grounds
        began = grounds.loop.time()
        fault = grounds.weather.strike(call)
        if fault is Fault.CRASH_BEFORE:
            await self._die()
        elif fault is Fault.FROZEN:
            grounds.pause(self._process)
            await asyncio.sleep(0)
        done: asyncio.Future[Answer] = grounds.loop.create_future()
        flight = _Flight(grounds, self._process, server, call, act, done, fault, began)
        flight.depart()
        return await done

    async def _die(self) -> None:
        self._grounds.kill(self._process)
        await asyncio.sleep(0)  # a dead process takes no further step


@dataclass
class _Flight:
    """One call under way."""

    grounds: Grounds
    process: Process
    server: Server
    call: Call
    act: Callable[[], Any]
    done: "asyncio.Future[Any]"
    fault: Fault | None
    began: float

    def depart(self) -> None:
        call, weather = self.call, self.grounds.weather
        if self.fault is Fault.LATE and call.lateness > 0:
            delay = self.grounds.rng.uniform(0.0, call.lateness)
            self.grounds.later(delay, self.land)
            self._give_up()
        elif self.fault is Fault.REFUSED:
            self.grounds.later(weather.latency(call), self._answer, None, _refused(self.server))
        else:
            self.grounds.later(weather.latency(call), self.land)
            if self.fault in (Fault.LOST, Fault.LATE):
                self._give_up()

    def land(self) -> None:
        """The server takes it, and does it."""
        if self.server.health is Health.DOWN or self.call.verb == self.server.refuses:
            self._back(None, _refused(self.server))
        elif self.server.health is Health.FROZEN:
            self._give_up()
            self.server.keep(self.land)
        else:
            self._do()

    def _do(self) -> None:
        grounds = self.grounds
        if self.fault is Fault.CONFLICT:
            grounds.touch(self.call)
        landing = grounds.landing
        landing.by_us, landing.lateness = True, grounds.loop.time() - self.began
        answer, error = None, None
        try:
            answer = self.act()
        except TrainleaseError as refusal:
            error = refusal
        finally:
            landing.by_us, landing.lateness = False, 0.0
        if self.fault is Fault.CRASH_AFTER:
            grounds.kill(self.process)
        elif self.fault not in (Fault.LOST, Fault.LATE):
            self._back(answer, error)

    def _back(self, answer: Any, error: TrainleaseError | None) -> None:
        self.grounds.later(self.grounds.weather.latency(self.call), self._answer, answer, error)

    def _give_up(self) -> None:
        where = f"{self.server.name}: no answer to {self.call.verb} in {self.call.timeout:g} s"
        lost = AnswerLost(where) if self.call.writes else Unavailable(where)
        self.grounds.later(self.call.timeout, self._answer, None, lost)

    def _answer(self, answer: Any, error: TrainleaseError | None) -> None:
        if self.done.done() or self.process.dead:
            return
        if error is None:
            self.done.set_result(answer)
        else:
            self.done.set_exception(error)


def finish(work: Coroutine[Any, Any, Answer]) -> Answer:
    """What a fake answers; fakes take no time."""
    try:
        work.send(None)
    except StopIteration as end:
        answer: Answer = end.value
        return answer
    work.close()
    raise RuntimeError("a fake waited: delays belong to the line")


def _refused(server: Server) -> Unavailable:
    return Unavailable(f"{server.name}: connection refused")
