"""The operator in its cluster: a Deployment from its image, with its own account, on a node."""

from collections.abc import Iterator

import pytest
from tests.slots.conftest import MACHINES, SETTINGS, SlotSite
from tests.wiring.conftest import ROOT, install
from tests.wiring.process import ACCOUNT, GROUPS, Replica, holder
from tests.wiring.site import PATIENCE, SYSTEM, furnish

from bed import Cluster, Image, MariaDB, sweep, wait_until
from bed.proxy import Moment, api_proxy, plain_kubeconfig
from images import operator_image

DEPLOYMENT = "deployment/trainlease-operator"
MANIFEST = ROOT / "manifests" / "operator" / "deployment.yaml"
QUICK = {
    **SETTINGS,
    "TRAINLEASE_LEADER_DURATION": "6",
    "TRAINLEASE_LEADER_RENEW": "3.5",
    "TRAINLEASE_LEADER_RETRY": "0.5",
    "TRAINLEASE_CALL_TIMEOUT": "2.5",
    "TRAINLEASE_OBSERVE_EVERY": "1",
}
"""Shorter than in production: a leader that is gone is followed in 6 s, and what was not heard of
for a second is read."""


@pytest.fixture(scope="module")
def image() -> Image:
    """As the Dockerfile makes it of these sources."""
    return operator_image()


@pytest.fixture(scope="module")
def outside(
    no_node_here: None, image: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SlotSite]:
    """Two slots and a platform whose database pods can reach; no operator is there yet."""
    root = tmp_path_factory.mktemp("incluster")
    with Cluster.start(root / "cluster") as cluster:
        cluster.node.load(image)
        with MariaDB.start(root, "saturno", address=cluster.node.host) as database:
            install(cluster.plane)
            site = SlotSite(cluster.plane, database, root / "training", cluster.node)
            yield furnish(site, *MACHINES)
    sweep(root)


@pytest.fixture(scope="module")
def contested(outside: SlotSite) -> SlotSite:
    """The platform had a first leader, from outside, and was changed under its first write."""
    folder = outside.folder.parent
    with api_proxy(outside.plane, ACCOUNT, GROUPS) as door:
        write = door.catch(
            lambda said: said.method == "PATCH" and "/platforms/saturno/status" in said.path,
            Moment.BEFORE,
        )
        kubeconfig = plain_kubeconfig(folder / "door.kubeconfig", door.url)
        replica = Replica(outside.plane, folder / "first", "--kubeconfig", kubeconfig)
        write.wait(PATIENCE, "the platform's first write")
        outside.plane.kubectl("annotate", "plat", "saturno", "example.com/seen=yes")
        write.let_go()
        outside.until_condition("SchemaValid", "Valid", "plat", "saturno")
        assert replica.terminate() == 0
    return outside


@pytest.fixture(scope="module")
def site(contested: SlotSite, image: Image) -> SlotSite:
    """The Deployment as it is in the manifests, but for image and settings: two replicas Ready."""
    plane = contested.plane
    named = plane.kubectl(
        *("set", "image", "--local", "-f", MANIFEST, f"operator={image.name}"),
        *("--output", "json"),
    )
    settings = [f"{name}={value}" for name, value in QUICK.items()]
    whole = plane.kubectl("set", "env", "--local", "-f", "-", *settings, "-o", "json", input=named)
    plane.kubectl("apply", "-f", "-", input=whole)
    plane.kubectl("rollout", "status", DEPLOYMENT, "-n", SYSTEM, f"--timeout={PATIENCE:g}s")
    return contested


@pytest.fixture
def led(site: SlotSite) -> SlotSite:
    """A pod leads, and both slots are free."""
    wait_until(lambda: leader(site), PATIENCE, "a pod that leads")
    for name in MACHINES:
        site.until_free(name)
    return site


def leader(site: SlotSite) -> str:
    """The pod of the operator that leads, by the Lease; empty where none does."""
    return next((name for name in replicas(site) if holder(site.plane).startswith(name)), "")


def replicas(site: SlotSite) -> dict[str, str]:
    """The container's id of each pod of the operator, by its name."""
    found = site.plane.get("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator")
    return {
        pod["metadata"]["name"]: status["containerID"].removeprefix("containerd://")
        for pod in found["items"]
        for status in pod["status"].get("containerStatuses", ())
        if "containerID" in status
    }
