"""Pods and nodes that go away in the middle: the training is lost, tried again, never doubled."""

from collections.abc import Iterator

import pytest
from tests.slots.conftest import GATE, SlotSite
from tests.wiring.site import PATIENCE

from bed import FakeNodes, wait_until
from bed.control_plane import KubectlFailed

ONCE = "if [ $TRAINLEASE_ATTEMPT = 1 ]; then exec sleep 1000; fi"
"""The first attempt runs until it is ended, the second succeeds at once."""


@pytest.fixture
def evicting(slots: SlotSite) -> Iterator[SlotSite]:
    """Another node is Ready: else Kubernetes evicts nobody."""
    with FakeNodes.start(slots.plane, count=1, gpus=0):
        yield slots


def told_to_go(site: SlotSite, job: str) -> bool:
    """Whether its pod could be reached through its kubelet."""
    try:
        site.let_go(job)
    except KubectlFailed:
        return False
    return True


def delete_pod(site: SlotSite, job: str, *options: str) -> None:
    site.plane.kubectl("delete", "pod", site.pod_name(job), "-n", "saturno", *options)


@pytest.mark.parametrize("how", [(), ("--force", "--grace-period=0")], ids=["asked", "forced"])
def test_a_pod_that_is_deleted_by_hand_is_tried_again(
    slots: SlotSite, how: tuple[str, ...]
) -> None:
    job = f"deleted-{len(how)}"
    slots.train(job, ONCE)
    slots.until_state(job, "Running")
    delete_pod(slots, job, *how)
    slots.until_state(job, "Succeeded")
    assert slots.causes(job) == ["PodDeleted", "Completed"]
    slots.until_free()


def test_a_drained_node_gives_its_trainings_back(slots: SlotSite) -> None:
    slots.train("drained", ONCE)
    slots.until_state("drained", "Running")
    slots.plane.kubectl("drain", slots.node.name, "--ignore-daemonsets", "--delete-emptydir-data")
    wait_until(lambda: "Evicted" in slots.causes("drained"), PATIENCE, "evicted")
    slots.plane.kubectl("uncordon", slots.node.name)
    slots.until_state("drained", "Succeeded")
    assert slots.causes("drained") == ["Evicted", "Completed"]
    slots.until_free()


def test_a_lost_node_loses_its_training_and_is_free_when_it_was_back_long_enough(
    evicting: SlotSite,
) -> None:
    evicting.train("stranded", ONCE)
    evicting.until_state("stranded", "Running")
    evicting.node.freeze_kubelet()
    evicting.node.await_lost()
    wait_until(lambda: evicting.causes("stranded"), PATIENCE, "its attempt's end")
    assert evicting.causes("stranded") == ["MachineLost"]
    assert evicting.machine()["state"] == "Stopping"
    evicting.node.thaw_kubelet()
    evicting.node.await_ready()
    evicting.until_state("stranded", "Succeeded")
    evicting.until_free()


def test_a_node_that_was_started_anew_has_lost_its_training(slots: SlotSite) -> None:
    slots.train("rebooted", ONCE)
    slots.until_state("rebooted", "Running")
    slots.node.reboot()
    slots.until_state("rebooted", "Succeeded")
    assert slots.causes("rebooted") == ["MachineLost", "Completed"]
    slots.until_free()


def test_a_crashed_runtime_and_a_crashed_kubelet_cost_a_training_nothing(slots: SlotSite) -> None:
    slots.train("steady", GATE)
    slots.until_state("steady", "Running")
    slots.node.containerd.kill()
    slots.node.kill_kubelet()
    slots.node.containerd.start()
    slots.node.start_kubelet()
    wait_until(lambda: told_to_go(slots, "steady"), PATIENCE, "a kubelet that answers")
    slots.until_state("steady", "Succeeded")
    assert slots.causes("steady") == ["Completed"]
    slots.until_free()


def test_a_disk_over_its_limit_is_told_with_the_limit(slots: SlotSite) -> None:
    slots.train(
        "hoarder",
        "head -c 60m /dev/zero >/tmp/full; exec sleep 1000",
        resources={"ephemeralStorage": "10Mi"},
    )
    status = slots.until_state("hoarder", "Failed")
    failed = next(c for c in status["conditions"] if c["type"] == "Failed")
    assert failed["reason"] == "StorageLimit"
    assert "10Mi" in failed["message"]
    slots.until_free()
