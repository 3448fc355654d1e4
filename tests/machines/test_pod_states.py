"""Every way in which a pod can end, or be kept from running, told apart."""

from typing import Any

import pytest

from trainlease.effects.machines.pod_states import Pod
from trainlease.model import pods
from trainlease.model.reasons import Cause

Json = dict[str, Any]
MEMORY = {"containers": [{"resources": {"limits": {"memory": "16Gi"}}}], "nodeName": "srv-1"}


def a_pod(
    *,
    state: Json | None = None,
    leaving: bool = False,
    ours: bool = False,
    conditions: list[Json] | None = None,
    spec: Json = MEMORY,
    **status: Any,
) -> Pod:
    meta: Json = {
        "name": "caries-1-abc",
        "namespace": "saturno",
        "uid": "u1",
        "resourceVersion": "5",
        "creationTimestamp": "2026-11-22T12:00:00Z",
        "labels": {pods.MACHINE: "gpu-1", pods.MACHINE_UID: "m1", pods.GENERATION: "7"},
    }
    if leaving:
        meta["deletionTimestamp"] = "2026-11-22T12:05:00Z"
    if ours:
        meta["annotations"] = {pods.TURNED_OFF: "2026-11-22T12:05:00Z"}
    if state is not None:
        container: Json = {"name": "training", "state": state}
        if "waiting" not in state:
            container["containerID"] = "containerd://1"
        status["containerStatuses"] = [container]
    status.setdefault("startTime", "2026-11-22T12:00:01Z")
    return Pod({"metadata": meta, "spec": spec, "status": {"conditions": conditions, **status}})


def ended(code: int, reason: str = "", message: str = "") -> Json:
    how = {"exitCode": code, "finishedAt": "2026-11-22T12:04:00Z"}
    return {
        "terminated": how
        | {"reason": reason or ("Error" if code else "Completed")}
        | ({"message": message} if message else {})
    }


def waits(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, "message": message}}


RUNS: Json = {"running": {"startedAt": "2026-11-22T12:00:02Z"}}


@pytest.mark.parametrize(
    ("pod", "cause", "text"),
    [
        (a_pod(state=ended(0), phase="Succeeded"), Cause.COMPLETED, "exit code 0"),
        (
            a_pod(state=ended(3, message="epoch 1\nno such data\n\n"), phase="Failed"),
            Cause.EXIT_CODE,
            "exit code 3: no such data",
        ),
        (a_pod(state=ended(137)), Cause.KILLED_BY_SIGNAL, "killed by SIGKILL"),
        (a_pod(state=ended(143, message="bye")), Cause.KILLED_BY_SIGNAL, "killed by SIGTERM: bye"),
        (a_pod(state=ended(200)), Cause.EXIT_CODE, "exit code 200"),
        (
            a_pod(state=ended(137, "OOMKilled")),
            Cause.OUT_OF_MEMORY,
            "over its limit of 16Gi: raise resources.memory, or use less",
        ),
        (
            a_pod(state=ended(137, "OOMKilled"), spec={"containers": [{}]}),
            Cause.OUT_OF_MEMORY,
            "its node ran out of memory",
        ),
        (
            a_pod(state=ended(128, "StartError", "exec: pyton: not found")),
            Cause.CANNOT_START,
            "the command cannot be run: exec: pyton: not found",
        ),
        (a_pod(state=ended(137, "ContainerStatusUnknown")), Cause.MACHINE_LOST, "its node lost it"),
        (
            a_pod(state=ended(137), reason="DeadlineExceeded", phase="Failed"),
            Cause.MACHINE_LIMIT,
            "it reached the deadline of its claim",
        ),
        (
            a_pod(state=ended(137), reason="DeadlineExceeded", phase="Failed", ours=True),
            Cause.CANCELLED,
            "turned off",
        ),
        (a_pod(state=ended(0), phase="Succeeded", ours=True), Cause.COMPLETED, "exit code 0"),
        (
            a_pod(state=ended(137), reason="Evicted", message="The node was low on: memory."),
            Cause.EVICTED,
            "evicted by its node: The node was low on: memory.",
        ),
        (
            a_pod(
                state=ended(137),
                reason="Evicted",
                message="Pod ephemeral local storage usage exceeds the total limit of 10Mi.",
            ),
            Cause.STORAGE_LIMIT,
            "usage exceeds the total limit of 10Mi. Raise resources.ephemeralStorage",
        ),
        (a_pod(state=ended(143), reason="Preempting"), Cause.PREEMPTED, "it had to make room"),
        (a_pod(state=ended(143), reason="Terminated"), Cause.MACHINE_LOST, "was shut down"),
        (
            a_pod(phase="Failed", reason="OutOfnvidia.com/gpu", message="Node didn't have enough"),
            Cause.START_REFUSED,
            "OutOfnvidia.com/gpu: Node didn't have enough",
        ),
    ],
)
def test_each_end_has_its_cause(pod: Pod, cause: Cause, text: str) -> None:
    end = pod.exit
    assert end is not None
    assert (end.cause, end.generation) == (cause, 7)
    assert text in end.message
    assert pod.is_ended
    assert not pod.is_running


@pytest.mark.parametrize(
    ("pod", "cause", "final", "text"),
    [
        (a_pod(state=waits("InvalidImageName")), Cause.IMAGE_MISSING, True, "Correct spec.image"),
        (a_pod(state=waits("ErrImageNeverPull", "is not present")), Cause.IMAGE_MISSING, True, ""),
        (
            a_pod(state=waits("ErrImagePull", "rpc error: code = NotFound desc = no such image")),
            Cause.IMAGE_MISSING,
            True,
            "no such image",
        ),
        (a_pod(state=waits("ImagePullBackOff", "i/o timeout")), Cause.IMAGE_MISSING, False, "i/o"),
        (
            a_pod(state=waits("CreateContainerConfigError", 'secret "keys" not found')),
            Cause.SECRET_MISSING,
            True,
            'secret "keys" not found in its namespace: create it',
        ),
        (
            a_pod(
                state=waits(
                    "CreateContainerConfigError",
                    "container has runAsNonRoot and image will run as root",
                )
            ),
            Cause.CANNOT_START,
            True,
            "give the image a USER by number",
        ),
        (a_pod(state=waits("CreateContainerError", "busy")), Cause.CANNOT_START, False, "busy"),
        (a_pod(state=RUNS, leaving=True), Cause.POD_DELETED, True, "deleted by hand"),
        *[
            (
                a_pod(
                    state=RUNS,
                    leaving=True,
                    conditions=[{"type": "DisruptionTarget", "reason": reason, "message": "why"}],
                ),
                cause,
                True,
                "why",
            )
            for reason, cause in {
                "DeletionByTaintManager": Cause.MACHINE_LOST,
                "DeletionByPodGC": Cause.MACHINE_LOST,
                "EvictionByEvictionAPI": Cause.EVICTED,
                "PreemptionByScheduler": Cause.PREEMPTED,
            }.items()
        ],
        (
            a_pod(
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes: insufficient nvidia.com/gpu",
                    }
                ]
            ),
            Cause.UNSCHEDULABLE,
            False,
            "insufficient nvidia.com/gpu",
        ),
    ],
)
def test_each_trouble_has_its_cause(pod: Pod, cause: Cause, final: bool, text: str) -> None:
    trouble = pod.trouble
    assert trouble is not None
    assert (trouble.cause, trouble.final) == (cause, final)
    assert text in trouble.message


@pytest.mark.parametrize("pod", [a_pod(), a_pod(state=RUNS), a_pod(state=RUNS, ours=True)])
def test_what_runs_or_is_on_its_way_is_in_no_trouble(pod: Pod) -> None:
    assert (pod.trouble, pod.exit, pod.is_ended) == (None, None, False)


def test_a_phase_alone_is_no_end() -> None:
    pod = a_pod(state=RUNS, phase="Failed")
    assert (pod.is_running, pod.is_ended) == (True, False)


def test_a_pod_that_goes_away_keeps_no_name_taken() -> None:
    assert a_pod(state=ended(0), leaving=True).exit is None
    assert a_pod(state=ended(137), reason="DeadlineExceeded", leaving=True, ours=True).exit


@pytest.mark.parametrize(
    ("pod", "want"),
    [
        (a_pod(state=RUNS), ""),
        (a_pod(state=RUNS, ours=True), "stopping"),
        (a_pod(state=waits("ContainerCreating")), "ContainerCreating"),
        (a_pod(state=waits("ImagePullBackOff", "back-off\n5m")), "ImagePullBackOff: back-off 5m"),
        (a_pod(), "scheduling"),
        (a_pod(conditions=[{"type": "PodScheduled", "status": "True"}]), "the node was told"),
    ],
)
def test_what_it_is_at_is_told_to_people(pod: Pod, want: str) -> None:
    assert pod.detail == want
