"""Programs that Debian packages bring, installed when they are missing and this is root.

Versions are those of the machine's own Debian release, which changes nothing but for security.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bed.cache import locked, progress
from bed.errors import Missing


@dataclass(frozen=True)
class DebianPrograms:
    """What a part of the bed needs of Debian."""

    part: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    """Names to look up on the PATH, or whole paths."""

    def ensure_installed(self, path: str | None = None) -> None:
        """Nothing if all is there; else installs it, or `Missing` says what to do.

        `path` is where to look (default: the PATH; beside each bin/ its sbin/ too).
        """
        search = _with_sbin(os.environ.get("PATH", "") if path is None else path)
        if not self._all_found(search):
            self._install(search)
        if not self._all_found(search):
            raise self._missing("they were installed, but their programs are not on the PATH")

    def find(self, program: str, path: str | None = None) -> Path:
        """Where one of the programs is; its bare name if it is nowhere."""
        search = _with_sbin(os.environ.get("PATH", "") if path is None else path)
        return Path(shutil.which(program, path=search) or program)

    def _all_found(self, search: str) -> bool:
        return all(shutil.which(program, path=search) for program in self.programs)

    def _install(self, search: str) -> None:
        apt = shutil.which("apt-get", path=search)
        if apt is None:
            raise self._missing("there is no apt-get to install them")
        if os.geteuid() != 0:
            raise self._missing("only root may install them")
        with locked("apt"):
            if not self._all_found(search):
                self._apt_install(apt)

    def _apt_install(self, apt: str) -> None:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        patient = [apt, "--quiet", "-o", "DPkg::Lock::Timeout=300"]
        install = [*patient, "install", "--yes", "--no-install-recommends", *self.packages]
        with progress(f"installing {self.part} (once)"):
            for command in ([*patient, "update"], install):
                done = subprocess.run(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                )
                if done.returncode != 0:
                    raise self._missing(f"{' '.join(command)} failed: {done.stderr.strip()}")

    def _missing(self, why: str) -> Missing:
        *most, last = self.packages
        wanted = f"{', '.join(most)} and {last}" if most else last
        return Missing(self.part, f"install the Debian packages {wanted} ({why})")


def _with_sbin(path: str) -> str:
    """Servers are in sbin/, which an ordinary user's PATH leaves out."""
    folders = [Path(entry) for entry in path.split(os.pathsep) if entry]
    beside = [folder.parent / "sbin" for folder in folders if folder.name == "bin"]
    return os.pathsep.join(map(str, [*folders, *beside]))
