"""What a backup brings back: objects without status, older ones, machines made anew; databases too.

Each comes to rest with one holder, the machine off and every row equal to the ledger.
"""

import asyncio
from typing import Any

import pytest
from tests.reconcile.town import MACHINES, OURS, Town, in_town

from trainlease.effects.kube.fake import Call
from trainlease.effects.kube.fake_store import Snapshot
from trainlease.effects.machines.fake_world import Course
from trainlease.model.errors import Restored
from trainlease.model.observed import RowState
from trainlease.model.reasons import Cause

LONG = Course(seconds=3600)
JOBS = ("a", "b")


async def wipe(town: Town, *plurals: str) -> None:
    """As `kubectl apply` of a backup: all objects are there, and none has a status."""
    for plural in plurals:
        for body in town.kube.objects(plural):
            meta = body["metadata"]
            await town.kube.patch_status(
                plural,
                meta.get("namespace", ""),
                meta["name"],
                dict.fromkeys(body.get("status", {})),
                meta["resourceVersion"],
            )


async def two_running(town: Town) -> None:
    for name in JOBS:
        town.courses[name] = LONG
        await town.create_job(name)
        await town.until_state(name, "Running")


async def until_all_done(town: Town, *names: str) -> None:
    for name in names:
        await town.until_state(name, "Succeeded")
    await town.until_free()
    await asyncio.sleep(400)
    at_rest(town)


def at_rest(town: Town) -> None:
    assert town.machines.on() == {}
    for body in town.kube.objects("machines"):
        status = body["status"]
        assert (status["state"], status.get("debts")) == ("Free", None)
        name = body["metadata"]["name"]
        fence = status.get("fenceBase", 0) + 2 * status["generation"] + 1
        assert set(town.rows(name).values()) == {RowState.FREE}
        assert {fence_of(town, platform, name) for platform in town.databases} == {fence}


async def until_off(town: Town) -> None:
    async def off() -> bool:
        return town.machines.on() == {}

    await town.until(off)


def fence_of(town: Town, platform: str, machine: str) -> int:
    """The fence in the side table."""
    sides = town.databases[platform].data.ledger
    (fence,) = (side.fence for (name, _), side in sides.items() if name == machine)
    return fence


def outcomes(job: dict[str, Any]) -> list[str]:
    return [attempt.get("outcome") for attempt in job["status"].get("attempts", [])]


@pytest.mark.parametrize("is_up", [True, False], ids=["operator up", "operator down"])
@pytest.mark.parametrize(
    "plurals",
    [
        pytest.param(("machines",), id="machines"),
        pytest.param(("machines", "machineleases"), id="machines and leases"),
        pytest.param(("machines", "trainingjobs"), id="machines and jobs"),
        pytest.param(("machineleases",), id="leases"),
        pytest.param(("trainingjobs",), id="jobs"),
        pytest.param(OURS, id="everything"),
    ],
)
def test_objects_restored_without_status_while_machines_are_on(
    plurals: tuple[str, ...], is_up: bool
) -> None:
    async def scenario(town: Town) -> None:
        await two_running(town)
        if not is_up:
            await town.stop_operators()
        await wipe(town, *plurals)
        if not is_up:
            town.start_operator("two")
        await until_all_done(town, *JOBS)

    in_town(scenario)


def test_a_running_attempt_is_kept_where_its_lease_still_names_its_machine() -> None:
    async def scenario(town: Town) -> None:
        await two_running(town)
        await wipe(town, "machines")
        await until_all_done(town, *JOBS)
        for name in JOBS:
            assert outcomes(await town.job(name)) == ["Succeeded"]

    in_town(scenario)


def test_an_attempt_whose_lease_forgot_its_machine_is_tried_again_after_off() -> None:
    async def scenario(town: Town) -> None:
        await two_running(town)
        await town.stop_operators()
        await wipe(town, "machines", "machineleases")
        town.start_operator("two")
        await until_off(town)
        await until_all_done(town, *JOBS)

    in_town(scenario)


@pytest.mark.parametrize("is_up", [True, False], ids=["operator up", "operator down"])
def test_a_machine_made_anew_under_its_name_while_its_old_claim_runs(is_up: bool) -> None:
    async def scenario(town: Town) -> None:
        town.courses["a"] = LONG
        await town.create_job("a", pool=None, machine="gpu-1")
        await town.until_state("a", "Running")
        if not is_up:
            await town.stop_operators()
        body = await town.kube.get("machines", "", "gpu-1")
        # Without its finalizer, as a person in a hurry does it.
        await town.kube.patch("machines", "", "gpu-1", {"metadata": {"finalizers": []}})
        await town.kube.delete("machines", "", "gpu-1", body["metadata"]["uid"])
        await town.kube.create("machines", {"metadata": {"name": "gpu-1"}, "spec": body["spec"]})
        if not is_up:
            town.start_operator("two")
        town.machines.lose(body["metadata"]["uid"])  # its own dead-man ends what ran there
        job = await town.until_state("a", "Succeeded")
        assert outcomes(job) == ["Lost", "Succeeded"]
        await until_all_done(town, "a")

    in_town(scenario)


async def restore(town: Town, snapshot: Snapshot, identity: str) -> None:
    """The API server is down, comes back with what it had, and an operator is started."""
    await town.stop_operators()
    town.kube.restore(snapshot)
    await asyncio.sleep(30)
    town.start_operator(identity)


def test_an_etcd_from_before_a_job_turns_its_machine_off_and_overtakes_its_fences() -> None:
    async def scenario(town: Town) -> None:
        town.courses["a"] = LONG
        snapshot = town.kube.snapshot()
        await town.create_job("a", pool=None, machine="gpu-1")
        await town.until_state("a", "Running")
        await asyncio.sleep(5)
        told = fence_of(town, "saturno", "gpu-1")
        await restore(town, snapshot, "two")
        await asyncio.sleep(60)
        assert town.machines.on() == {}
        await town.create_job("b", pool=None, machine="gpu-1")
        await until_all_done(town, "b")
        assert fence_of(town, "saturno", "gpu-1") > told

    in_town(scenario)


@pytest.mark.parametrize("bump", [True, False], ids=["versions go on", "versions go back"])
def test_an_etcd_from_before_a_grant_ends_every_process_that_knew_better(bump: bool) -> None:
    async def scenario(town: Town) -> None:
        town.start_operator("standby")
        await asyncio.sleep(30)
        snapshot = town.kube.snapshot()
        await two_running(town)
        town.kube.restore(snapshot, bump=bump)
        ended = await asyncio.gather(*town.operators, return_exceptions=True)
        assert [type(error) for error in ended] == [Restored, Restored]
        assert len(town.machines.on()) == 2
        town.operators.clear()
        town.start_operator("anew")
        await until_off(town)
        await town.create_job("c")
        await until_all_done(town, "c")

    in_town(scenario)


def test_machines_from_before_their_grants_lose_their_attempts_which_are_tried_again() -> None:
    async def scenario(town: Town) -> None:
        before = {name: await town.machine(name) for name in town.machines_by_name()}
        await two_running(town)
        await town.stop_operators()
        await wipe(town, "machines")
        for name, status in before.items():
            version = (await town.kube.get("machines", "", name))["metadata"]["resourceVersion"]
            await town.kube.patch_status("machines", "", name, status, version)
        town.start_operator("two")
        await until_off(town)
        await until_all_done(town, *JOBS)
        for name in JOBS:
            assert outcomes(await town.job(name)) == ["Lost", "Succeeded"]

    in_town(scenario)


def test_an_etcd_from_between_a_job_and_its_grant_begins_the_attempt_anew() -> None:
    async def scenario(town: Town) -> None:
        town.courses["a"] = LONG
        await town.kube.patch("machines", "", "gpu-1", {"spec": {"cordon": True}})
        await town.create_job("a", pool=None, machine="gpu-1")
        await town.until_state("a", "Waiting")
        snapshot = town.kube.snapshot()
        await town.kube.patch("machines", "", "gpu-1", {"spec": {"cordon": False}})
        await town.until_state("a", "Running")
        await restore(town, snapshot, "two")
        await asyncio.sleep(60)
        await town.kube.patch("machines", "", "gpu-1", {"spec": {"cordon": False}})
        job = await town.until_state("a", "Succeeded")
        assert len(job["status"]["attempts"]) == 1
        await until_all_done(town, "a")

    in_town(scenario)


def test_an_etcd_from_a_running_claim_that_has_ended_since() -> None:
    async def scenario(town: Town) -> None:
        await two_running(town)
        snapshot = town.kube.snapshot()
        for name in JOBS:
            await town.until_state(name, "Succeeded")
        await town.until_free()
        await restore(town, snapshot, "two")
        await until_all_done(town, *JOBS)

    in_town(scenario)


def test_an_etcd_and_a_database_that_are_both_older() -> None:
    async def scenario(town: Town) -> None:
        snapshot, backup = town.kube.snapshot(), town.databases["nutresa"].snapshot()
        await two_running(town)
        town.databases["nutresa"].restore(backup)
        await restore(town, snapshot, "two")
        await asyncio.sleep(60)
        await town.create_job("c")
        await until_all_done(town, "c")

    in_town(scenario)


def test_an_etcd_from_before_a_claim_whose_record_stands_there_still() -> None:
    async def scenario(town: Town) -> None:
        snapshot = town.kube.snapshot()
        await town.create_job("a", pool=None, machine="gpu-1")
        await town.until_state("a", "Succeeded")
        await town.until_free()
        await restore(town, snapshot, "two")
        town.courses["b"] = Course(seconds=60, cause=Cause.EXIT_CODE, code=1)
        await town.create_job("b", pool=None, machine="gpu-1")
        await town.until_state("b", "Failed")
        await town.until_free()

    in_town(scenario)


class LeasesWipedOnTheWay:
    """The leases lose their status right before the first of them is read."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._is_done = False

    async def before(self, call: Call) -> None:
        if call.plural == "machineleases" and call.verb == "get" and not self._is_done:
            self._is_done = True
            await wipe(self._town, "machineleases")

    async def after(self, call: Call) -> None:
        return


def test_a_lease_that_is_bound_no_more_when_it_is_read_is_not_adopted() -> None:
    async def scenario(town: Town) -> None:
        await two_running(town)
        await town.stop_operators()
        await wipe(town, "machines")
        town.start_operator("two", gate=LeasesWipedOnTheWay(town))
        await until_all_done(town, *JOBS)
        for name in town.machines_by_name():
            assert all(line["generation"] > 0 for line in (await town.machine(name))["history"])

    in_town(scenario)


def test_a_finished_job_that_forgot_its_attempts_is_run_again_under_a_new_number() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("a")
        await town.until_state("a", "Succeeded")
        await town.until_free()
        await wipe(town, "trainingjobs")
        job = await town.until_state("a", "Succeeded")
        assert [attempt["number"] for attempt in job["status"]["attempts"]] == [2]
        await until_all_done(town, "a")

    in_town(scenario)


def test_an_attempt_is_not_granted_beside_an_earlier_one_whose_lease_was_restored() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("a")
        await town.until_state("a", "Succeeded")
        await town.until_free()
        for name in town.machines_by_name():
            await town.kube.patch("machines", "", name, {"spec": {"cordon": True}})
        await wipe(town, "trainingjobs")
        await town.until_state("a", "Waiting")
        await wipe(town, "machineleases")
        for name in town.machines_by_name():
            await town.kube.patch("machines", "", name, {"spec": {"cordon": False}})
        job = await town.until_state("a", "Succeeded")
        assert [attempt["number"] for attempt in job["status"]["attempts"]] == [1]
        await until_all_done(town, "a")
        granted = [line for n in MACHINES for line in (await town.machine(n))["history"]]
        assert sum(line["state"] == "Claimed" for line in granted) == 2

    in_town(scenario)
