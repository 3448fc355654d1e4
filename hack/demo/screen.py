"""Where people watch: a live table on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live

from bed.server import Stoppable
from demo.show import live
from demo.view import View, changes


class Screen(Stoppable):
    """`say` tells a step; inside the `with` block `show` tells how it stands."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._news: list[str] = []
        self._before = View()
        self._live: Live | None = None

    def say(self, text: str) -> None:
        """One step, with the minutes and seconds since the start."""
        seconds = int(time.monotonic() - self._started)
        line = f"{seconds // 60}:{seconds % 60:02}  {text}"
        self._news.append(line)
        if self._live is None:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def show(self, view: View) -> None:
        """How it stands now."""
        if self._live is not None:
            self._live.update(live(view, self._news, self._console.height))
        else:
            for line in changes(self._before, view):
                self.say(line)
        self._before = view

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._news.clear()
            self._live = Live(console=self._console, refresh_per_second=4)
            self._live.start()
        return self

    def stop(self) -> None:
        """What follows is printed below what was shown last."""
        if self._live is not None:
            self._live.stop()
            self._live = None
