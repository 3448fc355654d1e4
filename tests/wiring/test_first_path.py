"""The first whole path on real parts: a TrainingJob is applied, trains, and leaves all in order."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.wiring.conftest import ROOT
from tests.wiring.process import ACCOUNT, Replica

from bed.control_plane import ControlPlane
from bed.fixtures import MakeControlPlane
from bed.platform_schemas import platform_manifest, prepare, read_machines, read_trainings
from bed.processes import sweep
from bed.waiting import wait_until

PATIENCE = 60.0
GROUP = "trainlease.dev"


@pytest.fixture
def plane(control_plane_factory: MakeControlPlane) -> ControlPlane:
    """A control plane of this test's own, so that each write in its audit log is of this test."""
    made = control_plane_factory()
    made.kubectl("apply", "-f", ROOT / "crds", "-f", ROOT / "manifests")
    made.kubectl("create", "namespace", "saturno")
    return made


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "saturno.db"


@pytest.fixture
def replica(plane: ControlPlane, database: Path, tmp_path: Path) -> Iterator[Replica]:
    """The operator as leader, with one Platform and one Machine to look after."""
    dsn = prepare("saturno", database, machines=["gpu-1"], trainings=["301"])
    training = tmp_path / "training"
    training.mkdir()
    plane.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "saturno-db", "namespace": "trainlease-system"},
            "stringData": {"dsn": dsn},
        },
        platform_manifest("saturno", "saturno-db", ["gpu-1"]),
        {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "Machine",
            "metadata": {"name": "gpu-1"},
            "spec": {
                "mode": "Enforce",
                "pool": "onprem",
                "pricePerHour": "0.90",
                "process": {"images": {"train:1": str(training)}},
            },
        },
    )
    folder = tmp_path / "replica"
    claims = tmp_path / "claims"
    yield Replica(
        plane, folder, "--allow-process-machines", "--process-folder", claims
    ).until_leader()
    sweep(folder)


def job(name: str, *command: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": "saturno"},
        "spec": {
            "pool": "onprem",
            "image": "train:1",
            "command": list(command),
            "tracking": "BestEffort",
            **spec,
        },
    }


def state(plane: ControlPlane, *what: str) -> str:
    return str(plane.get(*what).get("status", {}).get("state"))


def until_free(plane: ControlPlane) -> dict[str, Any]:
    wait_until(lambda: state(plane, "machine", "gpu-1") == "Free", PATIENCE, "gpu-1 Free")
    found: dict[str, Any] = plane.get("machine", "gpu-1")["status"]
    return found


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in status["conditions"] if c["type"] == kind)
    return found


def test_a_job_trains_and_leaves_machine_and_rows_free(
    plane: ControlPlane, replica: Replica, database: Path
) -> None:
    before = until_free(plane)
    wait_until(lambda: plane.get("machine", "gpu-1")["status"].get("dbs") == "1/1", PATIENCE, "DBS")
    quiet = len(operator_writes(plane))
    plane.apply(job("caries-001", "true", externalId="301"))
    path = ("tj", "caries-001", "-n", "saturno")
    wait_until(lambda: state(plane, *path) == "Succeeded", PATIENCE, "the job's success")
    after = until_free(plane)
    wait_until(lambda: released(plane), PATIENCE, "the lease's release")

    done = plane.get(*path)["status"]
    assert condition(done, "Finished")["status"] == "True"
    assert condition(done, "Succeeded")["status"] == "True"
    assert [a["outcome"] for a in done["attempts"]] == ["Succeeded"]
    assert after["generation"] == before["generation"] + 1
    assert "holder" not in after
    assert after["usage"][0]["platform"] == "saturno"
    wait_until(lambda: trained(database) == "terminado", PATIENCE, "the training's row")
    (row,) = read_machines("saturno", database)
    assert (row["status"], row["state"], row["generation"]) == (
        "libre",
        "Free",
        after["generation"],
    )

    assert counted(operator_writes(plane)[quiet:]) == {
        ("create", "machineleases"): 1,
        ("patch", "machines/status"): 2,
        ("patch", "machineleases/status"): 2,
        ("patch", "trainingjobs/status"): 3,
    }


def released(plane: ControlPlane) -> bool:
    leases = plane.get("mlease", "-n", "saturno")["items"]
    return any(
        c["type"] == "Released" and c["status"] == "True"
        for lease in leases
        for c in lease.get("status", {}).get("conditions", ())
    )


def trained(database: Path) -> str:
    return str(read_trainings("saturno", database)[0]["status"])


def operator_writes(plane: ControlPlane) -> list[tuple[str, str]]:
    """(verb, resource) of each write of the operator to our kinds that was answered, in order."""
    return [
        (event.verb, event.resource.replace(f".{GROUP}", ""))
        for event in plane.audit()
        if event.is_write and event.user == ACCOUNT and GROUP in event.resource
    ]


def counted(writes: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    return dict(Counter(writes))
