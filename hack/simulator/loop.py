"""A deterministic event loop with virtual time, and processes in it that can be frozen or killed.

    result = run(main)                      # main is `async def main(loop: VirtualLoop)`
    result = run(main, until=3600.0)        # OutOfTime once an hour of virtual time has passed

Promises: time moves only when nothing is ready, straight to the next timer; timers that are due at
the same instant run in the order in which they were set; the same program takes the same steps in
each run (tasks hash by their number, not by their address); a loop in which nothing can ever
happen again raises Deadlock and names the tasks that wait. There are no threads and no sockets:
whoever asks for one gets an error.

A Process stands for an operating system's process: what is started inside it (tasks, timers, and
all that they start) belongs to it. A frozen one takes no step until it is thawed, then does all
that came due, in order (SIGSTOP and SIGCONT). A killed one never takes another step, not even its
`finally` blocks (SIGKILL). What messages a process has sent travel on: they belong to the world.

`VirtualClock` is the port `effects.clock.Clock` over such a loop; its wall clock can be set.
"""

import asyncio
import contextvars
import heapq
import sys
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

T = TypeVar("T")
EPOCH = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_MANY_CANCELLED = 500


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set, yet the main task has not ended."""


class OutOfTime(RuntimeError):
    """The limit of virtual time, or of steps, came before the main task's end."""


class Process:
    """One operating system process inside the loop; the world itself belongs to none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.frozen = False
        self.dead = False
        self._parked: list[asyncio.Handle] = []

    def __repr__(self) -> str:
        return f"<Process {self.name}>"

    def start(
        self, loop: "VirtualLoop", coro: Coroutine[Any, Any, T], name: str | None = None
    ) -> asyncio.Task[T]:
        """A task of this process; all that it starts belongs to the process too."""
        context = contextvars.copy_context()
        context.run(_PROCESS.set, self)
        return loop.create_task(coro, name=name, context=context)

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call into this process (as an interrupt would): what it starts belongs to it."""
        context = contextvars.copy_context()
        context.run(_PROCESS.set, self)
        return context.run(function, *args)


_PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


def current_process() -> Process | None:
    """The process that the running code belongs to; None is the world."""
    return _PROCESS.get()


class _Task(asyncio.Task[T], Generic[T]):
    """A task whose place in a set does not depend on its address."""

    number = 0
    process: Process | None = None

    def __hash__(self) -> int:
        return self.number


def _process_of(task: asyncio.Task[Any]) -> Process | None:
    return task.process if isinstance(task, _Task) else None


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module."""

    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = 0
        self._cancelled = 0
        self._gated = False
        # A dead process's coroutines are kept, lest their collection runs their `finally` blocks.
        self._graveyard: list[asyncio.Task[Any]] = []
        self.limit: float | None = None
        self.most_steps = sys.maxsize
        self.steps = 0
        self.failures: list[dict[str, Any]] = []
        """What asyncio would have logged: exceptions that nobody fetched, of live processes."""
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    # -- time ------------------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        handle._scheduled = True  # type: ignore[attr-defined]
        self._numbers += 1
        heapq.heappush(self._timers, (when, self._numbers, handle))
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._cancelled += 1

    # -- one round -------------------------------------------------------------------------------

    def _run_once(self) -> None:
        """Rounds until the loop is to stop: asyncio has nothing to do between them."""
        ready = self._ready
        while not self._stopping:
            if self.steps > self.most_steps:
                raise OutOfTime(f"it still moves after {self.steps} steps, at {self._now:.3f} s")
            if not ready:
                self._advance()
            self._collect_due()
            for _ in range(len(ready)):
                handle = ready.popleft()
                if handle._cancelled or (self._gated and self._is_held_back(handle)):
                    continue
                self.steps += 1
                handle._run()

    def _advance(self) -> None:
        timers = self._timers
        if self._cancelled > _MANY_CANCELLED and self._cancelled * 2 > len(timers):
            timers[:] = [t for t in timers if not t[2].cancelled()]
            heapq.heapify(timers)
            self._cancelled = 0
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
            self._cancelled -= 1
        if not timers:
            waiting = sorted(repr(t.get_coro()) for t in asyncio.all_tasks(self))
            raise Deadlock(f"nothing can happen any more; these wait: {waiting}")
        when = timers[0][0]
        if self.limit is not None and when > self.limit:
            raise OutOfTime(f"the next timer is at {when:.3f} s, the limit is {self.limit:.3f} s")
        self._now = max(self._now, when)

    def _collect_due(self) -> None:
        timers, now = self._timers, self._now
        while timers and timers[0][0] <= now:
            handle = heapq.heappop(timers)[2]
            handle._scheduled = False  # type: ignore[attr-defined]
            if handle._cancelled:
                self._cancelled -= 1
                continue
            self._ready.append(handle)

    def _is_held_back(self, handle: asyncio.Handle) -> bool:
        process = handle._context.get(_PROCESS)  # type: ignore[attr-defined]
        if process is None or not (process.dead or process.frozen):
            return False
        if not process.dead:
            process._parked.append(handle)
        return True

    # -- processes -------------------------------------------------------------------------------

    def freeze(self, process: Process) -> None:
        """The process takes no step from now on, until it is thawed."""
        process.frozen = True
        self._gated = True

    def thaw(self, process: Process) -> None:
        """The process goes on, first with all that came due while it stood still."""
        process.frozen = False
        self._ready.extend(process._parked)
        process._parked.clear()

    def kill(self, process: Process) -> None:
        """The process is gone between two steps; none of its code ever runs again."""
        process.dead = True
        self._gated = True
        # Before the parked steps go: one of them may be all that still holds its task.
        self._graveyard += [t for t in asyncio.all_tasks(self) if _process_of(t) is process]
        process._parked.clear()

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coro: Generator[Any, None, T], **more: Any
    ) -> asyncio.Task[T]:
        task = _Task.__new__(_Task)
        self._numbers += 1
        task.number = self._numbers  # before asyncio puts it into its set of all tasks
        task.__init__(coro, loop=loop, **more)  # type: ignore[misc]
        context = more.get("context")
        task.process = _PROCESS.get() if context is None else context.get(_PROCESS)
        return task

    # -- what there is not -----------------------------------------------------------------------

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        raise RuntimeError("no thread may be started in simulated time")

    def _write_to_self(self) -> None:
        raise RuntimeError("no other thread may call into simulated time")

    def _process_events(self, event_list: Any) -> None:
        raise RuntimeError("there is no input or output in simulated time")


class VirtualClock:
    """The clock port over a loop: a wall clock that may be set, a monotonic one that may not."""

    def __init__(self, loop: VirtualLoop, skew: float = 0.0) -> None:
        self._loop = loop
        self.skew = skew
        """Seconds by which the wall clock is wrong; set it to make the wall clock jump."""

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.time() + self.skew)

    def monotonic(self) -> float:
        return 1000.0 + self._loop.time()


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]], *, until: float | None = None) -> T:
    """Run `main` in a fresh loop, and nothing of it afterwards: what still waits is closed."""
    loop = VirtualLoop()
    loop.limit = until
    try:
        return loop.run_until_complete(main(loop))
    finally:
        _close_all(loop)
        loop.close()


def _close_all(loop: VirtualLoop) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tasks = {*asyncio.all_tasks(loop), *loop._graveyard}
        for task in sorted(tasks, key=lambda t: hash(t)):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with suppress(BaseException):
                task.get_coro().close()
