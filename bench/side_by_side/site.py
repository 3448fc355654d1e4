"""What the two sides share: one node, one control plane, one platform, and the operator."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bed import Cluster, ControlPlane, Part, Processes, sweep
from bed.platform_schemas import platform_manifest, prepare
from demo.parts import CRDS, GROUPS, MANIFESTS, OPERATOR, SYSTEM

OURS, PLAIN, POOL = "saturno", "plain", "onprem"
SETTINGS = {"TRAINLEASE_POD_GRACE": "1", "TRAINLEASE_COOLDOWN": "1"}
"""How long a slot that nobody knows anything of yet waits for its first claim: paid once, at the
start. All else is as in production."""
_SECONDS = 120.0


@dataclass(frozen=True)
class Stand:
    """Where both sides run."""

    cluster: Cluster
    operator: Part
    machines: tuple[str, ...]


@contextmanager
def stand(folder: Path, slots: int) -> Iterator[Stand]:
    """A Ready node with so many slots, each a Free machine; all is ended with the block."""
    with Cluster.start(folder / "cluster", gpus=slots) as cluster:
        machines = tuple(f"gpu-{number}" for number in range(1, slots + 1))
        furnish(cluster.plane, cluster.node.name, folder / "saturno.db", machines)
        try:
            operator = start_operator(cluster.plane, folder / "operator", machines)
            yield Stand(cluster, operator, machines)
        finally:
            sweep(folder / "operator")


def start_operator(
    plane: ControlPlane, folder: Path, machines: Sequence[str], tracking: str = ""
) -> Part:
    """A process of its own, with the rights of its account; the machines are Free.

    `tracking` is the MLflow server; empty: jobs are recorded nowhere.
    """
    program = Path(sys.executable).parent / "trainlease"
    kubeconfig = plane.kubeconfig_for(OPERATOR, GROUPS)
    command: list[str | Path] = [program, "operator", "--kubeconfig", kubeconfig]
    env = {"HOME": str(folder), "PATH": str(program.parent), **SETTINGS}
    env |= {"TRAINLEASE_TRACKING_URI": tracking} if tracking else {}
    operator = Processes(folder).start("operator", command, env=env)
    operator.until(lambda: _are_free(plane, machines), _SECONDS, "done with the slots")
    return operator


def furnish(plane: ControlPlane, node: str, database: Path, machines: Sequence[str]) -> None:
    """CRDs, rights, namespaces, the platform with its database, and a Machine for each slot."""
    plane.kubectl("apply", "-f", CRDS, "-f", MANIFESTS)
    plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", CRDS)
    for namespace in (OURS, PLAIN):
        plane.kubectl("create", "namespace", namespace)
    dsn = prepare(OURS, database, machines=machines, trainings=())
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "saturno-db", "namespace": SYSTEM},
        "stringData": {"dsn": dsn},
    }
    plane.apply(secret, platform_manifest(OURS, "saturno-db", machines))
    plane.apply(*(_machine(name, node) for name in machines))


def _machine(name: str, node: str) -> dict[str, object]:
    spec = {"mode": "Enforce", "pool": POOL, "node": {"name": node, "gpus": 1}}
    return {
        "apiVersion": "trainlease.dev/v1alpha1",
        "kind": "Machine",
        "metadata": {"name": name},
        "spec": {**spec, "pricePerHour": "0.90"},
    }


def _are_free(plane: ControlPlane, machines: Sequence[str]) -> bool:
    found = plane.get("machines", *machines)
    return all(one.get("status", {}).get("state") == "Free" for one in found.get("items", [found]))
