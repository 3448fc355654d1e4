"""An operator over a real node: one platform, two GPU slots, and pods that train."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.wiring.conftest import install
from tests.wiring.process import Replica
from tests.wiring.site import Site, furnish, thing

from bed import Node
from bed.processes import sweep

SETTINGS = {
    "TRAINLEASE_POD_GRACE": "1",
    "TRAINLEASE_COOLDOWN": "1",
    "TRAINLEASE_BACKOFF_FIRST": "0.1",
    "TRAINLEASE_NODE_LOST_AFTER": "1",
    "TRAINLEASE_STARTING_SHOWN_AFTER": "600",  # a slow test machine costs no write
}
MACHINES = ("gpu-1", "gpu-2")
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
"""Every pod that the operator makes must pass the strictest Pod Security standard."""
GATE = "until [ -e /tmp/go ]; do sleep 0.05; done"
"""The beginning of a script that waits until the test lets it go on (`SlotSite.let_go`)."""
NOT_ROOT = {
    "spec": {
        "securityContext": {"runAsUser": 1000},
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [
            {"name": "training", "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
        ],
    }
}
"""For the bed's image, which has no user of its own and no folder to write to."""


@dataclass(frozen=True)
class SlotSite(Site):
    """A site whose machines are the GPU slots of a node."""

    node: Node

    def machine_object(self, name: str = "gpu-1", **spec: Any) -> dict[str, Any]:
        slot = {"name": self.node.name, "gpus": 1}
        whole = super().machine_object(name, node=slot, **spec)
        del whole["spec"]["process"]
        return whole

    def train(self, name: str, script: str, **spec: Any) -> None:
        """A job whose container runs this script on gpu-1; `spec` has further fields, and None
        for what is to be left out."""
        whole: dict[str, Any] = {
            "machine": "gpu-1",
            "image": self.node.busybox.name,
            "command": ["sh", "-c", script],
            "tracking": "BestEffort",
            "podTemplate": NOT_ROOT,
            **spec,
        }
        whole = {field: value for field, value in whole.items() if value is not None}
        self.plane.apply(thing("TrainingJob", {"name": name, "namespace": "saturno"}, whole))

    def pods(self, job: str) -> list[dict[str, Any]]:
        """The pods of a job, the oldest attempt first."""
        which = f"trainlease.dev/job={job}"
        found = self.plane.get("pods", "-n", "saturno", "-l", which)["items"]
        return sorted(found, key=lambda p: int(p["metadata"]["labels"]["trainlease.dev/attempt"]))

    def pod_name(self, job: str) -> str:
        """The name of the newest pod of a job."""
        return str(self.pods(job)[-1]["metadata"]["name"])

    def let_go(self, job: str) -> None:
        """Opens the gate of a job that waits for it; through the kubelet of its newest pod."""
        self.plane.kubectl("exec", self.pod_name(job), "-n", "saturno", "--", "touch", "/tmp/go")

    def causes(self, job: str) -> list[str]:
        """How the attempts ended that have, the oldest first."""
        return [a["cause"] for a in self.job(job).get("attempts", ()) if "cause" in a]

    def log(self, job: str) -> str:
        """What `kubectl logs` prints of the job's newest pod."""
        return self.plane.kubectl("logs", self.pod_name(job), "-n", "saturno")


class _Sites:
    """The site of the session's node, and its operator; anew where the node was made anew."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._site: SlotSite | None = None
        self._replica: Replica | None = None

    def on(self, node: Node) -> SlotSite:
        if self._site is None or self._site.plane is not node.plane:
            self.end()
            root = self._root / node.plane.folder.parent.name / str(node.plane.port)
            root.mkdir(parents=True)
            install(node.plane)
            site = SlotSite(node.plane, root / "saturno.db", root / "training", node)
            self._site = furnish(site, *MACHINES)
            node.plane.kubectl("label", "namespace", "saturno", RESTRICTED)
            self.lead()
        return self._site

    def lead(self, **settings: str) -> None:
        """An operator with these settings leads from now on, instead of the one before."""
        assert self._site is not None
        if self._replica is not None:
            self._replica.terminate()
        plane = self._site.plane
        folder = self._root / "operators"
        self._replica = Replica(plane, folder, settings={**SETTINGS, **settings}).until_leader()

    def end(self) -> None:
        sweep(self._root)
        self._site = self._replica = None


@pytest.fixture(scope="session")
def _sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Sites]:
    sites = _Sites(tmp_path_factory.mktemp("slots"))
    yield sites
    sites.end()


@pytest.fixture
def lead(slots: SlotSite, _sites: _Sites) -> Iterator[Callable[..., None]]:
    """Lets an operator with further settings lead for the test."""
    yield _sites.lead
    _sites.lead()


@pytest.fixture
def slots(node: Node, _sites: _Sites) -> Iterator[SlotSite]:
    """Two Free slots, and an operator that leads; the jobs of a test go with it."""
    site = _sites.on(node)
    for name in MACHINES:
        site.until_free(name)
    yield site
    site.plane.kubectl("delete", "tj", "--all", "-n", "saturno")
