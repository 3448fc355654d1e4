"""The committed CRDs on a real API server."""

from __future__ import annotations

import pytest
from tests.crds.api import NAMESPACE, Api
from tests.crds.kinds import KINDS

from bed.control_plane import ControlPlane
from generate.files import ROOT


@pytest.fixture(scope="session")
def plane(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with the four kinds in it, and a namespace for these tests."""
    control_plane.kubectl("apply", "-f", ROOT / "crds")
    names = [f"crd/{kind.plural}.trainlease.dev" for kind in KINDS]
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return control_plane


@pytest.fixture(scope="session")
def api(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Api:
    return Api(plane.kubeconfig, tmp_path_factory.mktemp("api"))
