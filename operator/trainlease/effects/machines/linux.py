"""Processes as /proc shows them, known by process id and start time, never by the id alone.

A process id is given again after its process has ended; the pair of id and start time is not, so
nothing here signals a process that only looks like the one that was meant. Standard library only:
the supervisor of a claim loads this too.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process; `started` is in clock ticks since the host's boot."""

    pid: int
    state: str
    parent: int
    session: int
    started: int

    @property
    def is_alive(self) -> bool:
        """A zombie is not: it runs nothing and holds nothing."""
        return self.state not in "ZX"

    @property
    def identity(self) -> tuple[int, int]:
        return self.pid, self.started


def look(pid: int) -> Process | None:
    """The process that has this id now."""
    with contextlib.suppress(OSError):
        return parse(Path(f"/proc/{pid}/stat").read_text(errors="replace"))
    return None


def is_alive(identity: tuple[int, int]) -> bool:
    """Whether this very process runs, not another one that was given its id."""
    now = look(identity[0])
    return now is not None and now.is_alive and now.identity == identity


def parse(stat: str) -> Process | None:
    """A line of /proc/PID/stat; the name in it is in brackets and may hold anything."""
    head, _, tail = stat.rpartition(")")
    pid, fields = head.partition(" ")[0], tail.split()
    if not pid.isdigit() or len(fields) < 20:
        return None
    return Process(int(pid), fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def processes() -> Iterator[Process]:
    """All that are alive."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208
    return (p for pid in pids if (p := look(pid)) and p.is_alive)


def children(pid: int) -> list[Process]:
    return [p for p in processes() if p.parent == pid]


def descendants(pid: int) -> list[Process]:
    """Its children, theirs, and so on, parents before children."""
    table = list(processes())
    found, parents = [], {pid}
    while born := [p for p in table if p.parent in parents]:
        found += born
        parents = {p.pid for p in born}
    return found


def marked(name: str, value: str) -> list[Process]:
    """Those whose environment, as it was when they began, has this variable with this value."""
    mark = f"{name}={value}".encode()
    return [p for p in processes() if mark in _environment(p.pid).split(b"\0")]


def send(process: Process, number: signal.Signals) -> None:
    """Signal this very process; one that is gone, or whose id is another's now, is passed over."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(process.pid)
        try:
            # The handle stays with the process it was opened for: looked at after, it is certain.
            if is_alive(process.identity):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def boot_id() -> str:
    """Start times count from the host's boot, so that they mean something only within it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
