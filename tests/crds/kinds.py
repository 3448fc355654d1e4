"""The four kinds and, of each, documents that together use every field, with different values."""

from __future__ import annotations

from typing import Any

from generate.crd import RESOURCES
from trainlease.model.base import KubeObject, Shape
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob

Json = dict[str, Any]

KINDS: tuple[type[KubeObject], ...] = tuple(resource.model for resource in RESOURCES)
SPEC: dict[type[KubeObject], type[Shape]] = {r.model: r.spec for r in RESOURCES}
STATUS: dict[type[KubeObject], type[Shape]] = {r.model: r.status for r in RESOURCES}

JOB: Json = {
    "pool": "onprem",
    "image": "registry/saturno/caries:1.4.2",
    "command": ["python", "train.py"],
    "params": {"epochs": 30, "lr": 0.0003, "augment": True, "optimizer": "adam"},
    "env": {"LOG_LEVEL": "info"},
    "secrets": ["bucket"],
    "data": "s3://saturno/caries/2026-11",
    "checkpoint": "s3://saturno/checkpoints/caries",
    "model": "caries",
    "promote": {
        "metric": "val_f1",
        "goal": "Max",
        "minGain": 0.01,
        "evalData": "caries-holdout-3",
        "mode": "Auto",
    },
    "tracking": "BestEffort",
    "externalId": "4711",
    "priority": 10,
    "resources": {"cpu": "4", "memory": "16Gi", "ephemeralStorage": "50Gi"},
    "retries": {"application": 1, "infrastructure": 2, "lost": 3},
    "limits": {"waiting": "1d", "start": "10m", "running": "1h30m", "total": "2d"},
    "ttl": "30d",
    "suspend": False,
    "podTemplate": {
        "metadata": {"labels": {"team": "vision"}, "annotations": {"cost-centre": "4711"}},
        "spec": {
            "nodeSelector": {"zone": "a"},
            "tolerations": [{"key": "gpu", "operator": "Equal", "value": "a100"}],
            "volumes": [
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}},
                {"name": "ca", "configMap": {"name": "ca"}},
                {"name": "key", "secret": {"secretName": "key"}},
            ],
            "imagePullSecrets": [{"name": "registry"}],
            "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000},
            "containers": [
                {
                    "name": "training",
                    "imagePullPolicy": "IfNotPresent",
                    "workingDir": "/train",
                    "volumeMounts": [
                        {"name": "data", "mountPath": "/data", "subPath": "x", "readOnly": True}
                    ],
                }
            ],
        },
    },
}
OTHER_JOB: Json = {
    "machine": "gpu-2",
    "image": "registry/saturno/caries:1.4.3",
    "command": ["python"],
    "params": {"epochs": 31, "lr": 0.0003, "augment": True, "optimizer": "adam"},
    "env": {"LOG_LEVEL": "debug"},
    "secrets": ["bucket", "token"],
    "data": "s3://saturno/caries/2026-12",
    "checkpoint": "s3://saturno/checkpoints/caries-2",
    "model": "plaque",
    "promote": {"metric": "val_f1", "minGain": 0.02},
    "tracking": "Required",
    "externalId": "4712",
    "priority": -10,
    "resources": {"cpu": "500m"},
    "retries": {"application": 0},
    "limits": {"waiting": "2d"},
    "ttl": "1h",
    "suspend": True,
    "podTemplate": {"metadata": {"labels": {"team": "voice"}}},
}
NODE: Json = {
    "mode": "Enforce",
    "pool": "onprem",
    "platforms": ["saturno", "latam"],
    "pricePerHour": "0.90",
    "maxOn": "12h",
    "cordon": False,
    "node": {"name": "srv-gpu-1.example", "gpus": 2},
}
AWS: Json = {
    "mode": "Observe",
    "pool": "cloud-gpu",
    "platforms": ["nutresa"],
    "pricePerHour": "3.06",
    "maxOn": "24h",
    "cordon": True,
    "aws": {"instanceId": "i-0abc123def4567890", "region": "us-east-1"},
}
PROCESS: Json = {"pool": "local", "process": {"images": {"digits:1": "/srv/digits"}}}
CLAIM: Json = {"job": {"name": "caries-001", "uid": "4f0e"}, "attempt": 1, "pool": "onprem"}
OTHER_CLAIM: Json = {"job": {"name": "caries-001", "uid": "51aa"}, "attempt": 2, "machine": "g"}
HOLD: Json = {"machine": "gpu-2", "for": "4h", "note": "ana: driver 570", "power": "On"}
OTHER_HOLD: Json = {"machine": "gpu-3", "for": "5h", "note": "ana", "power": "Off"}
MAPPED: Json = {
    "mode": "Enforce",
    "namespace": "saturno",
    "share": 2,
    "language": "es",
    "database": {
        "secret": "saturno-db",
        "names": {"gpu-2": "GPU2"},
        "confirm": "All",
        "mapping": {
            "machines": {
                "table": "maquinas",
                "key": "nombre",
                "status": "estado",
                "free": "libre",
                "occupied": "ocupada",
                "owner": "usuario",
            },
            "trainings": {
                "table": "entrenamientos",
                "key": "id",
                "status": "estado",
                "states": {"waiting": 0, "running": 1, "succeeded": 2, "failed": 3},
                "message": "mensaje",
                "started": "inicio",
                "ended": "fin",
            },
            "startLog": {
                "table": "encendidos",
                "id": "id",
                "machine": "maquina",
                "who": "usuario",
                "started": "inicio",
                "ended": "fin",
            },
        },
    },
}
PRESET: Json = {
    "namespace": "latam",
    "database": {"secret": "latam-db", "preset": "integrations-v1"},
}

FULL: list[tuple[type[KubeObject], Json]] = [
    (TrainingJob, JOB),
    (TrainingJob, OTHER_JOB),
    (Machine, NODE),
    (Machine, AWS),
    (Machine, PROCESS),
    (MachineLease, CLAIM),
    (MachineLease, HOLD),
    (Platform, MAPPED),
    (Platform, PRESET),
]
TWINS: list[tuple[type[KubeObject], Json, Json]] = [
    (TrainingJob, JOB, OTHER_JOB),
    (Machine, NODE, {**AWS, "node": {"name": "srv-gpu-2", "gpus": 2}}),
    (Machine, AWS, {**NODE, "aws": {**AWS["aws"], "region": "eu-west-1"}}),
    (MachineLease, CLAIM, OTHER_CLAIM),
    (MachineLease, HOLD, OTHER_HOLD),
]
"""Two documents of a kind that differ in every field that both have."""
