"""The real control plane with our CRDs and manifests, and operator processes on it."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.wiring.process import Replica
from tests.wiring.site import Site, make_site

from bed.control_plane import ControlPlane
from bed.processes import sweep

ROOT = Path(__file__).parents[2]
QUICK = {
    "TRAINLEASE_COOLDOWN": "0",
    "TRAINLEASE_BACKOFF_FIRST": "0.1",
    "TRAINLEASE_STARTING_SHOWN_AFTER": "600",  # a slow test machine costs no write
}
Start = Callable[..., Replica]
Lead = Callable[..., Replica]
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A name that no other case has."""
    return f"wiring-{next(_numbers)}"


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """The session's control plane after the two commands of an installation."""
    install(control_plane)
    return control_plane


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts replicas on a control plane, with variables beside their options; they end with
    the case."""

    def one(plane: ControlPlane, *options: str, **settings: str) -> Replica:
        return Replica(plane, tmp_path / "replicas", *options, settings=settings)

    yield one
    sweep(tmp_path / "replicas")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A control plane of the module's own: each write in its audit log is one of its cases'."""
    root = tmp_path_factory.mktemp("site")
    plane = ControlPlane.start(root / "control-plane")
    install(plane)
    yield make_site(plane, root)
    sweep(root)


@pytest.fixture
def lead(site: Site, tmp_path: Path) -> Iterator[Lead]:
    """Starts replicas that may use the site's machine, each awaited as the leader, with options."""
    yield lambda *options: leader_of(site, tmp_path, *options)
    sweep(tmp_path)


def leader_of(site: Site, folder: Path, *options: str) -> Replica:
    """A replica with its log under `folder`, once it leads; a sweep of `folder` ends it."""
    claims = ("--allow-process-machines", "--process-folder", site.folder.parent / "claims")
    replica = Replica(site.plane, folder / "leaders", *claims, *options, settings=QUICK)
    return replica.until_leader()


def install(plane: ControlPlane) -> None:
    """What a person runs: the CRDs and the manifests."""
    folders = ("-f", ROOT / "crds", "-f", ROOT / "manifests")
    plane.kubectl("apply", *folders)
    plane.kubectl("wait", "--for=condition=Established", "-f", ROOT / "crds", "--timeout=60s")
