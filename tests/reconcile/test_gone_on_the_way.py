"""Objects that go while one look at many of them is under way: the look goes on with the others.

And one that has not gone, though a read of it fails.
"""

import asyncio

import pytest
from tests.reconcile.gates import OnTheWay
from tests.reconcile.town import Town, in_town

from simulator.quiet import UNSORTED, keep_quiet
from trainlease.effects.machines.fake_world import Course
from trainlease.model.errors import Forbidden, TrainleaseError, Unavailable


async def remove(town: Town, plural: str, namespace: str, name: str) -> None:
    """At once, whatever finalizer holds it."""
    body = await town.kube.get(plural, namespace, name)
    await town.kube.patch(plural, namespace, name, {"metadata": {"finalizers": []}})
    await town.kube.delete(plural, namespace, name, body["metadata"]["uid"])


def test_a_platform_that_goes_while_the_rows_of_another_are_swept() -> None:
    async def scenario(town: Town) -> None:
        town.databases["nutresa"].data.trainings |= town.databases["saturno"].data.trainings
        await town.create_job("a", namespace="nutresa", externalId="7", suspend=True)
        await town.until_state("a", "Suspended", namespace="nutresa")
        await town.stop_operators()
        await remove(town, "trainingjobs", "nutresa", "a")
        gate = OnTheWay("trainingjobs", lambda: remove(town, "platforms", "", "saturno"))
        keep_quiet()
        UNSORTED.take()
        town.start_operator("two", gate=gate)
        await town.until_free()
        await asyncio.sleep(60)
        assert gate.is_done
        assert UNSORTED.take() == []

    in_town(scenario)


def test_leases_that_go_while_the_one_to_be_adopted_is_looked_for() -> None:
    async def scenario(town: Town) -> None:
        for name in ("a", "b"):
            town.courses[name] = Course(seconds=3600)
            await town.create_job(name)
            await town.until_state(name, "Running")
        await town.stop_operators()
        for name in town.machines_by_name():
            body = await town.kube.get("machines", "", name)
            gone = dict.fromkeys(body["status"])
            version = body["metadata"]["resourceVersion"]
            await town.kube.patch_status("machines", "", name, gone, version)

        async def remove_both() -> None:
            for name in ("a-1", "b-1"):
                await remove(town, "machineleases", "saturno", name)

        gate = OnTheWay("machineleases", remove_both)
        keep_quiet()
        UNSORTED.take()
        town.start_operator("two", gate=gate)
        await town.until_free()
        assert gate.is_done
        assert UNSORTED.take() == []

    in_town(scenario)


@pytest.mark.parametrize("error", [Unavailable("timeout"), Forbidden("leases: 403")], ids=str)
def test_a_lease_that_cannot_be_read_for_a_moment_is_not_gone(error: TrainleaseError) -> None:
    async def scenario(town: Town) -> None:
        async def fail() -> None:
            raise error

        await town.stop_operators()
        gate = OnTheWay("machineleases", fail)
        town.start_operator("two", gate=gate)
        await town.create_job("caries")
        job = await town.until_state("caries", "Succeeded")
        assert gate.is_done
        assert [a["outcome"] for a in job["status"]["attempts"]] == ["Succeeded"]

    in_town(scenario)
