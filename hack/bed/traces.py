"""What the kernel keeps of a bed after its processes have ended: control groups and links.

They are noted in the bed's folder before they are made, so that whoever sweeps that folder takes
them away, however the starter ended. Nothing else of a node outlives its processes
(`enclosure`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bed.waiting import wait_until

PREFIX = "tl-bed-"
"""How the names of all control groups and links of all beds begin."""
_RECORD = "traces"
_GROUPS = Path("/sys/fs/cgroup")
_LINKS = Path("/sys/class/net")
_GONE_SECONDS = 60.0
"""More than another bed takes to end: its place is free a moment before all of it is gone."""


def note(folder: Path, name: str) -> None:
    """Say that control groups or a link of this name will be made for the bed in `folder`."""
    with (folder / _RECORD).open("a") as record:
        record.write(f"{name}\n")


def take_away(folder: Path) -> None:
    """Remove what beds in or under `folder` noted; their processes have ended."""
    for record in folder.rglob(_RECORD):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            _remove(name for name in record.read_text().split() if name.startswith(PREFIX))


def take_away_all() -> None:
    """Remove what any bed of this machine left; for who holds the machine's lock only."""
    _remove({path.name for path in (*_group_tops(PREFIX + "*"), *_LINKS.glob(PREFIX + "*"))})


def hierarchies(groups: Path = _GROUPS) -> list[Path]:
    """The roots of the machine's control groups: one (version 2), or one a controller."""
    if (groups / "cgroup.controllers").exists():
        return [groups]
    return sorted(path.parent for path in groups.glob("*/cgroup.procs"))


def _remove(names: Iterable[str]) -> None:
    for name in names:
        _remove_link(name)
        wait_until(lambda name=name: _groups_gone(name), _GONE_SECONDS, f"the end of {name}")  # type: ignore[misc]


def _remove_link(name: str) -> None:
    if (_LINKS / name).exists():  # it may go by itself meanwhile, with its namespace
        subprocess.run(["ip", "link", "delete", name], capture_output=True)
        wait_until(lambda: not (_LINKS / name).exists(), _GONE_SECONDS, f"the end of link {name}")


def _groups_gone(name: str) -> bool:
    """Whether none is left; a group that a dying process is still in takes another attempt."""
    for top in _group_tops(name):
        for group, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(group).rmdir()
    return not _group_tops(name)


def _group_tops(pattern: str) -> list[Path]:
    return [path for root in hierarchies() for path in root.glob(pattern)]
