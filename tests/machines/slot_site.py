"""A cluster in memory with one node and one slot; the test is its kubelet, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.builders import SETTINGS, a_claimed_machine, a_job, a_lease, at

from simulator.loop import VirtualClock, VirtualLoop
from trainlease.effects.kube.base import Body
from trainlease.effects.kube.fake import FakeKube
from trainlease.effects.machines.node import NodeProvider
from trainlease.model import pods
from trainlease.model.errors import NotFound, Unavailable
from trainlease.model.machine import Machine, NodeSlot
from trainlease.model.observed import MachineView, Power, Workload
from trainlease.plan.pod import with_pod
from trainlease.plan.workload import workload

SETTLE, PATIENCE = 45.0, 30.0
JOB = a_job()
SLOT = {"node": NodeSlot(name="srv-1")}
RUNS: Body = {"running": {"startedAt": "2026-11-22T12:00:02Z"}}
SUCCEEDED: Body = {
    "terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": "2026-11-22T12:04:00Z"}
}
KILLED: Body = {
    "terminated": {"exitCode": 137, "reason": "Error", "finishedAt": "2026-11-22T12:04:00Z"}
}


class Site:
    """A cluster with one node, and the test as its kubelet and its control plane."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.clock = VirtualClock(loop)
        self.kube = FakeKube(self.clock, namespaces=["saturno"])
        self.machine = a_claimed_machine(a_lease(JOB), spec=SLOT)
        self.heard = True
        self.logs: dict[str, str] = {}
        self.provider = self.restarted()
        self.kube.subscribe(self._tell)

    def restarted(self) -> NodeProvider:
        """As a newly started operator has it."""
        self.provider = NodeProvider(
            self.kube, self._log, clock=self.clock, settle=SETTLE, patience=PATIENCE
        )
        return self.provider

    def _tell(self, word: str, plural: str, body: Body) -> None:
        if self.heard and plural in ("pods", "nodes"):
            self.provider.heard(word, plural, body)

    async def _log(self, namespace: str, name: str) -> str:
        if name not in self.logs:
            raise Unavailable("no kubelet")
        return self.logs[name]

    # -- nodes -----------------------------------------------------------------------------------

    async def node(self, ready: str = "True", boot: str = "b1", *taints: str) -> None:
        """The node says so, after it was made if it is not there."""
        try:
            body = await self.kube.get("nodes", "", "srv-1")
        except NotFound:
            body = await self.kube.create("nodes", {"metadata": {"name": "srv-1"}})
        spec = {"taints": [{"key": key, "effect": "NoExecute"} for key in taints]}
        body = await self.kube.patch("nodes", "", "srv-1", {"spec": spec})
        condition = {"type": "Ready", "status": ready, "message": "kubelet stopped"}
        status = {
            "conditions": [condition],
            "nodeInfo": {"bootID": boot},
            "capacity": {pods.GPU: "2"},
        }
        version = body["metadata"]["resourceVersion"]
        await self.kube.patch_status("nodes", "", "srv-1", status, version)

    # -- pods ------------------------------------------------------------------------------------

    def work(self, generation: int = 7, of: Machine | None = None) -> Workload:
        machine = (of or self.machine).model_copy(deep=True)
        status = machine.status.but(generation=generation)
        machine = machine.model_copy(update={"status": status})
        what = workload(JOB, machine, None, 1, None, "", at(3600), {})
        return with_pod(JOB, machine, what, at(0), SETTINGS)

    async def pod(self, generation: int = 7) -> Body:
        name = pods.pod_name("caries", 1, self.machine.uid, generation)
        return await self.kube.get("pods", "saturno", name)

    async def says(self, state: Body | None, generation: int = 7, **status: Any) -> None:
        """The kubelet's word for the container of this claim."""
        name = (await self.pod(generation))["metadata"]["name"]
        body = await self.kube.patch("pods", "saturno", name, {"spec": {"nodeName": "srv-1"}})
        change: Body = {"startTime": "2026-11-22T12:00:01Z", **status}
        if state is not None:
            change["containerStatuses"] = [
                {"name": "training", "state": state, "containerID": "containerd://1"}
            ]
        meta = body["metadata"]
        await self.kube.patch_status(
            "pods", "saturno", meta["name"], change, meta["resourceVersion"]
        )

    async def remove(self, generation: int = 7) -> None:
        meta = (await self.pod(generation))["metadata"]
        await self.kube.delete("pods", "saturno", meta["name"], meta["uid"])

    async def start(self, generation: int = 7) -> None:
        await self.provider.ensure_on(self.machine, self.work(generation))

    async def runs(self, generation: int = 7) -> None:
        await self.start(generation)
        await self.says(RUNS, generation)

    async def view(self) -> MachineView:
        return await self.provider.observe(self.machine)

    async def settled(self) -> None:
        """The node is Ready, and nothing has to be waited for any more."""
        await self.node()
        await self.view()
        await self.after(SETTLE)
        assert (await self.view()).power is Power.OFF

    async def after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


Scene = Callable[[Site], Coroutine[Any, Any, None]]


def played(scene: Scene) -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(scene(Site(loop)))
    finally:
        loop.close()


def scene(told: Scene) -> Callable[[], None]:
    """A test in virtual time."""

    def test() -> None:
        played(told)

    test.__doc__ = told.__doc__
    return test
