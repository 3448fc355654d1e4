"""Hand-made bodies for the promises: only what a judge reads."""

from typing import Any

from simulator.facts import Body, By, Powered, Rest, RowChanged, Wrote
from simulator.observer import Observer
from trainlease.model.observed import MachineRows, RowState, SideRow


def made(name: str, namespace: str = "", uid: str = "") -> dict[str, Any]:
    meta = {"name": name, "uid": uid or f"uid-{name}"}
    return meta | ({"namespace": namespace} if namespace else {})


def machine(name: str = "gpu-1", uid: str = "", **status: Any) -> Body:
    return {
        "metadata": made(name, uid=uid),
        "spec": {"mode": "Enforce", "pool": "onprem"},
        "status": status,
    }


def platform(name: str = "saturno", confirm: str = "Own") -> Body:
    spec = {"mode": "Enforce", "namespace": name, "database": {"confirm": confirm}}
    return {"metadata": made(name), "spec": spec}


def job(name: str = "caries", namespace: str = "saturno", **status: Any) -> Body:
    return {
        "metadata": made(name, namespace),
        "spec": {"pool": "onprem", "image": "i"},
        "status": status,
    }


def lease(job_name: str = "caries", attempt: int = 1, **status: Any) -> Body:
    ref = {"name": job_name, "uid": f"uid-{job_name}"}
    return {
        "metadata": made(f"{job_name}-{attempt}", "saturno"),
        "spec": {"pool": "onprem", "job": ref, "attempt": attempt},
        "status": status,
    }


def holder(job_name: str = "caries", attempt: int = 1) -> dict[str, Any]:
    return {
        "namespace": "saturno",
        "name": f"{job_name}-{attempt}",
        "uid": f"uid-{job_name}-{attempt}",
        "platform": "saturno",
        "job": job_name,
        "jobUid": f"uid-{job_name}",
        "attempt": attempt,
    }


def true(*kinds: str) -> list[dict[str, str]]:
    return [{"type": kind, "status": "True", "reason": "R", "message": ""} for kind in kinds]


def rows(own: RowState, side: RowState | None, fence: int, generation: int = 1) -> MachineRows:
    stored = None
    if side is not None:
        stored = SideRow(
            "cluster", "gpu-1", "uid-gpu-1", fence, generation, side, "saturno/caries", "", None
        )
    return MachineRows(own, own.value, None, stored)


FREE_ROWS = rows(RowState.FREE, RowState.FREE, 3)
HELD_ROWS = rows(RowState.OCCUPIED, RowState.OCCUPIED, 2)


class Outside:
    """An observer that is told, in a few words, what happened."""

    def __init__(self) -> None:
        self.observer = Observer()
        self.at = 0.0

    def write(self, plural: str, after: Body | None, by: By = By.US) -> None:
        """A write of the whole object, in the place of the one that stood there."""
        self.at += 1
        meta = (after or {})["metadata"]
        key = meta.get("namespace", ""), meta["name"]
        before = self.observer.book.objects[plural].get(key)
        self.observer.see(Wrote(self.at, by, plural, *key, before, after, repr(after)))

    def remove(self, plural: str, name: str) -> None:
        """A person deletes an object that has no namespace."""
        self.at += 1
        before = self.observer.book.objects[plural]["", name]
        self.observer.see(Wrote(self.at, By.PERSON, plural, "", name, before, None))

    def row(self, after: MachineRows, by: By = By.US, platform: str = "saturno") -> None:
        self.at += 1
        before = self.observer.book.rows.get(
            (platform, "gpu-1"), MachineRows(RowState.FREE, "free", None, None)
        )
        self.observer.see(RowChanged(self.at, by, platform, "gpu-1", before, after))

    def power(
        self,
        on: bool,
        generation: int | None = 1,
        by: By = By.US,
        name: str = "gpu-1",
        lateness: float = 0.0,
    ) -> None:
        """Attempt 1 of caries, or the legacy program's run, begins or ends on a machine."""
        self.at += 1
        job_uid = "uid-caries" if generation is not None else ""
        fact = Powered(self.at, by, name, f"uid-{name}", on, generation, job_uid, 1, lateness)
        self.observer.see(fact)

    def rest(self, **more: Any) -> None:
        self.at += 1
        self.observer.at_rest(Rest(self.at, **more))

    @property
    def broken(self) -> list[str]:
        return [breach.promise for breach in self.observer.breaches]
