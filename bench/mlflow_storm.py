"""The way to a simulated MLflow server in a storm: what befalls each request, drawn from the seed.

A request that was sent belongs to the network: it lands although its sender has given up, stands
still or is dead. It lands within LATEST seconds of its sending, which is well past the sender's
PATIENCE. Not in here: what is asked (mlflow_town), and whether the outcome is right (mlflow_judge).
"""

import asyncio
import contextvars
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, TypeVar

from simulator.loop import Process, VirtualLoop
from trainlease.effects.gate import OpenGate
from trainlease.effects.tracking.fake import FakeApi
from trainlease.effects.tracking.fake_server import WRITES, FakeMlflow
from trainlease.model import tracking as word
from trainlease.model.errors import AnswerLost, TrainleaseError, Unavailable

Answer = TypeVar("Answer")

PATIENCE = 10.0
"""Seconds that a sender waits for an answer."""
LATEST = 25.0
"""Seconds from the sending of a request to its landing, at most; also how long a process that
stands still does so at most."""
_LONGEST_WAY = 0.1


class Fault(StrEnum):
    """What befalls one request."""

    REFUSED = "refused at once"
    NEVER = "never arrives"
    LOST = "answer lost"
    LATE = "lands late"
    CRASH_BEFORE = "crash before it"
    CRASH_IN_FLIGHT = "crash while it is under way"
    CRASH_AFTER = "crash after it"
    FROZEN = "frozen before it, another leads"


RATES: Mapping[Fault, float] = {
    Fault.REFUSED: 0.01,
    Fault.NEVER: 0.015,
    Fault.LOST: 0.035,
    Fault.LATE: 0.035,
    Fault.CRASH_BEFORE: 0.002,
    Fault.CRASH_IN_FLIGHT: 0.003,
    Fault.CRASH_AFTER: 0.003,
    Fault.FROZEN: 0.002,
}
"""Of each request, in the storm."""
_AIMED = ("create_run", "create_version", "set_alias")
"""What must happen once is hit so many times as often as the rest:"""
_HARDER = 4
_DECIDES = {"create_run": "search_runs", "create_version": "versions", "set_alias": "model"}
"""The read on which each of them is decided."""
_OF_WRITES = (Fault.NEVER, Fault.LATE, Fault.CRASH_IN_FLIGHT)
"""Of a read these are nothing but an answer lost."""


@dataclass(frozen=True)
class Move:
    """One move of an alias that changed it. `seen`: when its sender had last read the model; None
    for a person's move. `reason`: what the version said of its promotion by then."""

    at: float
    model: str
    alias: str
    old: int | None
    new: int | None
    seen: float | None
    late: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Hold:
    """A person's hold on a model, or on a version (`saturno.caries/3`)."""

    name: str
    since: float
    until: float = math.inf


class WatchedMlflow(FakeMlflow):
    """The server, with what a judge must know of its past."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self.moves: list[Move] = []
        self.marked: dict[tuple[str, int], float] = {}
        """When a version first said that it was promoted."""
        self.late_words: set[tuple[str, int]] = set()
        """Versions whose last reason landed after its sender had given up."""
        self.run_of: dict[tuple[str, int], str] = {}
        """Of each version that ever was."""
        self.holds: list[Hold] = []
        self.needless: list[str] = []
        """Creates of what their sender could have seen to be there."""
        self._made: dict[str, float] = {}
        """When each attempt's first run, and each run's first version, landed."""
        self._loop = loop
        self._seen: tuple[float, bool] | None = None

    @contextmanager
    def sent_by_one_who_saw(self, seen: float, *, late: bool) -> Iterator[None]:
        """What happens now was asked for by an operator; outside of it people act."""
        self._seen = (seen, late)
        try:
            yield
        finally:
            self._seen = None

    def new_run(
        self, experiment_id: str, tags: Mapping[str, str], started: int | None = None
    ) -> str:
        self._make(f"a run of {tags[word.JOB_UID]}, attempt {tags[word.ATTEMPT]}")
        return super().new_run(experiment_id, tags, started)

    def new_version(self, there: Any, model: str, run_id: str, tags: Mapping[str, str]) -> int:
        self._make(f"a version of {model} from the run {run_id}")
        version = super().new_version(there, model, run_id, tags)
        self.run_of[model, version] = run_id
        return version

    def move_alias(self, model: str, alias: str, version: int | None) -> None:
        old = self.models[model].aliases.get(alias)
        if old != version:
            seen, late = self._seen or (None, False)
            now = self._loop.time()
            row = self.models[model].versions.get(version or 0)
            reason = row.tags.get(word.REASON, "") if row else ""
            self.moves.append(Move(now, model, alias, old, version, seen, late, reason))
        super().move_alias(model, alias, version)

    def tag_version(self, model: str, version: int, key: str, value: str) -> None:
        if key == word.PROMOTED:
            self.marked.setdefault((model, version), self._loop.time())
        if key == word.REASON:
            self.late_words.discard((model, version))
            if self._seen is not None and self._seen[1]:
                self.late_words.add((model, version))
        super().tag_version(model, version, key, value)

    def _make(self, what: str) -> None:
        assert self._seen is not None, "only operators create"
        if self._made.setdefault(what, self._loop.time()) < self._seen[0]:
            self.needless.append(f"{what} was created again")


@dataclass
class Storm:
    """See the module. `kill` and `freeze` are told which process it hits."""

    loop: VirtualLoop
    rng: Random
    kill: Callable[[Process], None]
    freeze: Callable[[Process, float], None]
    was_read: Callable[[str], None]
    """Told of each registered model that an operator has just read."""
    rates: Mapping[Fault, float] = field(default_factory=lambda: RATES)
    blows: bool = True
    hits: Counter[Fault] = field(default_factory=Counter)
    requests: int = 0

    def __post_init__(self) -> None:
        self._any = sum(self.rates.values())
        self._outside = contextvars.copy_context()

    def strike(self, verb: str) -> Fault | None:
        """The fault that this request meets, if it meets one."""
        self.requests += 1
        chance = self._any * (_HARDER if verb in _AIMED else 1)
        if not self.blows or self.rng.random() >= chance:
            return None
        (fault,) = self.rng.choices(list(self.rates), list(self.rates.values()))
        if verb not in WRITES and fault in _OF_WRITES:
            fault = Fault.LOST
        self.hits[fault] += 1
        return fault

    def way(self) -> float:
        """Seconds that a request or an answer travels."""
        return self.rng.random() * _LONGEST_WAY

    def later(self, seconds: float, land: Callable[[], Any]) -> None:
        """Something that the network does, whatever becomes of its sender."""
        self.loop.call_later(seconds, land, context=self._outside)


class StormyApi(FakeApi):
    """One process's requests."""

    def __init__(self, server: WatchedMlflow, storm: Storm, process: Process) -> None:
        super().__init__(server, process.name, OpenGate())
        self._watched, self._storm, self._process = server, storm, process
        self._seen: dict[tuple[asyncio.Task[Any] | None, str], float] = {}
        """When each task's last request of a verb landed that was answered."""

    async def request(self, verb: str, target: str, act: Callable[[], Answer]) -> Answer:
        storm = self._storm
        fault = storm.strike(verb)
        task, began = asyncio.current_task(), storm.loop.time()
        seen = self._seen.get((task, _DECIDES.get(verb, "")), began)
        if verb.startswith("create"):
            self._seen.pop(
                (task, _DECIDES.get(verb, "")), None
            )  # what was read before it is no ground for another one

        def land() -> Answer:
            late = storm.loop.time() - began > PATIENCE
            with self._watched.sent_by_one_who_saw(seen, late=late):
                return act()

        if fault is not None:
            await self._befall(fault, verb, land)
        await asyncio.sleep(storm.way())
        landed = storm.loop.time()
        answer = land()
        if verb == "model":
            storm.was_read(target)
        if fault is Fault.CRASH_AFTER:
            await self._die()
        await asyncio.sleep(storm.way())
        if fault is Fault.LOST:
            await self._give_up(verb)
        self._seen[task, verb] = landed
        return answer

    async def _befall(self, fault: Fault, verb: str, land: Callable[[], Any]) -> None:
        """What happens instead of a landing in time, or before it."""
        storm = self._storm
        if fault is Fault.REFUSED:
            raise Unavailable("MLflow cannot be reached")
        if fault is Fault.CRASH_BEFORE:
            await self._die()
        if fault is Fault.FROZEN:
            storm.freeze(self._process, storm.rng.uniform(1.0, LATEST))
            await asyncio.sleep(0)
        if fault is Fault.CRASH_IN_FLIGHT:
            storm.later(storm.rng.uniform(0.0, LATEST), lambda: _in_vain(land))
            await self._die()
        if fault is Fault.LATE:
            storm.later(storm.rng.uniform(PATIENCE, LATEST), lambda: _in_vain(land))
        if fault in (Fault.LATE, Fault.NEVER):
            await self._give_up(verb)

    async def _give_up(self, verb: str) -> None:
        await asyncio.sleep(PATIENCE)
        kind = AnswerLost if verb in WRITES else Unavailable
        raise kind("MLflow did not answer in time")

    async def _die(self) -> None:
        self._storm.kill(self._process)
        await asyncio.sleep(0)  # a dead process takes no further step


def _in_vain(land: Callable[[], Any]) -> None:
    """It lands, and whatever the server answers is heard by nobody."""
    try:
        land()
    except TrainleaseError:
        return
