"""One active operator: a coordination Lease, taken and kept by compare-and-set.

Promises: no two processes call themselves leader at a time, however their wall clocks stand and
however long one of them stood still. Ours ends `leader_renew` seconds after the last renewal that
landed was *sent*; another's counts as over only after we saw it unchanged for its own duration.
Both are measured by the monotonic clock, and `leader_duration` less `leader_renew` is the margin in
which a call that was begun as leader must have ended (design: 15 s, 10 s, and 5 s for a call).

`check()` before each write and each effect. Wall-clock times in the Lease are for people.

Every replica reads the Lease every few seconds: one that is older than it was before says that the
API server was restored, and that nothing that this process knows holds.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from trainlease.effects.clock import Clock
from trainlease.effects.kube.base import Body, Kube
from trainlease.model.base import format_micro_time
from trainlease.model.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    NotLeader,
    Restored,
    TrainleaseError,
)
from trainlease.model.settings import Settings

_log = logging.getLogger(__name__)


class _Record(NamedTuple):
    """What changes in a Lease whenever its holder is alive."""

    holder: str
    renewed: str
    transitions: int


@dataclass(frozen=True)
class _Read:
    """The Lease as the server answered it."""

    record: _Record
    version: str
    duration: float

    @property
    def number(self) -> int:
        """The version as a number, which Kubernetes allows to compare for one object."""
        return int(self.version)

    @classmethod
    def of(cls, body: Mapping[str, Any], default: float) -> "_Read":
        spec = body.get("spec") or {}
        record = _Record(
            spec.get("holderIdentity") or "",
            spec.get("renewTime") or "",
            spec.get("leaseTransitions") or 0,
        )
        duration = spec.get("leaseDurationSeconds") or default
        return cls(record, body["metadata"]["resourceVersion"], float(duration))


class Leader:
    """This process's part in the election; `identity` must be no other process's, ever."""

    def __init__(
        self,
        kube: Kube,
        clock: Clock,
        namespace: str,
        name: str,
        identity: str,
        settings: Settings,
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._duration = settings.leader_duration
        self._renew = settings.leader_renew
        self._retry = settings.leader_retry
        self._call = settings.call_timeout
        self._mine: _Read | None = None
        self._valid_until = 0.0
        self._tried: set[_Record] = set()
        self._seen: tuple[_Record, float] | None = None
        self._elected = asyncio.Event()
        self._newest = 0
        self._problem = ""
        self._resigned = False

    @property
    def is_leader(self) -> bool:
        """Whether it is certain now: asked of the clock each time, also after a standstill."""
        return self._mine is not None and self._clock.monotonic() < self._valid_until

    @property
    def transitions(self) -> int:
        """How many times the leader has changed, as the Lease counts; 0 where it is not ours."""
        return self._mine.record.transitions if self._mine else 0

    def check(self) -> None:
        """NotLeader unless this process is the leader for certain."""
        if not self.is_leader:
            raise NotLeader(f"{self._identity} is not the leader")

    async def wait(self) -> None:
        """Until this process is the leader."""
        while not self.is_leader:
            self._elected.clear()
            await self._elected.wait()

    async def run(
        self,
        on_lost: Callable[[], None] | None = None,
        on_restored: Callable[[], None] | None = None,
    ) -> None:
        """Take part until cancelled or released; `on_lost` is called each time it was lost.

        `on_restored`: the Lease went back to an earlier version; this process takes part no more.
        """
        while not self._resigned:
            was_leader = self._mine is not None
            try:
                await self._take_part()
            except Restored as why:
                self._mine = None
                _log.warning("%s: %s", self._identity, why)
                if on_restored is not None:
                    on_restored()
                return
            if was_leader and not self.is_leader:
                self._mine = None
                _log.warning("%s is the leader no longer", self._identity)
                if on_lost is not None:
                    on_lost()
            await asyncio.sleep(self._retry)

    async def release(self) -> None:
        """Give the Lease back so that another need not wait; call it when nothing is in flight.

        From its first step on this process is no leader. Where the server cannot be told, the
        Lease runs out by itself.
        """
        self._resigned = True
        mine, self._mine = self._mine, None
        if mine is None:
            return
        try:
            async with asyncio.timeout(self._call):
                await self._give_back(mine)
        except (TrainleaseError, TimeoutError) as error:
            _log.warning("the leader Lease could not be given back: %s", type(error).__name__)

    async def _take_part(self) -> None:
        """One round; a round that hangs is given up, so that the next one is not late."""
        if self._mine is not None and not self.is_leader:
            return  # too late to renew in silence: first say that it was lost
        try:
            async with asyncio.timeout(self._call):
                await self._round()
        except TimeoutError:
            self._tell("no answer in time")
        except (Conflict, AlreadyExists):
            self._tell("")  # another one was quicker: the next round sees who
        except TrainleaseError as error:
            self._tell(f"{type(error).__name__}: {error}")
        else:
            self._tell("")

    async def _round(self) -> None:
        if self._mine is not None:
            try:
                await self._write(self._mine, self._mine.record.transitions)
            except (Conflict, NotFound):
                pass  # somebody changed it: read who has it now
            else:
                return
        try:
            body = await self._kube.get("leases", self._namespace, self._name)
        except NotFound:
            if self._mine is not None:
                self._mine = None
                return
            # Deleted under a holder that we saw: it may still count itself the leader.
            if self._seen is None or self._clock.monotonic() - self._seen[1] >= self._duration:
                await self._create()
            return
        read = _Read.of(body, self._duration)
        if read.number < self._newest:
            raise Restored("the leader Lease is back at an earlier version")
        await self._consider(read)

    async def _consider(self, read: _Read) -> None:
        self._newest = read.number
        if self._is_ours(read):
            await self._write(read, read.record.transitions)
            return
        if self._mine is not None:  # who has lost it ends, though it may look free to be taken
            self._mine = None
            return
        if self._is_over(read):
            await self._write(read, read.record.transitions + 1)

    def _is_ours(self, read: _Read) -> bool:
        """What we hold, or a write of ours that landed though its answer was lost.

        The identity alone would not do: a predecessor may have had it.
        """
        held = self._mine is not None and read.record == self._mine.record
        return held or read.record in self._tried

    def _is_over(self, read: _Read) -> bool:
        """Whether nobody holds it, or we saw it unchanged for its whole duration."""
        if not read.record.holder:
            return True
        now = self._clock.monotonic()
        if self._seen is None or self._seen[0] != read.record:
            self._seen = (read.record, now)
        return now - self._seen[1] >= read.duration

    async def _create(self) -> None:
        spec = self._wish(0, is_new=True)
        sent = self._clock.monotonic()
        meta = {"name": self._name, "namespace": self._namespace}
        body = await self._kube.create("leases", {"metadata": meta, "spec": spec})
        self._hold(_Read.of(body, self._duration), sent)

    async def _write(self, base: _Read, transitions: int) -> None:
        """Renew or take the Lease as it was read; Conflict if it changed since."""
        spec = self._wish(transitions, is_new=transitions != base.record.transitions)
        sent = self._clock.monotonic()  # validity counts from before the write is sent
        self._hold(_Read.of(await self._patch(spec, base.version), self._duration), sent)

    async def _give_back(self, mine: _Read) -> None:
        spec = {"holderIdentity": None, "renewTime": format_micro_time(self._clock.now())}
        try:
            await self._patch(spec, mine.version)
        except Conflict:
            body = await self._kube.get("leases", self._namespace, self._name)
            read = _Read.of(body, self._duration)
            if read.record in self._tried:  # a renewal landed whose answer nobody waited for
                await self._patch(spec, read.version)

    def _wish(self, transitions: int, *, is_new: bool) -> dict[str, Any]:
        """What is about to be written, noted so that it is known again if its answer is lost."""
        now = format_micro_time(self._clock.now())
        self._tried.add(_Record(self._identity, now, transitions))
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": ceil(self._duration),
            "leaseTransitions": transitions,
            "renewTime": now,
        }
        return spec | {"acquireTime": now} if is_new else spec

    def _hold(self, read: _Read, sent: float) -> None:
        if self._mine is None:
            _log.info("%s is the leader", self._identity)
        self._mine = read
        self._newest = read.number
        self._tried.clear()
        self._valid_until = sent + self._renew
        if self.is_leader:
            self._elected.set()

    async def _patch(self, spec: Mapping[str, Any], version: str) -> Body:
        patch = {"metadata": {"resourceVersion": version}, "spec": spec}
        return await self._kube.patch("leases", self._namespace, self._name, patch)

    def _tell(self, problem: str) -> None:
        """Log a problem when it begins, not in each round."""
        if problem and problem != self._problem:
            _log.warning("leader election: %s", problem)
        self._problem = problem
