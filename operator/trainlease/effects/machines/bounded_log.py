"""A log of bounded size that keeps its beginning and its end, whatever is printed.

`log` has the first HEAD bytes; what comes after goes to `log.new`, which becomes `log.old` when it
is full, so that between one and two PARTs of the end are kept. Standard library only.
"""

import contextlib
from pathlib import Path

HEAD = 4 * 2**20
PART = 2 * 2**20
_HEAD, _OLD, _NEW = "log", "log.old", "log.new"


class BoundedLog:
    """The writing side; `folder` is there already. At most HEAD + 2 x PART bytes are on disk."""

    def __init__(self, folder: Path, *, head: int = HEAD, part: int = PART) -> None:
        self._folder = folder
        self._part = part
        self._file = (folder / _HEAD).open("ab", buffering=0)
        self._room = head

    def write(self, data: bytes) -> None:
        """A disk that is full loses the log, not the training."""
        with contextlib.suppress(OSError):
            while data:
                if self._room == 0:
                    self._turn_over()
                piece, data = data[: self._room], data[self._room :]
                self._file.write(piece)
                self._room -= len(piece)

    def close(self) -> None:
        self._file.close()

    def _turn_over(self) -> None:
        new = self._folder / _NEW
        if new.exists():
            new.replace(self._folder / _OLD)
        self._file.close()
        self._file = new.open("wb", buffering=0)
        self._room = self._part


def tail(folder: Path, size: int) -> str:
    """The last `size` bytes of what was printed, as text; what is no UTF-8 is replaced."""
    found = b""
    for name in (_NEW, _OLD, _HEAD):
        if len(found) < size:
            found = _end_of(folder / name, size - len(found)) + found
    return found.decode(errors="replace")


def last_line(folder: Path, name: str = "") -> str:
    """The last line that is not blank, cut to what a message can hold; empty if there is none.

    Of the bounded log, or of the file `name`.
    """
    text = _end_of(folder / name, 4096).decode(errors="replace") if name else tail(folder, 4096)
    lines = [line.strip() for line in text.splitlines()]
    return next((line for line in reversed(lines) if line), "")[:500]


def _end_of(file: Path, size: int) -> bytes:
    try:
        with file.open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - size))
            return log.read(size)
    except FileNotFoundError:
        return b""
