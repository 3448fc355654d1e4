"""Pods for the tests of a node: a shell script each, and what became of it.

Not in here: the pods that the operator makes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from bed.node import GPU, Node
from bed.waiting import wait_until

_SECONDS = 60.0


def new_namespace(node: Node) -> str:
    """A namespace in which pods can be created."""
    name = f"bed-{uuid.uuid4().hex[:8]}"
    node.plane.kubectl("create", "namespace", name)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    wait_until(lambda: node.plane.request(account)[0] == 200, _SECONDS, f"{name}'s account")
    return name


def shell_pod(node: Node, namespace: str, name: str, script: str, **main: object) -> dict[str, Any]:
    """A pod that runs `script` once and is labelled `app: NAME`; `main` are container fields."""
    container = {"name": "main", "image": node.busybox.name, "command": ["sh", "-c", script]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,  # with 0 a deletion waits for no kubelet
            "containers": [container | main],
        },
    }


def gpus(count: int) -> Mapping[str, object]:
    """The resources of a container that asks for so many GPU slots."""
    return {"limits": {GPU: str(count)}}


def found(node: Node, namespace: str, name: str) -> dict[str, Any]:
    """The Pod object; empty if there is none."""
    status, body = node.plane.request(f"/api/v1/namespaces/{namespace}/pods/{name}")
    pod: dict[str, Any] = json.loads(body) if status == 200 else {}
    return pod


def phase(node: Node, namespace: str, name: str) -> str:
    """Its phase; empty if there is no such pod."""
    return str(found(node, namespace, name).get("status", {}).get("phase", ""))


def await_phase(node: Node, namespace: str, name: str, want: str) -> dict[str, Any]:
    """The status of the pod once it is in this phase."""
    what = f"pod {name} {want}"
    wait_until(lambda: phase(node, namespace, name) == want, _SECONDS, what)
    status: dict[str, Any] = found(node, namespace, name)["status"]
    return status


def main_state(node: Node, namespace: str, name: str) -> dict[str, Any]:
    """The state of its container, such as `{"waiting": {"reason": ...}}`; empty if none is told."""
    for container in found(node, namespace, name).get("status", {}).get("containerStatuses", []):
        state: dict[str, Any] = container["state"]
        return state
    return {}


def log(node: Node, namespace: str, name: str) -> str:
    """What kubectl reads from the kubelet."""
    return node.plane.kubectl("logs", name, "--namespace", namespace)
