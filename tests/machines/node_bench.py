"""A bench with pods on a real node, watched by the same shell as in production."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import kopf
from tests.builders import a_job, a_machine
from tests.machines.benches import PATIENCE, SCRIPTS, Ending, eventually

from bed import Node
from bed.pods import new_namespace
from trainlease.effects.clock import SystemClock
from trainlease.effects.kube.client import KubeClient
from trainlease.effects.machines.node import NodeProvider
from trainlease.handlers import kopf_settings, log_in, watch_others
from trainlease.model.machine import Machine, NodeSlot
from trainlease.model.observed import Workload
from trainlease.model.pod_template import PodTemplate
from trainlease.model.settings import Settings
from trainlease.plan.pod import with_pod
from trainlease.plan.workload import workload

NOT_ROOT = PodTemplate.model_validate({"spec": {"securityContext": {"runAsUser": 1000}}})
SETTINGS = Settings(pod_grace=1)


class NodeBench:
    """Two slots without a GPU on the bed's node, pods in a namespace of their own."""

    def __init__(self, node: Node, kube: KubeClient) -> None:
        self.node = node
        self.kube = kube
        self.namespace = new_namespace(node)
        slot = {"node": NodeSlot(name=node.name, gpus=0)}
        # No names that an operator on this node may have Machines of: it would end these pods.
        self.machine = a_machine("bench-1", spec=slot)
        self.other = a_machine("bench-2", spec=slot)
        self._providers: list[NodeProvider] = []

    def provider(self) -> NodeProvider:
        made = NodeProvider(
            self.kube, self.kube.pod_log, clock=SystemClock(), settle=0, patience=PATIENCE
        )
        self._providers.append(made)
        return made

    def workload(self, of: Machine, ending: Ending, generation: int = 1) -> Workload:
        job = a_job(
            namespace=self.namespace,
            image=self.node.busybox.name,
            command=("sh", "-c", SCRIPTS[ending]),
            pod_template=NOT_ROOT,
        )
        of = of.model_copy(update={"status": of.status.but(generation=generation)})
        now = SystemClock().now()
        deadline = now + timedelta(hours=1)
        what = workload(job, of, None, 1, None, "", deadline, {})
        manifest = dict(with_pod(job, of, what, now, SETTINGS).manifest)
        # Its job is not in this cluster: the garbage collector would take the pod away.
        meta = {k: v for k, v in manifest["metadata"].items() if k != "ownerReferences"}
        return replace(what, manifest={**manifest, "metadata": meta})

    def pods(self) -> list[dict[str, Any]]:
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        found: list[dict[str, Any]] = json.loads(self.node.plane.request(path)[1])["items"]
        return found

    def starts(self) -> int:
        return sum(_has_begun(pod) for pod in self.pods())

    async def running(self) -> None:
        await eventually(lambda: self.starts() > 0)

    def lose(self) -> None:
        self.node.reboot()

    def heard(self, word: str, plural: str, body: dict[str, Any]) -> None:
        for provider in self._providers:
            provider.heard(word, plural, body)

    def close(self) -> None:
        """Leaves no pod that runs, whatever the test did."""
        for provider in self._providers:
            provider.close()
        self.node.plane.kubectl(
            "delete", "pods", "--all", "--namespace", self.namespace, "--grace-period=1", "--wait"
        )


@asynccontextmanager
async def node_bench(node: Node) -> AsyncIterator[NodeBench]:
    """The bench, with its watches."""
    async with await KubeClient.connect(node.plane.kubeconfig) as kube:
        bench = NodeBench(node, kube)
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(log_in)
        watch_others(registry, {"pods": bench.heard, "nodes": bench.heard})
        shell = asyncio.create_task(
            kopf.operator(
                registry=registry,
                settings=kopf_settings(),
                clusterwide=True,
                standalone=True,
            )
        )
        try:
            yield bench
        finally:
            shell.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await shell
            bench.close()


def _has_begun(pod: dict[str, Any]) -> bool:
    statuses = pod["status"].get("containerStatuses", [])
    return any(status.get("containerID") for status in statuses)
