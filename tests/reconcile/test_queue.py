"""The queue: coalescing, one worker a key, the earliest appointment wins, backoff by rule."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from simulator.loop import VirtualLoop, run
from trainlease.model.errors import Unavailable
from trainlease.reconcile.queue import LONGEST_DELAY, Key, KeyedQueue, backoff

A, B = ("machine", "a"), ("machine", "b")


@asynccontextmanager
async def working(
    queue: KeyedQueue, handler: Callable[[Key], Awaitable[float | None]], workers: int = 2
) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run(handler, workers))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Diary:
    """A handler that notes when it handled what; `seconds` long, answering `wish`."""

    def __init__(self, loop: VirtualLoop, seconds: float = 0, wish: float | None = None) -> None:
        self.loop = loop
        self.seconds = seconds
        self.wish = wish
        self.seen: list[tuple[str, float]] = []

    async def __call__(self, key: Key) -> float | None:
        self.seen.append((key[1], self.loop.time()))
        await asyncio.sleep(self.seconds)
        return self.wish


def test_a_key_added_often_before_its_turn_is_handled_once() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        queue, diary = KeyedQueue(), Diary(loop)
        for key in (A, A, B, A):
            queue.add(key)
        async with working(queue, diary):
            await asyncio.sleep(1)
        assert queue.is_idle
        return diary.seen

    assert run(main) == [("a", 0), ("b", 0)]


def test_a_key_added_while_its_handler_runs_is_handled_once_more_afterwards() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        queue, diary = KeyedQueue(), Diary(loop, seconds=5)
        async with working(queue, diary):
            queue.add(A)
            await asyncio.sleep(1)
            queue.add(A)
            queue.add(A)
            await asyncio.sleep(30)
        return diary.seen

    assert run(main) == [("a", 0), ("a", 5)]


def test_keys_are_handled_side_by_side_as_far_as_there_are_workers() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        queue, diary = KeyedQueue(), Diary(loop, seconds=5)
        for name in "abc":
            queue.add(("machine", name))
        async with working(queue, diary, workers=2):
            await asyncio.sleep(1)
            assert queue.waiting == 1
            await asyncio.sleep(30)
        return diary.seen

    assert run(main) == [("a", 0), ("b", 0), ("c", 5)]


def test_the_answer_of_a_handler_is_its_next_look() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        queue, diary = KeyedQueue(), Diary(loop, wish=10)
        async with working(queue, diary):
            queue.add(A)
            await asyncio.sleep(25)
        return diary.seen

    assert run(main) == [("a", 0), ("a", 10), ("a", 20)]


@pytest.mark.parametrize(("first", "second"), [(5, 9), (9, 5)])
def test_of_two_appointments_the_earlier_wins(first: float, second: float) -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        queue, diary = KeyedQueue(), Diary(loop)
        async with working(queue, diary):
            queue.add_after(A, first)
            queue.add_after(A, second)
            await asyncio.sleep(60)
        return diary.seen

    assert run(main) == [("a", 5)]


def test_an_appointment_lapses_when_the_key_is_handled_before() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        queue, diary = KeyedQueue(), Diary(loop)
        async with working(queue, diary):
            queue.add_after(A, 5)
            await asyncio.sleep(1)
            queue.add(A)
            await asyncio.sleep(60)
        return diary.seen

    assert run(main) == [("a", 1)]


def test_an_appointment_made_while_the_handler_runs_stands_if_it_is_the_earlier() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        queue, diary = KeyedQueue(), Diary(loop, seconds=2, wish=50)
        async with working(queue, diary):
            queue.add(A)
            await asyncio.sleep(1)
            queue.add_after(A, 10)
            await asyncio.sleep(20)
        return diary.seen

    assert run(main) == [("a", 0), ("a", 11)]


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("a bug")])
def test_a_failing_handler_is_tried_again_later_each_time(error: Exception) -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        times: list[float] = []

        async def fails(key: Key) -> None:
            times.append(loop.time())
            if len(times) < 4:
                raise error

        queue = KeyedQueue()
        async with working(queue, fails):
            queue.add(A)
            await asyncio.sleep(600)
        return times

    want = [0.0]
    for count in (1, 2, 3):
        want.append(want[-1] + backoff(A, count))
    assert run(main) == pytest.approx(want)


def test_success_and_forget_both_end_the_memory_of_failures() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        times: list[float] = []

        async def fails(key: Key) -> None:
            times.append(loop.time())
            raise Unavailable("away")

        queue = KeyedQueue()
        async with working(queue, fails):
            queue.add(A)
            await asyncio.sleep(0.1)
            queue.forget(A)
            await asyncio.sleep(100)
            assert times == [0.0]
            queue.add(A)
            await asyncio.sleep(1.1)
        return times

    first, again, retried = run(main)
    assert (first, again) == (0, 100.1)
    assert retried - again == pytest.approx(backoff(A, 1))


def test_the_backoff_doubles_up_to_a_minute_and_differs_by_key() -> None:
    for count in range(1, 200):
        whole = min(2.0 ** (count - 1), LONGEST_DELAY)
        assert 0.75 * whole <= backoff(A, count) <= whole
    assert backoff(A, 3) != backoff(B, 3)
    assert backoff(A, 3) == backoff(A, 3)


def test_the_log_tells_our_errors_in_a_line_and_a_bug_with_its_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        errors = iter((Unavailable("saturno is away"), RuntimeError("hidden")))

        async def fails(key: Key) -> None:
            raise next(errors)

        queue = KeyedQueue()
        async with working(queue, fails):
            queue.add(A)
            queue.add(B)
            await asyncio.sleep(0.1)

    run(main)
    ours, bug = caplog.records
    assert "saturno is away" in ours.getMessage()
    assert not ours.exc_info
    assert bug.exc_info
    assert "RuntimeError" in bug.getMessage()


def test_when_it_ends_no_appointment_is_left() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        queue, diary = KeyedQueue(), Diary(loop)
        async with working(queue, diary):
            queue.add_after(A, 5)
            await asyncio.sleep(0)
        async with working(queue, diary):
            await asyncio.sleep(60)
        return diary.seen

    assert run(main) == []
