"""Real parts as pytest fixtures; nothing outlives the session, whatever a test does.

Name it in the top conftest: `pytest_plugins = ["bed.fixtures"]`. Servers that a test stops or
freezes are up again for the next test.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bed.cluster import Cluster
from bed.control_plane import ControlPlane
from bed.mariadb import MariaDB
from bed.mlflow_server import MLflow
from bed.node import Node
from bed.processes import sweep, sweep_abandoned

PLATFORMS = ("saturno", "nutresa", "latam")
NODE_GRACE = 6
"""Seconds of silence after which the node of the tests is lost, and its pods evicted after as many
more: little to wait for, and more than a busy machine takes to say a word."""

MakeControlPlane = Callable[..., ControlPlane]


@pytest.fixture(scope="session")
def bed_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this session's parts live; what crashed sessions left running is ended first."""
    sweep_abandoned()
    folder = tmp_path_factory.mktemp("bed")
    yield folder
    _remove(folder)


@pytest.fixture(scope="session")
def control_plane(bed_folder: Path) -> ControlPlane:
    """One control plane for the whole session: use namespaces of your own."""
    return ControlPlane.start(bed_folder / "control-plane")


@pytest.fixture
def control_plane_factory(tmp_path: Path) -> Iterator[MakeControlPlane]:
    """Starts control planes of a test's own; takes the keywords of `ControlPlane.start`."""
    started: list[ControlPlane] = []

    def make(
        *, controller_manager: bool = True, scheduler: bool = False, audit: bool = True
    ) -> ControlPlane:
        folder = tmp_path / f"control-plane-{len(started)}"
        plane = ControlPlane.start(
            folder, controller_manager=controller_manager, scheduler=scheduler, audit=audit
        )
        started.append(plane)
        return plane

    yield make
    _remove(*tmp_path.glob("control-plane-*"))


class _Site:
    """The session's cluster with a node: started when first asked for, and again once ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cluster: Cluster | None = None

    def node(self) -> Node:
        if self._cluster is None:
            self._cluster = Cluster.start(self._folder, node_grace=NODE_GRACE)
        return self._cluster.node

    def end(self) -> None:
        if self._cluster is not None:
            self._cluster.stop()
            self._cluster = None
            shutil.rmtree(self._folder)


@pytest.fixture(scope="session")
def _site(bed_folder: Path) -> Iterator[_Site]:
    site = _Site(bed_folder / "cluster")
    yield site
    site.end()


@pytest.fixture
def node(_site: _Site) -> Iterator[Node]:
    """A real node with two GPU slots and a control plane of its own (`node.plane`).

    One for the whole session: use namespaces of your own. Lost after NODE_GRACE seconds of
    silence; whatever a test did to it, it is Ready for the next one.
    """
    yield _site.node()
    _site.node().mend()


@pytest.fixture
def no_node(_site: _Site) -> None:
    """This machine's place for a node is free: a test may start its own, and ends it."""
    _site.end()


@pytest.fixture(scope="module")
def no_node_here(_site: _Site) -> None:
    """As `no_node`, for a module whose tests share a node that the module starts and ends."""
    _site.end()


@pytest.fixture(scope="session")
def _mariadb_servers(bed_folder: Path) -> dict[str, MariaDB]:
    return {name: MariaDB.start(bed_folder, name) for name in PLATFORMS}


@pytest.fixture
def mariadb_servers(_mariadb_servers: dict[str, MariaDB]) -> Iterator[dict[str, MariaDB]]:
    """Three servers by platform name; databases that a test creates stay for the session."""
    yield _mariadb_servers
    for server in _mariadb_servers.values():
        server.thaw()
        if not server.is_running:
            server.restart()
        server.set_read_only(False)


@pytest.fixture(scope="session")
def _mlflow_server(bed_folder: Path) -> MLflow:
    return MLflow.start(bed_folder / "mlflow")


@pytest.fixture
def mlflow_server(_mlflow_server: MLflow) -> Iterator[MLflow]:
    """One server for the whole session: use experiments and models of your own."""
    yield _mlflow_server
    _mlflow_server.thaw()
    if not _mlflow_server.is_running:
        _mlflow_server.restart()


def _remove(*folders: Path) -> None:
    for folder in folders:
        sweep(folder, timeout=2.0)
        shutil.rmtree(folder)
