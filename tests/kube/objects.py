"""Valid objects of each kind, as short as they may be: the cases say what matters."""

from typing import Any

from trainlease.effects.kube.base import Body


def machine(name: str, **spec: Any) -> Body:
    return {
        "apiVersion": "trainlease.dev/v1alpha1",
        "kind": "Machine",
        "metadata": {"name": name},
        "spec": {"pool": "onprem", "node": {"name": "srv-1"}, **spec},
    }


def job(namespace: str, name: str, **spec: Any) -> Body:
    return {
        "apiVersion": "trainlease.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"pool": "onprem", "image": "registry/train:1", **spec},
    }


def hold(namespace: str, name: str, **spec: Any) -> Body:
    return {
        "apiVersion": "trainlease.dev/v1alpha1",
        "kind": "MachineLease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"machine": "gpu-1", **spec},
    }


def platform(name: str, namespace: str) -> Body:
    return {
        "apiVersion": "trainlease.dev/v1alpha1",
        "kind": "Platform",
        "metadata": {"name": name},
        "spec": {
            "namespace": namespace,
            "database": {"secret": f"{name}-db", "preset": "integrations-v1"},
        },
    }


def event(namespace: str, name: str, about: Body) -> Body:
    meta = about["metadata"]
    return {
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "namespace": meta.get("namespace", ""),
            "name": meta["name"],
            "uid": meta["uid"],
        },
        "reason": "Granted",
        "message": "attempt 1 has gpu-1",
        "type": "Normal",
        "count": 1,
        "firstTimestamp": "2026-11-22T12:00:00Z",
        "lastTimestamp": "2026-11-22T12:00:00Z",
    }


def owned_by(owner: Body) -> dict[str, Any]:
    """The owner reference that makes an object go when its owner goes."""
    meta = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
    }
