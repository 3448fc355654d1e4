"""Free ports, and what to do when somebody was quicker.

Ports come from below the range from which the kernel serves outgoing connections, so that a part
that is down for a moment finds its port again. Beds of one user reserve them from each other: a
part that took another bed's port would look ready to whoever asks that port.
"""

from __future__ import annotations

import contextlib
import fcntl
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO

from bed.cache import cache_folder
from bed.errors import BedError, PartFailed
from bed.processes import Part

_TRIES = 5
_LOWEST, _ABOVE_HIGHEST = 10240, 30000
_TAKEN = ("address already in use", "can't start server: bind", "errno 98")
_reserved: dict[int, IO[str]] = {}


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on; reserved until this process ends."""
    for _ in range(1000):
        port = random.randrange(_LOWEST, min(_ABOVE_HIGHEST, _first_outgoing()))
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((address, port))
            _reserve(port)
            return port
    raise BedError(f"no free port on {address}")


def accepts(port: int, address: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def start_on_free_port(
    start: Callable[[int], Part], address: str = "127.0.0.1"
) -> tuple[Part, int]:
    """`start(port)` returns a part that is ready; taken ports are tried anew with another."""
    for left in reversed(range(_TRIES)):
        port = free_port(address)
        try:
            return start(port), port
        except PartFailed as failed:
            if not left or not any(word in failed.log.lower() for word in _TAKEN):
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _reserve(port: int) -> None:
    """Raise OSError if another bed has it; the lock ends with this process, however it ends."""
    folder = cache_folder() / "ports"
    folder.mkdir(parents=True, exist_ok=True)
    handle = (folder / str(port)).open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise
    _reserved[port] = handle


def _first_outgoing() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return 32768
