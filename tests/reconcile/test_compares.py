"""Compares of a database's rows with the ledger: what they are worth, whenever they end."""

import asyncio

from tests.reconcile.people import running
from tests.reconcile.town import Town, condition, in_town

from trainlease.effects.platforms.fake import Call
from trainlease.model.errors import Unavailable


class Unreadable:
    """While it is shut the rows cannot be read, though the database answers."""

    is_shut = False

    async def before(self, call: Call) -> None:
        if self.is_shut and call.verb == "rows":
            raise Unavailable("the connection broke")

    async def after(self, call: Call) -> None:
        return


def test_in_sync_is_not_said_of_a_database_that_is_back_before_its_rows_were_read() -> None:
    async def scenario(town: Town) -> None:
        gate = Unreadable()
        await town.stop_operators()
        town.start_operator(
            "two", open_database=lambda platform, _: town.databases[platform.name].client(gate=gate)
        )

        async def in_sync() -> str:
            platform = await town.kube.get("platforms", "", "nutresa")
            return str(condition(platform, "InSync")["status"])

        async def is_unknown() -> bool:
            return await in_sync() == "Unknown"

        async def is_true() -> bool:
            return await in_sync() == "True"

        await running(town)  # it leads, and has compared
        town.databases["nutresa"].down = True
        await town.until(is_unknown)
        gate.is_shut = True
        town.databases["nutresa"].down = False
        await asyncio.sleep(60)
        assert await in_sync() == "Unknown"
        gate.is_shut = False
        await town.until(is_true)

    in_town(scenario, compare_every=20)
