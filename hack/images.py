"""The project's own images, built by the bed from the Dockerfiles that people use.

Not in here: how an image is built and kept (`bed.images`).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bed.base_image import python_base
from bed.images import Image, build

ROOT = Path(__file__).resolve().parents[1]
_DOCKERFILE = "Dockerfile"
_IGNORE = ".dockerignore"


def operator_image() -> Image:
    """`trainlease` as the Dockerfile in the repository's root makes it, on the bed's base."""
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        for name in (_DOCKERFILE, _IGNORE, *_let_in(ROOT / _IGNORE)):
            _copy(ROOT / name, context / name)
        return build("operator", context, bases={"BASE": python_base()})


def _let_in(ignore: Path) -> list[str]:
    """What the ignore file lets into the image's context: its lines that begin with `!`."""
    lines = ignore.read_text().splitlines()
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def _copy(source: Path, target: Path) -> None:
    """Without what Python caches beside its sources: the image is another for each new file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
