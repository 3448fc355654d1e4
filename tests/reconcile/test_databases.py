"""The databases while they are away, disagree, or are another program's: all in virtual time."""

import asyncio

from tests.reconcile.town import Town, condition, in_town

from trainlease.effects.gate import OpenGate
from trainlease.effects.machines.fake_world import Course
from trainlease.model.errors import Unavailable
from trainlease.model.observed import RowState, TrainingWord


def test_the_own_database_away_keeps_a_job_waiting_and_says_so() -> None:
    async def scenario(town: Town) -> None:
        town.databases["saturno"].down = True
        await town.create_job("caries")
        job = await town.until_state("caries", "Waiting")

        async def said() -> bool:
            job = await town.job("caries")
            return bool(condition(job, "LeaseAcquired")["reason"] == "PlatformDatabaseDown")

        await town.until(said)
        town.databases["saturno"].down = False
        await town.until_state("caries", "Succeeded")
        assert job["metadata"]["name"] == "caries"

    in_town(scenario, compare_every=20)


def test_another_platforms_database_away_delays_nothing_and_is_noted_as_a_debt() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        held = (await town.job("caries"))["status"]["machine"]
        town.databases["nutresa"].down = True
        await town.until_state("caries", "Succeeded")
        await town.until_free(held)
        status = await town.machine(held)
        assert status["debts"] == ["nutresa"]
        assert status["dbs"] == "1/2"
        assert "nutresa owes 1 write" in status["why"]
        town.databases["nutresa"].down = False

        async def paid() -> bool:
            status = await town.machine(held)
            return not status.get("debts") and status["dbs"] == "2/2"

        await town.until(paid)
        assert set(town.rows(held).values()) == {RowState.FREE}
        assert "why" not in await town.machine(held)

    in_town(scenario)


def test_a_frozen_database_holds_no_other_up() -> None:
    async def scenario(town: Town) -> None:
        town.databases["nutresa"].freeze()
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        held = (await town.job("caries"))["status"]["machine"]
        assert town.rows(held)["saturno"] is RowState.OCCUPIED
        await town.until_state("caries", "Succeeded")
        await town.until_free(held)
        town.databases["nutresa"].release()

        async def agree() -> bool:
            return set(town.rows(held).values()) == {RowState.FREE} and not (
                await town.machine(held)
            ).get("debts")

        await town.until(agree)

    in_town(scenario)


def test_a_row_that_another_program_holds_keeps_its_machine_from_us() -> None:
    async def scenario(town: Town) -> None:
        for name in town.machines_by_name():
            assert town.databases["saturno"].occupy(name, "airflow")
        await asyncio.sleep(700)
        await town.create_job("caries")
        job = await town.until_state("caries", "Waiting")
        assert condition(job, "LeaseAcquired")["reason"] == "OccupiedElsewhere"
        assert "airflow" in job["status"]["why"]
        town.databases["saturno"].free("gpu-2")
        job = await town.until_state("caries", "Succeeded")
        assert job["status"]["attempts"][-1]["machine"] == "gpu-2"
        assert town.rows("gpu-1")["saturno"] is RowState.OCCUPIED

    in_town(scenario)


def test_a_row_taken_right_before_us_gives_the_claim_back_and_costs_no_retry() -> None:
    async def scenario(town: Town) -> None:
        town.databases["saturno"].occupy("gpu-1", "airflow")
        await town.create_job("caries", retries={"infrastructure": 0})
        job = await town.until_state("caries", "Succeeded")
        causes = [a["cause"] for a in job["status"]["attempts"]]
        assert causes == ["OccupiedElsewhere", "Completed"]
        assert town.rows("gpu-1")["saturno"] is RowState.OCCUPIED

    in_town(scenario)


def test_a_held_machines_row_that_somebody_freed_is_put_right() -> None:
    async def scenario(town: Town) -> None:
        town.courses["caries"] = Course(seconds=3600)
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        held = (await town.job("caries"))["status"]["machine"]
        town.databases["nutresa"].free(held, by="person")
        await asyncio.sleep(310)
        assert town.rows(held)["nutresa"] is RowState.OCCUPIED

    in_town(scenario)


def test_a_missing_table_is_said_with_what_to_do_and_blocks_only_its_own() -> None:
    async def scenario(town: Town) -> None:
        lacks = "table trainlease_ledger is missing: CREATE TABLE trainlease_ledger (...)"
        town.databases["saturno"].lacks = (lacks,)
        await asyncio.sleep(320)
        body = await town.kube.get("platforms", "", "saturno")
        assert lacks in condition(body, "SchemaValid")["message"]
        await town.create_job("plaque", "nutresa")
        await town.until_state("plaque", "Succeeded", "nutresa")
        await town.create_job("caries")
        job = await town.until_state("caries", "Waiting")
        assert condition(job, "LeaseAcquired")["reason"] == "PlatformDatabaseDown"
        town.databases["saturno"].lacks = ()
        await town.until_state("caries", "Succeeded")

    in_town(scenario)


def test_a_machine_without_a_row_is_not_lent_to_that_platform() -> None:
    async def scenario(town: Town) -> None:
        for name in town.machines_by_name():
            town.databases["saturno"].remove(name)
        await asyncio.sleep(310)
        await town.create_job("caries")
        job = await town.until_state("caries", "Waiting")
        assert condition(job, "LeaseAcquired")["reason"] == "NotAllowed"
        assert "no row" in job["status"]["why"]

    in_town(scenario)


async def restored_under_a_claim(town: Town) -> str:
    """nutresa's rows are again as they were before a training that runs; its machine."""
    backup = town.databases["nutresa"].snapshot()
    town.courses["caries"] = Course(seconds=3600)
    await town.create_job("caries")
    await town.until_state("caries", "Running")
    town.databases["nutresa"].restore(backup)
    return str((await town.job("caries"))["status"]["machine"])


def test_a_restored_backup_is_told_anew() -> None:
    async def scenario(town: Town) -> None:
        held = await restored_under_a_claim(town)
        assert town.rows(held)["nutresa"] is RowState.FREE
        await asyncio.sleep(310)
        assert town.rows(held)["nutresa"] is RowState.OCCUPIED

    in_town(scenario)


def test_a_backup_restored_in_a_restart_that_cost_one_answer_is_told_anew_at_once() -> None:
    async def scenario(town: Town) -> None:
        held = await restored_under_a_claim(town)
        town.databases["nutresa"].lose_answers = 1
        await town.create_job("plaque")
        await town.until_state("plaque", "Running")
        await asyncio.sleep(2)
        assert set(town.rows(held).values()) == {RowState.OCCUPIED}

    in_town(scenario)


def test_a_database_that_was_away_for_hours_is_told_within_two_seconds_of_its_return() -> None:
    async def scenario(town: Town) -> None:
        town.databases["nutresa"].down = True
        await town.create_job("caries")
        await town.until_state("caries", "Succeeded")
        await asyncio.sleep(3 * 3600)
        town.databases["nutresa"].down = False
        await asyncio.sleep(2)
        for machine in town.machines_by_name():
            status = await town.machine(machine)
            assert status["dbs"] == "2/2"
            assert not status.get("debts")

    in_town(scenario)


def test_no_password_is_in_any_object() -> None:
    async def scenario(town: Town) -> None:
        await town.kube.patch(
            "secrets", town.settings.namespace, "saturno-db", {"data": {"dsn": "bm8="}}
        )
        town.databases["saturno"].down = True
        await asyncio.sleep(400)
        for plural in ("platforms", "machines", "trainingjobs", "events"):
            assert "secret-password" not in str(town.kube.objects(plural))

    in_town(scenario)


def test_a_training_without_a_row_is_said_on_its_job_and_mended_by_one() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries", externalId="99")
        job = await town.until_state("caries", "Succeeded")
        await asyncio.sleep(5)
        job = await town.job("caries")
        assert condition(job, "Accepted")["status"] == "True"
        assert "99" in condition(job, "Accepted")["message"]
        before = len(town.writes("trainingjobs"))
        await asyncio.sleep(3600)
        assert len(town.writes("trainingjobs")) == before
        town.databases["saturno"].edit_training("99", TrainingWord.WAITING)
        await asyncio.sleep(600)
        assert town.training("99") is TrainingWord.SUCCEEDED
        assert condition(await town.job("caries"), "Accepted")["message"] == "for saturno"

    in_town(scenario)


class OneCallFails(OpenGate):
    """Once it is shut it refuses one call."""

    is_shut = False

    async def before(self, call: object) -> None:
        if self.is_shut:
            self.is_shut = False
            raise Unavailable("gone")


def test_a_compare_that_nobody_answered_once_is_made_up_for_at_once() -> None:
    """As where a server is restarted from an older backup in the middle of a compare."""

    async def scenario(town: Town) -> None:
        gate = OneCallFails()
        await town.stop_operators()
        town.start_operator(
            "two", open_database=lambda platform, _: town.databases[platform.name].client(gate=gate)
        )
        town.courses["caries"] = Course(seconds=600)
        await town.create_job("caries", pool=None, machine="gpu-1")
        await town.until_state("caries", "Running")
        await asyncio.sleep(10)
        gate.is_shut = True

        async def refused() -> bool:
            return not gate.is_shut

        await town.until(refused)
        for database in town.databases.values():
            database.free("gpu-1")
        await asyncio.sleep(5)
        assert set(town.rows("gpu-1").values()) == {RowState.OCCUPIED}

    in_town(scenario, compare_every=2)
