"""The supervisor of one process claim: starts its command, bounds its log, records its end.

Run as `python -S -P -m trainlease.effects.machines.supervisor CLAIM-FOLDER`, in a session of its
own, with the order (command, folder, environment, deadline, grace) as JSON on its standard input,
so that no secret is in an argument or a file. It needs nothing but the standard library, survives
the operator, and holds the claim's lock while it lives.

Promises: the exit record is written after the last process of the claim has ended, so a record
means off; children that leave the group come back to it as orphans and are ended with the rest.
At the deadline, or when it is told to end, all get SIGTERM, and SIGKILL after the grace.
"""

import contextlib
import ctypes
import errno
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trainlease.effects.machines import linux
from trainlease.effects.machines.bounded_log import BoundedLog, last_line
from trainlease.effects.machines.claim_folder import ClaimFolder, ExitRecord
from trainlease.model.reasons import Cause

_PR_SET_CHILD_SUBREAPER = 36
_HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# The wall clock may be set while the deadline is waited for.
_CLOCK_CHECK = 10.0
_CHUNK = 2**16
_PIPE = 2**20


@dataclass(frozen=True)
class Order:
    """What to run. `deadline` is in seconds since 1970, `grace` in seconds."""

    command: Sequence[str]
    folder: str
    env: Mapping[str, str]
    deadline: float
    grace: float


def main(path: str) -> None:
    order = Order(**json.load(sys.stdin))
    claim = ClaimFolder(Path(path))
    claim.note_exit(Supervisor(claim, order).run())


class Supervisor:
    """One run of one command."""

    def __init__(self, claim: ClaimFolder, order: Order) -> None:
        self._claim = claim
        self._order = order
        self._log = BoundedLog(claim.path)
        self._selector = selectors.DefaultSelector()
        self._signals = _hear_signals()
        self._pipe: int | None = None
        self._command = 0
        self._ending: tuple[Cause, str] | None = None
        self._kill_at: float | None = None

    def run(self) -> ExitRecord:
        """Start it, and come back when nothing of it is left."""
        me = linux.look(os.getpid())
        assert me is not None
        _adopt_orphans()
        # Noted before the question: whoever asks it to stop sees either this record, or is seen.
        self._claim.note_processes(me)
        if self._claim.stop_asked is not None:
            return self._record(Cause.CANCELLED, "turned off before it began")
        try:
            self._start()
        except (OSError, ValueError) as error:
            return self._record(Cause.CANNOT_START, _cannot_start(self._order, error))
        self._claim.note_processes(me, linux.look(self._command))
        status = self._watch()
        self._end_the_rest()
        self._copy_log()
        return self._judge(os.waitstatus_to_exitcode(status))

    def _start(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        try:
            process = subprocess.Popen(
                self._order.command,
                cwd=self._order.folder,
                env=self._order.env,
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                start_new_session=True,
            )
        finally:
            os.close(writer)
        self._command, self._pipe = process.pid, reader
        # Its status is fetched together with those of the orphans.
        process.returncode = 0
        self._selector.register(reader, selectors.EVENT_READ)
        self._selector.register(self._signals, selectors.EVENT_READ)

    def _watch(self) -> int:
        """Until the command has ended: its wait status."""
        while (status := self._reap()) is None:
            self._press()
            for key, _ in self._selector.select(self._patience()):
                if key.fd == self._pipe:
                    self._copy_log()
                else:
                    self._answer_signals()
        return status

    def _reap(self) -> int | None:
        """Fetch what has ended; the command's wait status, if it is among them."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._command:
                    return ended[1]
        return None

    def _answer_signals(self) -> None:
        heard = os.read(self._signals, 1024)
        if all(number == signal.SIGCHLD for number in heard):
            return
        if self._claim.stop_asked is not None:
            self._end(Cause.CANCELLED, "turned off")
        else:
            text = "its supervisor was told to end, as happens when the host goes down"
            self._end(Cause.MACHINE_LOST, text)

    def _press(self) -> None:
        if time.time() >= self._order.deadline:
            self._end(Cause.MACHINE_LIMIT, "it reached the deadline of its claim")
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._signal(signal.SIGKILL)

    def _end(self, cause: Cause, text: str) -> None:
        """Begin the end; the first reason stands."""
        if self._ending is not None:
            return
        self._ending = cause, text
        self._kill_at = time.monotonic() + self._order.grace
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def _patience(self) -> float:
        """How long nothing but an event can need an answer, in seconds."""
        if self._kill_at is not None:
            return max(0.05, self._kill_at - time.monotonic())
        return min(_CLOCK_CHECK, max(0.0, self._order.deadline - time.time()))

    def _signal(self, number: signal.Signals) -> None:
        for process in linux.descendants(os.getpid()):
            linux.send(process, number)

    def _end_the_rest(self) -> None:
        """What the command left behind ends with it, as in a container."""
        while left := linux.children(os.getpid()):
            for process in left:
                linux.send(process, signal.SIGKILL)
            time.sleep(0.01)
            self._reap()

    def _copy_log(self) -> None:
        """What is in the pipe now, and no more than it can hold: a flood must not keep us here."""
        for _ in range(_PIPE // _CHUNK):
            if self._pipe is None:
                return
            try:
                data = os.read(self._pipe, _CHUNK)
            except BlockingIOError:
                return
            if not data:
                self._selector.unregister(self._pipe)
                os.close(self._pipe)
                self._pipe = None
                return
            self._log.write(data)

    def _judge(self, code: int) -> ExitRecord:
        self._log.close()
        if self._ending is not None:
            return self._record(*self._ending, code if code >= 0 else None)
        line = last_line(self._claim.path)
        said = f": {line}" if line else ""
        if code == 0:
            return self._record(Cause.COMPLETED, "exit code 0", code)
        if code > 0:
            return self._record(Cause.EXIT_CODE, f"exit code {code}{said}", code)
        return self._record(Cause.KILLED_BY_SIGNAL, f"killed by {_name_of(-code)}{said}")

    def _record(self, cause: Cause, message: str, code: int | None = None) -> ExitRecord:
        return ExitRecord(cause, message, datetime.now(UTC), code)


def _hear_signals() -> int:
    """Signals come as bytes on this descriptor, so that one wait hears everything."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in _HEARD:
        signal.signal(number, lambda *_: None)
    return reader


def _adopt_orphans() -> None:
    """A child that daemonises becomes this process's child, and cannot slip away."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _cannot_start(order: Order, error: OSError | ValueError) -> str:
    what = f"cannot start {order.command[0]} in {order.folder}"
    if isinstance(error, ValueError):
        return f"{what}: a zero byte is in its command or environment; take it out"
    if error.errno == errno.ENOENT:
        return f"{what}: it, or the interpreter in its first line, is not there"
    if error.errno == errno.EACCES:
        return f"{what}: it may not be executed; make it executable (chmod +x)"
    if error.errno == errno.ENOEXEC:
        return f"{what}: it is no program; a script begins with a line such as #!/bin/sh"
    return f"{what}: {os.strerror(error.errno or 0)}"


def _name_of(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


if __name__ == "__main__":
    main(sys.argv[1])
