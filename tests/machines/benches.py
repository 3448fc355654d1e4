"""One way to drive each provider, so that one suite holds both to the contract."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Protocol

from bed.waiting import wait_until
from trainlease.effects.clock import SystemClock
from trainlease.effects.machines import linux
from trainlease.effects.machines.base import Provider
from trainlease.effects.machines.claim_folder import ClaimFolder
from trainlease.effects.machines.fake import FakeProvider
from trainlease.effects.machines.fake_world import Course, FakeMachines, PowerChange, Who
from trainlease.effects.machines.process import ProcessProvider
from trainlease.model.machine import Machine
from trainlease.model.observed import Exit, MachineView, Power, Workload
from trainlease.model.reasons import Cause

PATIENCE = 60.0
"""Seconds after which a test fails that waits for a ring; nothing waits that long."""
GRACE = 0.2


class Ending(Enum):
    """How the workload of a test ends: its name is the image, and the script it runs."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    RUNS_ON = "runs-on"
    IGNORES_TERM = "ignores-term"


SCRIPTS = {
    Ending.SUCCEEDS: "echo trained",
    Ending.FAILS: "{ echo epoch 1; echo no such data; } >&2; exit 3",
    Ending.RUNS_ON: "exec sleep 1000",
    Ending.IGNORES_TERM: "trap '' TERM; echo deaf; while :; do sleep 1000; done",
}
COURSES = {
    Ending.SUCCEEDS: Course(seconds=0.01, log_tail="trained\n"),
    Ending.FAILS: Course(0.01, 0, Cause.EXIT_CODE, 3, "exit code 3: no such data"),
    Ending.RUNS_ON: Course(seconds=None),
    Ending.IGNORES_TERM: Course(seconds=None),
}


def machine(name: str = "gpu-1", images: dict[str, str] | None = None) -> Machine:
    return Machine.model_validate(
        {
            "metadata": {"name": name, "uid": f"uid-{name}"},
            "spec": {"pool": "onprem", "process": {"images": images or {"any": "/"}}},
        }
    )


def workload(of: Machine, image: str, generation: int = 1) -> Workload:
    return Workload(
        machine=of.name,
        machine_uid=of.uid,
        generation=generation,
        job_namespace="saturno",
        job_name="caries-001",
        job_uid="job-uid",
        attempt=1,
        image=image,
        command=None,
        env={},
        params={},
        deadline=datetime.now(UTC) + timedelta(hours=1),
    )


class Watcher:
    """Waits for a view by the provider's rings alone: whoever forgets to ring is found out."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._rung = asyncio.Event()
        self.rings: list[str] = []
        provider.on_change(self._ring)

    def _ring(self, name: str) -> None:
        self.rings.append(name)
        self._rung.set()

    async def until(self, of: Machine, true: Callable[[MachineView], bool]) -> MachineView:
        async with asyncio.timeout(PATIENCE):
            while not true(view := await self._provider.observe(of)):
                await self._rung.wait()
                self._rung.clear()
            return view

    async def off(self, of: Machine) -> MachineView:
        return await self.until(of, lambda view: view.power is Power.OFF)


class Bench(Protocol):
    """A provider with machines gpu-1 and gpu-2, and what a test does to it from the outside."""

    machine: Machine
    other: Machine

    def provider(self) -> Provider:
        """A provider as a newly started operator has it; what runs stays."""
        ...

    def workload(self, of: Machine, ending: Ending, generation: int = 1) -> Workload: ...

    def starts(self) -> int:
        """How often a workload of gpu-1 began to run."""
        ...

    async def running(self) -> None:
        """Until the workload of gpu-1 is at what it does."""
        ...

    def lose(self) -> None:
        """gpu-1 dies with all that runs on it."""
        ...

    def close(self) -> None: ...


class ProcessBench:
    """Real processes: one script for each ending, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "claims"
        self._began = folder / "began"
        images = {}
        for ending, script in SCRIPTS.items():
            home = folder / ending.value
            home.mkdir()
            run = home / "run"
            run.write_text(f"#!/bin/sh\necho $TRAINLEASE_CLAIM >>{self._began}\n{script}\n")
            run.chmod(0o755)
            images[ending.value] = str(home)
        self.machine = machine("gpu-1", images)
        self.other = machine("gpu-2", images)
        self._providers: list[ProcessProvider] = []

    def provider(self, grace: float = GRACE) -> ProcessProvider:
        provider = ProcessProvider(self.folder, clock=SystemClock(), grace=grace)
        self._providers.append(provider)
        return provider

    def workload(self, of: Machine, ending: Ending, generation: int = 1) -> Workload:
        return workload(of, ending.value, generation)

    def claim(self, generation: int = 1, of: Machine | None = None) -> ClaimFolder:
        return ClaimFolder(self.folder / (of or self.machine).uid / str(generation))

    def claims(self) -> list[ClaimFolder]:
        return [ClaimFolder(path.parent) for path in self.folder.glob("*/*/lock")]

    def starts(self) -> int:
        lines = self._began.read_text().splitlines() if self._began.exists() else []
        return sum(line.startswith(f"{self.folder / self.machine.uid}/") for line in lines)

    async def running(self) -> None:
        await eventually(lambda: self.starts() > 0)

    def lose(self) -> None:
        self.kill(*(c for c in self.claims() if c.path.parent.name == self.machine.uid))

    def kill(self, *claims: ClaimFolder) -> None:
        """kill -9 of all that belongs to these claims, supervisors first."""
        for claim in claims:
            if supervisor := claim.supervisor:
                linux.send(supervisor, signal.SIGKILL)
            wait_until(partial(_kill, claim), PATIENCE, "end of a claim")

    def close(self) -> None:
        """Leaves no process behind, whatever the test did."""
        for provider in self._providers:
            provider.close()
        self.kill(*self.claims())


class FakeBench:
    """The fake, its time the event loop's own."""

    def __init__(self) -> None:
        self.journal: list[PowerChange] = []
        self.world = FakeMachines(
            SystemClock(),
            script=lambda w: COURSES[Ending(w.image)],
            journal=self.journal.append,
        )
        self.machine, self.other = machine("gpu-1"), machine("gpu-2")

    def provider(self) -> FakeProvider:
        return FakeProvider(self.world)

    def workload(self, of: Machine, ending: Ending, generation: int = 1) -> Workload:
        if ending is Ending.IGNORES_TERM:
            self.world.stop_seconds[of.name] = GRACE
        return workload(of, ending.value, generation)

    def starts(self) -> int:
        return sum(c.on and c.machine == "gpu-1" and c.by is Who.US for c in self.journal)

    async def running(self) -> None:
        assert self.starts()

    def lose(self) -> None:
        self.world.lose(self.machine.uid)

    def close(self) -> None:
        return


async def eventually(true: Callable[[], bool]) -> None:
    """Until it is true, for what nobody rings for."""
    await asyncio.to_thread(wait_until, true, PATIENCE, "what the test waits for", every=0.01)


def soon_over(work: Workload) -> Workload:
    """The same, with its deadline in a moment."""
    manifest = dict(work.manifest)
    if manifest:
        manifest["spec"] = {**manifest["spec"], "activeDeadlineSeconds": 1}
    deadline = datetime.now(UTC) + timedelta(seconds=0.5)
    return replace(work, deadline=deadline, manifest=manifest)


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


def text(file: Path) -> str:
    """What is in it; empty if it is not there."""
    return file.read_text(errors="replace") if file.exists() else ""


def _kill(claim: ClaimFolder) -> bool:
    left = claim.members()
    for process in left:
        linux.send(process, signal.SIGKILL)
    return not left and not claim.is_supervised
