"""The real control plane with our CRDs and manifests: what an operator process finds."""

import itertools
from pathlib import Path

import pytest

from bed.control_plane import ControlPlane

ROOT = Path(__file__).parents[2]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """The control plane after the two commands of an installation."""
    control_plane.kubectl("apply", "-f", ROOT / "crds")
    control_plane.kubectl("apply", "-f", ROOT / "manifests")
    control_plane.kubectl(
        "wait", "--for=condition=Established", "-f", ROOT / "crds", "--timeout=60s"
    )
    return control_plane


@pytest.fixture
def name() -> str:
    """A name that no other case has."""
    return f"wiring-{next(_numbers)}"
