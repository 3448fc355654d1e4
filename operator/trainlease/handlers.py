"""kopf as the shell of the operator: process, login, probe, watches. Nothing is decided here.

Each event of our four kinds goes into the operator's store; kopf stores nothing on an object, adds
no finalizer and posts no Event. SIGTERM and SIGINT end the operator before kopf, and give the
leader Lease back.
"""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import kopf

from trainlease.model import pods
from trainlease.model.base import GROUP, VERSION
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.settings import Settings
from trainlease.model.training_job import TrainingJob
from trainlease.reconcile.operator import Operator
from trainlease.reconcile.perform import TABLE
from trainlease.reconcile.ports import Hear
from trainlease.wiring.narration import narrated
from trainlease.wiring.operator import open_ports

_KINDS = (TrainingJob, MachineLease, Machine, Platform)
_BACKOFFS = (1, 1, 2, 3, 5, 8, 13, 21, *(30,) * 20)
"""With a tail: an outage of the API server of some minutes does not end the process."""


async def serve(settings: Settings, identity: str, *, probe: str | None = None) -> None:
    """Run one replica until SIGTERM or SIGINT.

    `probe` is the address of the health endpoint, such as `http://0.0.0.0:8080/healthz`. Raises
    what ended the operator: CannotStart, LeadershipLost, DeadWatch, Restored.
    """
    async with open_ports(settings) as ports:
        operator = Operator(ports, settings, identity, table=narrated(TABLE))
        await _shell(operator, ports.hears, probe)


async def _shell(operator: Operator, hears: Mapping[str, Hear], probe: str | None) -> None:
    stop = asyncio.Event()
    work = asyncio.create_task(operator.run(), name="operator")
    work.add_done_callback(lambda _: stop.set())

    async def end(**_: Any) -> None:
        work.cancel()
        await asyncio.wait([work])
        await operator.stop()

    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(log_in)
    kopf.on.cleanup(registry=registry)(end)
    _watch(registry, operator)
    watch_others(registry, hears)
    try:
        await kopf.operator(
            registry=registry,
            settings=kopf_settings(),
            clusterwide=True,
            standalone=True,
            stop_flag=stop,
            liveness_endpoint=probe,
        )
    finally:
        await end()
    if not work.cancelled():
        work.result()


def _watch(registry: kopf.OperatorRegistry, operator: Operator) -> None:
    async def hear(event: kopf.RawEvent, resource: kopf.Resource, **_: Any) -> None:
        # What kopf lists at its start has no type.
        operator.heard(event["type"] or "ADDED", resource.plural, dict(event["object"]))

    async def role(**_: Any) -> str:
        return "leader" if operator.leader.is_leader else "standing by"

    for kind in _KINDS:
        kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=kind.plural)(hear)
    kopf.on.probe(registry=registry, id="role")(role)


def watch_others(registry: kopf.OperatorRegistry, hears: Mapping[str, Hear]) -> None:
    """Events of core kinds go to who wants to hear of them."""

    def on_event(plural: str, hear: Hear) -> None:
        async def tell(event: kopf.RawEvent, **_: Any) -> None:
            hear(event["type"] or "ADDED", plural, dict(event["object"]))

        kopf.on.event("", "v1", plural, registry=registry, id=plural)(tell)

    for plural, hear in hears.items():
        on_event(plural, hear)


async def log_in(**known: Any) -> kopf.ConnectionInfo:
    """As the operator's own client does: $KUBECONFIG, the ServiceAccount, ~/.kube/config."""
    found = None
    if not os.environ.get("KUBECONFIG"):
        found = kopf.login_with_service_account(**known)
    found = found or kopf.login_with_kubeconfig(**known)
    if found is None:
        raise kopf.PermanentError("no way to the API server: set KUBECONFIG")
    return found


def kopf_settings() -> kopf.OperatorSettings:
    """What makes kopf a shell: quiet, patient with the API server, and quick to notice silence."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.exit_timeout = 20
    settings.networking.request_timeout = 20
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = _BACKOFFS
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 5
    settings.watching.inactivity_timeout = 70
    settings.watching.chunk_size = 500
    settings.watching.label_selectors["pods"] = pods.MACHINE_UID
    settings.watching.initial_streaming = False
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    return settings
