"""A watch that stays behind, or is dead: what the operator knows without it."""

import asyncio

import pytest
from tests.reconcile.people import annotate
from tests.reconcile.town import Town, in_town

from trainlease.reconcile.operator import DeadWatch


def test_what_a_write_was_refused_on_is_known_though_no_event_came() -> None:
    async def scenario(town: Town) -> None:
        await town.create_job("caries", pool=None, machine="gpu-1")
        await town.until_state("caries", "Running")
        town.is_deaf = True
        await annotate(town, "gpu-1", "example.com/note", "ana: seen")
        await asyncio.sleep(90)
        assert await town.state("caries") == "Succeeded"
        assert (await town.machine("gpu-1"))["state"] == "Free"

    in_town(scenario)


def test_what_a_dead_watch_did_not_bring_is_seen_and_its_process_ends() -> None:
    async def scenario(town: Town) -> None:
        town.is_deaf = True
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        with pytest.raises(DeadWatch):
            await town.operators.pop()

    in_town(scenario, hours=1)
