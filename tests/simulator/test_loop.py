"""The virtual loop: time jumps, order is exact, processes freeze and die, deadlock is seen."""

import asyncio
import gc
import time
from typing import Any

import pytest

from simulator.loop import Deadlock, OutOfTime, Process, VirtualClock, VirtualLoop, run


def test_time_jumps_to_the_next_timer() -> None:
    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(86_400)
        return loop.time()

    assert run(main) == 86_400


def test_timers_of_the_same_instant_run_in_the_order_in_which_they_were_set() -> None:
    seen: list[int] = []

    async def main(loop: VirtualLoop) -> None:
        for number in range(50):
            loop.call_later(1.0, seen.append, number)
        await asyncio.sleep(2)

    run(main)
    assert seen == list(range(50))


def test_cancelled_timers_neither_run_nor_hold_time_back() -> None:
    async def main(loop: VirtualLoop) -> float:
        for number in range(2000):
            loop.call_later(float(number), pytest.fail, "cancelled").cancel()
        await asyncio.wait_for(asyncio.sleep(5), timeout=3000)
        return loop.time()

    assert run(main) == 5


def test_nothing_to_wait_for_is_a_deadlock_that_names_the_waiter() -> None:
    async def waits_for_ever(loop: VirtualLoop) -> None:
        await loop.create_future()

    with pytest.raises(Deadlock, match="waits_for_ever"):
        run(waits_for_ever)


def test_a_limit_of_steps_ends_a_run_that_comes_to_no_rest() -> None:
    async def main(loop: VirtualLoop) -> None:
        def again() -> None:
            loop.call_soon(again)

        loop.most_steps = 100
        again()
        await loop.create_future()

    with pytest.raises(OutOfTime, match="still moves"):
        run(main)


def test_a_limit_of_virtual_time_ends_the_run() -> None:
    async def main(loop: VirtualLoop) -> None:
        for _ in range(1000):
            await asyncio.sleep(10)

    with pytest.raises(OutOfTime):
        run(main, until=1000)


def test_a_frozen_process_takes_no_step_and_then_catches_up() -> None:
    seen: list[tuple[str, float]] = []

    async def tick(loop: VirtualLoop) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child(loop))
            for _ in range(3):
                await asyncio.sleep(1)
                seen.append(("parent", loop.time()))

    async def child(loop: VirtualLoop) -> None:
        await asyncio.sleep(2.5)
        seen.append(("child", loop.time()))

    async def main(loop: VirtualLoop) -> None:
        process = Process("p")
        task = process.start(loop, tick(loop))
        await asyncio.sleep(1.5)
        loop.freeze(process)
        await asyncio.sleep(10)
        loop.thaw(process)
        await task

    run(main)
    assert seen == [("parent", 1), ("parent", 11.5), ("child", 11.5), ("parent", 12.5)]


def test_a_killed_process_runs_nothing_more_not_even_its_clean_up() -> None:
    seen: list[str] = []

    async def victim() -> None:
        try:
            await asyncio.sleep(5)
            seen.append("went on")
        finally:
            seen.append("cleaned up")

    async def main(loop: VirtualLoop) -> list[str]:
        process = Process("p")
        process.start(loop, victim())
        process.call(loop.call_later, 3, seen.append, "timer")
        await asyncio.sleep(1)
        loop.kill(process)
        await asyncio.sleep(100)
        return list(seen)

    assert run(main) == []


def test_tasks_in_sets_are_taken_in_the_same_order_each_time() -> None:
    async def main(loop: VirtualLoop) -> list[str]:
        tasks = {asyncio.create_task(asyncio.sleep(1), name=str(n)) for n in range(200)}
        return [t.get_name() for t in tasks]

    assert run(main) == run(main)


def test_the_wall_clock_may_jump_and_the_monotonic_one_does_not() -> None:
    async def main(loop: VirtualLoop) -> tuple[float, float]:
        clock = VirtualClock(loop)
        wall, steady = clock.now(), clock.monotonic()
        await asyncio.sleep(10)
        clock.skew = -3600
        return (clock.now() - wall).total_seconds(), clock.monotonic() - steady

    assert run(main) == (-3590, 10)


def test_threads_are_refused() -> None:
    async def main(loop: VirtualLoop) -> None:
        await asyncio.to_thread(time.sleep, 0)

    with pytest.raises(RuntimeError, match="no thread"):
        run(main)


def test_a_process_that_is_killed_while_it_is_frozen_leaves_no_complaint() -> None:
    async def waits(future: asyncio.Future[None]) -> None:
        await future

    async def main(loop: VirtualLoop) -> list[dict[str, Any]]:
        process = Process("frozen")
        future: asyncio.Future[None] = loop.create_future()
        process.start(loop, waits(future))
        await asyncio.sleep(1)
        loop.freeze(process)
        future.set_result(None)
        del future
        await asyncio.sleep(1)
        loop.kill(process)
        gc.collect()
        await asyncio.sleep(1)
        return loop.failures

    assert run(main) == []
