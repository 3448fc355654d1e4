"""What the bed starts can be ended: by its starter, and by anybody after its starter crashed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import PartFailed, Processes, TimedOut, keep, running, sweep, sweep_abandoned, wait_until
from bed.processes import RECORD, recorded

HACK = Path(__file__).resolve().parents[2] / "hack"
SLEEP = ["sleep", "600"]
IGNORES_TERM = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 600; done"]
HAS_CHILDREN = ["sh", "-c", "sleep 600 & setsid sleep 600 & wait"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    sweep(tmp_path, timeout=0)


def state(pid: int) -> str:
    """The state letter in /proc; empty if there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else ""


def started_by_one_that_crashes(folder: Path, *command: str, kept: bool = False) -> int:
    """Start a part in another interpreter, which then dies without a word; the part's pid."""
    script = (
        "import os, sys, pathlib; from bed import Processes;"
        "part = Processes(pathlib.Path(sys.argv[1])).start('orphan', sys.argv[2:]);"
        "print(part.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    if kept:
        keep(folder)
    crashed = subprocess.run(
        [sys.executable, "-c", script, folder, *command],
        env=os.environ | {"PYTHONPATH": str(HACK)},
        capture_output=True,
        text=True,
    )
    return int(crashed.stdout)


@pytest.mark.parametrize("command", [SLEEP, IGNORES_TERM, HAS_CHILDREN], ids=str)
def test_stop_ends_a_part_and_all_its_children(folder: Path, command: list[str]) -> None:
    part = Processes(folder).start("part", command)
    assert running(folder) == ["part"]

    part.stop(timeout=0.2)

    assert not part.is_running
    assert running(folder) == []
    part.stop()  # already so is success


def test_a_part_is_ended_while_frozen(folder: Path) -> None:
    part = Processes(folder).start("part", SLEEP)
    part.freeze()
    assert state(part.pid) == "T"
    part.thaw()
    wait_until(lambda: state(part.pid) == "S", 5, "the thaw")
    part.freeze()


def test_a_frozen_part_does_nothing_more_on_any_of_its_threads(folder: Path) -> None:
    """What is done right after `freeze` must not be answered by a thread that stops later."""
    busy = "import sys, threading\nn = [0]\ndef work():\n    while True:\n        n[0] += 1\n"
    thread = "threading.Thread(target=work).start()"
    start = f"for _ in range(8):\n    {thread}\nprint('busy', flush=True)"
    part = Processes(folder).start("part", [sys.executable, "-c", busy + start])
    part.until(lambda: "busy" in part.tail(), 20)

    for _ in range(20):
        part.freeze()
        threads = list(Path(f"/proc/{part.pid}/task").iterdir())
        states = {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in threads}
        assert len(threads) == 9
        assert states == {"T"}
        part.thaw()

    part.stop()

    assert not part.is_running


@pytest.mark.parametrize("command", [SLEEP, IGNORES_TERM, HAS_CHILDREN], ids=str)
def test_sweep_leaves_nothing_of_a_crashed_starter(folder: Path, command: list[str]) -> None:
    pid = started_by_one_that_crashes(folder / "deep" / "bed", *command)
    assert state(pid) != ""

    assert sweep(folder, timeout=0.2) == ["orphan"]

    assert running(folder) == []
    assert state(pid) in ("", "Z")  # whoever adopts orphans here may not have looked yet
    assert sweep(folder) == []


def test_sweep_finds_children_whose_parent_is_gone(folder: Path) -> None:
    part = Processes(folder).start("part", ["sh", "-c", "setsid sleep 600 & exit 0"])
    wait_until(lambda: not part.is_running, 5, "the end of the parent")

    assert sweep(folder) == ["part"]

    assert running(folder) == []


def test_a_reused_process_id_is_not_ended(folder: Path) -> None:
    bystander = subprocess.Popen(SLEEP)
    stat = Path(f"/proc/{bystander.pid}/stat").read_text().split()
    stat[21] = str(int(stat[21]) - 1)
    (folder / RECORD).write_text(f"part {' '.join(stat)}\n")
    try:
        assert sweep(folder) == []
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_half_written_record_says_nothing(folder: Path) -> None:
    (folder / RECORD).write_text("part 12 (sh) S 1 12\nother\n")

    assert recorded(folder / RECORD) == []


def test_only_what_nobody_keeps_is_abandoned(folder: Path) -> None:
    mine = Processes(folder / "mine").start("mine", SLEEP)
    wanted = started_by_one_that_crashes(folder / "wanted", *SLEEP, kept=True)
    left = started_by_one_that_crashes(folder / "left", *SLEEP)

    assert folder / "left" in sweep_abandoned()

    assert state(left) in ("", "Z")
    assert state(wanted) not in ("", "Z")
    assert mine.is_running


def test_a_part_that_ends_too_early_is_quoted(folder: Path) -> None:
    part = Processes(folder).start("part", ["sh", "-c", "echo no such thing; exit 3"])

    with pytest.raises(PartFailed, match=r"part ended with 3 before it was ready\n.*no such thing"):
        part.until(lambda: False, 10)


def test_a_part_that_is_never_ready_is_quoted(folder: Path) -> None:
    part = Processes(folder).start("part", ["sh", "-c", "echo thinking; exec sleep 600"])
    wait_until(lambda: part.tail() == "thinking", 5, "the word")

    with pytest.raises(PartFailed, match=r"part was not ready in 0.1 s\n.*thinking"):
        part.until(lambda: False, 0.1)


def test_what_does_not_come_is_named() -> None:
    with pytest.raises(TimedOut, match=r"Godot: not within 0.01 s"):
        wait_until(lambda: None, 0.01, "Godot", every=0.001)


def test_the_environment_is_the_given_one(folder: Path) -> None:
    part = Processes(folder).start("part", ["/usr/bin/env"], env={"ONLY": "this"})
    wait_until(lambda: not part.is_running, 5, "the end")

    names = {line.partition("=")[0] for line in part.tail().splitlines()}
    assert names - {"PWD", "TRAINLEASE_BED", "TRAINLEASE_BED_STARTER"} == {"ONLY"}
