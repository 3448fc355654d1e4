"""One thread for one platform's database, with a short line before it.

Promises: calls run one after another, each in the same thread; nobody waits longer than the time
given; a line that is full says so at once. A call that has begun cannot be taken back: its answer
is then AnswerLost.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from trainlease.model.errors import AnswerLost, Unavailable

T = TypeVar("T")
LONGEST_LINE = 64


class Worker:
    """See the module. `title` names the other side in messages."""

    def __init__(self, title: str, longest_line: int = LONGEST_LINE) -> None:
        self._title = title
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=title)
        self._places = threading.BoundedSemaphore(longest_line)

    async def run(self, call: Callable[[], T], seconds: float) -> T:
        """The call's result; raises Unavailable, AnswerLost, or what the call raises."""
        if not self._places.acquire(blocking=False):
            raise Unavailable(f"{self._title}: too many calls wait already")
        future = self._submit(call)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if future.cancel():
                raise Unavailable(f"{self._title}: its turn did not come in time") from None
            raise AnswerLost(f"{self._title}: no answer within {seconds:g} s") from None

    async def close(self, last: Callable[[], None], seconds: float) -> None:
        """Take no more calls and end the thread with `last`; wait no longer than this for it."""
        end = self._pool.submit(last)
        self._pool.shutdown(wait=False)
        await asyncio.wait({asyncio.wrap_future(end)}, timeout=seconds)

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        try:
            future = self._pool.submit(call)
        except RuntimeError:
            self._places.release()
            raise Unavailable(f"{self._title}: its connection is closed") from None
        future.add_done_callback(lambda _: self._places.release())
        return future
