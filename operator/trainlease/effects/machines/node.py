"""The node-slot provider: a claim is one Pod on one node, placed by the scheduler.

Off is what the kubelet reported: a pod whose container terminated, which stays for its logs. Where
no pod is left, the kubelet ends what the API server no longer knows; so a slot is off once its
node was Ready, as this process saw it, for the pod's grace period and the cool-down since. What
runs on a node that is not Ready nobody knows.

A claim is turned off by its deadline, not by a deletion: its pod stays for its logs, and keeps the
name taken, so that a late create of the same claim cannot land.

Absence is only ever a live answer; presence is read from what was heard, and anew now and then. Not
here: the manifest (plan.pod), how a pod's end reads (pod_states).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from math import inf

from trainlease.effects.clock import Clock
from trainlease.effects.kube.base import Body, Kube
from trainlease.effects.machines.base import Doorbell
from trainlease.effects.machines.nodes import Node, Nodes
from trainlease.effects.machines.pod_states import Pod
from trainlease.effects.machines.slots import Slot
from trainlease.model import pods
from trainlease.model.base import format_time
from trainlease.model.errors import (
    AlreadyExists,
    BadSpec,
    Forbidden,
    NotFound,
    Refused,
    TrainleaseError,
)
from trainlease.model.machine import Machine
from trainlease.model.observed import Exit, MachineView, Power, Trouble, Workload
from trainlease.model.reasons import Cause, MachineState

ReadLog = Callable[[str, str], Awaitable[str]]
"""The end of a pod's log, by namespace and name."""

_OPEN = ("status.phase!=Succeeded", "status.phase!=Failed")


class NodeProvider:
    """`settle` is the grace period and the cool-down together, `patience` how long what was heard
    is taken for true without a look, both in seconds."""

    def __init__(
        self, kube: Kube, read_log: ReadLog, *, clock: Clock, settle: float, patience: float
    ) -> None:
        self._kube = kube
        self._read_log = read_log
        self._clock = clock
        self._settle = settle
        self._patience = patience
        self._nodes = Nodes()
        self._slots: dict[str, Slot] = {}
        self._on_node: dict[str, set[str]] = {}
        self._doorbells: list[Doorbell] = []

    # -- the port --------------------------------------------------------------------------------

    async def observe(self, machine: Machine) -> MachineView:
        """ON while a container runs, by the oldest claim; UNKNOWN while one is on its way."""
        node_name = _node_of(machine)
        self._on_node.setdefault(node_name, set()).add(machine.name)
        slot = await self._look(machine)
        await self._look_at_node(node_name)
        while missing := [pod for pod in slot.ended if pod.uid not in slot.logs]:
            for pod in missing:
                slot.logs[pod.uid] = await self._log_of(pod)
        # From here on nothing is awaited: what is told is of one moment.
        node = self._nodes.seen[node_name]
        for pod in slot.open:
            if pod.is_running and node.is_ready:
                slot.boots.setdefault(pod.uid, node.boot)
        view = self._view(machine, slot, node)
        exits, troubles = _exits(machine, slot), _troubles(machine, slot, node)
        return replace(view, exits=exits, troubles=troubles, gpus=node.gpus)

    async def ensure_on(self, machine: Machine, workload: Workload) -> None:
        """The pod's name is the claim's: one that stands there was started before."""
        body = dict(workload.manifest)
        name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
        try:
            made = await self._kube.create("pods", body)
        except AlreadyExists:
            made = await self._kube.get("pods", namespace, name)
            if Pod(made).claim != (workload.machine_uid, workload.generation):
                raise BadSpec(
                    f"a pod {namespace}/{name} that is not ours stands in the way: delete it"
                ) from None
        except Forbidden as error:
            raise _refusal(error) from None
        self._slots.setdefault(machine.name, Slot()).keep(Pod(made))

    async def ensure_off(self, machine: Machine) -> None:
        """The kubelet ends them politely, then for good; what no kubelet has yet is deleted."""
        slot = await self._look(machine, live=True)
        for pod in slot.open:
            if pod.is_leaving:
                continue
            try:
                await self._end(pod)
            except NotFound:
                continue

    async def forget(self, machine_uid: str, generation: int) -> None:
        """Raises Refused while it runs."""
        found, _ = await self._kube.list(
            "pods", labels={pods.MACHINE_UID: machine_uid, pods.GENERATION: str(generation)}
        )
        for pod in map(Pod, found):
            if not pod.is_ended:
                raise Refused(f"generation {generation} still runs", "wrong state")
            try:
                await self._kube.delete("pods", pod.namespace, pod.name, pod.uid)
            except NotFound:
                continue

    def on_change(self, doorbell: Doorbell) -> None:
        self._doorbells.append(doorbell)

    # -- what is heard ---------------------------------------------------------------------------

    def heard(self, word: str, plural: str, body: Body) -> None:
        """An event of a pod or a node: ADDED, MODIFIED or DELETED."""
        if plural == "nodes":
            name = body["metadata"]["name"]
            self._nodes.saw(name, None if word == "DELETED" else body, self._clock.monotonic())
            for machine in sorted(self._on_node.get(name, ())):
                self._ring(machine)
            return
        pod = Pod(body)
        if not pod.machine:
            return
        slot = self._slots.setdefault(pod.machine, Slot())
        if word == "DELETED":
            self._parted(slot, pod)
        else:
            slot.keep(pod)
        self._ring(pod.machine)

    def close(self) -> None:
        """Ring no more; what runs goes on."""
        for slot in self._slots.values():
            if slot.timer:
                slot.timer.cancel()
        self._doorbells.clear()

    # -- looking ---------------------------------------------------------------------------------

    async def _look(self, machine: Machine, *, live: bool = False) -> Slot:
        """The slot's pods: live where none is there that runs, or the last look is long ago."""
        slot = self._slots.setdefault(machine.name, Slot())
        tick = self._clock.monotonic()
        if not live and slot.open and tick - slot.read_at < self._patience:
            return slot
        # Once all were read, those that ended long ago need not be read again.
        which = () if slot.read_at == -inf else _OPEN
        found, _ = await self._kube.list("pods", labels={pods.MACHINE: machine.name}, fields=which)
        for pod in map(Pod, found):
            slot.keep(pod)
        seen = {body["metadata"]["uid"] for body in found}
        for pod in slot.open:
            if pod.uid not in seen:
                await self._look_for(slot, pod)
        slot.read_at = tick
        slot.first_look((machine.uid, machine.status.generation), tick)
        return slot

    async def _look_for(self, slot: Slot, pod: Pod) -> None:
        """It has ended, or is gone: by a live GET."""
        try:
            body = await self._kube.get("pods", pod.namespace, pod.name)
        except NotFound:
            self._parted(slot, pod)
            return
        if Pod(body).uid == pod.uid:
            slot.keep(Pod(body))
        else:
            self._parted(slot, pod)

    def _parted(self, slot: Slot, pod: Pod) -> None:
        slot.parted(pod, self._nodes.seen.get(pod.node), self._clock.monotonic())

    async def _look_at_node(self, name: str) -> None:
        """Live where it was not heard of lately."""
        tick = self._clock.monotonic()
        if tick - self._nodes.read_at.get(name, -inf) < self._patience:
            return
        try:
            body: Body | None = await self._kube.get("nodes", "", name)
        except NotFound:
            body = None
        self._nodes.saw(name, body, tick)

    # -- what follows ----------------------------------------------------------------------------

    def _view(self, machine: Machine, slot: Slot, node: Node) -> MachineView:
        mine = [pod for pod in slot.open if pod.machine_uid == machine.uid]
        generation = mine[0].generation if mine else None
        if node.is_out_of_service and machine.status.state is not MachineState.FREE:
            return MachineView(Power.OFF, detail=f"its node {node.name} is out of service")
        if not node.is_ready or node.is_out_of_service:
            return MachineView(Power.UNKNOWN, generation, detail=node.why_not)
        if mine:
            power = Power.ON if any(pod.is_running for pod in mine) else Power.UNKNOWN
            return MachineView(power, generation, detail=mine[0].detail)
        if slot.open:
            other = slot.open[0]
            text = f"{other.namespace}/{other.name} of another Machine of this name runs there"
            return MachineView(Power.ON, detail=text)
        return self._quiet(machine, slot, node)

    def _quiet(self, machine: Machine, slot: Slot, node: Node) -> MachineView:
        assert slot.quiet_since is not None
        assert node.ready_since is not None
        if slot.quiet_since == -inf:
            return MachineView(Power.OFF)
        since = max(slot.quiet_since, node.ready_since)
        left = since + self._settle - self._clock.monotonic()
        if left <= 0:
            slot.quiet_since = -inf
            return MachineView(Power.OFF)
        if slot.timer:
            slot.timer.cancel()
        slot.timer = asyncio.get_running_loop().call_later(left, self._ring, machine.name)
        text = f"no pod is there; off is certain when its node was Ready for {self._settle:g} s"
        return MachineView(Power.UNKNOWN, detail=text)

    async def _log_of(self, pod: Pod) -> str:
        """Empty where its kubelet cannot be asked: its end counts without it."""
        try:
            return await self._read_log(pod.namespace, pod.name)
        except TrainleaseError:
            return ""

    async def _end(self, pod: Pod) -> None:
        if not pod.is_acknowledged:
            await self._kube.delete("pods", pod.namespace, pod.name, pod.uid)
            return
        if pod.is_ours_to_end:
            return
        mark = {pods.TURNED_OFF: format_time(self._clock.now())}
        patch = {
            "metadata": {"uid": pod.uid, "annotations": mark},
            "spec": {"activeDeadlineSeconds": 1},
        }
        # Refused (Conflict) where another pod has this name now.
        await self._kube.patch("pods", pod.namespace, pod.name, patch)

    def _ring(self, machine: str) -> None:
        for doorbell in self._doorbells:
            doorbell(machine)


def _node_of(machine: Machine) -> str:
    if machine.spec.node is None:
        raise BadSpec(f"{machine.name} is no node slot")
    return machine.spec.node.name


def _exits(machine: Machine, slot: Slot) -> dict[int, Exit]:
    """How claims of this Machine ended whose pods stand there, with the end of their logs."""
    exits = {}
    for pod in slot.ended:
        ended = pod.exit
        if ended is not None and pod.machine_uid == machine.uid:
            tail = slot.logs.get(pod.uid) or ended.log_tail
            exits[pod.generation] = replace(ended, log_tail=tail)
    return exits


def _troubles(machine: Machine, slot: Slot, node: Node) -> dict[int, Trouble]:
    """What is in the way of each claim of this Machine, and of those that are gone: why."""
    slot.forget_before(machine.status.generation)
    found = {g: trouble for (uid, g), trouble in slot.partings.items() if uid == machine.uid}
    for pod in slot.open:
        trouble = _lost(pod, slot, node) or pod.trouble
        if trouble is not None and pod.machine_uid == machine.uid:
            found[pod.generation] = trouble
    return found


def _lost(pod: Pod, slot: Slot, node: Node) -> Trouble | None:
    if node.is_out_of_service or not node.is_there:
        text = f"its node {node.name} is {'out of service' if node.is_there else 'gone'}"
        return Trouble(Cause.MACHINE_LOST, text, final=True)
    if node.is_ready and slot.boots.get(pod.uid, node.boot) != node.boot:
        text = f"its node {node.name} was started anew"
        return Trouble(Cause.MACHINE_LOST, text, final=True)
    return None


def _refusal(error: Forbidden) -> TrainleaseError:
    """A quota lets it in later; what a policy forbids, it forbids for good."""
    if "exceeded quota" in str(error):
        return Refused(str(error), "quota")
    return BadSpec(str(error))
