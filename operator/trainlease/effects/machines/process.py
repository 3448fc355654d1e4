"""The process provider: a claim is a process group on this host under a small supervisor.

For the demo, tests and development: it is a shell on the operator's host. What runs outlives the
operator; a new ProcessProvider over the same folder sees it and rings for it. A claim whose
supervisor is gone without an exit record is lost, also while some of its processes still run: no
result can come of it. What is turned off is what this provider started, nothing else on the host.

Linux only (/proc, pidfd). Not here: limits of memory or CPU, and any isolation.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import trainlease
from trainlease.effects.clock import Clock
from trainlease.effects.machines import bounded_log, linux, supervisor
from trainlease.effects.machines.base import Doorbell
from trainlease.effects.machines.claim_folder import MARK, ClaimFolder, ExitRecord
from trainlease.effects.machines.supervisor import Order
from trainlease.effects.machines.watches import Watches
from trainlease.model.base import joined
from trainlease.model.errors import BadSpec, ImageMissing, Refused, Unavailable
from trainlease.model.machine import Machine
from trainlease.model.observed import Exit, MachineView, Power, Workload
from trainlease.model.reasons import Cause

DEFAULT_COMMAND = "./run"
"""What a job without a command runs: this file of the image's folder."""
LOG_TAIL = 4096
SUPERVISOR_LOG = "supervisor.log"
_MARGIN = 2.0
"""Seconds that a supervisor has beyond its grace before it is killed with its claim."""
_AGAIN = 1.0

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Supervisors that this operating system process started and must reap, whichever provider did."""


class ProcessProvider:
    """Claims live in FOLDER/MACHINE-UID/GENERATION (see claim_folder); `grace` is in seconds."""

    def __init__(self, folder: Path, *, clock: Clock, grace: float = 5.0) -> None:
        self._folder = folder.resolve()
        self._clock = clock
        self._grace = grace
        self._watches = Watches()
        self._watches.add(lambda _: _reap())
        self._exits: dict[Path, Exit] = {}
        self._timers: dict[Path, asyncio.TimerHandle] = {}

    async def observe(self, machine: Machine) -> MachineView:
        """ON while any process of any claim of this Machine lives, by the oldest such claim.

        The oldest: a claim that shares the machine with an earlier one sees that it is not alone.
        """
        exits: dict[int, Exit] = {}
        on: dict[int, str] = {}
        for claim in self._claims(machine.uid):
            if (known := self._exits.get(claim.path)) is not None:
                exits[claim.generation] = known
                continue
            running, record = self._look(claim, machine.name)
            if record is not None:
                exits[claim.generation] = _exit(claim, record)
            if running is not None:
                on[claim.generation] = running
            elif record is not None:
                self._exits[claim.path] = exits[claim.generation]
        if not on:
            return MachineView(Power.OFF, exits=exits)
        oldest = min(on)
        return MachineView(Power.ON, oldest, exits, on[oldest])

    async def ensure_on(self, machine: Machine, workload: Workload) -> None:
        """A claim whose folder stands was started before, whatever became of it."""
        claim = self._claim(workload.machine_uid, workload.generation)
        if claim.exists:
            return
        order = self._order(machine, workload, claim)
        try:
            lock = claim.take()
        except OSError as error:
            raise Unavailable(f"cannot write in {self._folder}: {error.strerror}") from None
        if lock is None:
            return
        try:
            child = _start(claim, lock, order)
        except OSError as error:
            claim.remove()
            raise Unavailable(f"cannot start a process: {error.strerror}") from None
        finally:
            os.close(lock)
        if started := linux.look(child):
            self._watches.watch(started, machine.name)

    async def ensure_off(self, machine: Machine) -> None:
        """SIGTERM now, SIGKILL after the grace; every claim of this Machine, whatever its age."""
        for claim in self._claims(machine.uid):
            if claim.path not in self._exits:
                self._end(claim, machine.name)

    async def forget(self, machine_uid: str, generation: int) -> None:
        """Raises Refused while anything of the claim runs."""
        claim = self._claim(machine_uid, generation)
        if not claim.exists:
            return
        if claim.is_supervised or claim.members():
            raise Refused(f"generation {generation} still runs", "wrong state")
        await asyncio.to_thread(claim.remove)
        self._exits.pop(claim.path, None)

    def on_change(self, doorbell: Doorbell) -> None:
        """Rings when a process that keeps a machine on, as observe() saw it, has ended."""
        self._watches.add(doorbell)

    def close(self) -> None:
        """Let go of what is watched; what runs goes on."""
        self._watches.close()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # -- claims ----------------------------------------------------------------------------------

    def _claim(self, machine_uid: str, generation: int) -> ClaimFolder:
        return ClaimFolder(self._folder / machine_uid / str(generation))

    def _claims(self, machine_uid: str) -> list[ClaimFolder]:
        with contextlib.suppress(FileNotFoundError):
            entries = [e for e in (self._folder / machine_uid).iterdir() if e.name.isdigit()]
            return [ClaimFolder(e) for e in sorted(entries, key=lambda e: int(e.name))]
        return []

    def _look(self, claim: ClaimFolder, machine: str) -> tuple[str | None, ExitRecord | None]:
        """What runs of it, in words (None: nothing any more), and how it ended if it did."""
        supervised = claim.is_supervised
        record = claim.exit
        if record is not None and record.clean:
            return None, record
        if supervised:
            if process := claim.supervisor:
                self._watches.watch(process, machine)
            return ("" if claim.has_begun else "starting"), record
        if record is None:
            record = self._lost(claim)
        members = _members_for_certain(claim)
        for process in members:
            self._watches.watch(process, machine)
        if not members:
            return None, record
        return f"its supervisor is gone, {len(members)} of its processes are left", record

    def _lost(self, claim: ClaimFolder) -> ExitRecord:
        """Nobody supervises it and no record was left: the first who sees it writes that down."""
        text = "it was ended together with its supervisor; no exit record was left"
        if not claim.has_begun:
            said = bounded_log.last_line(claim.path, SUPERVISOR_LOG)
            text = f"its start was broken off{': ' if said else ''}{said}"
        claim.note_exit(ExitRecord(Cause.MACHINE_LOST, text, self._clock.now(), clean=False))
        record = claim.exit
        assert record is not None
        return record

    def _end(self, claim: ClaimFolder, machine: str) -> None:
        """One more push towards the end of a claim; comes back until nothing is left of it."""
        if timer := self._timers.pop(claim.path, None):
            timer.cancel()
        running, _ = self._look(claim, machine)
        if running is None:
            return
        now = self._clock.now().timestamp()
        left = claim.ask_to_stop(now) + self._grace + _MARGIN - now
        process = claim.supervisor
        if left <= 0:
            _signal(claim.members(), signal.SIGKILL)
        else:
            # A supervisor ends its claim by itself, and leaves a record.
            _signal([process] if process else claim.members(), signal.SIGTERM)
        self._timers[claim.path] = asyncio.get_running_loop().call_later(
            left if left > 0 else _AGAIN, self._end, claim, machine
        )

    # -- orders ----------------------------------------------------------------------------------

    def _order(self, machine: Machine, workload: Workload, claim: ClaimFolder) -> Order:
        folder = _image_folder(machine, workload.image)
        path = f"{folder / 'bin'}:{os.environ.get('PATH', os.defpath)}"
        env = {
            "PATH": path,
            "HOME": str(claim.path / "home"),
            "LANG": "C.UTF-8",
            **workload.secret_env,
            **workload.env,
            MARK: str(claim.path),
        }
        command = workload.command or (DEFAULT_COMMAND,)
        _check_command(command[0], folder, env, is_default=workload.command is None)
        deadline = workload.deadline.timestamp()
        return Order(command, str(folder), env, deadline, self._grace)


def _image_folder(machine: Machine, image: str) -> Path:
    images: Mapping[str, str] = machine.spec.process.images if machine.spec.process else {}
    if image not in images:
        there = joined(sorted(images)) or "none"
        raise ImageMissing(
            f"{machine.name} has no image {image}; it has: {there}. Name one of them in "
            f"spec.image, or add it to spec.process.images of the Machine"
        )
    folder = Path(images[image])
    if not folder.is_dir():
        raise ImageMissing(
            f"the folder {folder} of image {image} is not on {machine.name}: make it there, or "
            f"correct spec.process.images of the Machine"
        )
    return folder.resolve()


def _check_command(program: str, folder: Path, env: Mapping[str, str], *, is_default: bool) -> None:
    """What is known at once; the rest (such as a bad first line) the exit record tells."""
    is_file = "/" in program
    found = folder / program if is_file else shutil.which(program, path=env["PATH"])
    if found and os.access(found, os.X_OK) and not Path(found).is_dir():
        return
    if is_default:
        raise BadSpec(
            f"the job names no command, and {folder} has no executable file `run`: set "
            f"spec.command, or add that file to the image's folder"
        )
    if is_file and Path(found or "").exists():
        raise BadSpec(f"{program} in {folder} may not be executed: make it executable (chmod +x)")
    where = f"in {folder}" if is_file else f"in {folder / 'bin'} or on the PATH"
    raise BadSpec(f"there is no program {program} {where}: correct spec.command, or install it")


def _start(claim: ClaimFolder, lock: int, order: Order) -> int:
    """Start the supervisor: its process id. The order is in memory alone, for it has secrets."""
    with (
        os.fdopen(os.memfd_create("order"), "w+") as memory,
        (claim.path / SUPERVISOR_LOG).open("wb") as errors,
    ):
        json.dump(asdict(order), memory)
        memory.flush()
        memory.seek(0)
        child = subprocess.Popen(
            [sys.executable, "-S", "-P", "-m", supervisor.__name__, claim.path],
            stdin=memory,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={"PYTHONPATH": str(Path(trainlease.__file__).parents[1]), MARK: str(claim.path)},
            cwd="/",
            pass_fds=(lock,),
            start_new_session=True,
        )
    _children[child.pid] = child
    return child.pid


def _reap() -> None:
    for pid in [pid for pid, child in _children.items() if child.poll() is not None]:
        del _children[pid]


def _members_for_certain(claim: ClaimFolder) -> list[linux.Process]:
    """Looks twice before it says none: a child may be born behind the back of the first look."""
    return claim.members() or claim.members()


def _signal(processes: list[linux.Process], number: signal.Signals) -> None:
    for process in processes:
        linux.send(process, number)
        # One that is stopped would never answer.
        linux.send(process, signal.SIGCONT)


def _exit(claim: ClaimFolder, record: ExitRecord) -> Exit:
    return Exit(
        claim.generation,
        record.cause,
        record.message,
        record.at,
        record.code,
        bounded_log.tail(claim.path, LOG_TAIL),
    )
