"""What a person reads who applies something wrong: kubectl's own answer, at once."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.crds.api import body
from tests.crds.kinds import CLAIM, HOLD, JOB, MAPPED, NODE, PRESET, Json

from bed.control_plane import ControlPlane, KubectlFailed
from trainlease.model.base import KubeObject
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob

GONE: Any = object()
"""In place of a value: the field is left out."""

NAME = "write a name of small letters, digits and '-', with a letter or digit at both ends"


def changed(spec: Json, changes: dict[str, Any]) -> Json:
    """The spec with some fields, named by their paths, replaced or left out."""
    spec = copy.deepcopy(spec)
    for path, value in changes.items():
        *way, last = path.split(".")
        place = spec
        for step in way:
            place = place[step]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return spec


CASES: list[tuple[type[KubeObject], Json, dict[str, Any], str]] = [
    (TrainingJob, JOB, {"epochs": 30}, 'unknown field "spec.epochs"'),
    (TrainingJob, JOB, {"promote.min": 1}, 'unknown field "spec.promote.min"'),
    (TrainingJob, JOB, {"machine": "gpu-1"}, "name either a pool or a machine, not both"),
    (TrainingJob, JOB, {"pool": GONE}, "name either a pool or a machine, not both"),
    (TrainingJob, JOB, {"model": GONE}, "promote needs a model: name the registered model"),
    (TrainingJob, JOB, {"image": GONE}, "spec.image: Required value"),
    (TrainingJob, JOB, {"pool": "On Prem"}, NAME),
    (TrainingJob, JOB, {"pool": "a" * 64}, "spec.pool: Too long: may not be more than 63"),
    (TrainingJob, JOB, {"retries.lost": -1}, "should be greater than or equal to 0"),
    (TrainingJob, JOB, {"promote.minGain": -0.1}, "should be greater than or equal to 0"),
    (TrainingJob, JOB, {"promote.goal": "Highest"}, 'supported values: "Max", "Min"'),
    (TrainingJob, JOB, {"limits.running": "-1h"}, "such as 90m or 1d12h"),
    (TrainingJob, JOB, {"limits.running": "1 hour"}, "such as 90m or 1d12h"),
    (TrainingJob, JOB, {"resources.memory": "16 GB"}, "such as 16Gi or 500m"),
    (TrainingJob, JOB, {"params": {"a b": 1}}, "name a parameter with letters, digits"),
    (TrainingJob, JOB, {"params": {"a": {}}}, "spec.params.a in body should have at least 1"),
    (TrainingJob, JOB, {"env": {"2nd": "x"}}, "name a variable with letters, digits and _"),
    *[
        (
            TrainingJob,
            JOB,
            {f"podTemplate.{path}": value},
            f'unknown field "spec.podTemplate.{path}"',
        )
        for path, value in {
            "spec.hostNetwork": True,
            "spec.hostPID": True,
            "spec.nodeName": "srv-2",
            "spec.serviceAccountName": "admin",
            "spec.initContainers": [],
            "spec.securityContext.runAsNonRoot": False,
        }.items()
    ],
    *[
        (
            TrainingJob,
            JOB,
            {"podTemplate.spec.containers": [{"name": "training", field: value}]},
            f'unknown field "spec.podTemplate.spec.containers[0].{field}"',
        )
        for field, value in {
            "resources": {"limits": {"nvidia.com/gpu": 8}},
            "securityContext": {"privileged": True},
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            "image": "another:1",
        }.items()
    ],
    (
        TrainingJob,
        JOB,
        {"podTemplate.spec.volumes": [{"name": "root", "hostPath": {"path": "/"}}]},
        'unknown field "spec.podTemplate.spec.volumes[0].hostPath"',
    ),
    (
        TrainingJob,
        JOB,
        {
            "podTemplate.spec.volumes": [
                {"name": "s", "secret": {"secretName": "s", "namespace": "x"}}
            ]
        },
        'unknown field "spec.podTemplate.spec.volumes[0].secret.namespace"',
    ),
    (
        TrainingJob,
        JOB,
        {"podTemplate.spec.volumes": [{"name": "none"}]},
        "name exactly one of emptyDir, secret, configMap and persistentVolumeClaim",
    ),
    (
        TrainingJob,
        JOB,
        {"podTemplate.spec.tolerations": [{"operator": "Exists"}]},
        "spec.podTemplate.spec.tolerations[0].key: Required value",
    ),
    (
        TrainingJob,
        JOB,
        {"podTemplate.spec.tolerations": [{"key": "node.kubernetes.io/unreachable"}]},
        "taints of node.kubernetes.io are the operator's to tolerate",
    ),
    (
        TrainingJob,
        JOB,
        {"podTemplate.spec.containers": [{"name": "sidecar"}]},
        'supported values: "training"',
    ),
    (
        TrainingJob,
        JOB,
        {"podTemplate.spec.securityContext.runAsUser": 0},
        "greater than or equal to 1",
    ),
    (TrainingJob, JOB, {"priority": 1001}, "should be less than or equal to 1000"),
    (Machine, NODE, {"pricePerHour": "cheap"}, 'as a string of digits, such as "3.06"'),
    (Machine, NODE, {"pricePerHour": "-1"}, 'as a string of digits, such as "3.06"'),
    (Machine, NODE, {"pricePerHour": 0.9}, "spec.pricePerHour in body must be of type string"),
    (Machine, NODE, {"node": GONE}, "name exactly one of node, aws and process"),
    (
        Machine,
        NODE,
        {"process": {"images": {"digits:1": "/srv"}}},
        "name exactly one of node, aws and process",
    ),
    (
        Machine,
        NODE,
        {"node": GONE, "aws": {"instanceId": "gpu", "region": "us-east-1"}},
        "write an EC2 instance id, such as i-0abc123def4567890",
    ),
    (Machine, NODE, {"maxOn": "1000000d"}, "such as 90m or 1d12h"),
    (MachineLease, HOLD, {"pool": "onprem"}, "name either a pool or a machine, not both"),
    (MachineLease, HOLD, {"machine": GONE, "pool": "p"}, "a hold names its machine"),
    (MachineLease, HOLD, {"attempt": 1}, "job and attempt go together"),
    (MachineLease, CLAIM, {"for": "4h"}, "for, note and power belong to a hold"),
    (MachineLease, HOLD, {"for": "4 hours"}, "such as 90m or 1d12h"),
    (
        Platform,
        MAPPED,
        {"database.mapping.machines.key": GONE},
        "spec.database.mapping.machines.key: Required value",
    ),
    (
        Platform,
        MAPPED,
        {"database.mapping.machines.table": "maquinas; drop table x"},
        "name a table or column with letters, digits and _",
    ),
    (Platform, MAPPED, {"database.preset": "p"}, "name either a preset or a mapping"),
    (Platform, PRESET, {"database.preset": GONE}, "name either a preset or a mapping"),
    (Platform, PRESET, {"share": 0}, "should be greater than or equal to 1"),
    (Platform, PRESET, {"database.names": {"GPU 2": "x"}}, NAME),
]


def _refusal(plane: ControlPlane, manifest: str) -> str:
    with pytest.raises(KubectlFailed) as refused:
        plane.kubectl("apply", "-f", "-", input=manifest)
    return str(refused.value)


@pytest.mark.parametrize(("kind", "spec", "changes", "want"), CASES)
def test_apply_says_what_is_wrong(
    kind: type[KubeObject], spec: Json, changes: Json, want: str, plane: ControlPlane
) -> None:
    assert want in _refusal(plane, yaml.safe_dump(body(kind, "bad", changed(spec, changes))))


@pytest.mark.parametrize(
    ("kind", "spec", "longest"),
    [(TrainingJob, JOB, 52), (MachineLease, HOLD, 63), (Machine, NODE, 63), (Platform, PRESET, 63)],
)
def test_a_name_that_others_are_made_of_is_short_and_a_label(
    kind: type[KubeObject], spec: Json, longest: int, plane: ControlPlane
) -> None:
    too_long = _refusal(plane, yaml.safe_dump(body(kind, "a" * (longest + 1), spec)))
    dotted = _refusal(plane, yaml.safe_dump(body(kind, "gpu.1", spec)))

    assert f"the name of a {kind.kind_name} has at most {longest} characters" in too_long
    assert f"the name of a {kind.kind_name} has no dot, only a-z, 0-9 and '-'" in dotted


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf"])
@pytest.mark.parametrize("place", ["params: {lr: N}", "promote: {metric: f1, minGain: N}"])
def test_a_number_that_is_not_finite_is_refused(
    number: str, place: str, plane: ControlPlane
) -> None:
    manifest = yaml.safe_dump(body(TrainingJob, "bad", "SPEC"))
    spec = f"{{pool: onprem, image: i, model: m, {place.replace('N', number)}}}"
    assert "unsupported value" in _refusal(plane, manifest.replace("SPEC", spec))


def test_a_changed_field_is_refused_by_name_and_the_same_may_be_applied_again(
    plane: ControlPlane, tmp_path: Path
) -> None:
    spec = changed(JOB, {"podTemplate": GONE})
    renamed = changed(spec, {"params.lr": GONE, "params.rate": JOB["params"]["lr"]})
    file = tmp_path / "job.yaml"
    file.write_text(yaml.safe_dump(body(TrainingJob, "applied", spec)))
    plane.kubectl("apply", "-f", file)

    said = _refusal(plane, yaml.safe_dump(body(TrainingJob, "applied", renamed)))
    again = plane.kubectl("apply", "-f", file)
    plane.kubectl("delete", "-f", file)

    assert "params is fixed at creation: make a new TrainingJob instead" in said
    assert again.strip().endswith("unchanged")
