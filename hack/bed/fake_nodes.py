"""Nodes that run nothing, by kwok: always Ready, and as many as are asked for.

What pods do on them is for who starts them to say, in kwok's stages. They carry the taint `TAINT`,
so that only pods that tolerate it come to them. Beside a real node they are the others that are
well: where no node is, Kubernetes evicts nobody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bed.cluster_binary import kwok_binary
from bed.control_plane import ControlPlane
from bed.node import GPU
from bed.processes import Part, Processes
from bed.server import Stoppable

TAINT = "bed.trainlease.dev/fake"
_LABEL = {"type": "fake"}
_READY_SECONDS = 60.0
_READY = """\
allocatable: {resources}
capacity: {resources}
conditions:
- type: Ready
  status: "True"
  reason: KubeletReady
  message: fake
  lastHeartbeatTime: {{{{ Now | Quote }}}}
  lastTransitionTime: {{{{ Now | Quote }}}}
"""


class FakeNodes(Stoppable):
    """Made by `start`; ended by `stop`, which deletes their objects, or by `sweep`."""

    def __init__(self, plane: ControlPlane, names: list[str], part: Part) -> None:
        self.names = names
        self._plane = plane
        self._part = part

    @classmethod
    def start(
        cls,
        plane: ControlPlane,
        count: int = 1,
        *,
        gpus: int = 0,
        stages: Sequence[Mapping[str, object]] = (),
    ) -> FakeNodes:
        """So many Ready nodes with `gpus` slots each; `stages` are what pods go through."""
        folder = plane.folder / "kwok"
        folder.mkdir(exist_ok=True)
        config = folder / "stages.yaml"
        config.write_text("\n---\n".join(map(json.dumps, (_node_stage(gpus), *stages))))
        (label,) = _LABEL.items()
        options = {
            "config": config,
            "kubeconfig": plane.kubeconfig_for("bed-kwok", ["system:masters"]),
            "manage-nodes-with-label-selector": "=".join(label),
            "node-lease-duration-seconds": plane.node_grace or 40,
        }
        flags = [f"--{option}={value}" for option, value in options.items()]
        part = Processes(folder).start("kwok", [kwok_binary(), *flags], env={"HOME": str(folder)})
        fake = cls(plane, [f"fake-{number}" for number in range(count)], part)
        try:
            plane.apply(*map(_node, fake.names))
            part.until(fake._are_ready, _READY_SECONDS)
        except BaseException:
            part.kill()
            raise
        return fake

    def stop(self) -> None:
        self._part.stop()
        self._plane.kubectl("delete", "nodes", *self.names, "--ignore-not-found")

    def _are_ready(self) -> bool:
        nodes = self._plane.get("nodes", *self.names)
        items = nodes.get("items", [nodes])
        return all(
            any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in node["status"].get("conditions", [])
            )
            for node in items
        )


def _node(name: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": _LABEL},
        "spec": {"taints": [{"key": TAINT, "effect": "NoSchedule"}]},
    }


def _node_stage(gpus: int) -> dict[str, object]:
    resources = {"cpu": "1k", "memory": "1Ti", "pods": "1M", GPU: str(gpus)}
    not_ready = {
        "key": '.status.conditions.[] | select( .type == "Ready" ) | .status',
        "operator": "NotIn",
        "values": ["True"],
    }
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "node-ready"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Node"},
            "selector": {"matchExpressions": [not_ready]},
            "next": {"statusTemplate": _READY.format(resources=json.dumps(resources))},
        },
    }
