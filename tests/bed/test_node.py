"""A node is real: pods run, are found by name, use what they were given, and say how they ended."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from bed import Node, wait_until


@pytest.fixture
def namespace(node: Node) -> str:
    name = f"node-{uuid.uuid4().hex[:8]}"
    node.plane.kubectl("create", "namespace", name)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    wait_until(lambda: node.plane.request(account)[0] == 200, 10, "the namespace's account")
    return name


def pod(node: Node, namespace: str, name: str, script: str, **fields: Any) -> dict[str, Any]:
    main = {"name": "main", "image": node.busybox.name, "command": ["sh", "-ec", script]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [main | fields],
        },
    }


def status_of(node: Node, namespace: str, name: str) -> dict[str, Any]:
    status, body = node.plane.request(f"/api/v1/namespaces/{namespace}/pods/{name}")
    found: dict[str, Any] = json.loads(body)["status"] if status == 200 else {}
    return found


def await_phase(node: Node, namespace: str, name: str, phase: str) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        status = status_of(node, namespace, name)
        return status if status.get("phase") == phase else None

    return wait_until(reached, 60, f"pod {name} {phase}")


def test_a_pod_runs_and_its_log_is_read(node: Node, namespace: str) -> None:
    node.plane.apply(pod(node, namespace, "one", "echo it ran; exit 3"))

    status = await_phase(node, namespace, "one", "Failed")

    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    assert node.plane.kubectl("logs", "one", "--namespace", namespace) == "it ran\n"
