"""The line to the tracker: every call goes through it, and while the server is away, few do.

After some failures in a row the line is down: one call at a time is let through as a probe, after
a delay that doubles; the others are refused at once (Unavailable). Not in here: what is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import ParamSpec, Protocol, TypeVar

from trainlease.effects.clock import Clock
from trainlease.model.errors import Forbidden, TrainleaseError, Unavailable
from trainlease.model.settings import Settings
from trainlease.reconcile.breaker import Breaker

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")


class Ask(Protocol):
    """Asks the tracker: one of its verbs, with the verb's own arguments."""

    async def __call__(
        self, verb: Callable[Asked, Awaitable[Answer]], *args: Asked.args, **more: Asked.kwargs
    ) -> Answer: ...


class TrackingLine:
    """`changed` is called when the line goes down, and when it is up again."""

    def __init__(self, clock: Clock, settings: Settings, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._breaker = Breaker(
            settings.breaker_opens_after, settings.breaker_first, settings.breaker_most_tracker
        )
        self._changed = changed
        self._probing = False
        self._up = asyncio.Event()
        self._up.set()
        self.trouble: str | None = None
        """Why calls fail, to people; None while they do not."""

    @property
    def is_down(self) -> bool:
        return self._breaker.is_open

    async def call(
        self, ask: Callable[Asked, Awaitable[Answer]], *args: Asked.args, **more: Asked.kwargs
    ) -> Answer:
        """One call; Unavailable at once while the line is down and no probe is due."""
        probes = self._breaker.is_open
        if probes and (self._probing or not self._breaker.may_try(self._clock.monotonic())):
            raise Unavailable(self.trouble or "MLflow is away")
        self._probing = self._probing or probes
        try:
            answer = await ask(*args, **more)
        except Unavailable as error:
            self._failed(error)
            raise
        except TrainleaseError as error:
            self._answered(str(error) if isinstance(error, Forbidden) else None)
            raise
        finally:
            self._probing = self._probing and not probes
        self._answered(None)
        return answer

    async def rest(self, share: float) -> None:
        """Until a call is worth another try; `share` (0 to 1) spreads those who wait."""
        if self._up.is_set():
            return
        seconds = self._breaker.delay * (1 + share / 4)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._up.wait()

    def _failed(self, error: Unavailable) -> None:
        opened = self._breaker.failed(self._clock.monotonic())
        if self._breaker.is_open:
            self._up.clear()
            self.trouble = str(error)
        if opened:
            self._changed()

    def _answered(self, trouble: str | None) -> None:
        was_open = self._breaker.succeeded()
        changed = was_open or self.trouble != trouble
        self.trouble = trouble
        self._up.set()
        if changed:
            self._changed()
