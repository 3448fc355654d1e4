"""What a Pod says of its claim, told apart: how it ended, what is in its way, what it is at.

Only what the kubelet reported of the containers counts as an end. A phase does not: the control
plane sets *Failed* on a pod of a lost node while its containers run on. What makes words of the
kubelet's and the scheduler's reasons stands in tables here.
"""

import re
from dataclasses import dataclass
from typing import Any

from trainlease.effects.kube.base import Body
from trainlease.model import pods
from trainlease.model.base import parse_time
from trainlease.model.observed import Exit, Trouble
from trainlease.model.reasons import Cause

Claim = tuple[str, int]
"""A claim by (machine uid, generation)."""

_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}
_SIGNALLED = 128


@dataclass(frozen=True)
class Pod:
    """One pod of ours, as it was read."""

    body: Body

    @property
    def uid(self) -> str:
        return str(self.body["metadata"]["uid"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.body["metadata"]["namespace"])

    @property
    def version(self) -> int:
        return int(self.body["metadata"]["resourceVersion"])

    @property
    def node(self) -> str:
        """Where the scheduler put it; empty before."""
        return str((self.body.get("spec") or {}).get("nodeName", ""))

    @property
    def machine(self) -> str:
        return self._label(pods.MACHINE)

    @property
    def machine_uid(self) -> str:
        return self._label(pods.MACHINE_UID)

    @property
    def generation(self) -> int:
        """The claim's; 0 for a pod whose label somebody spoilt, which is no claim's."""
        text = self._label(pods.GENERATION)
        return int(text) if text.isdigit() else 0

    @property
    def claim(self) -> Claim:
        return self.machine_uid, self.generation

    @property
    def is_ours_to_end(self) -> bool:
        """Whether the operator has ended it already, or asked for it."""
        return pods.TURNED_OFF in (self.body["metadata"].get("annotations") or {})

    @property
    def is_leaving(self) -> bool:
        return bool(self.body["metadata"].get("deletionTimestamp"))

    @property
    def is_acknowledged(self) -> bool:
        """Whether a kubelet has taken it up: from then on only a kubelet can end it."""
        return bool(self._status.get("startTime"))

    @property
    def is_running(self) -> bool:
        """Whether its container runs, or ran and was not reported ended."""
        return "running" in self._state or ("containerID" in self._container and not self.is_ended)

    @property
    def is_ended(self) -> bool:
        """Whether its container was reported terminated, or its kubelet refused to begin it."""
        if "terminated" in self._state:
            return True
        is_terminal = self._status.get("phase") in ("Failed", "Succeeded")
        return is_terminal and not self._container.get("containerID")

    @property
    def detail(self) -> str:
        """What it is at, for people; empty once it runs."""
        if "running" in self._state:
            return "stopping" if self.is_leaving or self.is_ours_to_end else ""
        if waiting := self._state.get("waiting"):
            return _sentence(waiting.get("reason", "waiting"), waiting.get("message", ""))
        scheduled = self._condition("PodScheduled")
        if scheduled.get("status") == "False":
            return _sentence(scheduled.get("reason", ""), scheduled.get("message", ""))
        return "the node was told" if scheduled else "scheduling"

    @property
    def exit(self) -> Exit | None:
        """How it ended; None while it has not, or where it goes away and so keeps no name taken."""
        if not self.is_ended or (self.is_leaving and not self.is_ours_to_end):
            return None
        cause, text = self._end()
        ended = self._terminated.get("finishedAt") or self._last_change
        code = self._terminated.get("exitCode")
        tail = self._terminated.get("message", "")
        return Exit(self.generation, cause, text[:1024], parse_time(ended), code, tail)

    @property
    def trouble(self) -> Trouble | None:
        """What is in its way; None where nothing is."""
        if self.is_leaving and not self.is_ours_to_end:
            return self.parting
        if waiting := self._state.get("waiting"):
            return _of_waiting(waiting.get("reason", ""), waiting.get("message", ""))
        scheduled = self._condition("PodScheduled")
        if scheduled.get("reason") == "Unschedulable":
            text = f"the scheduler finds no place on its node: {scheduled.get('message', '')}"
            return Trouble(Cause.UNSCHEDULABLE, text)
        return None

    @property
    def parting(self) -> Trouble:
        """Why a pod that is being deleted, or is gone, was: the attempt ends with it."""
        condition = self._condition("DisruptionTarget")
        reason, said = condition.get("reason", ""), condition.get("message", "")
        if reason not in _PARTINGS:
            text = "its pod was deleted by hand; suspend the job to stop it for a while"
            return Trouble(Cause.POD_DELETED, text, final=True)
        cause, what = _PARTINGS[reason]
        return Trouble(cause, _sentence(what, said), final=True)

    # -- what is read ----------------------------------------------------------------------------

    @property
    def _status(self) -> Body:
        return self.body.get("status") or {}

    @property
    def _container(self) -> Body:
        return next(iter(self._status.get("containerStatuses") or []), {})

    @property
    def _state(self) -> Body:
        return self._container.get("state") or {}

    @property
    def _terminated(self) -> Body:
        return self._state.get("terminated") or {}

    @property
    def _last_change(self) -> str:
        """When its conditions changed last, of a pod that never began to run."""
        times = [c.get("lastTransitionTime") for c in self._status.get("conditions") or []]
        return max(str(t) for t in (*times, self.body["metadata"]["creationTimestamp"]) if t)

    def _label(self, name: str) -> str:
        return str((self.body["metadata"].get("labels") or {}).get(name, ""))

    def _condition(self, kind: str) -> dict[str, Any]:
        conditions = self._status.get("conditions") or []
        return next((c for c in conditions if c["type"] == kind), {})

    def _end(self) -> tuple[Cause, str]:
        reason, message = self._status.get("reason", ""), self._status.get("message", "")
        if self.is_ours_to_end and (reason == "DeadlineExceeded" or self.is_leaving):
            return Cause.CANCELLED, "turned off"
        if reason in _OF_POD:
            cause, what = _OF_POD[reason]
            if cause is Cause.EVICTED and "ephemeral" in message:
                return Cause.STORAGE_LIMIT, f"{message.strip()} Raise resources.ephemeralStorage"
            return cause, _sentence(what, message)
        if not self._terminated:
            return Cause.START_REFUSED, _sentence(reason or "the kubelet refused it", message)
        return self._of_container()

    def _of_container(self) -> tuple[Cause, str]:
        ended = self._terminated
        reason, code = ended.get("reason", ""), int(ended.get("exitCode", 0))
        said = _last_line(ended.get("message", ""))
        if reason == "OOMKilled":
            return Cause.OUT_OF_MEMORY, self._over_memory()
        if reason in ("StartError", "ContainerCannotRun"):
            text = f"the command cannot be run: {said}. Correct spec.command or the image"
            return Cause.CANNOT_START, text
        if reason in ("ContainerStatusUnknown", "Unknown"):
            return Cause.MACHINE_LOST, "its node lost it, as after a restart of the node"
        if code == 0:
            return Cause.COMPLETED, "exit code 0"
        if code > _SIGNALLED and code - _SIGNALLED in _SIGNALS:
            name = _SIGNALS[code - _SIGNALLED]
            return Cause.KILLED_BY_SIGNAL, f"killed by {name}{': ' if said else ''}{said}"
        return Cause.EXIT_CODE, f"exit code {code}{': ' if said else ''}{said}"

    def _over_memory(self) -> str:
        limits = self.body["spec"]["containers"][0].get("resources", {}).get("limits", {})
        limit = limits.get("memory")
        if limit is None:
            return "its node ran out of memory: set resources.memory, or use less"
        return f"over its limit of {limit}: raise resources.memory, or use less"


def _of_waiting(reason: str, message: str) -> Trouble | None:
    if reason in _IMAGE:
        final = reason in _IMAGE_FOR_GOOD or "code = NotFound" in message
        text = f"its image cannot be had: {_sentence(reason, message)}. Correct spec.image"
        return Trouble(Cause.IMAGE_MISSING, text, final)
    if reason == "CreateContainerConfigError":
        if missing := re.search(r'(?:secret|configmap) "[^"]+" not found', message):
            text = f"{missing[0]} in its namespace: create it, or take it out of the job"
            return Trouble(Cause.SECRET_MISSING, text, final=True)
        if "run as root" in message or "non-root" in message:
            text = (
                "its image runs as root, and a training may not: give the image a USER by number, "
                "or set podTemplate.spec.securityContext.runAsUser"
            )
            return Trouble(Cause.CANNOT_START, text, final=True)
        return Trouble(Cause.CANNOT_START, message)
    if reason in ("CreateContainerError", "RunContainerError"):
        return Trouble(Cause.CANNOT_START, _sentence(reason, message))
    return None


def _sentence(what: str, said: str) -> str:
    said = " ".join(said.split())
    return f"{what}: {said}" if what and said else what or said


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


_IMAGE_FOR_GOOD = ("InvalidImageName", "ErrImageNeverPull")
_IMAGE = (*_IMAGE_FOR_GOOD, "ErrImagePull", "ImagePullBackOff", "ImageInspectError")
_OF_POD = {
    "DeadlineExceeded": (Cause.MACHINE_LIMIT, "it reached the deadline of its claim"),
    "Evicted": (Cause.EVICTED, "evicted by its node"),
    "Preempting": (Cause.PREEMPTED, "it had to make room for a pod that its node needs"),
    "Terminated": (Cause.MACHINE_LOST, "its node was shut down"),
    "NodeShutdown": (Cause.MACHINE_LOST, "its node was shut down"),
    "NodeLost": (Cause.MACHINE_LOST, "its node was lost"),
}
"""The kubelet's reasons for a whole pod; DeadlineExceeded without our mark is the dead-man's."""
_PARTINGS = {
    "DeletionByTaintManager": (Cause.MACHINE_LOST, "its node was lost or tainted"),
    "DeletionByPodGC": (Cause.MACHINE_LOST, "its node is gone"),
    "EvictionByEvictionAPI": (Cause.EVICTED, "evicted, as by a drain of its node"),
    "PreemptionByScheduler": (Cause.PREEMPTED, "preempted by a pod of a higher priority"),
    "TerminationByKubelet": (Cause.EVICTED, "ended by its node"),
}
"""The reasons of the condition DisruptionTarget; see kubernetes.io, Pod disruption conditions."""
