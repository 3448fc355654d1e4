"""The Pod of one attempt on a node slot, from the job's short spec. Pure.

It asks for no more than the Pod Security standard `restricted` allows. Node, GPUs, deadline and
security are set here and come last, so that nothing laid over the pod can change them.
"""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from trainlease.model import pods
from trainlease.model.base import API_VERSION
from trainlease.model.machine import Machine, NodeSlot
from trainlease.model.observed import Workload
from trainlease.model.pod_template import (
    CONTAINER,
    ContainerTemplate,
    PodTemplate,
    TemplateMeta,
    TemplateSpec,
)
from trainlease.model.settings import Settings
from trainlease.model.training_job import TrainingJob

Body = dict[str, Any]

_INFO = "trainlease"
_LOST_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def with_pod(
    job: TrainingJob, machine: Machine, work: Workload, now: datetime, settings: Settings
) -> Workload:
    """The workload with its Pod, where the machine is a node slot."""
    if machine.spec.node is None:
        return work
    return replace(work, manifest=pod(job, machine, work, now, settings))


def pod(
    job: TrainingJob, machine: Machine, work: Workload, now: datetime, settings: Settings
) -> Body:
    """The manifest; its name and its labels are a function of the claim and the attempt."""
    slot = machine.spec.node
    assert slot is not None
    over = job.spec.pod_template or PodTemplate()
    name = pods.pod_name(job.name, work.attempt, machine.uid, work.generation)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": job.namespace,
            **_marks(work, over.metadata or TemplateMeta()),
            "ownerReferences": [_owner(job)],
        },
        "spec": _spec(job, slot, work, over.spec or TemplateSpec(), now, settings),
    }


def _marks(work: Workload, over: TemplateMeta) -> Body:
    labels = {
        "app.kubernetes.io/managed-by": "trainlease",
        pods.MACHINE: work.machine,
        pods.MACHINE_UID: work.machine_uid,
        pods.GENERATION: str(work.generation),
        pods.JOB: work.job_name,
        pods.JOB_UID: work.job_uid,
        pods.ATTEMPT: str(work.attempt),
    }
    annotations = {pods.PARAMS: json.dumps(work.params, sort_keys=True)}
    return {
        "labels": {**over.labels, **labels},
        "annotations": {**over.annotations, **annotations},
    }


def _owner(job: TrainingJob) -> Body:
    """The pod goes with its job; a late create for a job that is gone is collected."""
    return {
        "apiVersion": API_VERSION,
        "kind": TrainingJob.kind_name,
        "name": job.name,
        "uid": job.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _spec(
    job: TrainingJob,
    slot: NodeSlot,
    work: Workload,
    over: TemplateSpec,
    now: datetime,
    settings: Settings,
) -> Body:
    laid_over = over.wire()
    spec: Body = {name: laid_over[name] for name in _TAKEN_OVER if laid_over.get(name)}
    user = over.security_context.wire() if over.security_context else {}
    return spec | {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": int(settings.pod_grace),
        # Ends the training at its claim's deadline though no operator lives.
        "activeDeadlineSeconds": max(1, int((work.deadline - now).total_seconds())),
        "affinity": _on_node(slot.name),
        "tolerations": [*_tolerations(settings), *laid_over.get("tolerations", ())],
        "securityContext": {
            **user,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [_info_volume(), *laid_over.get("volumes", ())],
        "containers": [_container(job, slot, work, next(iter(over.containers), None))],
    }


def _container(
    job: TrainingJob, slot: NodeSlot, work: Workload, over: ContainerTemplate | None
) -> Body:
    laid_over = over.wire() if over else {}
    container: Body = {n: laid_over[n] for n in _OF_CONTAINER if laid_over.get(n)}
    container |= {
        "name": CONTAINER,
        "image": work.image,
        "env": [{"name": n, "value": _literal(v)} for n, v in sorted(work.env.items())],
        "envFrom": [{"secretRef": {"name": name}} for name in work.secret_refs],
        "resources": {"limits": _limits(job, slot)},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": _INFO, "mountPath": pods.FOLDER, "readOnly": True},
            *laid_over.get("volumeMounts", ()),
        ],
    }
    if work.command is not None:
        container["command"] = [_literal(word) for word in work.command]
    return container


def _literal(text: str) -> str:
    """As it stands: Kubernetes would fill in $(NAME) and make one of two dollar signs."""
    return text.replace("$", "$$")


def _limits(job: TrainingJob, slot: NodeSlot) -> Body:
    """The job's limits, and the slot's GPUs; requests are the same, as Kubernetes fills them in."""
    resources = job.spec.resources
    limits: Body = {}
    if resources is not None:
        named = {
            "cpu": resources.cpu,
            "memory": resources.memory,
            "ephemeral-storage": resources.ephemeral_storage,
        }
        limits = {name: value for name, value in named.items() if value is not None}
    return limits | ({pods.GPU: str(slot.gpus)} if slot.gpus else {})


def _on_node(name: str) -> Body:
    """Through the scheduler, which counts the node's GPUs: a nodeName would pass it by."""
    field = {"key": "metadata.name", "operator": "In", "values": [name]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def _tolerations(settings: Settings) -> list[Body]:
    """GPU nodes are often tainted by their resource; a lost node is given up after a while."""
    lost = [
        {
            "key": key,
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": int(settings.node_lost_after),
        }
        for key in _LOST_TAINTS
    ]
    return [{"key": pods.GPU, "operator": "Exists", "effect": "NoSchedule"}, *lost]


def _info_volume() -> Body:
    """The parameters as a file, by the downward API: no ConfigMap that would have to be kept."""
    source = {"fieldPath": f"metadata.annotations['{pods.PARAMS}']"}
    return {
        "name": _INFO,
        "downwardAPI": {"items": [{"path": "params.json", "fieldRef": source}]},
    }


_TAKEN_OVER = ("nodeSelector", "imagePullSecrets")
_OF_CONTAINER = ("imagePullPolicy", "workingDir")
