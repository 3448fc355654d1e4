"""Watches the trainings' processes in /proc, as a person with `ps` would, and can kill a claim's.

A training is known by its environment: the folder of its claim, its job and its attempt. Nothing
is asked of the operator; only processes of claims below the given folder are looked at.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bed.server import Stoppable
from demo.facts import Process

_EVERY = 0.05
_SETTLED = 2.0
"""Seconds after which a process has become what it is: between fork and exec it looks like its
parent."""
_CLAIM, _UID, _ATTEMPT = "TRAINLEASE_CLAIM", "TRAINLEASE_JOB_UID", "TRAINLEASE_ATTEMPT"
_TRIES = 10
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Seen:
    """A process of a claim; a supervisor has no job."""

    pid: int
    ticks: int
    claim: str
    job: str
    job_uid: str
    attempt: int

    @property
    def started(self) -> datetime:
        """By the wall clock, rounded down to a clock tick."""
        return datetime.fromtimestamp(_boot() + self.ticks / _TICKS, UTC)


class Watcher(Stoppable):
    """Looks at all processes twenty times a second while the `with` block lasts."""

    def __init__(self, claims: Path) -> None:
        self._claims = f"{claims.resolve()}/"
        self._strangers: set[tuple[int, int]] = set()
        self._trainings: dict[tuple[int, int], Process] = {}
        self._alive: tuple[Seen, ...] = ()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def processes(self) -> tuple[Process, ...]:
        """One entry for each attempt that was ever seen to run."""
        merged: dict[tuple[str, int], Process] = {}
        for one in list(self._trainings.values()):
            known = merged.get(one.attempt_id, one)
            merged[one.attempt_id] = Process(
                one.job_uid,
                one.attempt,
                min(one.started, known.started),
                max(one.last_seen, known.last_seen),
            )
        return tuple(merged.values())

    @property
    def alive(self) -> tuple[Seen, ...]:
        """What ran of all claims at the last look, supervisors included."""
        return self._alive

    def training(self, job: str, attempt: int) -> Seen | None:
        """A process of this attempt that runs now; `job` is namespace/name."""
        found = (seen for seen in self._alive if (seen.job, seen.attempt) == (job, attempt))
        return next(found, None)

    def kill(self, claim: str) -> None:
        """End all of a claim at once, its supervisor with it, as a machine that dies would."""
        while members := [seen for seen in self._look() if seen.claim == claim]:
            for seen in members:
                _kill(seen)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Look no more; what was seen is kept."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            now = datetime.now(UTC)  # before the look: it was alive at this time or later
            self._alive = tuple(self._look())
            for seen in self._alive:
                if not seen.job_uid:
                    continue
                key = seen.pid, seen.ticks
                known = self._trainings.get(key)
                started = known.started if known else seen.started
                self._trainings[key] = Process(seen.job_uid, seen.attempt, started, now)

    def _look(self) -> list[Seen]:
        found = []
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208
            ticks = _started(pid)
            if ticks is None or (pid, ticks) in self._strangers:
                continue
            if seen := self._know(pid, ticks):
                found.append(seen)
            elif uptime - ticks / _TICKS > _SETTLED:
                self._strangers.add((pid, ticks))
        return found

    def _know(self, pid: int, ticks: int) -> Seen | None:
        env = _environment(pid)
        claim = env.get(_CLAIM, "")
        if not claim.startswith(self._claims):
            return None
        job = f"{env.get('TRAINLEASE_NAMESPACE', '')}/{env.get('TRAINLEASE_JOB', '')}"
        attempt = int(env.get(_ATTEMPT, "0"))
        return Seen(pid, ticks, claim, job, env.get(_UID, ""), attempt)


def _boot() -> float:
    """When this machine began, by the wall clock, in seconds since 1970.

    A thread may be put aside between two looks at clocks; the tightest of some tries counts.
    """
    tries = []
    for _ in range(_TRIES):
        before, now = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()
        after = time.clock_gettime(time.CLOCK_BOOTTIME)
        tries.append((after - before, now - after))
    return min(tries)[1]


def _started(pid: int) -> int | None:
    """When it began, in clock ticks since boot; None if it is gone or only its corpse is there."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    return None


def _environment(pid: int) -> dict[str, str]:
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in raw.decode(errors="replace").split("\0"))
    return {name: value for name, _, value in pairs}


def _kill(seen: Seen) -> None:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(seen.pid)
        try:
            if _started(seen.pid) == seen.ticks:  # the handle is of the process that was meant
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
