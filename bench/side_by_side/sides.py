"""The two sides: a TrainingJob on a slot, and a batch/v1 Job whose pod is the very same.

The pod of the plain Job is a copy of one that the operator made: image, command, GPU, node,
security, deadline, volumes, no token. Only names and labels differ, by which each controller finds
its own.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bed import ControlPlane
from bench.side_by_side.stories import Ears, stories

Body = dict[str, Any]
_NOT_COPIED = ("nodeName", "serviceAccount", "serviceAccountName", "priority", "preemptionPolicy")


class Side(Protocol):
    """Makes jobs of one kind in a namespace that holds nothing else."""

    @property
    def namespace(self) -> str: ...

    def body(self, name: str, command: Sequence[str]) -> Body:
        """The object that a person applies."""


@dataclass(frozen=True)
class Ours:
    """TrainingJobs; `where` names a machine or a pool, as `spec` does."""

    namespace: str
    image: str
    where: Mapping[str, str]
    over: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the pod, by its template."""

    def body(self, name: str, command: Sequence[str]) -> Body:
        return {
            "apiVersion": "trainlease.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                **self.where,
                "image": self.image,
                "command": list(command),
                "tracking": "BestEffort",
                "podTemplate": {"spec": {"securityContext": {"runAsUser": 1000}, **self.over}},
            },
        }


@dataclass(frozen=True)
class Plain:
    """Jobs of batch/v1; `model` is a pod that the operator made, as the API server has it."""

    namespace: str
    model: Body

    def body(self, name: str, command: Sequence[str]) -> Body:
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"backoffLimit": 0, "template": self._template(command)},
        }

    def _template(self, command: Sequence[str]) -> Body:
        spec = copy.deepcopy(self.model["spec"])
        for name in _NOT_COPIED:
            spec.pop(name, None)
        spec["containers"][0]["command"] = list(command)
        annotations = self.model["metadata"].get("annotations", {})
        return {"metadata": {"annotations": annotations}, "spec": spec}


def submit(plane: ControlPlane, side: Side, names: Sequence[str], command: Sequence[str]) -> None:
    """All at once, as a person does with `kubectl create`."""
    bodies = [side.body(name, command) for name in names]
    items = {"apiVersion": "v1", "kind": "List", "items": bodies}
    plane.kubectl("create", "-f", "-", input=json.dumps(items))


def remove(plane: ControlPlane, side: Side, names: Sequence[str]) -> None:
    """The jobs and their pods, so that the next round finds the machine as this one did."""
    kind = side.body("none", ())["kind"].lower()
    plane.kubectl("delete", kind, *names, "-n", side.namespace, "--wait=true")
    plane.kubectl("delete", "pods", "--all", "-n", side.namespace, "--wait=true")


def model_pod(plane: ControlPlane, ours: Ours) -> Body:
    """The pod that the operator made for a first job, which is not measured."""
    ears = Ears(plane)
    submit(plane, ours, ["warm-up"], ["true"])
    ears.until(lambda heard: stories(heard, ["warm-up"])["warm-up"].free is not None, "the warm-up")
    pods = plane.get("pods", "-n", ours.namespace, "-l", "trainlease.dev/job=warm-up")["items"]
    return dict(pods[0])
