"""Brings up all parts of the demo, and the operator over them; everything lives in one folder.

control-plane/  mlflow/  databases/  operator/  claims/ (of the process machines)
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bed import ControlPlane, MariaDB, Missing, MLflow, Part, Processes, wait_until
from bed.cluster_binary import cluster_binary
from demo.databases import PlatformDatabase, make_database

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
CRDS = ROOT / "crds"
MANIFESTS = ROOT / "manifests"
SYSTEM = "trainlease-system"
OPERATOR = f"system:serviceaccount:{SYSTEM}:trainlease-operator"
GROUPS = ("system:serviceaccounts", f"system:serviceaccounts:{SYSTEM}", "system:authenticated")
_READY_SECONDS = 60.0
_PATIENCE = 30.0
_SETTINGS = {
    "TRAINLEASE_COOLDOWN": "3",
    "TRAINLEASE_BACKOFF_FIRST": "2",
    "TRAINLEASE_OBSERVE_EVERY": "2",
    "TRAINLEASE_COMPARE_EVERY": "10",
    "TRAINLEASE_WAIT_REASON_EVERY": "2",
    "TRAINLEASE_BREAKER_MOST": "3",
}
"""Shorter than in production, so that a demo shows in a minute what may take an hour."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Parts:
    """What runs."""

    folder: Path
    plane: ControlPlane
    mlflow: MLflow
    databases: tuple[PlatformDatabase, ...]
    operator: Part

    @property
    def claims(self) -> Path:
        return self.folder / "claims"

    def database(self, platform: str) -> PlatformDatabase:
        return next(one for one in self.databases if one.platform == platform)

    def listed(self, path: str) -> list[dict[str, Any]]:
        """All objects of a kind, by a live GET as the admin; BedError where none answers."""

        def answered() -> bytes | None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, body = self.plane.request(path)
                return body if status == http.client.OK else None
            return None

        items: list[dict[str, Any]] = json.loads(
            wait_until(answered, _PATIENCE, f"the API server's answer to GET {path}")
        )["items"]
        return items


def manifests(*names: str) -> list[dict[str, Any]]:
    """The objects of files or folders in examples/, in the order in which kubectl applies them."""
    files = [file for name in names for file in sorted(_files(EXAMPLES / name))]
    return [body for file in files for body in yaml.safe_load_all(file.read_text()) if body]


@functools.cache
def examples() -> dict[str, list[dict[str, Any]]]:
    """What the demo applies, by kind."""
    found: dict[str, list[dict[str, Any]]] = {}
    for body in manifests("machines.yaml", "platforms", "jobs"):
        found.setdefault(body["kind"], []).append(body)
    return found


def bring_up(folder: Path, say: Say, *, sqlite: bool) -> Parts:
    """All parts, with CRDs, namespaces and Secrets in place and the operator leading."""
    mlflow_python = build()
    say("starting the control plane, MLflow and a database for each platform")
    with ThreadPoolExecutor() as pool:
        plane = pool.submit(ControlPlane.start, folder / "control-plane", scheduler=True)
        mlflow = pool.submit(MLflow.start, folder / "mlflow")
        databases = _databases(pool.submit, folder / "databases", sqlite=sqlite)
    install(plane.result(), databases)
    say("starting the operator")
    operator = start_operator(folder, plane.result(), mlflow.result().url, mlflow_python.parent)
    return Parts(folder, plane.result(), mlflow.result(), databases, operator)


def build() -> Path:
    """Make what takes minutes, once; the Python that has MLflow and scikit-learn."""
    cluster_binary()
    return MLflow.ensure_installed()


def why_no_mariadb(path: str | None = None) -> str:
    """Why no MariaDB server can be had here; empty if one is there. `path` is where to look."""
    try:
        MariaDB.ensure_installed(path)
    except Missing as missing:
        return str(missing)
    return ""


def install(plane: ControlPlane, databases: Iterable[PlatformDatabase]) -> None:
    """CRDs, namespaces, rights, and a Secret with the address of each platform's database."""
    plane.kubectl("apply", "-f", CRDS, "-f", MANIFESTS)
    plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", CRDS)
    plane.kubectl("apply", "-f", EXAMPLES / "namespaces.yaml")
    for database in databases:
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"{database.platform}-db", "namespace": SYSTEM},
            "stringData": {"dsn": database.dsn},
        }
        plane.kubectl("create", "-f", "-", input=json.dumps(body))


def apply_examples(plane: ControlPlane) -> None:
    """As a person would: the machines and platforms, then the jobs."""
    plane.kubectl("apply", "-f", EXAMPLES / "machines.yaml", "-f", EXAMPLES / "platforms")
    plane.kubectl("apply", "-f", EXAMPLES / "jobs")


def start_operator(folder: Path, plane: ControlPlane, tracking: str, python: Path) -> Part:
    """The operator as a process of its own, with the rights of its account, once it leads.

    `python` is the folder of the Python that trainings find first on their PATH.
    """
    env = _environment(
        {
            "KUBECONFIG": str(plane.kubeconfig_for(OPERATOR, GROUPS)),
            "PATH": f"{python}:{os.environ.get('PATH', os.defpath)}",
            "TRAINLEASE_NAMESPACE": SYSTEM,
            "TRAINLEASE_PROCESS_FOLDER": str(folder / "claims"),
            "TRAINLEASE_TRACKING_URI": tracking,
            **_SETTINGS,
        }
    )
    program = Path(sys.executable).parent / "trainlease"
    command: list[str | Path] = [program, "operator", "--allow-process-machines"]
    part = Processes(folder / "operator").start("operator", command, env=env, cwd=ROOT)
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/trainlease-operator"
    part.until(lambda: plane.request(lease)[0] == 200, _READY_SECONDS, "leading")
    return part


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """Ours, without a person's own settings of the operator and of MLflow."""
    theirs = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TRAINLEASE_", "MLFLOW_"))
    }
    return {**theirs, **own}


def _databases(
    submit: Callable[..., Any], folder: Path, *, sqlite: bool
) -> tuple[PlatformDatabase, ...]:
    known = examples()
    machines = [body["metadata"]["name"] for body in known["Machine"]]
    waiting = []
    for platform in known["Platform"]:
        name, namespace = platform["metadata"]["name"], platform["spec"]["namespace"]
        trainings = [
            job["spec"]["externalId"]
            for job in known["TrainingJob"]
            if job["metadata"]["namespace"] == namespace
        ]
        waiting.append(
            submit(
                make_database, name, folder, sqlite=sqlite, machines=machines, trainings=trainings
            )
        )
    return tuple(each.result() for each in waiting)


def _files(path: Path) -> list[Path]:
    return list(path.glob("*.yaml")) if path.is_dir() else [path]
