"""Virtual environments beside the project's own, made by uv: quick, compiled, checked by hash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bed.errors import Missing, PartFailed


def uv() -> Path:
    """The uv of this Python's environment, else the one on the PATH."""
    beside = Path(sys.executable).parent / "uv"
    if beside.exists():
        return beside
    if found := shutil.which("uv"):
        return Path(found)
    raise Missing("uv", f"run `{sys.executable} -m pip install uv`")


def make_environment(folder: Path, install: Sequence[str]) -> None:
    """A virtual environment in `folder` with what `install` says, byte-compiled."""
    _run("venv", "--allow-existing", "--python", sys.executable, str(folder))
    python = str(folder / "bin" / "python")
    _run("pip", "install", "--compile-bytecode", "--python", python, *install)


def _run(*arguments: str) -> None:
    done = subprocess.run(
        [uv(), "--quiet", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise PartFailed(f"uv {arguments[0]}", f"ended with {done.returncode}", done.stderr)
