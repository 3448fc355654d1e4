"""A work queue of keys: an event says only *look there*, and the handler reads the whole state.

Promises: a key that is added many times before its turn is handled once; a key that is added while
its handler runs is handled once more afterwards; a key is never handled twice at a time; keys
are handled in the order in which they came due.

The next look: `add` handles a key as soon as a worker is free, whatever it waited for. When a
handler begins, the key's older appointment lapses, for the handler reads all that there is and
answers when to look next; of that answer and of what was asked for meanwhile, the earliest wins.
A handler that fails is tried again after 1 s, doubling to 60 s, less a jitter that is a function
of the key and the count (a run can be replayed); an `add` does not wait for that.

Not in here: threads, the wall clock, what a key means. One event loop, times by its clock.
"""

import asyncio
import logging
from binascii import crc32
from collections.abc import Awaitable, Callable

from trainlease.model.errors import TrainleaseError

Key = tuple[str, str]
Handler = Callable[[Key], Awaitable[float | None]]
"""Handles a key, and answers after how many seconds to look again, or None."""

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
_JITTER = 0.25
_log = logging.getLogger(__name__)


class KeyedQueue:
    """See the module. All methods are called in the loop that `run` runs in."""

    def __init__(self) -> None:
        self._turns: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._appointments: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}

    @property
    def is_idle(self) -> bool:
        """Nothing is being handled, and nothing is due now."""
        return not self._queued and not self._running

    @property
    def waiting(self) -> int:
        """How many keys are due and have no worker yet."""
        return len(self._queued)

    def add(self, key: Key) -> None:
        """Look at this key now."""
        if key in self._running:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._turns.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at this key in so many seconds; an earlier appointment of the key stands."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        made = self._appointments.get(key)
        if made is not None:
            if made.when() <= loop.time() + seconds:
                return
            made.cancel()
        self._appointments[key] = loop.call_later(seconds, self._come_due, key)

    def forget(self, key: Key) -> None:
        """Drop the key's appointment and its failures; a turn that is already due is kept."""
        self._failures.pop(key, None)
        self._lapse(key)

    async def run(self, handler: Handler, workers: int) -> None:
        """Handle keys until cancelled; then no appointment is left behind."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(workers):
                    group.create_task(self._work(handler), name=f"worker {number}")
        finally:
            for key in list(self._appointments):
                self._lapse(key)

    async def _work(self, handler: Handler) -> None:
        while True:
            key = await self._turns.get()
            self._queued.discard(key)
            self._running.add(key)
            self._lapse(key)
            try:
                wish = await self._attempt(handler, key)
            finally:
                self._running.discard(key)
            if wish is not None:
                self.add_after(key, wish)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    async def _attempt(self, handler: Handler, key: Key) -> float | None:
        try:
            wish = await handler(key)
        except TrainleaseError as error:
            return self._failed(key, f"{type(error).__name__}: {error}", trace=False)
        except Exception as error:
            return self._failed(key, type(error).__name__, trace=True)
        self._failures.pop(key, None)
        return wish

    def _failed(self, key: Key, why: str, *, trace: bool) -> float:
        count = self._failures[key] = self._failures.get(key, 0) + 1
        delay = backoff(key, count)
        level = logging.ERROR if trace else logging.WARNING
        _log.log(level, "%s %s: %s; again in %.1f s", *key, why, delay, exc_info=trace)
        return delay

    def _come_due(self, key: Key) -> None:
        del self._appointments[key]
        self.add(key)

    def _lapse(self, key: Key) -> None:
        made = self._appointments.pop(key, None)
        if made is not None:
            made.cancel()


def backoff(key: Key, count: int) -> float:
    """Seconds until the next try after so many failures in a row."""
    whole = min(FIRST_DELAY * 2.0 ** min(count - 1, 10), LONGEST_DELAY)
    chance = crc32(f"{key[0]} {key[1]} {count}".encode()) / 2**32
    return whole * (1 - _JITTER * chance)
