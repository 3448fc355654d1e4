"""The watcher sees what runs of a claim and nothing else; a claim dies with its supervisor."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bed import wait_until
from demo.judge_claims import TICK
from demo.watcher import Watcher

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = [
    sys.executable,
    "-c",
    "import os, subprocess, sys;"
    "env = dict(os.environ, TRAINLEASE_JOB_UID='uid', TRAINLEASE_ATTEMPT='2',"
    " TRAINLEASE_NAMESPACE='saturno', TRAINLEASE_JOB='a');"
    "subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'], env=env)",
]


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def start(
    started: list[subprocess.Popen[bytes]], command: list[str], claim: Path
) -> subprocess.Popen[bytes]:
    env = os.environ | {"TRAINLEASE_CLAIM": str(claim)}
    process = subprocess.Popen(command, env=env)
    started.append(process)
    return process


def test_a_training_is_seen_from_its_start_to_its_end(
    started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    before = datetime.now(UTC)
    with Watcher(tmp_path) as watcher:
        start(started, PARENT, tmp_path / "uid" / "1")
        training = wait_until(lambda: watcher.training("saturno/a", 2), 30, "the training")
        after = datetime.now(UTC)
        watcher.kill(training.claim)
        ended = datetime.now(UTC)
        wait_until(lambda: not watcher.alive, 30, "the end")
        (seen,) = watcher.processes

    assert (seen.job_uid, seen.attempt) == ("uid", 2)
    assert before - TICK <= seen.started <= after
    assert seen.started <= seen.last_seen <= ended + timedelta(seconds=1)


def test_a_killed_claim_loses_its_supervisor_too(
    started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with Watcher(tmp_path) as watcher:
        supervisor = start(started, PARENT, tmp_path / "uid" / "1")
        training = wait_until(lambda: watcher.training("saturno/a", 2), 30, "the training")
        watcher.kill(training.claim)

    assert supervisor.wait() == -9


def test_a_process_of_another_claim_is_let_live(
    started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with Watcher(tmp_path) as watcher:
        start(started, SLEEP, tmp_path / "uid" / "1")
        other = start(started, SLEEP, tmp_path / "uid" / "2")
        wait_until(lambda: len(watcher.alive) == 2, 30, "both")
        watcher.kill(str(tmp_path / "uid" / "1"))
        wait_until(lambda: [seen.pid for seen in watcher.alive] == [other.pid], 30, "one")

    assert other.poll() is None


def test_processes_of_other_folders_are_not_seen(
    started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with Watcher(tmp_path / "ours") as watcher:
        start(started, SLEEP, tmp_path / "theirs" / "1")
        start(started, SLEEP, tmp_path / "ours" / "1")
        wait_until(lambda: watcher.alive, 30, "ours")

        assert [seen.claim for seen in watcher.alive] == [str(tmp_path / "ours" / "1")]
