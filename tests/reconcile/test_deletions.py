"""Everything is deleted, in every order that matters, with an operator there or not.

Each ends with the machines off, the rows free, the training's row in a final state, the run ended,
and no object stuck.
"""

import asyncio
from collections.abc import Iterable
from itertools import permutations
from typing import Any

import pytest
from tests.reconcile.town import SYSTEM, Town, in_town

from trainlease.effects.machines.fake import Call, FakeProvider
from trainlease.effects.machines.fake_world import Course
from trainlease.model.errors import NotFound
from trainlease.model.observed import RowState, TrainingWord

THINGS = {
    "job": ("trainingjobs", "saturno", "caries"),
    "lease": ("machineleases", "saturno", "caries-1"),
    "machine": ("machines", "", "gpu-1"),
    "platform": ("platforms", "", "saturno"),
}
PHASES = ("Waiting", "Running", "Stopping")
IN_BETWEEN = ("an operator throughout", "an operator afterwards", "another operator in between")


async def delete(town: Town, plural: str, namespace: str, name: str) -> None:
    """As kubectl does; what is gone already is well."""
    try:
        body = await town.kube.get(plural, namespace, name)
        await town.kube.delete(plural, namespace, name, body["metadata"]["uid"])
    except NotFound:
        return
    finally:
        town.kube.collect_garbage()


async def in_phase(town: Town, phase: str) -> None:
    """A training on gpu-1 with a row of its own, so far on its way."""
    town.courses["caries"] = Course(seconds=36000)
    if phase == "Waiting":
        await town.kube.patch("machines", "", "gpu-1", {"spec": {"cordon": True}})
    await town.create_job("caries", pool=None, machine="gpu-1", externalId="7", model="caries")
    await town.until_state("caries", "Waiting" if phase == "Waiting" else "Running")
    if phase == "Stopping":
        town.machines.stop_seconds["gpu-1"] = 40
        await town.kube.patch("trainingjobs", "saturno", "caries", {"spec": {"suspend": True}})
        await town.until_state("caries", "Suspended")
    await asyncio.sleep(5)


async def delete_all(town: Town, things: Iterable[tuple[str, str, str]], between: str) -> None:
    if between != "an operator throughout":
        await town.stop_operators()
    for number, thing in enumerate(things):
        await delete(town, *thing)
        if between == "another operator in between":
            town.start_operator(f"operator-{number}")
            await asyncio.sleep(7)
            await town.stop_operators()
        await asyncio.sleep(1)
    if between != "an operator throughout":
        town.start_operator("last")


def at_rest(town: Town, gone: Iterable[tuple[str, str]]) -> None:
    """See the module; `gone` (plural, name) is there no more."""
    assert town.machines.on() == {}
    for name in ("gpu-1", "gpu-2"):
        assert set(town.rows(name).values()) == {RowState.FREE}, name
    word = town.training("7")
    assert word is None or word.is_final
    assert [r for r in town.mlflow.runs.values() if r.status.value == "RUNNING"] == []
    for plural in ("trainingjobs", "machineleases", "machines", "platforms"):
        bodies = town.kube.objects(plural)
        assert [b for b in bodies if "deletionTimestamp" in b["metadata"]] == []
        names = {b["metadata"]["name"] for b in bodies}
        assert names.isdisjoint(name for kind, name in gone if kind == plural)
    for body in town.kube.objects("machines"):
        assert body["status"]["state"] == "Free"


@pytest.mark.parametrize("between", IN_BETWEEN)
@pytest.mark.parametrize("order", list(permutations(THINGS)), ids="-".join)
def test_deleted_while_it_runs(order: tuple[str, ...], between: str) -> None:
    async def scenario(town: Town) -> None:
        await in_phase(town, "Running")
        await delete_all(town, [THINGS[name] for name in order], between)
        await asyncio.sleep(1500)
        at_rest(town, [(plural, name) for plural, _, name in THINGS.values()])

    in_town(scenario)


@pytest.mark.parametrize("between", IN_BETWEEN)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("thing", [*THINGS, "namespace", "secret", "all of the cluster's"])
def test_deleted_alone(thing: str, phase: str, between: str) -> None:
    what: list[tuple[str, str, str]] = {
        "namespace": [("namespaces", "", "saturno")],
        "secret": [("secrets", SYSTEM, "saturno-db")],
        "all of the cluster's": [THINGS["machine"], ("machines", "", "gpu-2"), THINGS["platform"]],
    }.get(thing) or [THINGS[thing]]

    async def scenario(town: Town) -> None:
        await in_phase(town, phase)
        await delete_all(town, what, between)
        await asyncio.sleep(60)
        await delete(town, *THINGS["job"])
        if thing == "secret":
            await asyncio.sleep(900)
            assert town.machines.on() == {}
            await town.create_secret("saturno")
        await asyncio.sleep(1500)
        at_rest(town, [(plural, name) for plural, _, name in what])

    in_town(scenario)


@pytest.mark.parametrize("between", IN_BETWEEN)
def test_a_hold_and_its_machine_are_deleted(between: str) -> None:
    async def scenario(town: Town) -> None:
        meta = {"name": "driver", "namespace": "ops"}
        await town.kube.create("machineleases", {"metadata": meta, "spec": {"machine": "gpu-1"}})
        await asyncio.sleep(10)
        assert (await town.machine("gpu-1"))["state"] == "Claimed"
        things = [THINGS["machine"], ("machineleases", "ops", "driver")]
        await delete_all(town, things, between)
        await asyncio.sleep(300)
        at_rest(town, [("machines", "gpu-1"), ("machineleases", "driver")])

    in_town(scenario)


def test_a_machine_whose_database_is_down_goes_when_its_time_is_over() -> None:
    async def scenario(town: Town) -> None:
        await in_phase(town, "Running")
        town.databases["nutresa"].down = True
        await delete(town, *THINGS["machine"])
        await delete(town, *THINGS["job"])
        await asyncio.sleep(300)
        assert "gpu-1" in town.machines_by_name()
        await asyncio.sleep(600)
        assert "gpu-1" not in town.machines_by_name()
        assert town.machines.on() == {}

    in_town(scenario)


class Counting:
    """Counts calls by verb on their way to the machines."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    async def before(self, call: Call) -> None:
        self.calls[call.verb] = self.calls.get(call.verb, 0) + 1

    async def after(self, call: Call) -> None:
        return


def test_a_machine_that_is_slow_to_go_off_is_asked_now_and_then() -> None:
    async def scenario(town: Town) -> None:
        await town.stop_operators()
        counting = Counting()
        provider: Any = FakeProvider(town.machines, "two", counting)
        town.start_operator("two", providers={"process": provider})
        await in_phase(town, "Running")
        town.machines.stop_seconds["gpu-1"] = 600
        await delete(town, *THINGS["job"])
        await town.until_free("gpu-1")
        assert 2 <= counting.calls["ensure_off"] <= 600 / town.settings.call_timeout + 2

    in_town(scenario)


def test_the_training_of_a_deleted_job_is_final_also_if_its_database_was_away() -> None:
    async def scenario(town: Town) -> None:
        await in_phase(town, "Running")
        town.databases["saturno"].down = True
        await delete(town, *THINGS["job"])
        await asyncio.sleep(900)
        assert town.training("7") is TrainingWord.RUNNING
        town.databases["saturno"].down = False
        await asyncio.sleep(900)
        at_rest(town, [("trainingjobs", "caries")])

    in_town(scenario)


def test_the_training_of_a_deleted_job_is_left_to_another_job_that_names_it() -> None:
    async def scenario(town: Town) -> None:
        await in_phase(town, "Waiting")
        await town.create_job("caries-again", pool=None, machine="gpu-1", externalId="7")
        await town.until_state("caries-again", "Waiting")
        await delete(town, *THINGS["job"])
        await asyncio.sleep(400)  # the rows of jobs that are gone have been swept
        assert town.training("7") is TrainingWord.WAITING
        system = await town.kube.get("namespaces", "", "kube-system")
        cluster = system["metadata"]["uid"]
        assert len(await town.databases["saturno"].client().open_trainings(cluster)) == 1

    in_town(scenario)


def test_a_machine_that_is_on_is_turned_off_while_a_platform_waits_to_go() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("later", externalId="7", suspend=True)
        await town.until_state("later", "Suspended")
        await delete(town, *THINGS["platform"])
        town.machines.legacy_on(
            "gpu-1", (await town.kube.get("machines", "", "gpu-1"))["metadata"]["uid"]
        )
        await asyncio.sleep(60)
        assert town.machines.on() == {}
        assert (await town.kube.get("platforms", "", "saturno"))["metadata"]["deletionTimestamp"]

    in_town(scenario)
