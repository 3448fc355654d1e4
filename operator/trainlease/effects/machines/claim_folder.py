"""One claim of a process machine on disk: FOLDER/MACHINE-UID/GENERATION.

    lock             held while somebody starts or supervises it: free means that nobody does
    processes.json   supervisor and command, each by process id and start time
    stop             since when it is to end (seconds since 1970)
    exit.json        how it ended; written once, the first word stands
    log, log.*       what it printed, bounded; supervisor.log is its supervisor's own trouble
    home/            the command's HOME

The folder appears under its name at once, with its lock held, so a claim is started at most once:
whoever finds it there does not start it. If the starter dies in between, the kernel frees the lock
and the claim is seen as lost. No secret is ever written here. Standard library only: the
supervisor loads this too.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trainlease.effects.machines import linux
from trainlease.effects.machines.linux import Process
from trainlease.model.reasons import Cause

MARK = "TRAINLEASE_CLAIM"
"""The variable that marks every process of a claim; its value is the claim's folder."""


@dataclass(frozen=True)
class ExitRecord:
    """How a claim ended. `clean`: its supervisor saw the last of its processes end."""

    cause: Cause
    message: str
    at: datetime
    code: int | None = None
    clean: bool = True


class ClaimFolder:
    """See the module. Any number of processes may hold one for the same claim."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def generation(self) -> int:
        return int(self.path.name)

    @property
    def exists(self) -> bool:
        return self.path.is_dir()

    def take(self) -> int | None:
        """Make the folder and hold its lock: the file descriptor, which is the caller's to close.

        None: it is taken already. The lock lasts as long as any process has the descriptor.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = Path(tempfile.mkdtemp(prefix=f".new-{self.path.name}-", dir=self.path.parent))
        lock = os.open(new / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (new / "home").mkdir()
            new.rename(self.path)
        except OSError:
            os.close(lock)
            shutil.rmtree(new, ignore_errors=True)
            if self.exists:
                return None
            raise
        return lock

    @property
    def is_supervised(self) -> bool:
        """Whether a starter or a supervisor lives. Ask this before `exit`: it is written first."""
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(self.path / "lock", os.O_RDWR)
            try:
                # Shared, so that those who ask do not take each other for a supervisor.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(lock)
        return False

    # -- its processes ---------------------------------------------------------------------------

    def note_processes(self, supervisor: Process, command: Process | None = None) -> None:
        record: dict[str, Any] = {"boot": linux.boot_id(), "supervisor": supervisor.identity}
        if command is not None:
            record["command"] = command.identity
        self._write("processes.json", json.dumps(record))

    @property
    def supervisor(self) -> Process | None:
        """The supervisor, if that very process is alive."""
        return self._noted("supervisor")

    @property
    def has_begun(self) -> bool:
        """Whether the command was started."""
        return "command" in self._read("processes.json")

    def members(self) -> list[Process]:
        """All that is alive of the claim, supervisor included, children that left the group too.

        Found by the mark in their environment, or as the session that the command leads. One that
        threw away both and outlived its supervisor is not found.
        """
        command = self._noted("command")
        session = linux.processes() if command else ()
        found = {p.pid: p for p in session if command and p.session == command.pid}
        found |= {p.pid: p for p in linux.marked(MARK, str(self.path))}
        return [found[pid] for pid in sorted(found)]

    def _noted(self, who: str) -> Process | None:
        record = self._read("processes.json")
        if who not in record or record["boot"] != linux.boot_id():
            return None
        process = linux.look(record[who][0])
        return process if process and linux.is_alive(tuple(record[who])) else None

    # -- its end ---------------------------------------------------------------------------------

    def ask_to_stop(self, now: float) -> float:
        """Since when it is to end, in seconds since 1970: now, unless it was asked before."""
        self._write("stop", repr(now), once=True)
        asked = self.stop_asked
        return now if asked is None else asked

    @property
    def stop_asked(self) -> float | None:
        with contextlib.suppress(FileNotFoundError):
            return float((self.path / "stop").read_text())
        return None

    @property
    def exit(self) -> ExitRecord | None:
        record = self._read("exit.json")
        if not record:
            return None
        return ExitRecord(
            Cause(record["cause"]),
            record["message"],
            datetime.fromisoformat(record["at"]),
            record["code"],
            record["clean"],
        )

    def note_exit(self, record: ExitRecord) -> None:
        """The first record stands."""
        document = {
            "cause": record.cause,
            "message": record.message,
            "at": record.at.isoformat(),
            "code": record.code,
            "clean": record.clean,
        }
        self._write("exit.json", json.dumps(document), once=True)

    def remove(self) -> None:
        """The folder and what a crashed starter left beside it. May take long: HOME is in it."""
        for path in (self.path, *self.path.parent.glob(f".new-{self.path.name}-*")):
            shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()

    # -- files -----------------------------------------------------------------------------------

    def _read(self, name: str) -> dict[str, Any]:
        """A document; empty where there is none, or half of one after the host went down."""
        try:
            document = json.loads((self.path / name).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def _write(self, name: str, text: str, *, once: bool = False) -> None:
        """Whole or not at all; with `once` what stands there stays."""
        handle, new = tempfile.mkstemp(prefix=f".{name}-", dir=self.path)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        if not once:
            Path(new).replace(self.path / name)
            return
        with contextlib.suppress(FileExistsError):
            (self.path / name).hardlink_to(new)
        Path(new).unlink()
