"""A job's way through the whole operator, over fakes and in virtual time."""

import asyncio
import re
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from tests.reconcile.town import Town, condition, in_town

from trainlease.effects.machines.fake import FakeProvider
from trainlease.effects.machines.fake_world import Course
from trainlease.model.errors import NotFound
from trainlease.model.machine import Machine
from trainlease.model.observed import RowState, TrainingWord, Workload
from trainlease.model.reasons import Cause

FAILS = Course(seconds=5, cause=Cause.EXIT_CODE, code=1, message="exit code 1: no such column")


def test_a_job_that_need_not_wait_costs_seven_writes_of_the_operator() -> None:
    async def scenario(town: Town) -> None:
        town.kube._store.writes.clear()
        await town.create_job("caries")
        await town.until_state("caries", "Succeeded")
        await asyncio.sleep(600)
        assert town.writes("machineleases") == ["create", "patch status", "patch status"]
        assert town.writes("machines") == ["patch status", "patch status"]
        # Running; the outcome; the results.
        assert town.writes("trainingjobs") == ["patch status"] * 3

    in_town(scenario)


def test_every_database_says_occupied_while_it_runs_and_free_after() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        held = (await town.job("caries"))["status"]["machine"]
        assert set(town.rows(held).values()) == {RowState.OCCUPIED}
        await town.until_state("caries", "Succeeded")
        await town.until_free(held)
        assert set(town.rows(held).values()) == {RowState.FREE}

    in_town(scenario)


def test_a_third_job_waits_and_says_its_place_and_by_when() -> None:
    async def scenario(town: Town) -> None:
        for name in ("a", "b", "c"):
            await town.create_job(name)
        await town.until_state("b", "Running")
        await asyncio.sleep(2)
        why = (await town.job("c"))["status"]["why"]
        assert why.startswith("1st of 1 in onprem; by ")
        await town.until_state("c", "Succeeded")

    in_town(scenario)


def test_a_failure_of_the_training_is_final_and_says_why() -> None:
    async def scenario(town: Town) -> None:
        town.courses["bad"] = FAILS
        await town.create_job("bad")
        job = await town.until_state("bad", "Failed")
        assert job["status"]["why"] == "ExitCode: exit code 1: no such column"
        assert condition(job, "Failed")["reason"] == "ExitCode"
        assert len(job["status"]["attempts"]) == 1

    in_town(scenario)


def test_a_failure_is_repeated_as_often_as_the_job_allows() -> None:
    async def scenario(town: Town) -> None:
        town.courses["bad"] = FAILS
        await town.create_job("bad", retries={"application": 2})
        job = await town.until_state("bad", "Failed")
        assert [a["outcome"] for a in job["status"]["attempts"]] == ["Failed"] * 3

    in_town(scenario)


def test_a_lost_machine_is_not_charged_to_the_job_which_goes_on_elsewhere() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries")
        job = await town.until_state("caries", "Running")
        first = job["status"]["machine"]
        machine = await town.kube.get("machines", "", first)
        town.machines.lose(machine["metadata"]["uid"])
        job = await town.until_state("caries", "Succeeded")
        assert [a["outcome"] for a in job["status"]["attempts"]] == ["Lost", "Succeeded"]
        assert [a["machine"] == first for a in job["status"]["attempts"]] == [True, False]
        await town.until_free()

    in_town(scenario)


def test_a_deleted_job_gives_its_machine_back_and_its_training_a_last_word() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(seconds=36000)
        await town.create_job("caries", externalId="7")
        job = await town.until_state("caries", "Running")
        await asyncio.sleep(5)
        assert town.training("7") is TrainingWord.RUNNING
        await town.kube.delete("trainingjobs", "saturno", "caries", job["metadata"]["uid"])
        town.kube.collect_garbage()
        await town.until_free()
        await asyncio.sleep(5)
        assert town.training("7") is TrainingWord.FAILED
        assert town.machines.on() == {}
        statuses = [run.status.value for run in town.mlflow.runs.values()]
        assert statuses == ["KILLED"]

    in_town(scenario)


def test_a_deleted_lease_cancels_its_attempt_for_good() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        lease = await town.kube.get("machineleases", "saturno", "caries-1")
        uid = lease["metadata"]["uid"]
        await town.kube.delete("machineleases", "saturno", "caries-1", uid)
        job = await town.until_state("caries", "Failed")
        assert job["status"]["attempts"][0]["outcome"] == "Cancelled"
        await town.until_free()
        assert town.machines.on() == {}

    in_town(scenario)


def test_a_suspended_job_gives_its_machine_back_and_goes_on_when_resumed() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        await town.kube.patch("trainingjobs", "saturno", "caries", {"spec": {"suspend": True}})
        await town.until_state("caries", "Suspended")
        await town.until_free()
        await town.kube.patch("trainingjobs", "saturno", "caries", {"spec": {"suspend": False}})
        job = await town.until_state("caries", "Succeeded")
        assert [a["outcome"] for a in job["status"]["attempts"]] == ["Suspended", "Succeeded"]

    in_town(scenario)


def test_a_job_over_its_running_limit_is_ended() -> None:
    async def scenario(town: Town) -> None:
        town.courses["long"] = Course(seconds=None)
        await town.create_job("long", limits={"running": "10m"})
        job = await town.until_state("long", "Failed")
        assert condition(job, "Failed")["reason"] == "RunningLimit"
        await town.until_free()
        assert town.machines.on() == {}

    in_town(scenario)


def test_a_job_that_waited_too_long_fails_and_says_so() -> None:
    async def scenario(town: Town) -> None:
        for name in town.machines_by_name():
            await town.kube.patch("machines", "", name, {"spec": {"cordon": True}})
        await town.create_job("caries", limits={"waiting": "1h"})
        await town.until_state("caries", "Waiting")
        job = await town.until_state("caries", "Failed")
        assert condition(job, "Failed")["reason"] == "WaitingLimit"
        lease = await town.kube.get("machineleases", "saturno", "caries-1")
        assert condition(lease, "Released")["status"] == "True"

    in_town(scenario)


def test_a_finished_job_goes_when_its_time_to_live_is_over() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries", ttl="1h")
        await town.until_state("caries", "Succeeded")

        async def gone() -> bool:
            return not town.kube.objects("trainingjobs")

        await town.until(gone)

    in_town(scenario)


@pytest.mark.parametrize(
    ("wish", "want"),
    [
        ({"pool": "nowhere"}, "PoolEmpty: no machine is in pool nowhere"),
        ({"secrets": ["keys"]}, "SecretMissing: Secret saturno/keys is missing"),
    ],
)
def test_what_cannot_be_says_what_to_do(wish: dict[str, Any], want: str) -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries", **wish)

        async def said() -> bool:
            return "why" in (await town.job("caries")).get("status", {})

        await town.until(said)
        await asyncio.sleep(5)
        assert (await town.job("caries"))["status"]["why"].startswith(want)

    in_town(scenario)


def test_a_waiting_job_names_the_model_that_it_is_for() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries", pool="nowhere", model="caries")
        job = await town.until_state("caries", "Waiting")
        assert job["status"]["model"] == "saturno.caries"

    in_town(scenario)


def test_a_boot_that_hangs_is_ended_and_the_machine_turned_off() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(boot=inf)
        await town.create_job("caries", retries={"infrastructure": 0})
        job = await town.until_state("caries", "Failed")
        assert condition(job, "Failed")["reason"] == "StartTimeout"
        await town.until_free()
        assert town.machines.on() == {}

    in_town(scenario)


def test_a_namespace_that_no_platform_owns_is_said_and_mended_by_one() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries", "ops")
        job = await town.until_state("caries", "Waiting", "ops")
        assert condition(job, "Accepted")["status"] == "False"
        assert "no Platform owns the namespace ops" in job["status"]["why"]
        await town.kube.patch("platforms", "", "nutresa", {"spec": {"namespace": "ops"}})
        await town.until_state("caries", "Succeeded", "ops")

    in_town(scenario)


async def with_secrets(town: Town) -> list[Workload]:
    """Its own Secret and one for its platform's MLflow user; what is started later is in the list.

    Both have a TOKEN: hunter2 in the job's, letmein in the platform's.
    """
    seen: list[Workload] = []
    script = town.machines.script

    def look(workload: Workload) -> Course:
        seen.append(workload)
        return replace(script(workload), seconds=1)

    town.machines.script = look
    keys = {"keys": {"TOKEN": "aHVudGVyMg==", "OWN": "MQ=="}, "mlflow": {"TOKEN": "bGV0bWVpbg=="}}
    for name, data in keys.items():
        meta = {"name": name, "namespace": "saturno"}
        await town.kube.create("secrets", {"metadata": meta, "data": data})
    user = {"spec": {"tracking": {"secret": "mlflow"}}}
    await town.kube.patch("platforms", "", "saturno", user)
    return seen


def test_a_process_gets_what_its_jobs_secrets_hold_and_its_platforms_over_it() -> None:
    async def scenario(town: Town) -> None:
        seen = await with_secrets(town)
        await town.create_job("caries", secrets=["keys"])
        await town.until_state("caries", "Succeeded")
        assert [w.secret_env for w in seen] == [{"TOKEN": "letmein", "OWN": "1"}]
        assert not re.search("hunter2|letmein", str(town.kube.objects("trainingjobs")))

    in_town(scenario)


def test_on_a_node_slot_secrets_are_named_and_the_operator_reads_none() -> None:
    async def scenario(town: Town) -> None:
        seen = await with_secrets(town)
        slot = {"pool": "slots", "process": None, "node": {"name": "srv-1"}}
        await town.kube.patch("machines", "", "gpu-1", {"spec": slot})
        await town.create_job("caries", pool="slots", secrets=["keys"])
        await town.until_state("caries", "Succeeded")
        assert [(w.secret_refs, w.secret_env) for w in seen] == [(("keys", "mlflow"), {})]

    in_town(scenario)


def test_a_start_that_finds_no_such_machine_fails_at_once_and_is_tried_elsewhere() -> None:
    async def scenario(town: Town) -> None:
        town.machines.refusals["gpu-1"] = NotFound("gpu-1: there is no such instance")
        await town.create_job("caries")
        job = await town.until_state("caries", "Succeeded")
        first, second = job["status"]["attempts"]
        assert (first["outcome"], first["cause"]) == ("StartFailed", "StartRefused")
        assert second["machine"] == "gpu-2"

    in_town(scenario, hours=1)


class NoInstance(FakeProvider):
    """A provider that finds no such machine when it is to be turned off."""

    asked = 0

    async def ensure_off(self, machine: Machine) -> None:
        self.asked += 1
        raise NotFound(f"{machine.name}: there is no such instance")


def test_a_stop_that_finds_no_such_machine_is_tried_again_at_a_growing_distance() -> None:
    async def scenario(town: Town) -> None:
        await town.stop_operators()
        provider = NoInstance(town.machines)
        town.start_operator("two", providers={"process": provider})
        town.courses["caries"] = Course(seconds=36000)
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        await town.kube.patch("trainingjobs", "saturno", "caries", {"spec": {"suspend": True}})
        await asyncio.sleep(300)
        assert 1 < provider.asked < 40

    in_town(scenario, hours=1)
