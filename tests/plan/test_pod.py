"""The Pod of an attempt: what it asks for, and that nothing laid over it changes that."""

import json
from typing import Any

from tests.builders import NOW, SETTINGS, a_claimed_machine, a_job, a_lease, at

from trainlease.model import pods
from trainlease.model.machine import LocalProcess, NodeSlot
from trainlease.model.pod_template import PodTemplate
from trainlease.model.training_job import MAX_NAME
from trainlease.plan.job import MAX_ATTEMPTS
from trainlease.plan.pod import pod, with_pod
from trainlease.plan.workload import workload

EVERYTHING = {
    "metadata": {
        "labels": {"team": "vision", pods.MACHINE: "gpu-9", pods.GENERATION: "1"},
        "annotations": {"cost": "4711", pods.PARAMS: "{}"},
    },
    "spec": {
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "dedicated", "value": "training"}],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
        "imagePullSecrets": [{"name": "registry"}],
        "securityContext": {"runAsUser": 1000},
        "containers": [
            {
                "name": "training",
                "imagePullPolicy": "Never",
                "workingDir": "/train",
                "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
            }
        ],
    },
}


def body_of(*, gpus: int = 1, seconds: float = 3600, **spec: Any) -> dict[str, Any]:
    """The Pod of the first attempt of a job of this spec."""
    if "pod_template" in spec:
        spec["pod_template"] = PodTemplate.model_validate(spec["pod_template"])
    job = a_job(**spec)
    slot = {"node": NodeSlot(name="srv-1", gpus=gpus)}
    machine = a_claimed_machine(a_lease(job), spec=slot)
    work = workload(job, machine, None, 1, "r1", "http://mlflow", at(seconds), {})
    return pod(job, machine, work, NOW, SETTINGS)


def container(body: dict[str, Any]) -> dict[str, Any]:
    (only,) = body["spec"]["containers"]
    return dict(only)


def test_it_is_named_and_marked_by_its_claim() -> None:
    meta = body_of()["metadata"]
    assert meta["name"].startswith("caries-1-")
    assert meta["namespace"] == "saturno"
    want = {
        pods.MACHINE: "gpu-1",
        pods.MACHINE_UID: "uid-gpu-1",
        pods.GENERATION: "7",
        pods.JOB: "caries",
        pods.JOB_UID: "uid-caries",
        pods.ATTEMPT: "1",
    }
    assert want.items() <= meta["labels"].items()
    assert [o["uid"] for o in meta["ownerReferences"]] == ["uid-caries"]


def test_another_claim_has_another_name() -> None:
    names = {pods.pod_name("caries", 1, "uid-gpu-1", generation) for generation in range(1, 200)}
    assert len(names) == 199
    assert pods.pod_name("caries", 1, "uid-gpu-2", 7) != pods.pod_name("caries", 1, "uid-gpu-1", 7)


def test_the_longest_name_of_a_job_leaves_room() -> None:
    assert len(pods.pod_name("a" * MAX_NAME, MAX_ATTEMPTS, "u" * 36, 2**62)) <= 63


def test_it_runs_once_on_its_node_until_the_deadline_of_its_claim() -> None:
    spec = body_of(seconds=600)["spec"]
    affinity = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = affinity["nodeSelectorTerms"]
    assert term == {
        "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["srv-1"]}]
    }
    assert "nodeName" not in spec
    assert (spec["restartPolicy"], spec["activeDeadlineSeconds"]) == ("Never", 600)


def test_a_claim_that_is_almost_over_still_gets_a_deadline() -> None:
    assert body_of(seconds=0.2)["spec"]["activeDeadlineSeconds"] == 1


def test_it_gets_the_slots_gpus_and_the_jobs_limits() -> None:
    limits = {"cpu": "4", "memory": "16Gi", "ephemeral_storage": "50Gi"}
    resources = container(body_of(gpus=2, resources=limits))["resources"]
    assert resources == {
        "limits": {
            "cpu": "4",
            "memory": "16Gi",
            "ephemeral-storage": "50Gi",
            "nvidia.com/gpu": "2",
        }
    }
    assert container(body_of(gpus=0))["resources"] == {"limits": {}}


def test_it_has_no_account_and_no_rights() -> None:
    spec = body_of()["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container({"spec": spec})["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


def test_parameters_are_there_as_variables_and_as_a_file() -> None:
    body = body_of(params={"epochs": 3, "lr": 0.5})
    env = {e["name"]: e["value"] for e in container(body)["env"]}
    assert (env["TRAINLEASE_PARAM_EPOCHS"], env["MLFLOW_RUN_ID"]) == ("3", "r1")
    assert json.loads(body["metadata"]["annotations"][pods.PARAMS]) == {"epochs": 3, "lr": 0.5}
    (volume,) = body["spec"]["volumes"]
    (item,) = volume["downwardAPI"]["items"]
    assert item["fieldRef"] == {"fieldPath": f"metadata.annotations['{pods.PARAMS}']"}
    assert container(body)["volumeMounts"][0]["mountPath"] == "/etc/trainlease"


def test_secrets_go_by_reference() -> None:
    refs = container(body_of(secrets=("bucket", "token")))["envFrom"]
    assert refs == [{"secretRef": {"name": "bucket"}}, {"secretRef": {"name": "token"}}]


def test_the_images_own_command_runs_where_the_job_names_none() -> None:
    assert "command" not in container(body_of())
    assert container(body_of(command=("python", "t.py")))["command"] == ["python", "t.py"]


def test_dollar_signs_reach_the_training_as_they_were_written() -> None:
    """As on every other kind of machine."""
    body = body_of(command=("sh", "-c", "echo $(HOME) $$"), env={"PRICE": "$(5)"})
    assert container(body)["command"] == ["sh", "-c", "echo $$(HOME) $$$$"]
    assert {"name": "PRICE", "value": "$$(5)"} in container(body)["env"]


def test_a_lost_node_is_given_up_and_a_gpus_taint_is_none() -> None:
    tolerations = {t["key"]: t for t in body_of()["spec"]["tolerations"]}
    assert tolerations["nvidia.com/gpu"]["effect"] == "NoSchedule"
    lost = tolerations["node.kubernetes.io/unreachable"]
    assert lost["tolerationSeconds"] == SETTINGS.node_lost_after


def test_what_is_laid_over_is_there() -> None:
    body = body_of(pod_template=EVERYTHING)
    spec, training = body["spec"], container(body)
    assert body["metadata"]["labels"]["team"] == "vision"
    assert body["metadata"]["annotations"]["cost"] == "4711"
    assert spec["nodeSelector"] == {"zone": "a"}
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert {"key": "dedicated", "value": "training"} in spec["tolerations"]
    assert spec["volumes"][1] == {"name": "shm", "emptyDir": {"medium": "Memory"}}
    assert spec["securityContext"]["runAsUser"] == 1000
    assert (training["imagePullPolicy"], training["workingDir"]) == ("Never", "/train")
    assert training["volumeMounts"][1]["mountPath"] == "/dev/shm"


def test_what_is_laid_over_changes_nothing_of_ours() -> None:
    plain, over = body_of(), body_of(pod_template=EVERYTHING)
    assert over["metadata"]["labels"][pods.MACHINE] == "gpu-1"
    assert over["metadata"]["labels"][pods.GENERATION] == "7"
    assert (
        over["metadata"]["annotations"][pods.PARAMS]
        == plain["metadata"]["annotations"][pods.PARAMS]
    )
    assert over["spec"]["securityContext"]["runAsNonRoot"] is True
    assert over["spec"]["affinity"] == plain["spec"]["affinity"]


def test_other_machines_get_no_pod() -> None:
    job = a_job()
    process = {"process": LocalProcess(images={"train:1": "/srv"})}
    machine = a_claimed_machine(a_lease(job), spec=process)
    work = workload(job, machine, None, 1, "r1", "", at(60), {})
    assert with_pod(job, machine, work, NOW, SETTINGS) == work
