"""What people write on Machines and leases, through the whole operator and in virtual time."""

import asyncio
from typing import Any

import pytest
from tests.reconcile.town import Town, condition, in_town

from trainlease.effects.machines.fake_world import Course
from trainlease.model.observed import RowState

LONG = Course(seconds=36000)
CONFIRM_OFF, FORCE_RELEASE = "trainlease.dev/confirm-off", "trainlease.dev/force-release"
CLAIM, QUARANTINE_OVER = "trainlease.dev/claim", "trainlease.dev/quarantine-over"


async def annotate(town: Town, machine: str, name: str, value: str) -> None:
    await town.kube.patch("machines", "", machine, {"metadata": {"annotations": {name: value}}})


async def words(town: Town, machine: str) -> dict[str, str]:
    body = await town.kube.get("machines", "", machine)
    return dict(body["metadata"].get("annotations") or {})


async def until_obeyed(town: Town, machine: str) -> None:
    async def gone() -> bool:
        return not await words(town, machine)

    await town.until(gone)


async def running(town: Town, name: str = "caries", **spec: Any) -> str:
    """A long training that runs on gpu-1; the generation of its claim."""
    town.courses[name] = LONG
    await town.create_job(name, **{"pool": None, "machine": "gpu-1", **spec})
    await town.until_state(name, "Running")
    return str((await town.machine("gpu-1"))["generation"])


async def hold(town: Town, name: str = "driver", **spec: Any) -> None:
    meta = {"name": name, "namespace": "ops"}
    await town.kube.create(
        "machineleases", {"metadata": meta, "spec": {"machine": "gpu-1", **spec}}
    )


async def until_claimed(town: Town, machine: str = "gpu-1") -> None:
    async def claimed() -> bool:
        return (await town.machine(machine)).get("state") == "Claimed"

    await town.until(claimed)


def reasons(status: dict[str, Any]) -> list[str]:
    return [line["reason"] for line in status["history"]]


# --- confirm-off ---------------------------------------------------------------------------------


def test_a_machine_that_cannot_be_seen_is_freed_by_a_persons_word_and_the_job_goes_on() -> None:
    async def scenario(town: Town) -> None:
        generation = await running(town, pool="onprem", machine=None)
        held = (await town.job("caries"))["status"]["machine"]
        uid = (await town.kube.get("machines", "", held))["metadata"]["uid"]
        town.courses["caries"] = Course(seconds=60)
        town.machines.unknown[held] = "its node is not ready"
        town.machines.lose(uid, recorded=False)
        await asyncio.sleep(60)
        assert await town.state("caries") == "Running"
        await annotate(town, held, CONFIRM_OFF, generation)
        job = await town.until_state("caries", "Succeeded")
        assert [a["outcome"] for a in job["status"]["attempts"]] == ["Lost", "Succeeded"]
        await town.until_free(held)
        await until_obeyed(town, held)
        status = await town.machine(held)
        assert "a person vouches that it is off" in reasons(status)
        assert reasons(status)[-1] == "confirmed off by a person"
        assert set(town.rows(held).values()) == {RowState.FREE}
        assert condition({"status": status}, "Available")["reason"] == "PowerUnknown"

    in_town(scenario)


def test_a_word_for_another_generation_is_said_to_be_ignored_and_written_once() -> None:
    async def scenario(town: Town) -> None:
        generation = await running(town)
        await annotate(town, "gpu-1", CONFIRM_OFF, str(int(generation) - 1))

        async def said() -> bool:
            return "ignored" in str((await town.machine("gpu-1")).get("why"))

        await town.until(said)
        before = len(town.writes("machines"))
        await asyncio.sleep(1200)
        assert len(town.writes("machines")) == before
        assert await town.state("caries") == "Running"

    in_town(scenario)


def test_a_wrong_word_that_it_is_off_is_mended_by_turning_it_off() -> None:
    async def scenario(town: Town) -> None:
        generation = await running(town)
        town.machines.stop_seconds["gpu-1"] = 300
        await town.kube.patch("trainingjobs", "saturno", "caries", {"spec": {"suspend": True}})
        await annotate(town, "gpu-1", CONFIRM_OFF, generation)
        await asyncio.sleep(60)
        assert (await town.machine("gpu-1"))["state"] == "Stopping"
        assert set(town.rows("gpu-1").values()) == {RowState.OCCUPIED}
        await asyncio.sleep(120)
        assert (await town.machine("gpu-1"))["generation"] > int(generation)
        await asyncio.sleep(300)
        await town.until_free("gpu-1")
        assert town.machines.on() == {}

    in_town(scenario)


# --- force-release -------------------------------------------------------------------------------


def test_a_forced_release_gives_the_machine_back_off_and_the_attempt_is_tried_again() -> None:
    async def scenario(town: Town) -> None:
        generation = await running(town, pool="onprem", machine=None, retries={"lost": 0})
        held = (await town.job("caries"))["status"]["machine"]
        town.courses["caries"] = Course(seconds=60)
        await annotate(town, held, FORCE_RELEASE, f"{generation} ana: the fan is loud")
        job = await town.until_state("caries", "Succeeded")
        first = job["status"]["attempts"][0]
        assert (first["outcome"], first["cause"]) == ("Lost", "Forced")
        assert first["message"] == "released by a person: ana: the fan is loud"
        await until_obeyed(town, held)
        assert "attempt 1 ended: Forced (ana: the fan is loud)" in reasons(await town.machine(held))
        await town.until_free()
        assert town.machines.on() == {}

    in_town(scenario)


def test_a_forced_release_waits_for_off() -> None:
    async def scenario(town: Town) -> None:
        generation = await running(town)
        town.machines.stop_seconds["gpu-1"] = 500
        await annotate(town, "gpu-1", FORCE_RELEASE, f"{generation} ana")
        await asyncio.sleep(400)
        assert (await town.machine("gpu-1"))["state"] == "Stopping"
        assert set(town.rows("gpu-1").values()) == {RowState.OCCUPIED}
        await town.kube.patch("trainingjobs", "saturno", "caries", {"spec": {"suspend": True}})
        await town.until_free("gpu-1")
        assert town.machines.on() == {}

    in_town(scenario)


def test_a_forced_release_ends_a_hold_with_its_reason() -> None:
    async def scenario(town: Town) -> None:
        await hold(town)
        await until_claimed(town)
        await asyncio.sleep(5)
        generation = (await town.machine("gpu-1"))["generation"]
        await annotate(town, "gpu-1", FORCE_RELEASE, f"{generation} eva: needed now")
        await town.until_free("gpu-1")
        await asyncio.sleep(5)
        lease = await town.kube.get("machineleases", "ops", "driver")
        released = condition(lease, "Released")
        assert (lease["status"]["ended"], released["status"]) == ("Forced", "True")
        assert released["message"] == "released by a person: eva: needed now"

    in_town(scenario)


# --- claim ---------------------------------------------------------------------------------------


def test_a_row_of_another_program_is_taken_over_once_and_never_again() -> None:
    async def scenario(town: Town) -> None:
        town.databases["nutresa"].occupy("gpu-1", "airflow")
        await asyncio.sleep(310)
        status = await town.machine("gpu-1")
        available = condition({"status": status}, "Available")
        assert available["reason"] == "OccupiedElsewhere"
        word = f"nutresa {status['generation']}"
        assert f'annotate {CLAIM}="{word}"' in available["message"]
        await annotate(town, "gpu-1", CLAIM, word)
        await until_obeyed(town, "gpu-1")
        assert town.rows("gpu-1")["nutresa"] is RowState.FREE
        status = await town.machine("gpu-1")
        assert reasons(status)[-1] == (
            "nutresa's row is taken over from airflow, by a person's word"
        )
        town.databases["nutresa"].occupy("gpu-1", "airflow")
        await asyncio.sleep(620)
        assert town.rows("gpu-1")["nutresa"] is RowState.OCCUPIED
        status = await town.machine("gpu-1")
        assert condition({"status": status}, "Available")["reason"] == "OccupiedElsewhere"

    in_town(scenario)


def test_a_claim_that_knows_more_than_the_last_compare_is_obeyed() -> None:
    async def scenario(town: Town) -> None:
        town.databases["nutresa"].occupy("gpu-1", "airflow")
        generation = (await town.machine("gpu-1"))["generation"]
        await annotate(town, "gpu-1", CLAIM, f"nutresa {generation}")
        await until_obeyed(town, "gpu-1")
        assert town.rows("gpu-1")["nutresa"] is RowState.FREE

    in_town(scenario)


def test_a_claim_for_another_generation_takes_nothing_over() -> None:
    async def scenario(town: Town) -> None:
        town.databases["nutresa"].occupy("gpu-1", "airflow")
        generation = (await town.machine("gpu-1"))["generation"]
        await annotate(town, "gpu-1", CLAIM, f"nutresa {generation + 1}")
        await asyncio.sleep(400)
        assert town.rows("gpu-1")["nutresa"] is RowState.OCCUPIED
        assert "ignored" in (await town.machine("gpu-1"))["why"]

    in_town(scenario)


def test_the_row_of_a_running_claim_is_taken_over_and_stays_occupied_until_its_end() -> None:
    async def scenario(town: Town) -> None:
        generation = await running(town)
        town.courses["caries"] = LONG
        database = town.databases["nutresa"]
        database.free("gpu-1")
        assert database.occupy("gpu-1", "airflow")
        await asyncio.sleep(310)
        await annotate(town, "gpu-1", CLAIM, f"nutresa {generation}")
        await until_obeyed(town, "gpu-1")
        rows = database.read("gpu-1")
        assert rows.own is RowState.OCCUPIED
        assert rows.owner is not None
        assert rows.owner.startswith("trainlease")
        await town.kube.patch("trainingjobs", "saturno", "caries", {"spec": {"suspend": True}})
        await town.until_free("gpu-1")
        assert set(town.rows("gpu-1").values()) == {RowState.FREE}

    in_town(scenario)


# --- occupied elsewhere --------------------------------------------------------------------------


def test_a_row_that_is_taken_under_a_running_claim_stays_theirs_and_bars_the_next() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(seconds=1200)
        await town.create_job("caries", pool=None, machine="gpu-1")
        await town.until_state("caries", "Running")
        town.databases["nutresa"].free("gpu-1")
        assert town.databases["nutresa"].occupy("gpu-1", "airflow")
        await asyncio.sleep(310)
        status = await town.machine("gpu-1")
        assert status["state"] == "Claimed"
        assert "occupied elsewhere: nutresa's row says taken by airflow" in status["why"]
        assert condition({"status": status}, "Available")["reason"] == "OccupiedElsewhere"
        job = await town.until_state("caries", "Succeeded")
        assert len(job["status"]["attempts"]) == 1
        await town.until_free("gpu-1")
        assert town.databases["nutresa"].read("gpu-1").owner == "airflow"
        await town.create_job("next", pool=None, machine="gpu-1")
        job = await town.until_state("next", "Waiting")
        assert condition(job, "LeaseAcquired")["reason"] == "OccupiedElsewhere"
        town.databases["nutresa"].free("gpu-1")
        await town.until_state("next", "Succeeded")

    in_town(scenario)


def test_a_row_that_is_taken_in_a_needed_database_before_the_start_gives_the_claim_back() -> None:
    async def scenario(town: Town) -> None:
        town.databases["saturno"].occupy("gpu-1", "airflow")
        await town.create_job("caries", pool=None, machine="gpu-1", retries={"infrastructure": 0})

        async def given_back() -> bool:
            attempts = (await town.job("caries")).get("status", {}).get("attempts", [])
            return bool(attempts) and attempts[0].get("cause") == "OccupiedElsewhere"

        await town.until(given_back)
        await asyncio.sleep(60)
        assert town.machines.on() == {}
        assert town.databases["saturno"].read("gpu-1").owner == "airflow"
        town.databases["saturno"].free("gpu-1")
        job = await town.until_state("caries", "Succeeded")
        assert job["status"]["attempts"][0]["outcome"] == "StartFailed"

    in_town(scenario)


# --- quarantine ----------------------------------------------------------------------------------


def test_a_quarantine_names_its_causes_and_is_ended_by_a_person_before_its_time() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(boot=float("inf"))
        await town.create_job("caries", pool=None, machine="gpu-1", retries={"infrastructure": 2})
        await town.until_state("caries", "Failed")
        await town.until_free("gpu-1")
        await asyncio.sleep(5)
        status = await town.machine("gpu-1")
        available = condition({"status": status}, "Available")
        assert available["reason"] == "Quarantined"
        causes = "StartTimeout, StartTimeout, StartTimeout"
        assert f"after 3 failures in a row: {causes}; once it is mended" in available["message"]
        await annotate(town, "gpu-1", QUARANTINE_OVER, str(status["generation"]))
        await until_obeyed(town, "gpu-1")
        await town.create_job("next", pool=None, machine="gpu-1")
        await town.until_state("next", "Succeeded")

    in_town(scenario, quarantine_for=24 * 3600)


def test_a_quarantine_is_over_when_its_time_is() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(boot=float("inf"))
        await town.create_job("caries", pool=None, machine="gpu-1", retries={"infrastructure": 2})
        await town.until_state("caries", "Failed")
        await town.create_job("next", pool=None, machine="gpu-1")
        await town.until_state("next", "Waiting")
        await town.until_state("next", "Succeeded")
        status = await town.machine("gpu-1")
        assert condition({"status": status}, "Available")["status"] == "True"

    in_town(scenario, quarantine_for=3600)


# --- holds ---------------------------------------------------------------------------------------


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


# --- duplicates ----------------------------------------------------------------------------------


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


# --- observed ------------------------------------------------------------------------------------


async def until_why(town: Town, platform: str, text: str) -> str:
    async def said() -> bool:
        body = await town.kube.get("platforms", "", platform)
        return text in str(body.get("status", {}).get("why"))

    await town.until(said)
    return str((await town.kube.get("platforms", "", platform))["status"]["why"])


async def observe(town: Town, platform: str, mode: str = "Observe") -> None:
    await town.kube.patch("platforms", "", platform, {"spec": {"mode": mode}})


def test_a_platform_that_is_observed_says_what_would_be_written_and_nothing_is() -> None:
    async def scenario(town: Town) -> None:
        await observe(town, "nutresa")
        await running(town)
        town.databases["nutresa"].occupy("gpu-2", "airflow")
        why = await until_why(town, "nutresa", "would write gpu-1 Occupied")
        assert why.endswith("and leave gpu-2 (taken by airflow) alone")
        assert town.rows("gpu-1")["nutresa"] is RowState.FREE
        await observe(town, "nutresa", "Enforce")

        async def told() -> bool:
            return town.rows("gpu-1")["nutresa"] is RowState.OCCUPIED

        await town.until(told)

    in_town(scenario)


def test_an_observed_database_without_our_tables_says_what_it_lacks_and_what_would_be() -> None:
    async def scenario(town: Town) -> None:
        await observe(town, "nutresa")
        town.databases["nutresa"].lacks_ours = True
        town.databases["nutresa"].occupy("gpu-2", "airflow")
        why = await until_why(town, "nutresa", "leave gpu-2")
        assert why.startswith("SchemaInvalid: table trainlease_ledger is not there")
        body = await town.kube.get("platforms", "", "nutresa")
        assert "CREATE TABLE trainlease_ledger" in condition(body, "SchemaValid")["message"]
        await running(town)
        assert town.rows("gpu-1")["nutresa"] is RowState.FREE

    in_town(scenario)
