"""The bed from the command line, for people and for make.

python -m bed build          make and cache what takes minutes
python -m bed up FOLDER      start all parts, print `export` lines
python -m bed down FOLDER    end them and remove the folder
python -m bed sweep          end what crashed starters left on this machine
python -m bed sweep FOLDER   end whatever runs in that folder
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bed.base_image import python_base
from bed.cluster_binary import cluster_binary, kwok_binary
from bed.control_plane import ControlPlane
from bed.errors import BedError, NodeUnavailable
from bed.mariadb import MariaDB
from bed.mlflow_server import MLflow
from bed.node import Node
from bed.processes import KEPT, keep, running, sweep, sweep_abandoned

_DATABASES = ("saturno", "nutresa", "latam")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 1 and a sentence on stderr where the bed cannot do it."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except BedError as failed:
        print(f"bed: {failed}", file=sys.stderr)
        return 1
    return 0


def build(_: argparse.Namespace) -> None:
    for make in (cluster_binary, kwok_binary, MariaDB.ensure_installed, MLflow.ensure_installed):
        print(make())
    try:
        Node.ensure_installed()
        print(python_base().archive)
    except NodeUnavailable as refused:
        print(refused)


def up(chosen: argparse.Namespace) -> None:
    folder: Path = chosen.folder.resolve()
    if names := running(folder):
        raise BedError(f"{', '.join(names)} already run in {folder}: `down` ends them")
    keep(folder)
    try:
        exports = _start_all(folder)
    except BaseException:
        sweep(folder)
        raise
    for name, value in exports.items():
        print(f"export {name}={value}")


def down(chosen: argparse.Namespace) -> None:
    folder: Path = chosen.folder.resolve()
    print("\n".join(sweep(folder)))
    if (folder / KEPT).exists():  # what `up` made; no other folder is removed
        shutil.rmtree(folder)


def sweep_command(chosen: argparse.Namespace) -> None:
    swept = sweep_abandoned() if chosen.folder is None else sweep(chosen.folder)
    print("\n".join(map(str, swept)))


def _start_all(folder: Path) -> dict[str, str]:
    """All parts at once, for they mostly wait; the lines that a shell needs to use them."""
    with ThreadPoolExecutor() as pool:
        plane = pool.submit(ControlPlane.start, folder / "control-plane", scheduler=True)
        mlflow = pool.submit(MLflow.start, folder / "mlflow")
        servers = {name: pool.submit(MariaDB.start, folder, name) for name in _DATABASES}
    exports = {
        "KUBECONFIG": shlex.quote(str(plane.result().kubeconfig)),
        "PATH": f'{shlex.quote(str(plane.result().bin))}:"$PATH"',
        "MLFLOW_TRACKING_URI": mlflow.result().url,
    }
    return exports | {f"{name.upper()}_DSN": s.result().admin_dsn() for name, s in servers.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bed", description="Real parts to test on.")
    commands = parser.add_subparsers(required=True)
    for name, run, folder, what in (
        ("build", build, None, "make and cache what takes minutes"),
        ("up", up, 1, "start all parts and print export lines"),
        ("down", down, 1, "end all parts and remove the folder"),
        ("sweep", sweep_command, "?", "end what crashed starters left"),
    ):
        command = commands.add_parser(name, help=what)
        command.set_defaults(run=run)
        if folder is not None:
            command.add_argument("folder", type=Path, nargs=None if folder == 1 else "?")
    return parser
