"""People's holds, and two Machines that are one, through the whole operator in virtual time."""

import asyncio

import pytest
from tests.reconcile.people import hold, until_claimed
from tests.reconcile.town import Town, condition, in_town


@pytest.mark.parametrize(("length", "seconds"), [("3h", 3 * 3600), ("10m", 600)])
def test_a_holds_time_may_be_changed_while_it_holds(length: str, seconds: int) -> None:
    async def scenario(town: Town) -> None:
        await hold(town, **{"for": "1h"})
        await until_claimed(town)
        began = town.clock.now()
        await asyncio.sleep(60)
        before = await town.machine("gpu-1")
        await town.kube.patch("machineleases", "ops", "driver", {"spec": {"for": length}})
        await asyncio.sleep(5)
        after = await town.machine("gpu-1")
        assert after["deadline"] != before["deadline"]
        assert after["until"] != before["until"]
        await town.until_free("gpu-1")
        assert abs((town.clock.now() - began).total_seconds() - seconds) < 60

    in_town(scenario)


def test_a_hold_that_is_not_changed_costs_no_further_write() -> None:
    async def scenario(town: Town) -> None:
        await hold(town, **{"for": "2h"})
        await until_claimed(town)
        await asyncio.sleep(60)
        before = len(town.writes("machines"))
        await asyncio.sleep(3600)
        assert len(town.writes("machines")) == before

    in_town(scenario)


def test_a_hold_that_wants_power_where_there_is_none_to_turn_on_says_so() -> None:
    async def scenario(town: Town) -> None:
        await hold(town, power="On")
        await asyncio.sleep(10)
        granted = condition(await town.kube.get("machineleases", "ops", "driver"), "Granted")
        assert (granted["status"], granted["reason"]) == ("False", "PowerNotAllowed")
        assert "only a cloud machine can" in granted["message"]
        assert (await town.machine("gpu-1"))["state"] == "Free"

    in_town(scenario)


def test_of_two_machines_on_one_instance_the_younger_is_not_available() -> None:
    async def scenario(town: Town) -> None:
        aws = {"instanceId": "i-0abc123def4567890", "region": "us-east-1"}
        for name in ("cloud-1", "cloud-2"):
            spec = {"mode": "Enforce", "pool": "cloud", "aws": aws}
            await town.kube.create("machines", {"metadata": {"name": name}, "spec": spec})
            await asyncio.sleep(5)
        await asyncio.sleep(60)
        younger = condition({"status": await town.machine("cloud-2")}, "Available")
        assert (younger["reason"], younger["message"]) == (
            "Duplicate",
            "the same hardware as cloud-1, which is older",
        )
        older = condition({"status": await town.machine("cloud-1")}, "Available")
        assert older["reason"] != "Duplicate"

    in_town(scenario)
