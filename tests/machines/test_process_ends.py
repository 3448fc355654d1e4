"""How a process claim ends: by itself, by its supervisor, without it, after the operator."""

import asyncio
import os
import pickle
import signal
import sys
from pathlib import Path

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

from trainlease.effects.machines import linux
from trainlease.effects.machines.process import ProcessProvider
from trainlease.model.observed import Power
from trainlease.model.reasons import Cause

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
    assert not _is_sleep(int(text(tmp_path / "pid")))


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
    await eventually(lambda: "ready" in text(process.claim().path / "log"))
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
    await eventually(lambda: "ready" in text(process.claim().path / "log"))
    leader = process.claim().supervisor
    assert leader is not None
    linux.send(leader, signal.SIGKILL)
    await eventually(lambda: not process.claim().is_supervised)


def _is_sleep(pid: int) -> bool:
    return "sleep" in text(Path(f"/proc/{pid}/cmdline"))
