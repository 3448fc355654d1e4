"""One thread for one database: calls in a row, a short line, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from trainlease.effects.platforms.worker import Worker
from trainlease.model.errors import AnswerLost, Unavailable

LONG = 30.0
"""Seconds, where a call is sure to answer."""


class Stuck:
    """A call that answers only when it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        self.go.wait(LONG)
        return "done"


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[Worker]:
    made = Worker("saturno's database", longest_line=2)
    yield made
    await made.close(lambda: None, LONG)


async def test_all_calls_run_in_one_thread_in_their_order(worker: Worker) -> None:
    seen: list[tuple[int, int]] = []
    for number in range(4):
        await worker.run(lambda n=number: seen.append((n, threading.get_ident())), LONG)  # type: ignore[misc]
    assert [number for number, _ in seen] == [0, 1, 2, 3]
    assert len({thread for _, thread in seen}) == 1


async def test_a_call_that_has_begun_and_does_not_end_is_an_answer_lost(worker: Worker) -> None:
    stuck = Stuck()
    with pytest.raises(AnswerLost, match="no answer within"):
        await worker.run(stuck, 0.1)
    assert stuck.begun.is_set()
    stuck.go.set()
    assert await worker.run(lambda: "next", LONG) == "next"


async def test_a_call_whose_turn_does_not_come_is_taken_out_of_the_line(worker: Worker) -> None:
    stuck, never = Stuck(), Stuck()
    first = asyncio.create_task(worker.run(stuck, LONG))
    await asyncio.to_thread(stuck.begun.wait, LONG)
    with pytest.raises(Unavailable, match="its turn did not come"):
        await worker.run(never, 0.1)
    stuck.go.set()
    assert await first == "done"
    await worker.run(lambda: None, LONG)
    assert not never.begun.is_set()


async def test_a_full_line_says_so_at_once(worker: Worker) -> None:
    stuck = Stuck()
    waiting = [asyncio.create_task(worker.run(stuck, LONG)) for _ in range(2)]
    await asyncio.to_thread(stuck.begun.wait, LONG)
    with pytest.raises(Unavailable, match="too many calls"):
        await worker.run(lambda: None, LONG)
    stuck.go.set()
    assert await asyncio.gather(*waiting) == ["done", "done"]


async def test_what_a_call_raises_comes_through(worker: Worker) -> None:
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 / 0, LONG)


async def test_the_last_thing_runs_in_the_thread_at_the_end() -> None:
    worker, last = Worker("x"), threading.Event()
    await worker.close(last.set, LONG)
    assert last.is_set()
    with pytest.raises(Unavailable, match="closed"):
        await worker.run(lambda: None, LONG)
