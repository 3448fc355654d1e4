"""What all servers of the bed share: up, frozen, ended, crashed, and up again on their port.

Not in here: how one is started, and what it keeps (`MariaDB`, `MLflow`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from bed.errors import PartFailed
from bed.processes import Part, Processes


class Stoppable(ABC):
    """Ended by `stop`, or by the end of a `with` block."""

    @abstractmethod
    def stop(self) -> None:
        """An orderly end; the data stays."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Server(Stoppable):
    """One process that serves a port of this machine."""

    stop_seconds = 10.0
    """How long an orderly end may take."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder
        self.port = 0
        self._processes = Processes(folder)
        self._part: Part | None = None

    @abstractmethod
    def _start_on(self, port: int) -> Part:
        """The process, once it answers on this port."""

    @property
    def is_running(self) -> bool:
        return self._part is not None and self._part.is_running

    def freeze(self) -> None:
        """It accepts connections and answers nothing."""
        self._running().freeze()

    def thaw(self) -> None:
        self._running().thaw()

    def stop(self) -> None:
        if self._part is not None:
            self._part.stop(self.stop_seconds)

    def kill(self) -> None:
        """As a crash; the data stays."""
        self._running().kill()

    def restart(self) -> None:
        """Up again, on the same port, with the same data, however it ended."""
        self.stop()
        self._start_on(self.port)

    def _running(self) -> Part:
        if self._part is None:
            raise PartFailed(self.name, "was never started")
        return self._part
