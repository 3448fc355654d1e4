"""Start real parts so that each can be found and ended again, also after its starter crashed.

A part records itself in its bed's folder before it becomes the part: a process id together with
its start time, so that a reused id is never mistaken for it. It leads a session of its own, and
its environment names its bed, so that its children are found as well. Nothing here ends a process
by its name.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bed.errors import BedError, PartFailed
from bed.traces import take_away
from bed.waiting import wait_until

RECORD = "processes"
KEPT = "kept"
_BED = "TRAINLEASE_BED"
_STARTER = "TRAINLEASE_BED_STARTER"
_KILL_SECONDS = 10.0
_STOP_SECONDS = 10.0
_LAUNCH = 'read -r stat </proc/$$/stat; printf "%s %s\\n" "$1" "$stat" >>"$0"; shift; exec "$@"'


@dataclass(frozen=True)
class Seen:
    """One process as /proc shows it; `started` are clock ticks since boot."""

    pid: int
    state: str
    session: int
    started: int

    @property
    def is_alive(self) -> bool:
        return self.state not in "ZX"


@dataclass(frozen=True)
class Recorded:
    """One line of a bed's record: a part that was started."""

    name: str
    process: Seen


class Part:
    """A started part: its process, its whole session, and its log."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], mark: str, log: Path) -> None:
        self.name = name
        self.pid = popen.pid
        self.log = log
        self._popen = popen
        self._mark = mark

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """As the kernel told it (negative: the signal); None while it runs."""
        return self._popen.poll()

    def stop(self, timeout: float = 10.0) -> None:
        """TERM, then KILL after `timeout`; its children too. Already ended is success."""
        _end(self._members, timeout)
        self._popen.wait()

    def kill(self) -> None:
        """KILL at once, as a crash would."""
        self.stop(timeout=0.0)

    def stop_alone(self, timeout: float = 10.0) -> None:
        """TERM, then KILL after `timeout`, of its own program only: what that started lives on.

        Its own program is the started process and, where that is only the door to an enclosure,
        that one's child.
        """
        found = map(_look, (self.pid, *children(self.pid))) if self.is_running else ()
        own = [process for process in found if process]
        _end(lambda: [process for process in own if _is_the_same(process)], timeout)
        self._popen.wait()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, from the return of this call on.

        The signal alone is not enough: a thread that runs on another core may still give an
        answer until the kernel has stopped it as well.
        """
        members = self._members()
        _signal(members, signal.SIGSTOP)
        wait_until(lambda: all(map(_stands_still, members)), _STOP_SECONDS, "the stop", every=0.001)

    def thaw(self) -> None:
        _signal(self._members(), signal.SIGCONT)

    def until(self, ready: Callable[[], bool], timeout: float, what: str = "ready") -> None:
        """Wait for `ready`; a part that ends meanwhile fails at once with the end of its log."""
        try:
            wait_until(lambda: not self.is_running or ready(), timeout, f"{self.name} {what}")
        except BedError as late:
            raise PartFailed(self.name, f"was not {what} in {timeout:g} s", self.tail()) from late
        if not self.is_running:
            problem = f"ended with {self._popen.returncode} before it was {what}"
            raise PartFailed(self.name, problem, self.tail())

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _members(self) -> list[Seen]:
        return _marked([self._mark], [self.pid] if self.is_running else [])


class Processes:
    """Starts parts for the bed in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        keep_open: Sequence[int] = (),
    ) -> Part:
        """Start `command` as the part `name` (no spaces), output to logs/NAME.log.

        `env` is the whole environment; left out, it is this process's own. `keep_open` are file
        descriptors of this process that the part holds as well, as long as it lives.
        """
        log = self.folder / "logs" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        mark = f"{self.folder}/{name}"
        marks = {_BED: mark, _STARTER: _starter()}
        launch = ["/bin/sh", "-c", _LAUNCH, self.folder / RECORD, name, *command]
        with log.open("ab") as output:
            popen = subprocess.Popen(
                launch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**(os.environ if env is None else env), **marks},
                cwd=cwd or self.folder,
                start_new_session=True,
                pass_fds=keep_open,
            )
        return Part(name, popen, mark, log)


def keep(folder: Path) -> None:
    """Say that the beds under `folder` may outlive their starter: `sweep_abandoned` spares them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / KEPT).touch()


def running(folder: Path) -> list[str]:
    """The names of the parts that run in or under `folder`, or that left children behind."""
    folder = folder.resolve()
    alive = {part.name for part in _alive(folder)}
    return sorted(alive | {_name_of(process) for process in _marked([f"{folder}/"], [])})


def sweep(folder: Path, timeout: float = 5.0) -> list[str]:
    """End all that was ever started in or under `folder`; the names of the parts that ran."""
    folder = folder.resolve()
    names = running(folder)
    leaders = [part.process.pid for part in _alive(folder)]
    _end(lambda: _marked([f"{folder}/"], leaders), timeout)
    take_away(folder)
    return names


def sweep_abandoned(timeout: float = 5.0) -> list[Path]:
    """End the parts of beds whose starter is gone and that nobody asked to keep."""
    folders: set[Path] = set()
    for process in _all_processes():
        environment = _environment(process.pid)
        mark, starter = environment.get(_BED), environment.get(_STARTER)
        if mark and starter and not _starter_lives(starter):
            folders.add(Path(mark).parent)
    abandoned = sorted(folder for folder in folders if not _is_kept(folder))
    for folder in abandoned:
        sweep(folder, timeout)
    return abandoned


def children(pid: int) -> list[int]:
    """The process ids of its first thread's children; none if there is no such process."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    return []


def recorded(file: Path) -> list[Recorded]:
    """What a record says; half a line, of a part that died while it wrote, says nothing."""
    found = []
    with contextlib.suppress(FileNotFoundError, IsADirectoryError):
        for line in file.read_text(errors="replace").splitlines():
            name, _, stat = line.partition(" ")
            if process := _parse(stat):
                found.append(Recorded(name, process))
    return found


def _alive(folder: Path) -> list[Recorded]:
    records = (part for file in sorted(folder.rglob(RECORD)) for part in recorded(file))
    return [part for part in records if _is_the_same(part.process)]


def _end(members: Callable[[], list[Seen]], timeout: float) -> None:
    """TERM all, KILL what is left after `timeout`; looks again, for children are born meanwhile."""
    if timeout > 0:
        _signal(members(), signal.SIGTERM)
        _signal(members(), signal.SIGCONT)
        deadline = time.monotonic() + timeout
        wait_until(lambda: time.monotonic() > deadline or not members(), timeout + 1, "the end")

    def gone() -> bool:
        left = members()
        _signal(left, signal.SIGKILL)
        return not left

    wait_until(gone, _KILL_SECONDS, "the end of killed processes")


def _signal(processes: Iterable[Seen], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(process.pid)
            try:
                if _is_the_same(process):
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


def _marked(marks: Sequence[str], sessions: Sequence[int]) -> list[Seen]:
    """Live processes of these sessions, or whose environment names one of these marks.

    A mark that ends in a slash stands for all parts below it.
    """

    def is_ours(process: Seen) -> bool:
        mark = _environment(process.pid).get(_BED, "")
        return any(mark == one or (one.endswith("/") and mark.startswith(one)) for one in marks)

    return [
        process
        for process in _all_processes()
        if process.is_alive
        and process.pid != os.getpid()  # a bed that sweeps itself ends all but itself
        and (process.session in sessions or is_ours(process))
    ]


def _all_processes() -> list[Seen]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [process for pid in pids if (process := _look(pid))]


def _look(pid: int) -> Seen | None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return _parse(Path(f"/proc/{pid}/stat").read_text(errors="replace"))
    return None


def _parse(stat: str) -> Seen | None:
    """A line of /proc/PID/stat; the name in it is in brackets and may hold anything."""
    head, _, tail = stat.rpartition(")")
    pid, fields = head.partition(" ")[0], tail.split()
    if not pid.isdigit() or len(fields) < 20:
        return None
    return Seen(int(pid), fields[0], int(fields[3]), int(fields[19]))


def _stands_still(process: Seen) -> bool:
    """Whether each of its threads is stopped, or gone."""
    states = []
    for task in Path(f"/proc/{process.pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            states.append(_parse(task.read_text(errors="replace")))
    return all(state.state in "TtZX" for state in states if state)


def _is_the_same(process: Seen) -> bool:
    now = _look(process.pid)
    return now is not None and now.is_alive and now.started == process.started


def _environment(pid: int) -> dict[str, str]:
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in raw.decode(errors="replace").split("\0"))
    return {name: value for name, _, value in pairs}


def _name_of(process: Seen) -> str:
    return Path(_environment(process.pid).get(_BED, "")).name


def _starter() -> str:
    me = _look(os.getpid())
    return f"{os.getpid()}:{me.started if me else 0}"


def _starter_lives(starter: str) -> bool:
    pid, _, started = starter.partition(":")
    now = _look(int(pid))
    return now is not None and now.is_alive and str(now.started) == started


def _is_kept(folder: Path) -> bool:
    return any((parent / KEPT).exists() for parent in (folder, *folder.parents))
