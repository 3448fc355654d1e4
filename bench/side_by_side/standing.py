"""What the operator costs while nothing happens: writes and memory, with many jobs that wait."""

from __future__ import annotations

import time
from pathlib import Path

from bed import AuditEvent, ControlPlane
from bench.side_by_side.figures import Figure, Report
from bench.side_by_side.sides import Ours, submit
from bench.side_by_side.stories import GROUP, Ears, who

_LEASES = "leases.coordination.k8s.io"
_NOTHING = ("true",)


def standing(
    plane: ControlPlane, waiting: Ours, pid: int, jobs: int, seconds: float, report: Report
) -> None:
    """So many jobs that no machine can take, then so many seconds of standing still.

    `pid` is the operator's process. The jobs stay.
    """
    names = [f"waiting-{number}" for number in range(jobs)]
    ears = Ears(plane)
    submit(plane, waiting, names, _NOTHING)
    ears.until(
        lambda heard: len(_told_to_wait(heard) & set(names)) == jobs, f"{jobs} jobs that wait"
    )
    ears.until_quiet(waiting.namespace)
    quiet = Ears(plane)
    time.sleep(seconds)
    plane.audit()  # all that was answered by now is in the log
    writes = [
        event
        for event in quiet.until(bool, "the audit log")
        if event.is_write and who(event.user) == "operator" and event.resource != _LEASES
    ]
    title = f"{jobs} waiting jobs: "
    memory = {name: value / 1024 for name, value in _memory(pid).items()}
    report.figures += [
        Figure(f"{title}writes in {seconds:g} s but Leases", [len(writes)], goal="0"),
        Figure(f"{title}memory of the operator now, MB", [memory["VmRSS"]], goal="<= 160"),
        Figure(f"{title}memory of the operator at most, MB", [memory["VmHWM"]]),
    ]


def _told_to_wait(heard: list[AuditEvent]) -> set[str]:
    return {event.name for event in heard if event.resource == f"trainingjobs.{GROUP}/status"}


def _memory(pid: int) -> dict[str, float]:
    """KiB, as the kernel counts them for this process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = (line.partition(":") for line in lines)
    return {name: float(rest.split()[0]) for name, _, rest in fields if name in ("VmRSS", "VmHWM")}
