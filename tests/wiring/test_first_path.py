"""The first whole path on real parts: a TrainingJob is applied, trains, and leaves all in order."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.wiring.conftest import ROOT
from tests.wiring.process import ACCOUNT, Replica

from bed.control_plane import ControlPlane
from bed.platform_schemas import (
    platform_manifest,
    prepare,
    read_machines,
    read_start_log,
    read_trainings,
)
from bed.processes import sweep
from bed.waiting import wait_until

GROUP = "trainlease.dev"
PATIENCE = 60.0
TRAININGS = [str(number) for number in range(301, 320)]
SETTINGS = {
    "TRAINLEASE_COOLDOWN": "0",
    "TRAINLEASE_STARTING_SHOWN_AFTER": "600",  # a slow test machine costs no write
    "TRAINLEASE_BACKOFF_FIRST": "0.1",
}
_trainings = itertools.count()


@dataclass(frozen=True)
class Site:
    """One platform with its database, and one machine whose trainings run in `folder`."""

    plane: ControlPlane
    database: Path
    folder: Path

    def machine(self, name: str = "gpu-1") -> dict[str, Any]:
        found: dict[str, Any] = self.plane.get("machine", name).get("status", {})
        return found

    def job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.plane.get("tj", name, "-n", "saturno").get("status", {})
        return found

    def until_state(self, name: str, want: str) -> dict[str, Any]:
        wait_until(lambda: self.job(name).get("state") == want, PATIENCE, f"{name} {want}")
        return self.job(name)

    def until_rest(self) -> dict[str, Any]:
        """The machine is Free, its row says so, each lease is released, each start is closed."""
        wait_until(self._is_at_rest, PATIENCE, "everything free and told")
        return self.machine()

    def is_told(self, word: str) -> bool:
        """Whether the platform's own row of the machine says this."""
        return [row["status"] for row in read_machines("saturno", self.database)] == [word]

    def training(self, training: str) -> dict[str, Any]:
        rows = read_trainings("saturno", self.database)
        return next(row for row in rows if str(row["training"]) == training)

    def open_gate(self, name: str) -> None:
        """Let the training that waits for it go on."""
        (self.folder / name).touch()

    def writes(self) -> list[tuple[str, str, str]]:
        """(verb, resource, name) of each write of the operator to our kinds, in their order."""
        return [
            (event.verb, event.resource.replace(f".{GROUP}", ""), event.name)
            for event in self.plane.audit()
            if event.is_write and event.user == ACCOUNT and GROUP in event.resource
        ]

    def _is_at_rest(self) -> bool:
        if self.machine().get("state") != "Free" or not self.is_told("libre"):
            return False
        leases = self.plane.get("mlease", "-A")["items"]
        starts = read_start_log("saturno", self.database)
        return all(_is_released(lease) for lease in leases) and all(s["ended"] for s in starts)


Start = Callable[[], Replica]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A control plane of this module's own: each write in its audit log is one of these cases'."""
    root = tmp_path_factory.mktemp("site")
    plane = ControlPlane.start(root / "control-plane")
    plane.kubectl("apply", "-f", ROOT / "crds", "-f", ROOT / "manifests")
    plane.kubectl("create", "namespace", "saturno")
    site = Site(plane, root / "saturno.db", root / "training")
    site.folder.mkdir()
    dsn = prepare("saturno", site.database, machines=["gpu-1"], trainings=TRAININGS)
    plane.apply(_secret(dsn), platform_manifest("saturno", "saturno-db", ["gpu-1"]), _machine(site))
    yield site
    sweep(root)


@pytest.fixture
def start(site: Site, tmp_path: Path) -> Iterator[Start]:
    """Starts replicas, which end with the case."""

    def one() -> Replica:
        claims = site.folder.parent / "claims"
        options = ("--allow-process-machines", "--process-folder", claims)
        return Replica(site.plane, tmp_path / "replicas", *options, settings=SETTINGS)

    yield one
    sweep(tmp_path / "replicas")


def test_a_job_trains_and_leaves_machine_and_rows_free(site: Site, start: Start) -> None:
    start().until_leader()
    before = site.until_rest()
    quiet = len(site.writes())
    training = _apply(site, "caries-001", "sh", "-c", "until [ -e go-1 ]; do sleep 0.05; done")
    site.until_state("caries-001", "Running")
    assert site.is_told("ocupada")
    site.open_gate("go-1")
    done = site.until_state("caries-001", "Succeeded")
    after = site.until_rest()

    assert {"Finished", "Succeeded"} <= _true(done)
    assert [a["outcome"] for a in done["attempts"]] == ["Succeeded"]
    assert after["generation"] == before["generation"] + 1
    assert "holder" not in after
    assert [use["platform"] for use in after["usage"]] == ["saturno"]
    wait_until(lambda: site.training(training)["status"] == "terminado", PATIENCE, "its row")
    assert Counter((verb, resource) for verb, resource, _ in site.writes()[quiet:]) == {
        ("create", "machineleases"): 1,
        ("patch", "machines/status"): 2,
        ("patch", "machineleases/status"): 2,
        ("patch", "trainingjobs/status"): 3,
    }


def test_a_new_leader_that_finds_all_in_order_writes_nothing(site: Site, start: Start) -> None:
    first = start().until_leader()
    site.until_rest()
    quiet = len(site.writes())
    assert first.terminate() == 0
    start().until_leader()
    # It looks at what it found before it looks at what came later.
    site.plane.apply(_machine(site, "later", pool="elsewhere"))
    wait_until(lambda: site.machine("later").get("state") == "Free", PATIENCE, "the later machine")
    assert [name for _, _, name in site.writes()[quiet:] if name != "later"] == []


def test_a_training_that_fails_ends_the_job_with_a_reason(site: Site, start: Start) -> None:
    start().until_leader()
    training = _apply(site, "caries-002", "sh", "-c", "echo no such column >&2; exit 3")
    done = site.until_state("caries-002", "Failed")
    site.until_rest()
    assert {"Finished", "Failed"} <= _true(done)
    assert "exit code 3" in done["attempts"][0]["message"]
    wait_until(lambda: site.training(training)["status"] == "fallido", PATIENCE, "its row")


def test_a_job_deleted_while_it_runs_leaves_nothing_behind(site: Site, start: Start) -> None:
    start().until_leader()
    training = _apply(site, "caries-003", "sleep", "600")
    site.until_state("caries-003", "Running")
    site.plane.kubectl("delete", "tj", "caries-003", "-n", "saturno")
    site.until_rest()
    wait_until(lambda: site.training(training)["status"] == "fallido", PATIENCE, "its row")


def test_another_replica_finishes_what_the_first_began(site: Site, start: Start) -> None:
    first = start().until_leader()
    _apply(site, "caries-004", "sh", "-c", "until [ -e go-4 ]; do sleep 0.05; done")
    before = site.until_state("caries-004", "Running")
    assert first.terminate() == 0
    site.open_gate("go-4")
    start().until_leader()
    done = site.until_state("caries-004", "Succeeded")
    site.until_rest()
    assert len(done["attempts"]) == 1
    assert done["attempts"][0]["generation"] == before["attempts"][0]["generation"]


def test_a_replica_that_is_killed_loses_nothing(site: Site, start: Start) -> None:
    first = start().until_leader()
    _apply(site, "caries-005", "sh", "-c", "until [ -e go-5 ]; do sleep 0.05; done")
    site.until_state("caries-005", "Running")
    first.part.kill()
    start().until_leader()
    site.open_gate("go-5")
    done = site.until_state("caries-005", "Succeeded")
    site.until_rest()
    assert [a["outcome"] for a in done["attempts"]] == ["Succeeded"]


def _apply(site: Site, name: str, *command: str) -> str:
    """Apply a job; the platform's id of its training."""
    training = TRAININGS[next(_trainings)]
    spec = {
        "pool": "onprem",
        "image": "train:1",
        "command": list(command),
        "tracking": "BestEffort",
        "externalId": training,
    }
    meta = {"name": name, "namespace": "saturno"}
    site.plane.apply(_object("TrainingJob", meta, spec))
    return training


def _machine(site: Site, name: str = "gpu-1", pool: str = "onprem") -> dict[str, Any]:
    spec = {
        "mode": "Enforce",
        "pool": pool,
        "pricePerHour": "0.90",
        "process": {"images": {"train:1": str(site.folder)}},
    }
    return _object("Machine", {"name": name}, spec)


def _object(kind: str, meta: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def _secret(dsn: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "saturno-db", "namespace": "trainlease-system"},
        "stringData": {"dsn": dsn},
    }


def _true(status: dict[str, Any]) -> set[str]:
    return {c["type"] for c in status["conditions"] if c["status"] == "True"}


def _is_released(lease: dict[str, Any]) -> bool:
    return "Released" in _true({"conditions": lease.get("status", {}).get("conditions", [])})
