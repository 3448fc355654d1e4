"""Observe: what would be written is said, and nothing is."""

from tests.reconcile.people import running
from tests.reconcile.town import Town, condition, in_town

from trainlease.model.observed import RowState


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
