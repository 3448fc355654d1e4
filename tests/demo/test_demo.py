"""The demo as a person runs it: on SQLite files, every promise kept, nothing left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import running, sweep, wait_until
from demo.judges import JUDGES
from demo.parts import ROOT

LONGEST = 1200


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the demo lives; whatever a test leaves there is ended."""
    yield tmp_path / "demo"
    sweep(tmp_path / "demo")


def demo(*arguments: str | Path, output: Path) -> subprocess.Popen[bytes]:
    """`python -m demo` in a process of its own, its words in a file."""
    with output.open("wb") as words:
        return subprocess.Popen(
            [sys.executable, "-m", "demo", *arguments], cwd=ROOT, stdout=words, stderr=words
        )


def test_the_demo_on_sqlite_keeps_every_promise_and_leaves_nothing(
    folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    started = demo("up", "--sqlite", "--folder", folder, output=output)

    code = started.wait(LONGEST)
    words = output.read_text()

    assert code == 0, words
    assert len(re.findall(r"^  kept ", words, re.MULTILINE)) == len(JUDGES)
    assert "BROKEN" not in words
    for line in (
        "stopped saturno's database",
        "saturno's database is back",
        "PlatformDatabaseDown",
        "saturno owes 1 write",
        "killed nutresa/digits-lr-mid and its supervisor",
        "latam/digits-part-4: Failed; ExitCode: exit code 1: no data at digits/4-of-3",
        "not promoted: no metric val_auc was logged; logged are: val_accuracy, val_f1, val_loss",
    ):
        assert line in words
    assert running(folder) == []
    assert not folder.exists()


def test_an_interrupted_demo_ends_all_that_it_had_started(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    started = demo("up", "--sqlite", "--folder", folder, output=output)
    wait_until(lambda: "applied the examples" in output.read_text(), 300, "the examples")

    os.kill(started.pid, signal.SIGINT)

    assert started.wait(120) == 130, output.read_text()
    assert "interrupted" in output.read_text()
    assert running(folder) == []


def test_a_demo_that_is_up_is_not_started_over(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env=os.environ | {"TRAINLEASE_BED": f"{folder}/operator"},
    )
    try:
        output = tmp_path / "output"
        assert demo("up", "--folder", folder, output=output).wait(60) == 1
        assert "operator already run in" in output.read_text()
        assert "make demo-down" in output.read_text()

        assert demo("down", "--folder", folder, output=output).wait(60) == 0
        assert "ended operator" in output.read_text()
        assert stranger.wait(60) != 0
    finally:
        stranger.kill()


def test_taking_down_what_is_not_up_says_so(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"

    assert demo("down", "--folder", folder, output=output).wait(60) == 0
    assert "nothing runs" in output.read_text()
