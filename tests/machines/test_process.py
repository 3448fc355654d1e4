"""The process provider with real processes: what only it has to keep."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.machines.benches import (
    Ending,
    ProcessBench,
    Watcher,
    eventually,
    machine,
    run,
    shell,
    text,
)

import trainlease
from trainlease.effects.clock import SystemClock
from trainlease.effects.machines import supervisor
from trainlease.effects.machines.bounded_log import HEAD, PART
from trainlease.effects.machines.process import ProcessProvider
from trainlease.effects.machines.supervisor import Order
from trainlease.model.errors import BadSpec, Refused, Unavailable
from trainlease.model.observed import Power
from trainlease.model.reasons import Cause

SECRET = "hunter2-and-more"


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


async def test_a_variable_of_the_job_stands_over_one_from_a_secret_as_in_a_pod(
    process: ProcessBench,
) -> None:
    work = shell(process, "echo $USER_NAME", env={"USER_NAME": "a"}, secret_env={"USER_NAME": "b"})
    assert (await run(process, work)).log_tail == "a\n"


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
    await eventually(lambda: "ready" in text(process.claim().path / "log"))
    for member in process.claim().members():
        assert SECRET not in text(Path(f"/proc/{member.pid}/cmdline"))
    leader = process.claim().supervisor
    assert leader is not None
    assert SECRET not in text(Path(f"/proc/{leader.pid}/environ"))
    await provider.ensure_off(process.machine)
    await Watcher(provider).off(process.machine)
    files = [file for file in process.folder.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if SECRET in text(file)]


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
    assert text(process.claim().path / "log").startswith("first\n")
    assert ended.log_tail.endswith("\nlast\n")


async def test_a_flood_does_not_keep_the_deadline_waiting(process: ProcessBench) -> None:
    deadline = SystemClock().now()
    ended = await run(process, shell(process, "exec yes", deadline=deadline))
    assert ended.cause is Cause.MACHINE_LIMIT
