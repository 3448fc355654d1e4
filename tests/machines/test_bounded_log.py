"""The log keeps its two ends within its bound."""

from pathlib import Path

import pytest

from trainlease.effects.machines.bounded_log import BoundedLog, last_line, tail


def _written(folder: Path, *pieces: bytes) -> Path:
    log = BoundedLog(folder, head=10, part=8)
    for piece in pieces:
        log.write(piece)
    log.close()
    return folder


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 17, 18, 19, 25, 26, 27, 34, 35, 100])
@pytest.mark.parametrize("step", [1, 7, 100])
def test_the_end_is_kept_whatever_was_written_and_how(tmp_path: Path, size: int, step: int) -> None:
    printed = bytes(ord("a") + n % 26 for n in range(size))
    _written(tmp_path, *(printed[n : n + step] for n in range(0, size, step)))
    assert tail(tmp_path, 8) == printed[-8:].decode()
    assert (tmp_path / "log").read_bytes() == printed[:10]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 10 + 2 * 8


@pytest.mark.parametrize(
    ("printed", "want"),
    [
        (b"", ""),
        (b"one\ntwo\n", "two"),
        (b"one\ntwo", "two"),
        (b"one\n\n  \n", "one"),
        (b"\xff\n", "�"),
    ],
)
def test_the_last_line_that_says_something_is_found(
    tmp_path: Path, printed: bytes, want: str
) -> None:
    assert last_line(_written(tmp_path, printed)) == want


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    assert tail(tmp_path, 100) == ""
