"""The user's cache folder: what takes minutes is made once and kept by the hash of its recipe.

A kept folder is whole if and only if it holds the file `complete`. One starter makes it under a
lock while others wait; what a crashed starter left half made is thrown away. Folders are made in
place, not renamed into place, since a virtual environment does not survive a move.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_MARK = "complete"
_REPORT_SECONDS = 15.0


def cache_folder() -> Path:
    """Where this user keeps things between runs."""
    if own := os.environ.get("TRAINLEASE_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "trainlease"


def content_key(*parts: bytes | str | Path) -> str:
    """A short hash of texts and file contents; each part counts with its length."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part
        raw = data.encode() if isinstance(data, str) else data
        digest.update(f"{len(raw)}:".encode() + raw)
    return digest.hexdigest()[:16]


def kept(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder NAME-KEY of the cache, made by `make` if this machine has none yet."""
    folder = cache_folder() / f"{name}-{key}"
    if (folder / _MARK).exists():
        return folder
    with locked(name):
        if not (folder / _MARK).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make(folder)
            (folder / _MARK).touch()
    return folder


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """One holder of NAME at a time on this machine, also over the death of a holder."""
    locks = cache_folder() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / name).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress(f"waiting for another process that makes {name}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def progress(what: str, detail: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Say on stderr that something long goes on, every 15 s, and how long it took."""
    started = time.monotonic()
    done = threading.Event()

    def say(state: str) -> None:
        seconds = int(time.monotonic() - started)
        clock = f"{seconds // 60}:{seconds % 60:02}"
        print(f"[{clock}] {what}{state}{detail()}", file=sys.stderr, flush=True)

    def tick() -> None:
        while not done.wait(_REPORT_SECONDS):
            say(" ...")

    say("")
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
        say(": done")
    finally:
        done.set()
        ticker.join()
