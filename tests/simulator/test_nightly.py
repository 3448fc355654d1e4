"""The nightly run: stopped in any way and gone on with, it ends as in one sitting."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.campaign import Failure, Report
from simulator.nightly import Progress, fingerprint, save, summary, take_up
from simulator.weather import Fault

ROOT = Path(__file__).parents[2]
SEEDS, BLOCK = 8, 2


def command(state: Path, *args: str) -> list[str]:
    sizes = ("--seeds", str(SEEDS), "--block", str(BLOCK), "--jobs", "2")
    return [sys.executable, "-m", "simulator", "nightly", *sizes, "--state", str(state), *args]


@contextmanager
def sitting(state: Path, *args: str) -> Iterator["subprocess.Popen[str]"]:
    """The command as a process; what it prints can be read until it ends."""
    paths = os.pathsep.join((str(ROOT / "hack"), str(ROOT / "operator")))
    with subprocess.Popen(
        command(state, *args),
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def end_of(state: Path) -> tuple[dict[str, Any], str, int]:
    """Run it to its end: what the state file says then, what was printed, the exit code."""
    with sitting(state) as process:
        said = process.communicate()[0]
    return told(state), said, process.returncode


def told(state: Path) -> dict[str, Any]:
    """The state file, but for the CPU seconds, which are never the same."""
    found = read(state).to_json()
    del found["report"]["cpu_seconds"]
    return found


def read(state: Path) -> Progress:
    return take_up(state, 0, fingerprint(), say=pytest.fail, despite_changes=False)


@pytest.fixture(scope="module")
def in_one_go(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    state, said, code = end_of(tmp_path_factory.mktemp("one-go") / "state.json")
    assert f"{SEEDS} of {SEEDS} seeds from 0 on" in said
    assert code == 0
    return state


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_and_gone_on_with_it_ends_as_in_one_go(
    tmp_path: Path, in_one_go: dict[str, Any], how: signal.Signals
) -> None:
    state = tmp_path / "state.json"
    with sitting(state) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"{BLOCK} of {SEEDS} seeds")
        process.send_signal(how)
        said = process.communicate()[0]
    assert process.returncode == (-how if how is signal.SIGKILL else 0)
    assert ("stopped" in said) is (how is not signal.SIGKILL)
    assert BLOCK <= read(state).upcoming < SEEDS
    assert end_of(state)[0] == in_one_go


def test_more_seeds_are_added_to_those_that_were_run(
    tmp_path: Path, in_one_go: dict[str, Any]
) -> None:
    state = tmp_path / "state.json"
    with sitting(state, "--seeds", str(SEEDS - BLOCK)) as process:
        process.communicate()
    assert read(state).upcoming == SEEDS - BLOCK
    assert end_of(state)[0] == in_one_go


def test_a_seed_that_failed_once_fails_the_run_and_says_how_to_see_it_again(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state.json"
    report = Report(count=SEEDS, failed=[Failure(3, "one-holder: two of them")])
    save(state, Progress(fingerprint(), 0, SEEDS, report))
    _, said, code = end_of(state)
    assert code == 1
    assert "one-holder: two of them" in said
    assert "python -m simulator --seed 3 --trace" in said


# --- the state file ------------------------------------------------------------------------------


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """The state file of a run that is half done."""
    state = tmp_path / "state.json"
    hits = Report(count=4, cpu_seconds=1.5, seconds=4000.0, failed=[Failure(2, "late")])
    hits.hits["Claim", Fault.LOST] = 3
    save(state, Progress("old code", 0, 4, hits))
    return state


@pytest.fixture
def sayings() -> list[str]:
    return []


def test_what_was_saved_is_read_back_whole(half: Path, sayings: list[str]) -> None:
    found = take_up(half, 0, "old code", sayings.append, despite_changes=False)
    assert (found.upcoming, found.report.hits) == (4, {("Claim", Fault.LOST): 3})
    assert found.report.failed == [Failure(2, "late")]
    assert not sayings
    assert [path.name for path in half.parent.iterdir()] == [half.name]


def test_changed_source_begins_anew_and_says_so(half: Path, sayings: list[str]) -> None:
    found = take_up(half, 0, "new code", sayings.append, despite_changes=False)
    assert found == Progress("new code", 0, 0)
    assert "has changed since seed 4: begun anew" in sayings[0]


def test_changed_source_is_gone_on_with_if_somebody_says_so(half: Path, sayings: list[str]) -> None:
    found = take_up(half, 0, "new code", sayings.append, despite_changes=True)
    assert (found.fingerprint, found.upcoming) == ("new code", 4)
    assert "has changed since seed 4: gone on" in sayings[0]


def test_a_state_of_other_seeds_is_not_gone_on_with(half: Path, sayings: list[str]) -> None:
    assert take_up(half, 7, "old code", sayings.append, despite_changes=False).upcoming == 7
    assert "begun anew from 7" in sayings[0]


def test_only_the_first_seeds_that_failed_are_shown() -> None:
    report = Report(failed=[Failure(seed, "late") for seed in range(50)])
    lines = list(summary(Progress("", 0, 50, report), 50))
    assert sum("--trace" in line for line in lines) == 10
    assert lines[-1] == "50 seeds with a broken promise"


def test_the_fingerprint_is_of_names_and_of_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    before = fingerprint((tmp_path,))
    (tmp_path / "a.txt").write_text("no code")
    assert fingerprint((tmp_path,)) == before
    (tmp_path / "a.py").write_text("x = 2\n")
    changed = fingerprint((tmp_path,))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({before, changed, fingerprint((tmp_path,))}) == 3
