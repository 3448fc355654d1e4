"""One platform, its database, and one machine, on a control plane: what the cases act on."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.wiring.process import ACCOUNT

from bed.control_plane import ControlPlane
from bed.errors import TimedOut
from bed.platform_schemas import (
    Target,
    platform_manifest,
    prepare,
    read_machines,
    read_start_log,
    read_trainings,
)
from bed.waiting import wait_until

GROUP = "trainlease.dev"
PATIENCE = 60.0
SYSTEM = "trainlease-system"
TRAININGS = [str(number) for number in range(301, 320)]
ENDS = ("Succeeded", "Failed")
_trainings = itertools.count()
SomeSite = TypeVar("SomeSite", bound="Site")


@dataclass(frozen=True)
class Site:
    """One platform with its database, and one machine whose trainings run in `folder`."""

    plane: ControlPlane
    database: Target
    folder: Path

    def machine(self, name: str = "gpu-1") -> dict[str, Any]:
        found: dict[str, Any] = self.plane.get("machine", name).get("status", {})
        return found

    def job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.plane.get("tj", name, "-n", "saturno").get("status", {})
        return found

    def until_state(self, name: str, want: str) -> dict[str, Any]:
        """The job's status, once it says so; one that has ended otherwise fails at once."""

        def has_come() -> bool:
            status = self.job(name)
            state = status.get("state")
            assert state == want or state not in ENDS, f"{name} {state}: {status.get('why')}"
            return bool(state == want)

        wait_until(has_come, PATIENCE, f"{name} {want}")
        return self.job(name)

    def until_rest(self) -> dict[str, Any]:
        """gpu-1 is Free, its row says so, each bound lease is released, each start is closed."""
        wait_until(self._is_at_rest, PATIENCE, "everything free and told")
        return self.machine()

    def until_free(self, name: str = "gpu-1") -> None:
        """The machine is Free, and its row says so."""

        def is_free() -> bool:
            return self.machine(name).get("state") == "Free" and self.is_told("libre", name)

        wait_until(is_free, PATIENCE, f"{name} free and told")

    def is_told(self, word: str, name: str = "gpu-1") -> bool:
        """Whether the platform's own row of this machine says this."""
        rows = read_machines("saturno", self.database)
        return [row["status"] for row in rows if row["machine"] == name] == [word]

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

    def apply_job(self, name: str, *command: str, **spec: Any) -> str:
        """Apply a job of saturno; the platform's id of its training."""
        training = TRAININGS[next(_trainings)]
        whole = {
            "pool": "onprem",
            "image": "train:1",
            "command": list(command),
            "tracking": "BestEffort",
            "externalId": training,
            **spec,
        }
        self.plane.apply(thing("TrainingJob", {"name": name, "namespace": "saturno"}, whole))
        return training

    def machine_object(self, name: str = "gpu-1", **spec: Any) -> dict[str, Any]:
        whole = {
            "mode": "Enforce",
            "pool": "onprem",
            "pricePerHour": "0.90",
            "process": {"images": {"train:1": str(self.folder)}},
            **spec,
        }
        return thing("Machine", {"name": name}, whole)

    def condition(self, kind: str, *what: str) -> dict[str, Any]:
        """The object's condition of this type; empty where there is none."""
        found = self.plane.get(*what).get("status", {}).get("conditions", ())
        return next((c for c in found if c["type"] == kind), {})

    def until_condition(self, kind: str, want: str, *what: str) -> str:
        """The message of the condition, once its reason is this."""

        def is_so() -> bool:
            return bool(self.condition(kind, *what).get("reason") == want)

        try:
            wait_until(is_so, PATIENCE, f"{' '.join(what)}: {kind} {want}")
        except TimedOut as late:
            raise AssertionError(f"{late}; it is {self.condition(kind, *what)}") from None
        return str(self.condition(kind, *what)["message"])

    def _is_at_rest(self) -> bool:
        if self.machine().get("state") != "Free" or not self.is_told("libre"):
            return False
        leases = [lease.get("status", {}) for lease in self.plane.get("mlease", "-A")["items"]]
        starts = read_start_log("saturno", self.database)
        released = all("Released" in true(lease) for lease in leases if "machine" in lease)
        return released and all(start["ended"] for start in starts)


def make_site(plane: ControlPlane, root: Path) -> Site:
    """The platform saturno with a SQLite database, and gpu-1, whose images are in a folder."""
    return furnish(Site(plane, root / "saturno.db", root / "training"), "gpu-1")


def furnish(site: SomeSite, *machines: str) -> SomeSite:
    """What the site names is made: folder, namespace, database, platform, machines."""
    site.plane.kubectl("create", "namespace", "saturno")
    site.folder.mkdir()
    dsn = prepare("saturno", site.database, machines=machines, trainings=TRAININGS)
    platform = platform_manifest("saturno", "saturno-db", machines)
    objects = [site.machine_object(name) for name in machines]
    site.plane.apply(secret("saturno-db", dsn=dsn), platform, *objects)
    return site


def thing(kind: str, meta: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """One of our objects."""
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def secret(name: str, **data: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": SYSTEM}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}


def true(status: dict[str, Any]) -> set[str]:
    """The types of the conditions that are true."""
    return {c["type"] for c in status.get("conditions", ()) if c["status"] == "True"}
