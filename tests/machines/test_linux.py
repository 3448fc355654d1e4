"""A process is known by id and start time: an id that was given again is nobody we know."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bed.waiting import wait_until
from trainlease.effects.machines import linux
from trainlease.effects.machines.claim_folder import ClaimFolder
from trainlease.effects.machines.linux import Process


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    yield child
    child.kill()
    child.wait()


def _look(pid: int) -> Process:
    process = linux.look(pid)
    assert process is not None
    return process


def test_a_process_whose_id_is_anothers_now_is_not_signalled(
    sleeper: subprocess.Popen[bytes],
) -> None:
    now = _look(sleeper.pid)
    linux.send(replace(now, started=now.started - 1), signal.SIGKILL)
    linux.send(now, signal.SIGTERM)
    assert sleeper.wait() == -signal.SIGTERM


def test_a_signal_to_a_process_that_is_gone_is_passed_over(
    sleeper: subprocess.Popen[bytes],
) -> None:
    before = _look(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    linux.send(before, signal.SIGKILL)
    assert not linux.is_alive(before.identity)


def test_a_zombie_is_not_alive(sleeper: subprocess.Popen[bytes]) -> None:
    before = _look(sleeper.pid)
    sleeper.kill()
    wait_until(lambda: not linux.is_alive(before.identity), 60, "end of the sleeper")
    assert _look(sleeper.pid).state == "Z"
    assert sleeper.pid not in [p.pid for p in linux.processes()]


def test_a_claim_does_not_know_a_process_that_was_given_its_supervisors_id(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    now, claim = _look(sleeper.pid), ClaimFolder(tmp_path)
    claim.note_processes(now, now)
    known = [claim.supervisor, *claim.members()]
    assert [p and p.identity for p in known] == [now.identity, now.identity]
    other = replace(now, started=now.started - 1)
    claim.note_processes(other, other)
    assert claim.supervisor is None
    assert claim.members() == []


def test_a_claim_of_before_the_hosts_boot_knows_no_process(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    claim = ClaimFolder(tmp_path)
    claim.note_processes(_look(sleeper.pid))
    record = tmp_path / "processes.json"
    record.write_text(record.read_text().replace(linux.boot_id(), "another-boot"))
    assert claim.supervisor is None


def test_half_a_record_is_none(tmp_path: Path) -> None:
    (tmp_path / "exit.json").write_text('{"cause": "Comp')
    assert ClaimFolder(tmp_path).exit is None


@pytest.mark.parametrize(
    "name", ["sh", "a b", ") S 1 1 1", "(((", "x) Z 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7"]
)
def test_a_process_may_have_any_name(name: str) -> None:
    rest = " ".join(["S", "1", "9", "9", *["0"] * 15, "4242", "0"])
    assert linux.parse(f"77 ({name}) {rest}\n") == Process(77, "S", 1, 9, 4242)


def test_half_a_line_is_no_process() -> None:
    assert linux.parse("77 (sh) S 1 9") is None
