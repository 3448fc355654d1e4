"""The Kubernetes objects that people apply in a scenario, as bodies."""

import base64
from typing import Any

from simulator.scenario import HOLDS, HoldPlan, JobPlan, MachinePlan, PlatformPlan

OPERATOR_NAMESPACE = "trainlease-system"
PRESET = "integrations-v1"


def namespaces(platforms: tuple[PlatformPlan, ...]) -> list[str]:
    return [OPERATOR_NAMESPACE, HOLDS, *(p.name for p in platforms)]


def password(platform: str) -> str:
    """What must never be seen in an object."""
    return f"pw-of-{platform}-4711"


def secret(platform: PlatformPlan) -> dict[str, Any]:
    dsn = f"mysql+pymysql://operator:{password(platform.name)}@db/{platform.name}"
    return {
        "metadata": {"name": f"{platform.name}-db", "namespace": OPERATOR_NAMESPACE},
        "data": {"dsn": base64.b64encode(dsn.encode()).decode()},
    }


def platform(plan: PlatformPlan, own_names: dict[str, str]) -> dict[str, Any]:
    database = {
        "secret": f"{plan.name}-db",
        "preset": PRESET,
        "confirm": plan.confirm,
        "names": own_names,
    }
    return {
        "metadata": {"name": plan.name},
        "spec": {
            "mode": plan.mode,
            "namespace": plan.name,
            "share": plan.share,
            "database": database,
        },
    }


def machine(plan: MachinePlan) -> dict[str, Any]:
    spec: dict[str, Any] = {"mode": "Enforce", "pool": plan.pool, "pricePerHour": plan.price}
    if plan.leaves_record:
        spec["process"] = {"images": {"registry/train:1": "/srv/train"}}
    else:
        number = int(plan.name.rpartition("-")[2])
        spec["aws"] = {"instanceId": f"i-{number:08x}", "region": "us-east-1"}
    if plan.max_on:
        spec["maxOn"] = plan.max_on
    if plan.platforms is not None:
        spec["platforms"] = list(plan.platforms)
    return {"metadata": {"name": plan.name}, "spec": spec}


def job(plan: JobPlan) -> dict[str, Any]:
    return {"metadata": {"name": plan.name, "namespace": plan.namespace}, "spec": plan.spec}


def hold(plan: HoldPlan) -> dict[str, Any]:
    spec: dict[str, Any] = {"machine": plan.machine, "note": "ana: driver"}
    if plan.length is not None:
        spec["for"] = f"{plan.length}s"
    return {"metadata": {"name": plan.name, "namespace": HOLDS}, "spec": spec}
