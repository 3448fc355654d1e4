"""The process provider with real processes: what only it has to keep."""

import asyncio
import json
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.machines.benches import Ending, ProcessBench, Watcher, eventually, machine

import trainlease
from trainlease.effects.clock import SystemClock
from trainlease.effects.machines import linux, supervisor
from trainlease.effects.machines.bounded_log import HEAD, PART
from trainlease.effects.machines.process import ProcessProvider
from trainlease.effects.machines.supervisor import Order
from trainlease.model.errors import BadSpec, Refused, Unavailable
from trainlease.model.observed import Exit, Power, Workload
from trainlease.model.reasons import Cause

SECRET = "hunter2-and-more"
POLITE = """
exec 2>/dev/null  # the shell tells there whose child was ended, and nobody may be left to read it
trap 'touch polite; echo polite; exit 0' TERM
echo ready
while :; do sleep 0.1; done
"""
DEAF = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
LONG_GRACE = 30.0
OPERATOR = """
import asyncio, os, pickle, signal, sys
from pathlib import Path
from trainlease.effects.clock import SystemClock
from trainlease.effects.machines.process import ProcessProvider

async def main():
    folder, machine, work = pickle.loads(Path(sys.argv[1]).read_bytes())
    await ProcessProvider(folder, clock=SystemClock(), grace=0.2).ensure_on(machine, work)
    os.killpg(0, signal.SIGKILL)

asyncio.run(main())
"""


async def run(process: ProcessBench, work: Workload) -> Exit:
    """Its exit, when it is off."""
    provider = process.provider()
    watcher = Watcher(provider)
    await provider.ensure_on(process.machine, work)
    return (await watcher.off(process.machine)).exits[work.generation]


def shell(process: ProcessBench, script: str, **changes: object) -> Workload:
    """A workload that runs this script."""
    work = process.workload(process.machine, Ending.RUNS_ON)
    return replace(work, command=("sh", "-c", script), **changes)  # type: ignore[arg-type]


# --- what never starts ---------------------------------------------------------------------------


async def test_an_image_that_is_missing_is_told_with_those_that_are_there(
    process: ProcessBench,
) -> None:
    one = machine("gpu-1", {"saturno/caries:1": "/a", "saturno/caries:2": "/b"})
    work = replace(shell(process, "true"), image="saturno/caries:3")
    with pytest.raises(BadSpec) as error:
        await process.provider().ensure_on(one, work)
    assert "gpu-1 has no image saturno/caries:3" in str(error.value)
    assert "saturno/caries:1 and saturno/caries:2" in str(error.value)
    assert not process.claim().exists


async def test_an_image_whose_folder_is_missing_says_where_it_should_be(
    process: ProcessBench,
) -> None:
    one = machine("gpu-1", {"runs-on": "/no/such/folder"})
    with pytest.raises(BadSpec, match="/no/such/folder of image runs-on is not on gpu-1"):
        await process.provider().ensure_on(one, shell(process, "true"))


async def test_an_image_without_a_default_command_says_so(
    process: ProcessBench, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    one = machine("gpu-1", {"runs-on": str(tmp_path / "empty")})
    work = process.workload(one, Ending.RUNS_ON)
    with pytest.raises(BadSpec, match=r"names no command, and .*/empty has no executable file"):
        await process.provider().ensure_on(one, work)


@pytest.mark.parametrize(
    ("program", "want"),
    [
        ("no-such-program", "there is no program no-such-program"),
        ("./no-such-file", "there is no program ./no-such-file in"),
        ("./notes.txt", "may not be executed: make it executable"),
    ],
)
async def test_a_command_that_is_known_to_be_wrong_is_refused_at_once(
    process: ProcessBench, program: str, want: str
) -> None:
    folder = Path(process.machine.spec.process.images["runs-on"])  # type: ignore[union-attr]
    (folder / "notes.txt").write_text("notes")
    work = replace(shell(process, ""), command=(program,))
    with pytest.raises(BadSpec, match=want):
        await process.provider().ensure_on(process.machine, work)
    assert not process.claim().exists


@pytest.mark.parametrize(
    ("content", "want"),
    [
        ("#!/no/such/interpreter\n", "the interpreter in its first line, is not there"),
        ("neither script nor program", "it is no program; a script begins with a line"),
    ],
)
async def test_a_command_that_turns_out_not_to_start_leaves_a_record(
    process: ProcessBench, content: str, want: str
) -> None:
    folder = Path(process.machine.spec.process.images["runs-on"])  # type: ignore[union-attr]
    (folder / "run").write_text(content)
    ended = await run(process, process.workload(process.machine, Ending.RUNS_ON))
    assert ended.cause is Cause.CANNOT_START
    assert want in ended.message


async def test_a_command_with_a_zero_byte_leaves_a_record(process: ProcessBench) -> None:
    ended = await run(process, shell(process, "echo \0"))
    assert ended.cause is Cause.CANNOT_START
    assert "a zero byte is in its command" in ended.message


async def test_a_supervisor_that_cannot_begin_says_why(process: ProcessBench) -> None:
    claim = process.claim()
    lock = claim.take()
    assert lock is not None
    (claim.path / "supervisor.log").write_text("Traceback\nImportError: no such module\n")
    os.close(lock)
    view = await process.provider().observe(process.machine)
    assert view.exits[1].message == "its start was broken off: ImportError: no such module"


async def test_a_folder_that_cannot_be_written_is_worth_another_try(
    process: ProcessBench, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    provider = ProcessProvider(tmp_path / "file" / "claims", clock=SystemClock())
    with pytest.raises(Unavailable, match="cannot write in"):
        await provider.ensure_on(process.machine, shell(process, "true"))


async def test_a_start_that_was_broken_off_is_lost_and_never_made_again(
    process: ProcessBench,
) -> None:
    lock = process.claim().take()
    assert lock is not None
    provider = process.provider()
    assert (await provider.observe(process.machine)).power is Power.ON
    with pytest.raises(Refused):
        await provider.forget(process.machine.uid, 1)
    os.close(lock)  # as the kernel does when the starter dies
    await provider.ensure_on(process.machine, shell(process, "true"))
    view = await provider.observe(process.machine)
    assert view.power is Power.OFF
    assert view.exits[1].cause is Cause.MACHINE_LOST
    assert view.exits[1].message == "its start was broken off"


async def test_a_claim_that_was_to_stop_before_its_command_ran_never_runs_it(
    process: ProcessBench, tmp_path: Path
) -> None:
    claim = process.claim()
    lock = claim.take()
    assert lock is not None
    await process.provider().ensure_off(process.machine)
    order = Order(("touch", str(tmp_path / "ran")), str(tmp_path), {}, 4e9, 1.0)
    command = [sys.executable, "-P", "-m", supervisor.__name__, str(claim.path)]
    env = {"PYTHONPATH": str(Path(trainlease.__file__).parents[1])}
    await asyncio.to_thread(
        subprocess.run, command, input=json.dumps(asdict(order)), env=env, text=True, check=True
    )
    os.close(lock)
    assert claim.exit is not None
    assert claim.exit.cause is Cause.CANCELLED
    assert not (tmp_path / "ran").exists()


# --- what it runs in -----------------------------------------------------------------------------


async def test_the_environment_is_minimal(
    process: ProcessBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERATORS_OWN", "1")
    work = shell(process, "exec env", env={"GIVEN": "1"}, secret_env={"TOKEN": SECRET})
    ended = await run(process, work)
    names = {line.partition("=")[0] for line in ended.log_tail.splitlines()}
    want = {"PATH", "HOME", "LANG", "GIVEN", "TOKEN", "TRAINLEASE_CLAIM"}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == want  # these four the shell makes itself


async def test_the_command_runs_in_its_images_folder_with_a_home_of_its_own(
    process: ProcessBench,
) -> None:
    ended = await run(process, shell(process, "pwd; echo $HOME"))
    folder = process.machine.spec.process.images["runs-on"]  # type: ignore[union-attr]
    assert ended.log_tail.splitlines() == [folder, str(process.claim().path / "home")]


async def test_the_images_own_programs_come_first(process: ProcessBench) -> None:
    images = process.machine.spec.process.images  # type: ignore[union-attr]
    program = Path(images["runs-on"]) / "bin" / "sh"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho own program\n")
    program.chmod(0o755)
    assert (await run(process, shell(process, "true"))).log_tail == "own program\n"


async def test_no_secret_is_in_a_file_or_an_argument(process: ProcessBench) -> None:
    provider = process.provider()
    work = shell(process, "echo ready; exec sleep 1000", secret_env={"TOKEN": SECRET})
    await provider.ensure_on(process.machine, work)
    await eventually(lambda: "ready" in _text(process.claim().path / "log"))
    for member in process.claim().members():
        assert SECRET not in _text(Path(f"/proc/{member.pid}/cmdline"))
    leader = process.claim().supervisor
    assert leader is not None
    assert SECRET not in _text(Path(f"/proc/{leader.pid}/environ"))
    await provider.ensure_off(process.machine)
    await Watcher(provider).off(process.machine)
    files = [file for file in process.folder.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if SECRET in _text(file)]


# --- what it says --------------------------------------------------------------------------------


async def test_a_signal_is_told_by_its_name(process: ProcessBench) -> None:
    ended = await run(process, shell(process, "echo half; kill -SEGV $$"))
    assert (ended.cause, ended.code) == (Cause.KILLED_BY_SIGNAL, None)
    assert ended.message == "killed by SIGSEGV: half"


async def test_bytes_that_are_no_text_do_not_hurt(process: ProcessBench) -> None:
    ended = await run(process, shell(process, r"printf 'a\377b\n'; exit 1"))
    assert ended.message == "exit code 1: a�b"


async def test_a_flood_is_bounded_on_disk_and_its_two_ends_are_kept(process: ProcessBench) -> None:
    flood = "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last"
    ended = await run(process, shell(process, flood))
    logs = list(process.claim().path.glob("log*"))
    assert sum(log.stat().st_size for log in logs) <= HEAD + 2 * PART
    assert _text(process.claim().path / "log").startswith("first\n")
    assert ended.log_tail.endswith("\nlast\n")


async def test_a_flood_does_not_keep_the_deadline_waiting(process: ProcessBench) -> None:
    deadline = SystemClock().now()
    ended = await run(process, shell(process, "exec yes", deadline=deadline))
    assert ended.cause is Cause.MACHINE_LIMIT


# --- ends ----------------------------------------------------------------------------------------


async def test_a_host_that_goes_down_is_no_fault_of_the_training(process: ProcessBench) -> None:
    provider = process.provider()
    watcher = Watcher(provider)
    await provider.ensure_on(process.machine, process.workload(process.machine, Ending.RUNS_ON))
    await process.running()
    leader = process.claim().supervisor
    assert leader is not None
    linux.send(leader, signal.SIGTERM)
    view = await watcher.off(process.machine)
    assert view.exits[1].cause is Cause.MACHINE_LOST


async def test_what_runs_outlives_an_operator_that_is_killed_with_its_group(
    process: ProcessBench, tmp_path: Path
) -> None:
    work = process.workload(process.machine, Ending.IGNORES_TERM)
    (tmp_path / "operator.pickle").write_bytes(
        pickle.dumps((process.folder, process.machine, work))
    )
    operator = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OPERATOR, str(tmp_path / "operator.pickle"), start_new_session=True
    )
    assert await operator.wait() == -signal.SIGKILL
    await process.running()
    provider = process.provider()
    watcher = Watcher(provider)
    assert (await provider.observe(process.machine)).generation == 1
    await provider.ensure_off(process.machine)
    assert (await watcher.off(process.machine)).exits[1].cause is Cause.CANCELLED


async def test_what_daemonised_away_ends_with_its_command(
    process: ProcessBench, tmp_path: Path
) -> None:
    script = f"setsid env -i sleep 1000 & echo $! >{tmp_path / 'pid'}"
    ended = await run(process, shell(process, script))
    assert ended.cause is Cause.COMPLETED
    assert not _is_sleep(int(_text(tmp_path / "pid")))


async def test_a_group_without_its_supervisor_is_lost_but_on_until_it_is_turned_off(
    process: ProcessBench,
) -> None:
    provider = process.provider()
    watcher = Watcher(provider)
    await _orphan(process, provider, "setsid sleep 1000 & echo ready; exec sleep 1000")
    view = await watcher.until(process.machine, lambda v: bool(v.exits))
    assert (view.power, view.generation) == (Power.ON, 1)
    assert view.exits[1].cause is Cause.MACHINE_LOST
    assert view.detail == "its supervisor is gone, 2 of its processes are left"
    await provider.ensure_off(process.machine)
    off = await watcher.off(process.machine)
    assert off.exits == view.exits
    assert process.claim().members() == []


async def test_an_orphaned_group_is_asked_before_it_is_killed(process: ProcessBench) -> None:
    provider = process.provider(LONG_GRACE)
    await _orphan(process, provider, POLITE)
    await provider.ensure_off(process.machine)
    await Watcher(provider).off(process.machine)
    folder = Path(process.machine.spec.process.images["runs-on"])  # type: ignore[union-attr]
    assert (folder / "polite").exists()


async def test_an_orphaned_group_that_does_not_listen_is_killed(process: ProcessBench) -> None:
    provider = process.provider()
    watcher = Watcher(provider)
    await _orphan(process, provider, DEAF)
    await provider.ensure_off(process.machine)
    await watcher.off(process.machine)
    assert process.claim().members() == []


async def test_an_ended_claim_is_left_as_it_is(process: ProcessBench) -> None:
    await run(process, shell(process, "true"))
    await process.provider().ensure_off(process.machine)
    assert process.claim().stop_asked is None


async def test_a_start_that_is_repeated_is_already_so_whatever_the_machine_has_now(
    process: ProcessBench,
) -> None:
    provider, work = process.provider(), shell(process, "exec sleep 1000")
    await provider.ensure_on(process.machine, work)
    await provider.ensure_on(machine("gpu-1", {"another": "/"}), work)
    assert (await provider.observe(process.machine)).power is Power.ON


def test_a_claim_is_taken_once_and_its_folder_is_all_there_is(process: ProcessBench) -> None:
    claim = process.claim()
    lock = claim.take()
    assert lock is not None
    assert claim.take() is None
    os.close(lock)
    assert claim.take() is None
    assert [path.name for path in claim.path.parent.iterdir()] == ["1"]


async def test_what_is_frozen_is_ended_politely(process: ProcessBench) -> None:
    provider = process.provider(LONG_GRACE)
    watcher = Watcher(provider)
    await provider.ensure_on(process.machine, shell(process, POLITE))
    await eventually(lambda: "ready" in _text(process.claim().path / "log"))
    for member in process.claim().members():
        linux.send(member, signal.SIGSTOP)
    await provider.ensure_off(process.machine)
    ended = (await watcher.off(process.machine)).exits[1]
    assert (ended.cause, ended.code) == (Cause.CANCELLED, 0)
    assert "polite" in ended.log_tail


async def test_a_supervisor_that_does_nothing_is_killed_with_its_claim(
    process: ProcessBench,
) -> None:
    provider = process.provider()
    watcher = Watcher(provider)
    await provider.ensure_on(process.machine, process.workload(process.machine, Ending.RUNS_ON))
    await process.running()
    process.claim().ask_to_stop(0.0)  # long ago, by an operator that is gone
    await provider.ensure_off(process.machine)
    view = await watcher.off(process.machine)
    assert view.exits[1].cause is Cause.MACHINE_LOST


async def _orphan(process: ProcessBench, provider: ProcessProvider, script: str) -> None:
    """Start it, and kill its supervisor once it is ready."""
    await provider.ensure_on(process.machine, shell(process, script))
    await eventually(lambda: "ready" in _text(process.claim().path / "log"))
    leader = process.claim().supervisor
    assert leader is not None
    linux.send(leader, signal.SIGKILL)
    await eventually(lambda: not process.claim().is_supervised)


def _is_sleep(pid: int) -> bool:
    return "sleep" in _text(Path(f"/proc/{pid}/cmdline"))


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""
