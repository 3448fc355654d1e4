"""What performers and looks keep, whatever order events and answers come in."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.builders import NOW, SETTINGS, a_job, a_lease, a_machine

from trainlease.effects.clock import SystemClock
from trainlease.effects.kube.base import Body
from trainlease.effects.metrics import catalog
from trainlease.effects.metrics.base import Metrics
from trainlease.model.errors import Conflict, NotLeader
from trainlease.plan import actions as act
from trainlease.plan import ledger
from trainlease.reconcile.context import Context
from trainlease.reconcile.looks import Looks
from trainlease.reconcile.memory import Memory
from trainlease.reconcile.perform import claim

JOB = a_job()
LEASE = a_lease(JOB)
MACHINE = a_machine(generation=7)
CLAIM = act.Claim(MACHINE, ledger.claimed(MACHINE, LEASE, JOB, "saturno", NOW, SETTINGS), LEASE)


class SlowKube:
    """The claim lands, and before its answer comes the machine's own look has started it."""

    def __init__(self, memory: Memory, error: Exception | None = None) -> None:
        self._memory = memory
        self._error = error

    async def patch_status(self, *_: Any) -> Body:
        if self._error:
            raise self._error
        self._memory.made.discard((MACHINE.uid, 8))
        stored = MACHINE.but(status=CLAIM.status)
        return stored.wire() | {"metadata": {"name": "gpu-1", "uid": MACHINE.uid}}

    async def get(self, *_: Any) -> Body:
        return MACHINE.wire()


def context(memory: Memory, kube: SlowKube) -> Context:
    store = SimpleNamespace(wrote=lambda *_: None)
    ports = SimpleNamespace(kube=kube, metrics=Metrics())
    parts = SimpleNamespace(ports=ports, store=store, memory=memory, check=lambda: None)
    return cast("Context", parts)


async def test_a_claim_that_was_started_before_its_answer_came_counts_as_started() -> None:
    memory = Memory()
    await claim(context(memory, SlowKube(memory)), CLAIM)
    assert (MACHINE.uid, 8) not in memory.made


async def test_a_claim_that_was_refused_is_not_remembered_as_made() -> None:
    memory = Memory()
    with pytest.raises(Conflict):
        await claim(context(memory, SlowKube(memory, Conflict("stale"))), CLAIM)
    assert memory.made == set()


async def test_a_write_that_was_overtaken_is_counted() -> None:
    memory = Memory()
    parts = context(memory, SlowKube(memory, Conflict("stale")))
    with pytest.raises(Conflict):
        await claim(parts, CLAIM)
    assert parts.ports.metrics.value(catalog.WRITE_CONFLICTS, "machines") == 1


async def test_a_look_while_leadership_is_uncertain_is_taken_again() -> None:
    async def uncertain(_: str) -> float | None:
        raise NotLeader("its renewal has not been answered yet")

    ports = SimpleNamespace(clock=SystemClock(), metrics=Metrics())
    parts = cast("Any", SimpleNamespace(settings=SETTINGS, ports=ports))
    looks = Looks(parts, {}, parts)
    looks.kinds["machine"] = uncertain
    assert await looks.look(("machine", "gpu-1")) == SETTINGS.leader_retry
