"""What was measured, as a table for people and as JSON: both are made of the same values."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bed import ControlPlane

_HEAD = ("figure", "n", "ours", "batch/v1", "ours / batch/v1", "goal")


@dataclass(frozen=True)
class Figure:
    """One figure of both sides; `plain` is empty where batch/v1 has no such thing."""

    name: str
    ours: Sequence[float]
    plain: Sequence[float] = ()
    goal: str = ""

    @property
    def ratio(self) -> float | None:
        """Of the medians."""
        if not self.plain or not statistics.median(self.plain):
            return None
        return statistics.median(self.ours) / statistics.median(self.plain)


@dataclass
class Report:
    """All figures of one run, and the machine that they were measured on."""

    machine: Mapping[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    bills: dict[str, Counter[str]] = field(default_factory=dict)
    """Of each side, who wrote what for one job, in the last round."""

    def wire(self) -> dict[str, Any]:
        """For JSON: each value as it was measured."""
        return {
            "machine": dict(self.machine),
            "figures": [
                {
                    "name": figure.name,
                    "ours": list(figure.ours),
                    "batch/v1": list(figure.plain),
                    "ratio": figure.ratio,
                    "goal": figure.goal,
                }
                for figure in self.figures
            ],
            "writes": {side: dict(bill) for side, bill in self.bills.items()},
        }

    def lines(self) -> list[str]:
        """For people: medians, with the least and the most in brackets."""
        about = [f"{name}: {value}" for name, value in self.machine.items()]
        rows = [_HEAD, *map(_row, self.figures)]
        widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
        cells = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return [*about, "", *cells, *self._bill_lines()]

    def _bill_lines(self) -> list[str]:
        lines = []
        for side, bill in self.bills.items():
            lines += ["", f"API writes of {side} ({bill.total()}):"]
            lines += [f"  {count:>3}  {what}" for what, count in sorted(bill.items())]
        return lines


def machine(plane: ControlPlane) -> dict[str, str]:
    """Where the figures come from."""
    system = platform.uname()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{pages / 2**30:.0f} GiB",
        "kernel": f"{system.system} {system.release}",
        "Python": platform.python_version(),
        "Kubernetes": json.loads(plane.request("/version")[1])["gitVersion"],
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _row(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    ours, plain = _spread(figure.ours), _spread(figure.plain)
    return (figure.name, str(len(figure.ours)), ours, plain, ratio, figure.goal)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = f"{statistics.median(values):.4g}"
    return middle if len(values) == 1 else f"{middle} [{min(values):.4g}-{max(values):.4g}]"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
