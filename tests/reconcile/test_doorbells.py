"""Doorbells: who looks when something has changed, and who need not."""

import asyncio
from typing import Any

import pytest
from tests.reconcile.town import Town, in_town

from trainlease.effects.metrics import catalog
from trainlease.effects.metrics.base import Metrics
from trainlease.model.mode import PAUSED
from trainlease.reconcile.doorbells import Doorbells
from trainlease.reconcile.store import Store

EVERYBODY = {("platform", "saturno"), ("machine", "gpu-1"), ("job", "saturno/caries")}
ITSELF = {("platform", "saturno")}


class House:
    """A store with a platform, a machine and a job, and the rings of what changes in it."""

    def __init__(self) -> None:
        self.rings: list[tuple[str, str]] = []
        self.version = 0
        self.store = Store(lambda plural, title: self.bells.changed(plural, title))
        self.bells = Doorbells(self.store, lambda kind, name: self.rings.append((kind, name)))
        self.put("machines", "gpu-1", {"pool": "onprem", "node": {"name": "srv-1"}})
        self.put("trainingjobs", "caries", {"pool": "onprem", "image": "i"}, namespace="saturno")
        self.put_platform()

    def put(self, plural: str, name: str, spec: dict[str, Any], **more: Any) -> None:
        self.version += 1
        meta = {"name": name, "uid": name, "resourceVersion": str(self.version), **more}
        self.store.heard("MODIFIED", plural, {"metadata": meta, "spec": spec})

    def put_platform(self, share: int = 1, **more: Any) -> None:
        spec = {"namespace": "saturno", "share": share, "mode": "Enforce"}
        spec |= {"database": {"secret": "db", "preset": "integrations-v1"}}
        self.put("platforms", "saturno", spec, **more)

    def take(self) -> set[tuple[str, str]]:
        rings, self.rings = set(self.rings), []
        return rings - {("placement", "")}


@pytest.fixture
def house() -> House:
    house = House()
    house.take()
    return house


def test_what_a_platform_reports_of_itself_wakes_nobody_else(house: House) -> None:
    house.put_platform(annotations={"note": "moved"})
    assert house.take() == ITSELF


@pytest.mark.parametrize(
    "change",
    [
        {"share": 2},
        {"annotations": {PAUSED: "true"}},
        {"deletionTimestamp": "2026-11-22T12:00:00Z", "finalizers": ["x"]},
        {"uid": "another"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_what_a_platform_rules_wakes_machines_and_jobs(
    house: House, change: dict[str, Any]
) -> None:
    house.put_platform(**change)
    assert house.take() == EVERYBODY


def test_what_a_new_leader_has_looked_at_is_known(house: House) -> None:
    bells = Doorbells(house.store, lambda kind, name: house.rings.append((kind, name)))
    bells.all()
    assert house.take() == {*EVERYBODY, ("sweep", "")}
    bells.changed("platforms", "saturno")
    assert house.take() == ITSELF


def test_a_platform_that_came_back_as_it_was_wakes_machines_and_jobs(house: House) -> None:
    house.store.removed("platforms", "saturno", "saturno")
    assert house.take() == EVERYBODY
    house.put_platform(uid="another")
    house.put_platform()
    assert house.take() == EVERYBODY


def test_a_compare_that_shows_nothing_new_makes_no_machine_look() -> None:
    async def scenario(town: Town) -> None:
        metrics = Metrics()
        await town.stop_operators()
        town.start_operator("two", metrics=metrics)

        def looks(kind: str) -> int:
            found = metrics.histograms()[catalog.LOOK_DURATION].get((kind,))
            return sum(found.counts) if found else 0

        await asyncio.sleep(100)  # it leads by then, and all is in step
        before = looks("machine"), looks("platform")
        await asyncio.sleep(100)
        assert before[0] == looks("machine") > 0
        assert before[1] < looks("platform")

    in_town(scenario, compare_every=20, observe_every=10000)
