"""The contract of `Tracker.roll_back`, on the fake and on a real MLflow server."""

import pytest
from tests.tracking.world import World, new_run, version_of

from trainlease.model import tracking as word
from trainlease.model.errors import BadSpec, Conflict


async def two_versions(world: World, model: str) -> tuple[int, int]:
    """The second is Production, over the first."""
    first, second = [await version_of(world, r) for r in (new_run(model), new_run(model))]
    await world.tracker.promote(model, first, None, "promoted: the first")
    await world.tracker.promote(model, second, first, "promoted over v1")
    return first, second


async def test_a_version_is_taken_back_once_and_a_person_has_the_last_word(world: World) -> None:
    model = new_run().experiment
    first, second = await two_versions(world, model)
    await world.tracker.roll_back(model, second, first, "rolled back")
    assert (await world.aliases(model))[word.PRODUCTION] == first
    assert (await world.version_tags(model, second))[word.REASON] == "rolled back"
    assert await world.stages(model) == {first: word.STAGE, second: word.STAGE_BEFORE}

    await world.move_alias(model, word.PRODUCTION, second)
    await world.tracker.roll_back(model, second, first, "rolled back")
    assert (await world.aliases(model))[word.PRODUCTION] == second


async def test_nothing_is_taken_back_that_is_not_production(world: World) -> None:
    model = new_run().experiment
    first, second = await two_versions(world, model)
    third = await version_of(world, new_run(model))
    await world.move_alias(model, word.PRODUCTION, third)

    with pytest.raises(Conflict, match=f"v{third} is Production, not v{second}"):
        await world.tracker.roll_back(model, second, first, "rolled back")
    with pytest.raises(BadSpec, match="no version 99"):
        await world.tracker.roll_back(model, third, 99, "rolled back")
    assert (await world.aliases(model))[word.PRODUCTION] == third
    assert (await world.tracker.model_state(model)).begun == ()


async def test_while_a_version_is_being_taken_back_the_move_counts_as_begun(world: World) -> None:
    model = new_run().experiment
    first, second = await two_versions(world, model)
    begins = f"{word.BEGINS}from v{second}"
    await world.tracker.describe(model, first, {word.RETURNED: begins})
    assert (await world.tracker.model_state(model)).begun == (first,)

    await world.tracker.roll_back(model, second, first, "rolled back")
    assert (await world.tracker.model_state(model)).begun == ()
    assert (await world.version_tags(model, first))[word.RETURNED] == f"from v{second}"
