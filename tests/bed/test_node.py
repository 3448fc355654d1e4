"""A node is real: pods run, are found by name, share its GPU slots, and say how they ended."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import Node, NodeUnavailable, pods, wait_until
from bed.enclosure import Enclosure

HACK = Path(__file__).resolve().parents[2] / "hack"


@pytest.fixture
def namespace(node: Node) -> str:
    return pods.new_namespace(node)


@pytest.fixture
def server(node: Node) -> Iterator[int]:
    """The port of an HTTP server of this machine, at the address that pods reach."""
    handler = http.server.SimpleHTTPRequestHandler
    with http.server.ThreadingHTTPServer((node.host, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_pod_runs_and_its_log_is_read(node: Node, namespace: str) -> None:
    node.plane.apply(pods.shell_pod(node, namespace, "one", "echo it ran; exit 3"))

    status = pods.await_phase(node, namespace, "one", "Failed")

    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    assert pods.log(node, namespace, "one") == "it ran\n"


def test_a_service_is_found_by_its_name(node: Node, namespace: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    serve = "mkdir /www; echo served >/www/page; exec httpd -f -p 80 -h /www"
    node.plane.apply(service, pods.shell_pod(node, namespace, "web", serve))
    ask = f"until printf 'GET /page HTTP/1.0\\r\\n\\r\\n' | nc -w 2 web.{namespace} 80; do :; done"

    node.plane.apply(pods.shell_pod(node, namespace, "ask", ask))
    pods.await_phase(node, namespace, "ask", "Succeeded")

    assert pods.log(node, namespace, "ask").endswith("\nserved\n")


def test_a_pod_reaches_this_machine_and_nothing_else(
    node: Node, namespace: str, server: int
) -> None:
    elsewhere = "nc -w 1 192.0.2.1 80 </dev/null && echo a way out"
    here = f"wget -q -O /dev/null http://{node.host}:{server}/ && echo reached"
    node.plane.apply(pods.shell_pod(node, namespace, "reach", f"{elsewhere}; {here}"))

    pods.await_phase(node, namespace, "reach", "Succeeded")

    assert pods.log(node, namespace, "reach").splitlines()[-1] == "reached"
    assert "a way out" not in pods.log(node, namespace, "reach")


def test_three_pods_share_two_gpu_slots(node: Node, namespace: str) -> None:
    held = [
        pods.shell_pod(node, namespace, name, "sleep 600", resources=pods.gpus(1))
        for name in ("first", "second")
    ]
    node.plane.apply(*held)
    for name in ("first", "second"):
        pods.await_phase(node, namespace, name, "Running")
    third = pods.shell_pod(node, namespace, "third", "true", resources=pods.gpus(1))
    node.plane.apply(third)

    def refused() -> bool:
        conditions = pods.found(node, namespace, "third")["status"].get("conditions", [])
        return any(condition.get("reason") == "Unschedulable" for condition in conditions)

    wait_until(refused, 30, "the third pod refused")
    node.plane.kubectl("delete", "pod", "first", "--namespace", namespace)
    pods.await_phase(node, namespace, "third", "Succeeded")


def test_an_image_that_is_nowhere_is_told_at_once(node: Node, namespace: str) -> None:
    image = "bed.trainlease.dev/nothing:1"
    node.plane.apply(pods.shell_pod(node, namespace, "none", "true", image=image))

    def reason() -> str:
        state = pods.main_state(node, namespace, "none")
        return str(state.get("waiting", {}).get("reason", ""))

    wait_until(lambda: reason() in ("ErrImagePull", "ImagePullBackOff"), 30, "the pull's end")


def test_a_second_node_waits_and_is_told_how_to_end_the_first(node: Node, tmp_path: Path) -> None:
    with pytest.raises(NodeUnavailable, match="another bed's node") as refused:
        Enclosure.start(tmp_path, patience=0.1)

    assert refused.value.remedy == f"end it: python -m bed sweep {node.enclosure.folder}"


def test_who_is_not_root_is_told_so() -> None:
    script = "import os; from bed import Node; os.seteuid(65534); Node.ensure_installed()"
    asked = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(HACK)},
        capture_output=True,
        text=True,
    )

    assert "NodeUnavailable: no node on this machine: this is not root" in asked.stderr


def test_tests_of_a_node_are_one_group(node: Node, request: pytest.FixtureRequest) -> None:
    """Else two workers would wait for each other's node."""
    assert request.node.nodeid.endswith("@node")
