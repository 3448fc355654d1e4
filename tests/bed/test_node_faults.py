"""A node under fire: kubelet, runtime and Node object go and come back, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bed import FakeNodes, Node, pods, wait_until
from bed.node import GPU

FOR_EVER = "echo on; exec sleep 3600"
UNTIL_TOLD = "until [ -e /stop ]; do sleep 0.1; done; exit 7"


@pytest.fixture
def namespace(node: Node) -> str:
    return pods.new_namespace(node)


def runs(node: Node, namespace: str, script: str = FOR_EVER) -> None:
    node.plane.apply(pods.shell_pod(node, namespace, "main", script))
    pods.await_phase(node, namespace, "main", "Running")


def slots(node: Node) -> list[str]:
    status = node.stored()["status"]
    return [status[kind].get(GPU) for kind in ("capacity", "allocatable")]


def started(node: Node, namespace: str) -> str:
    return str(pods.main_state(node, namespace, "main")["running"]["startedAt"])


def test_a_crashed_kubelet_finds_its_pods_and_slots_again(node: Node, namespace: str) -> None:
    runs(node, namespace)
    before = started(node, namespace)

    node.kill_kubelet()
    node.start_kubelet()

    assert slots(node) == ["2", "2"]
    assert started(node, namespace) == before


def test_a_crashed_runtime_finds_its_containers_again(node: Node, namespace: str) -> None:
    runs(node, namespace, UNTIL_TOLD)

    node.containerd.kill()
    assert not node.containerd.is_running
    node.containerd.start()
    wait_until(lambda: node.ready() == "True", 60, "the node Ready")
    node.plane.kubectl("exec", "main", "--namespace", namespace, "--", "touch", "/stop")
    status = pods.await_phase(node, namespace, "main", "Failed")

    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7
    assert status["containerStatuses"][0]["restartCount"] == 0


@pytest.fixture
def another_node(node: Node) -> Iterator[None]:
    """One that is well: where none is, Kubernetes evicts nobody."""
    with FakeNodes.start(node.plane):
        yield


@pytest.mark.usefixtures("another_node")
def test_a_silent_node_is_lost_its_pod_evicted_and_ended_once_it_is_back(
    node: Node, namespace: str
) -> None:
    runs(node, namespace)

    node.freeze_kubelet()
    node.await_lost()
    wait_until(
        lambda: "deletionTimestamp" in pods.found(node, namespace, "main").get("metadata", {}),
        60,
        "the pod evicted",
    )
    assert pods.phase(node, namespace, "main") == "Running"  # nobody is there to say otherwise

    node.thaw_kubelet()
    node.await_ready()
    wait_until(lambda: not pods.found(node, namespace, "main"), 60, "the pod gone")


def test_a_deleted_node_object_comes_back_with_its_slots(node: Node) -> None:
    before = node.stored()["metadata"]["uid"]

    node.stop_kubelet()
    node.delete_object()
    assert node.stored() == {}
    node.start_kubelet()

    assert node.stored()["metadata"]["uid"] != before
    assert slots(node) == ["2", "2"]


def test_after_a_reboot_nothing_runs_that_ran_before(node: Node, namespace: str) -> None:
    runs(node, namespace)
    before = node.stored()["status"]["nodeInfo"]["bootID"]

    node.reboot()

    assert node.stored()["status"]["nodeInfo"]["bootID"] != before
    pods.await_phase(node, namespace, "main", "Failed")
