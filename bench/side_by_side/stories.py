"""What became of jobs, by the API server's own audit log; both sides are read by the same rules.

Promises: a moment is the server's (received or answered), never a client's; nothing is asked of the
API server while a job runs, so that looking costs neither side anything. Not in here: who made the
jobs (`sides`), and what is told of them (`figures`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bed import AuditEvent, AuditLog, ControlPlane, wait_until

GROUP = "trainlease.dev"
_OPERATOR = ":trainlease-operator"
_WHO = {
    "admin": "a person",
    "system:kube-scheduler": "scheduler",
    "system:serviceaccount:kube-system:job-controller": "job controller",
}
_OURS = (f"trainingjobs.{GROUP}", f"machineleases.{GROUP}", f"machines.{GROUP}")
_QUIET_SECONDS = 2.0
_PATIENCE = 120.0
_LOOK_SECONDS = 0.2  # looking takes CPU, and moments are the server's anyway


@dataclass(frozen=True)
class Story:
    """The moments of one job; None where the log does not tell of it."""

    created: datetime | None = None
    """The answer to the create of the job's own object."""
    pod_asked: datetime | None = None
    """The create of its pod was received."""
    pod_ended: datetime | None = None
    """The answer to the kubelet's word that its container has terminated."""
    stored: datetime | None = None
    """The answer to the write that says how the job ended."""
    free: datetime | None = None
    """The answer to the write that says that its slot is free; None where there is no such word."""


class Ears:
    """Hears the audit log from where it stands, without a request to the API server."""

    def __init__(self, plane: ControlPlane) -> None:
        self._log = AuditLog(plane.audit_log)
        self._log.skip_to_end()
        self.heard: list[AuditEvent] = []

    def until(self, done: Callable[[list[AuditEvent]], bool], what: str) -> list[AuditEvent]:
        """All that was heard, once `done` says so of it."""

        def is_done() -> bool:
            new = self._log.new_events()
            self.heard += new
            return bool(new) and done(self.heard)

        wait_until(is_done, _PATIENCE, what, every=_LOOK_SECONDS)
        return self.heard

    def until_quiet(self, namespace: str) -> list[AuditEvent]:
        """All that was heard, once nothing more is written of this side's objects."""

        def is_quiet(heard: list[AuditEvent]) -> bool:
            last = max(event.answered_at for event in writes(heard, namespace))
            return (heard[-1].answered_at - last).total_seconds() > _QUIET_SECONDS

        return self.until(is_quiet, f"{namespace} quiet")


def writes(events: Iterable[AuditEvent], namespace: str) -> list[AuditEvent]:
    """Writes that were done to a side's objects: all in its namespace, and Machines.

    Nodes and Leases of leaders are no job's. A refused write costs as much, and counts.
    """
    return [
        event
        for event in events
        if event.is_write and (event.namespace == namespace or _is_machine(event))
    ]


def bill(events: Iterable[AuditEvent], namespace: str) -> Counter[str]:
    """How often each (who: verb what) was written."""
    return Counter(
        f"{who(event.user)}: {event.verb} {event.resource.replace(f'.{GROUP}', '')}"
        for event in writes(events, namespace)
    )


def words_of_waiting(events: Iterable[AuditEvent]) -> int:
    """How often it was said anew where a job stands in the queue, and for what it waits."""
    waiting = [
        event.name
        for event in events
        if event.resource == f"trainingjobs.{GROUP}/status"
        and _status(event).get("state") == "Waiting"
    ]
    return len(waiting) - len(set(waiting))


def who(user: str) -> str:
    """A user of the API server, as a reader knows it."""
    if user.startswith("system:node:"):
        return "kubelet"
    if user.endswith(_OPERATOR):
        return "operator"
    return _WHO.get(user, user)


def stories(events: Iterable[AuditEvent], jobs: Iterable[str]) -> dict[str, Story]:
    """The story of each of these jobs, of whichever side."""
    found: dict[str, dict[str, Any]] = {job: {} for job in jobs}
    pods: dict[str, str] = {}
    machines: dict[str, str] = {}
    for event in events:
        if not event.is_write or event.code >= 300:
            continue
        if event.resource == "pods" and event.verb == "create":
            labels = (event.request or {}).get("metadata", {}).get("labels", {})
            job = labels.get(f"{GROUP}/job") or labels.get("batch.kubernetes.io/job-name", "")
            pods[event.name] = job
            _once(found, job, "pod_asked", event.received_at)
        elif event.resource == "pods/status" and _has_ended(event):
            _once(found, pods.get(event.name, ""), "pod_ended", event.answered_at)
        elif event.resource in (f"trainingjobs.{GROUP}", "jobs.batch") and event.verb == "create":
            _once(found, event.name, "created", event.answered_at)
        elif event.resource in (f"trainingjobs.{GROUP}/status", "jobs.batch/status"):
            machine = _ended_on(event)
            if machine and "stored" not in found.get(event.name, {}):
                _once(found, event.name, "stored", event.answered_at)
                machines[machine] = event.name
        elif event.resource == f"machines.{GROUP}/status" and _status(event).get("state") == "Free":
            _once(found, machines.pop(event.name, ""), "free", event.answered_at)
    return {job: Story(**moments) for job, moments in found.items()}


def _once(found: Mapping[str, dict[str, Any]], job: str, moment: str, at: datetime) -> None:
    """Only the first of its kind is told; what is no job of ours is not."""
    if job in found:
        found[job].setdefault(moment, at)


def _ended_on(event: AuditEvent) -> str:
    """Not empty once the status says how the job ended: the machine, or `batch`."""
    status = _status(event)
    attempts = status.get("attempts", ())
    if attempts and attempts[-1].get("outcome"):
        return str(attempts[-1]["machine"])
    ends = ("Complete", "Failed")
    over = any(c["type"] in ends and c["status"] == "True" for c in status.get("conditions", ()))
    return "batch" if over and event.resource.startswith("jobs.batch") else ""


def _status(event: AuditEvent) -> dict[str, Any]:
    """Of the object answered; empty where the write was refused."""
    return dict((event.response or {}).get("status", {})) if event.code < 300 else {}


def _has_ended(event: AuditEvent) -> bool:
    """Its containers have; the kubelet says so up to a second before the pod's phase does."""
    containers = _status(event).get("containerStatuses", ())
    return bool(containers) and all("terminated" in one["state"] for one in containers)


def _is_machine(event: AuditEvent) -> bool:
    return event.resource.startswith(_OURS) and not event.namespace
