"""Operators that end, begin anew and change places; holds, modes and deletions."""

import asyncio
import gc

import pytest
from tests.reconcile.town import SYSTEM, Town, condition, in_town

from trainlease.effects.machines.fake_world import Course
from trainlease.effects.tracking.fake import FakeTracker
from trainlease.model import tracking as word
from trainlease.model.observed import RowState, RunStatus
from trainlease.reconcile.operator import LEASE_NAME, LeadershipLost


def test_a_new_operator_goes_on_where_the_last_one_ended() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(seconds=600)
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        await town.stop_operators()
        town.start_operator("two")
        job = await town.until_state("caries", "Succeeded")
        assert len(job["status"]["attempts"]) == 1
        await town.until_free()

    in_town(scenario)


def test_a_claim_of_an_operator_that_ended_at_once_is_completed() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries")

        async def claimed() -> bool:
            return any([(await town.machine(n)).get("holder") for n in town.machines_by_name()])

        while not await claimed():  # noqa: ASYNC110  (between any two steps)
            await asyncio.sleep(0)
        await town.stop_operators()
        town.start_operator("two")
        await town.until_state("caries", "Succeeded")
        await town.until_free()
        assert town.machines.on() == {}

    in_town(scenario)


def test_nothing_is_written_while_nothing_changes() -> None:
    async def scenario(town: Town) -> None:
        for name in ("a", "b"):
            await town.create_job(name)
        await town.until_state("b", "Succeeded")
        await town.until_free()
        await asyncio.sleep(60)
        before = len([w for w in town.kube.writes if w.plural != "leases"])
        await asyncio.sleep(3600)
        assert len([w for w in town.kube.writes if w.plural != "leases"]) == before

    in_town(scenario)


def test_a_hold_keeps_a_machine_from_jobs_until_its_time_is_over() -> None:
    async def scenario(town: Town) -> None:
        meta = {"name": "driver", "namespace": "ops"}
        spec = {"machine": "gpu-1", "for": "1h", "note": "ana: driver"}
        await town.kube.create("machineleases", {"metadata": meta, "spec": spec})

        async def held() -> bool:
            return set(town.rows("gpu-1").values()) == {RowState.OCCUPIED}

        await town.until(held)
        await town.create_job("caries", pool=None, machine="gpu-1")
        job = await town.until_state("caries", "Waiting")
        assert "ops/driver" in (await town.machine("gpu-1"))["holderTitle"]
        job = await town.until_state("caries", "Succeeded")
        assert job["status"]["attempts"][0]["machine"] == "gpu-1"
        lease = await town.kube.get("machineleases", "ops", "driver")
        assert lease["status"]["ended"] == "Expired"
        assert condition(lease, "Released")["status"] == "True"

    in_town(scenario)


def test_a_hold_where_none_may_be_says_where() -> None:
    async def scenario(town: Town) -> None:
        meta = {"name": "driver", "namespace": "saturno"}
        await town.kube.create("machineleases", {"metadata": meta, "spec": {"machine": "gpu-1"}})
        await asyncio.sleep(30)
        lease = await town.kube.get("machineleases", "saturno", "driver")
        assert "make it in one of these: ops" in condition(lease, "Granted")["message"]
        assert (await town.machine("gpu-1"))["state"] == "Free"

    in_town(scenario)


def test_a_deleted_hold_gives_its_machine_back() -> None:
    async def scenario(town: Town) -> None:
        meta = {"name": "driver", "namespace": "ops"}
        body = await town.kube.create(
            "machineleases", {"metadata": meta, "spec": {"machine": "gpu-1"}}
        )

        async def held() -> bool:
            return (await town.machine("gpu-1")).get("state") == "Claimed"

        await town.until(held)
        await asyncio.sleep(10)
        await town.kube.delete("machineleases", "ops", "driver", body["metadata"]["uid"])
        await town.until_free()
        assert set(town.rows("gpu-1").values()) == {RowState.FREE}

    in_town(scenario)


def test_a_machine_that_is_deleted_in_use_goes_off_and_free_before_it_goes() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(seconds=7200)
        await town.create_job("caries", pool=None, machine="gpu-1")
        await town.until_state("caries", "Running")
        body = await town.kube.get("machines", "", "gpu-1")
        await town.kube.delete("machines", "", "gpu-1", body["metadata"]["uid"])

        async def gone() -> bool:
            names = [m["metadata"]["name"] for m in town.kube.objects("machines")]
            return "gpu-1" not in names

        await town.until(gone)
        assert town.machines.on() == {}
        assert set(town.rows("gpu-1").values()) == {RowState.FREE}
        assert (await town.job("caries"))["status"]["attempts"][0]["outcome"] == "Lost"

    in_town(scenario)


def test_a_platform_that_is_deleted_goes_once_its_rows_are_free() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(seconds=600)
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        body = await town.kube.get("platforms", "", "nutresa")
        await town.kube.delete("platforms", "", "nutresa", body["metadata"]["uid"])

        async def gone() -> bool:
            return len(town.kube.objects("platforms")) == 1

        await town.until(gone)
        held = town.machines_by_name()
        assert all(town.rows(name)["nutresa"] is RowState.FREE for name in held)
        await town.until_state("caries", "Succeeded")

    in_town(scenario)


def test_an_observed_machine_is_never_touched_and_says_what_would_be_done() -> None:
    async def scenario(town: Town) -> None:
        spec = {"pool": "onprem", "process": {"images": {"train:1": "/srv/train"}}}
        await town.kube.create("machines", {"metadata": {"name": "gpu-9"}, "spec": spec})

        async def said() -> bool:
            return "why" in await town.machine("gpu-9")

        await town.until(said)
        status = await town.machine("gpu-9")
        assert "state" not in status
        assert status["why"].startswith("observed: ")

    in_town(scenario)


def test_a_machine_that_is_on_and_nobodys_is_turned_off() -> None:
    async def scenario(town: Town) -> None:
        body = await town.kube.get("machines", "", "gpu-1")
        town.machines.legacy_on("gpu-1", body["metadata"]["uid"])

        async def off() -> bool:
            return town.machines.on() == {}

        await town.until(off)
        await town.until_free()

    in_town(scenario)


def test_a_machine_whose_ledger_was_wiped_is_observed_before_it_is_free() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(seconds=900)
        await town.create_job("caries", pool=None, machine="gpu-1")
        await town.until_state("caries", "Running")
        body = await town.kube.get("machines", "", "gpu-1")
        version = body["metadata"]["resourceVersion"]
        wiped = dict.fromkeys(body["status"])
        await town.kube.patch_status("machines", "", "gpu-1", wiped, version)
        await asyncio.sleep(60)
        status = await town.machine("gpu-1")
        assert status["state"] == "Claimed"
        assert status["holder"]["job"] == "caries"
        job = await town.until_state("caries", "Succeeded")
        assert len(job["status"]["attempts"]) == 1
        await town.until_free()
        assert set(town.rows("gpu-1").values()) == {RowState.FREE}

    in_town(scenario)


async def take_the_lead(town: Town) -> None:
    """Another process has it from now on, and never renews it."""
    spec = {"holderIdentity": "three", "renewTime": "2026-11-22T12:00:00.000000Z"}
    await town.kube.patch("leases", SYSTEM, LEASE_NAME, {"spec": spec})


def test_an_operator_that_led_ends_when_it_leads_no_more_and_a_new_one_goes_on() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(seconds=600)
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        await take_the_lead(town)
        with pytest.raises(LeadershipLost):
            await town.operators.pop()
        town.start_operator("two")
        job = await town.until_state("caries", "Succeeded")
        assert len(job["status"]["attempts"]) == 1
        await town.until_free()

    in_town(scenario, hours=1)


def test_leadership_that_is_lost_before_the_first_look_ends_the_operator() -> None:
    async def scenario(town: Town) -> None:
        await town.stop_operators()
        for database in town.databases.values():
            database.freeze()
        town.start_operator("two", providers={})

        async def leads() -> bool:
            lease = await town.kube.get("leases", SYSTEM, LEASE_NAME)
            return bool(lease["spec"]["holderIdentity"] == "two")

        await town.until(leads)
        await take_the_lead(town)
        await asyncio.sleep(3)
        for database in town.databases.values():
            database.release()
        with pytest.raises(LeadershipLost):
            await town.operators.pop()
        await asyncio.sleep(1)
        gc.collect()  # an error that nobody has heard of would be a failure of the loop now

    in_town(scenario)


def test_the_run_of_another_program_is_not_stopped_though_it_took_the_machine_just_now() -> None:
    async def scenario(town: Town) -> None:
        uid = (await town.kube.get("machines", "", "gpu-1"))["metadata"]["uid"]
        town.databases["nutresa"].occupy("gpu-1", "batch")
        town.machines.legacy_on("gpu-1", uid)
        await asyncio.sleep(120)
        assert "gpu-1" in town.machines.on()
        town.databases["nutresa"].free("gpu-1")

        async def off() -> bool:
            return "gpu-1" not in town.machines.on()

        await town.until(off)
        await town.until_free("gpu-1")

    in_town(scenario)


def test_a_run_that_was_created_late_for_a_recorded_job_is_ended() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries")
        await town.until_state("caries", "Succeeded")

        async def recorded() -> bool:
            conditions = (await town.job("caries"))["status"]["conditions"]
            return any(c["type"] == "ResultsRecorded" for c in conditions)

        await town.until(recorded)
        (run,) = town.mlflow.runs.values()
        late = {**run.tags, word.STATE: word.OPEN}
        await FakeTracker(town.mlflow).api.create_run(run.experiment_id, "late", late)

        async def all_ended() -> bool:
            statuses = [run.status for run in town.mlflow.runs.values()]
            return len(statuses) == 2 and RunStatus.RUNNING not in statuses

        await town.until(all_ended)

    in_town(scenario, hours=2)
