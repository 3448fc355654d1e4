"""The API server twice: the real one, with our CRDs, and the fake one, under the same cases."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bed.control_plane import ControlPlane
from trainlease.effects.clock import SystemClock
from trainlease.effects.kube.base import Kube
from trainlease.effects.kube.client import KubeClient
from trainlease.effects.kube.fake import FakeKube
from trainlease.effects.kube.schema import admit_by_schema

CRDS = Path(__file__).parents[2] / "crds"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def served(control_plane: ControlPlane) -> ControlPlane:
    """The control plane, once it serves our kinds."""
    control_plane.kubectl("apply", "-f", CRDS)
    control_plane.kubectl("wait", "--for=condition=Established", "-f", CRDS, "--timeout=60s")
    return control_plane


@pytest.fixture
def name() -> str:
    """A name that no other case has: for a namespace, or for an object that has none."""
    return f"kube-{next(_numbers)}"


@pytest.fixture(params=["fake", "real"])
async def kube(request: pytest.FixtureRequest, name: str) -> AsyncIterator[Kube]:
    """The port, with a namespace of this case's `name`."""
    if request.param == "fake":
        fake = FakeKube(SystemClock(), admit=admit_by_schema)
        await fake.create("namespaces", {"metadata": {"name": name}})
        yield fake
        return
    served: ControlPlane = request.getfixturevalue("served")
    async with await KubeClient.connect(served.kubeconfig) as client:
        await client.create("namespaces", {"metadata": {"name": name}})
        yield client
