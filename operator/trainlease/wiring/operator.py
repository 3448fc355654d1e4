"""The operator process: its ports on real parts, and whether it can start at all.

What is not configured is left out (process machines, the tracker), and jobs that need it say so.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from trainlease.effects.clock import SystemClock
from trainlease.effects.kube.base import Kube
from trainlease.effects.kube.client import KubeClient
from trainlease.effects.machines.base import Provider
from trainlease.effects.machines.node import NodeProvider
from trainlease.effects.machines.process import ProcessProvider
from trainlease.effects.metrics.base import Metrics
from trainlease.effects.metrics.prometheus import Stop, serve
from trainlease.effects.platforms.base import Database
from trainlease.effects.platforms.sql import SqlDatabase
from trainlease.effects.tracking.base import Tracker
from trainlease.effects.tracking.mlflow import MlflowTracker
from trainlease.model.errors import Forbidden, NotFound, TrainleaseError, Unavailable
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.settings import Settings
from trainlease.model.training_job import TrainingJob
from trainlease.reconcile.ports import Ports

_KINDS = (TrainingJob, MachineLease, Machine, Platform)


class CannotStart(Exception):
    """Something that the operator stands on is not there; the message says what to do."""


@asynccontextmanager
async def open_ports(settings: Settings) -> AsyncIterator[Ports]:
    """The ports of one operator process, by $KUBECONFIG or the pod's ServiceAccount.

    CannotStart where the API server does not answer, or lacks what the operator stands on.
    """
    clock = SystemClock()
    tracker = _tracker(settings)
    providers: dict[str, Provider] = {}
    closing = AsyncExitStack()
    if tracker is not None:
        closing.push_async_callback(tracker.close)
    if settings.allow_process_machines:
        processes = ProcessProvider(Path(settings.process_folder), clock=clock)
        closing.callback(processes.close)
        providers["process"] = processes

    def open_database(platform: Platform, dsn: str) -> Database:
        return SqlDatabase(platform, dsn, timeout=settings.database_timeout)

    metrics = Metrics()
    async with closing, await _connect(settings) as kube:
        await check_cluster(kube, settings.namespace)
        if settings.metrics:
            closing.push_async_callback(_serve(metrics, settings.metrics))
        slots = NodeProvider(
            kube,
            kube.pod_log,
            clock=clock,
            settle=settings.pod_grace + settings.cooldown,
            patience=settings.observe_every,
        )
        closing.callback(slots.close)
        providers["node"] = slots
        hears = {"pods": slots.heard, "nodes": slots.heard}
        yield Ports(kube, clock, providers, open_database, tracker, hears, metrics)


async def check_cluster(kube: Kube, namespace: str) -> None:
    """CannotStart unless the server answers, has our namespace, and serves our four kinds."""
    try:
        await kube.get("namespaces", "", namespace)
    except NotFound:
        raise CannotStart(
            f"the namespace {namespace} is missing: create it (kubectl apply -f manifests/), or "
            "name another one by --namespace"
        ) from None
    except Unavailable as error:
        raise CannotStart(f"the API server cannot be reached: {error}") from None
    except TrainleaseError as error:
        raise CannotStart(_not_allowed(error)) from None
    for kind in _KINDS:
        try:
            await kube.list(kind.plural)
        except Unavailable as error:
            raise CannotStart(
                f"the API server does not serve {kind.plural} ({error}): install the CRDs, "
                "kubectl apply -f crds/"
            ) from None
        except TrainleaseError as error:
            raise CannotStart(_not_allowed(error)) from None


async def _connect(settings: Settings) -> KubeClient:
    try:
        return await KubeClient.connect(timeout=settings.call_timeout)
    except Forbidden as error:
        raise CannotStart(str(error)) from None


def _serve(metrics: Metrics, address: str) -> Stop:
    host, _, port = address.rpartition(":")
    try:
        return serve(metrics, host.strip("[]"), int(port))
    except OSError as error:
        raise CannotStart(f"metrics cannot be served at {address}: {error}") from None


def _tracker(settings: Settings) -> Tracker | None:
    if not settings.tracking_uri:
        return None
    try:
        return MlflowTracker(settings.tracking_uri, timeout=settings.tracking_timeout)
    except TrainleaseError as error:
        raise CannotStart(str(error)) from None


def _not_allowed(error: TrainleaseError) -> str:
    return f"the operator's account lacks a right: {error}: kubectl apply -f manifests/"
