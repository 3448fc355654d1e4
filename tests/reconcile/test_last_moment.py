"""What changes between the decision to turn a machine on or off, and the call itself."""

import asyncio

from tests.reconcile.gates import OnTheWay, Standstill
from tests.reconcile.people import LONG, annotate, running
from tests.reconcile.town import Town, in_town

from trainlease.effects.kube.fake import Call as KubeCall
from trainlease.effects.machines.fake import Call, FakeProvider
from trainlease.model.mode import PAUSED


async def suspend(town: Town, job: str) -> None:
    await town.kube.patch("trainingjobs", "saturno", job, {"spec": {"suspend": True}})


class PausesInStopping:
    """A person pauses a Machine while its provider is asked whether it is off yet."""

    def __init__(self, town: Town) -> None:
        self._town = town

    async def before(self, call: Call) -> None:
        if (await self._town.machine(call.machine)).get("state") == "Stopping":
            await annotate(self._town, call.machine, PAUSED, "true")

    async def after(self, call: Call) -> None:
        return


def test_an_old_leader_that_was_about_to_turn_off_spares_the_next_ones_training() -> None:
    async def scenario(town: Town) -> None:
        await town.stop_operators()
        old = Standstill(town, "old")
        await running(town)
        await town.create_job("plaque", "nutresa", pool=None, machine="gpu-1")
        old.stand_after("machines")
        await suspend(town, "caries")
        await town.until(old.stands)
        assert "gpu-1" in town.machines.on()
        town.start_operator("new")
        await town.until_state("plaque", "Running", "nutresa")
        old.go_on()
        job = await town.until_state("plaque", "Succeeded", "nutresa")
        assert [a["outcome"] for a in job["status"]["attempts"]] == ["Succeeded"]

    in_town(scenario)


def test_an_old_leader_that_was_about_to_start_turns_no_free_machine_on() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = LONG
        await town.stop_operators()
        old = Standstill(town, "old")
        await town.until_free()
        old.stand_after("trainingjobs")
        await town.create_job("caries", pool=None, machine="gpu-1")
        await town.until(old.stands)
        assert (await town.machine("gpu-1"))["state"] == "Claimed"
        await suspend(town, "caries")
        town.start_operator("new")
        await town.until_state("caries", "Suspended")
        await town.until_free()
        before = await town.machine("gpu-1")
        old.go_on()
        await asyncio.sleep(60)
        assert await town.machine("gpu-1") == before
        assert town.machines.on() == {}

    in_town(scenario)


class PausesAtTheKeys:
    """A person pauses the Machine while the training's Secret is read for its start."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.is_done = False

    async def before(self, call: KubeCall) -> None:
        if (call.verb, call.plural, call.name) == ("get", "secrets", "keys") and not self.is_done:
            self.is_done = True
            await annotate(self._town, "gpu-1", PAUSED, "true")

    async def after(self, call: KubeCall) -> None:
        return


def test_a_machine_that_a_person_pauses_while_the_start_is_prepared_is_not_turned_on() -> None:
    async def scenario(town: Town) -> None:
        await town.stop_operators()
        await town.kube.create("secrets", {"metadata": {"name": "keys", "namespace": "saturno"}})
        gate = PausesAtTheKeys(town)
        town.start_operator("two", gate=gate)
        await town.create_job("caries", pool=None, machine="gpu-1", secrets=["keys"])
        await asyncio.sleep(60)
        assert gate.is_done
        assert (await town.machine("gpu-1"))["state"] == "Claimed"
        assert town.machines.on() == {}

    in_town(scenario)


def test_a_machine_that_a_person_pauses_in_the_last_moment_is_not_turned_off() -> None:
    async def scenario(town: Town) -> None:
        await town.stop_operators()
        provider = FakeProvider(town.machines, "two", PausesInStopping(town))
        town.start_operator("two", providers={"process": provider})
        await running(town)
        await suspend(town, "caries")
        await asyncio.sleep(60)
        assert (await town.machine("gpu-1"))["state"] == "Stopping"
        assert "gpu-1" in town.machines.on()

    in_town(scenario)


def test_a_machine_that_a_person_pauses_in_the_last_moment_is_not_turned_on() -> None:
    async def scenario(town: Town) -> None:
        await town.stop_operators()
        gate = OnTheWay("machines", lambda: annotate(town, "gpu-1", PAUSED, "true"))
        town.start_operator("two", gate=gate)
        await town.create_job("caries", pool=None, machine="gpu-1")
        await asyncio.sleep(60)
        assert gate.is_done
        assert (await town.machine("gpu-1"))["state"] == "Claimed"
        assert town.machines.on() == {}

    in_town(scenario)
