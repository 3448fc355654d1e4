"""Ring when a process ends: no polling, and no need to be its parent."""

import asyncio
import os

from trainlease.effects.machines import linux
from trainlease.effects.machines.base import Doorbell
from trainlease.effects.machines.linux import Process


class Watches:
    """Process handles (pidfd) in the event loop; each process that ends rings once."""

    def __init__(self) -> None:
        self._doorbells: list[Doorbell] = []
        self._handles: dict[tuple[int, int], int] = {}

    def add(self, doorbell: Doorbell) -> None:
        self._doorbells.append(doorbell)

    def watch(self, process: Process, machine: str) -> None:
        """Ring for this machine once the process has ended; it may have by now."""
        loop = asyncio.get_running_loop()
        if process.identity in self._handles:
            return
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            loop.call_soon(self._ring, machine)
            return
        if not linux.is_alive(process.identity):
            os.close(handle)
            loop.call_soon(self._ring, machine)
            return
        self._handles[process.identity] = handle
        loop.add_reader(handle, self._ended, process.identity, machine)

    def close(self) -> None:
        """Ring no more."""
        for identity in list(self._handles):
            self._drop(identity)
        self._doorbells.clear()

    def _ended(self, identity: tuple[int, int], machine: str) -> None:
        self._drop(identity)
        self._ring(machine)

    def _drop(self, identity: tuple[int, int]) -> None:
        handle = self._handles.pop(identity)
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)

    def _ring(self, machine: str) -> None:
        for doorbell in self._doorbells:
            doorbell(machine)
