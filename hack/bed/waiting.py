"""Wait for a condition, never for a time: the one place of the bed that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from bed.errors import TimedOut

T = TypeVar("T")


def wait_until(
    predicate: Callable[[], T | None], timeout: float, what: str, *, every: float = 0.05
) -> T:
    """The first truthy answer of `predicate`; TimedOut names `what` if none comes in time.

    The predicate is asked once more after the deadline, so that a machine that stood still
    (a busy box, a suspended laptop) does not fail what has in fact come true.
    """
    deadline = time.monotonic() + timeout
    while True:
        late = time.monotonic() >= deadline
        if answer := predicate():
            return answer
        if late:
            raise TimedOut(f"{what}: not within {timeout:g} s")
        time.sleep(every)
