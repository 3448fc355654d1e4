"""What happens to one operator's calls on their way, for the scenarios in a town."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.reconcile.town import Town

from simulator.loop import Process
from trainlease.effects.kube.fake import Call

Act = Callable[[], Coroutine[Any, Any, None]]


class OnTheWay:
    """A gate that does something right before the first GET of this kind reaches the server."""

    def __init__(self, plural: str, act: Act) -> None:
        self._plural = plural
        self._act: Act | None = act

    @property
    def is_done(self) -> bool:
        return self._act is None

    async def before(self, call: Call) -> None:
        act = self._act
        if (call.verb, call.plural) == ("get", self._plural) and act is not None:
            self._act = None
            await act()

    async def after(self, call: Call) -> None:
        return


class Standstill:
    """An operator that stands still once a GET of the kind that is named was answered (SIGSTOP)."""

    def __init__(self, town: Town, identity: str) -> None:
        self._loop = town.loop
        self._process = Process(identity)
        self._last_read = ""
        self._process.call(lambda: town.start_operator(identity, gate=self))

    def stand_after(self, plural: str) -> None:
        """It is the next such answer after which it stands."""
        self._last_read = plural

    async def stands(self) -> bool:
        return self._process.frozen

    def go_on(self) -> None:
        """First with what it was about to do, and then with all that came due meanwhile."""
        self._loop.thaw(self._process)

    async def before(self, call: Call) -> None:
        return

    async def after(self, call: Call) -> None:
        if (call.verb, call.plural) == ("get", self._last_read):
            self._last_read = ""
            self._loop.freeze(self._process)
            await asyncio.sleep(0)
