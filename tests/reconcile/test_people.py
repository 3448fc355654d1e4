"""What people write on Machines and leases, through the whole operator and in virtual time."""

import asyncio

from tests.reconcile.people import (
    CLAIM,
    CONFIRM_OFF,
    FORCE_RELEASE,
    LONG,
    QUARANTINE_OVER,
    annotate,
    hold,
    reasons,
    running,
    until_claimed,
    until_obeyed,
)
from tests.reconcile.town import Town, condition, in_town

from trainlease.effects.machines.fake_world import Course
from trainlease.model.observed import RowState

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


def test_a_claim_that_cannot_be_obeyed_does_not_hold_back_the_end_of_its_generation() -> None:
    async def scenario(town: Town) -> None:
        generation = await running(town)
        spec = {"spec": {"mode": "Observe"}}
        await town.kube.patch("platforms", "", "nutresa", spec)
        await annotate(town, "gpu-1", CLAIM, f"nutresa {generation}")
        await town.kube.patch("trainingjobs", "saturno", "caries", {"spec": {"suspend": True}})
        await town.until_free("gpu-1")
        assert town.rows("gpu-1")["saturno"] is RowState.FREE

    in_town(scenario, hours=2)


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
