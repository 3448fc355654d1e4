"""The contract of the port `Tracker`: who is Production, on the fake and on a real server."""

import pytest
from tests.tracking.world import TAGS, World, new_run, version_of

from trainlease.model import tracking as word
from trainlease.model.errors import Conflict


async def test_a_model_that_is_not_there_has_no_production(world: World) -> None:
    state = await world.tracker.model_state("saturno.never-heard-of")

    assert (state.production, state.previous, state.held) == (None, None, False)


async def test_promotion_moves_both_aliases_and_the_stages(world: World) -> None:
    run = new_run()
    model = run.experiment
    first = await version_of(world, run)
    second = await version_of(world, new_run(model), 0.9)
    await world.tracker.promote(model, first, None, "the first")
    await world.tracker.promote(model, second, first, "better")

    state = await world.tracker.model_state(model)
    assert state.production is not None
    assert (state.production.version, state.previous) == (second, first)
    assert (state.production.metrics, state.production.eval_data) == ({"f1": 0.9}, "holdout-3")
    assert await world.stages(model) == {first: word.STAGE_BEFORE, second: word.STAGE}
    tags = await world.version_tags(model, second)
    assert (tags[word.REASON], tags[word.PROMOTED]) == ("better", f"over v{first}")
    assert (await world.version_tags(model, first))[word.PROMOTED] == word.FIRST


async def test_promoting_again_changes_nothing(world: World) -> None:
    run = new_run()
    model = run.experiment
    first = await version_of(world, run)
    second = await version_of(world, new_run(model))
    await world.tracker.promote(model, first, None, "the first")
    await world.tracker.promote(model, second, first, "better")
    before = await world.version_tags(model, second)
    await world.tracker.promote(model, second, None, "better")

    assert await world.aliases(model) == {word.PRODUCTION: second, word.PREVIOUS: first}
    assert await world.version_tags(model, second) == before


async def test_a_person_who_moved_the_alias_meanwhile_wins(world: World) -> None:
    run = new_run()
    model = run.experiment
    first, second, third = [
        await version_of(world, r) for r in (run, new_run(model), new_run(model))
    ]
    await world.tracker.promote(model, first, None, "the first")
    await world.move_alias(model, word.PRODUCTION, second)

    with pytest.raises(Conflict):
        await world.tracker.promote(model, third, first, "better")
    assert (await world.aliases(model))[word.PRODUCTION] == second


async def test_a_version_that_was_taken_back_says_so(world: World) -> None:
    run = new_run()
    newer = new_run(run.experiment)
    model = run.experiment
    first, second = await version_of(world, run), await version_of(world, newer)
    await world.tracker.promote(model, first, None, "the first")
    await world.tracker.promote(model, second, first, "better")
    await world.move_alias(model, word.PRODUCTION, first)

    newer_id = (await world.tracker.ensure_run(newer)).run_id
    taken_back = await world.tracker.ensure_version(model, newer_id, TAGS)
    assert taken_back is not None
    assert taken_back.was_promoted
    state = await world.tracker.model_state(model)
    assert state.production is not None
    assert state.production.version == first


async def test_stages_follow_an_alias_that_a_person_moved(world: World) -> None:
    run = new_run()
    model = run.experiment
    first, second = await version_of(world, run), await version_of(world, new_run(model))
    await world.tracker.promote(model, first, None, "the first")
    await world.tracker.promote(model, second, first, "better")
    await world.move_alias(model, word.PRODUCTION, first)
    await world.tracker.mirror(model)
    assert await world.stages(model) == {first: word.STAGE, second: word.STAGE_BEFORE}

    await world.set_stage(model, second, word.STAGE)
    await world.tracker.mirror(model)
    assert await world.stages(model) == {first: word.STAGE, second: word.STAGE_BEFORE}

    await world.move_alias(model, word.PRODUCTION, None)
    await world.tracker.mirror(model)
    assert await world.stages(model) == {first: word.STAGE_BEFORE, second: word.STAGE_BEFORE}


async def test_a_stage_that_was_there_before_us_is_left_alone(world: World) -> None:
    run = new_run()
    version = await version_of(world, run)
    await world.set_stage(run.experiment, version, word.STAGE)
    await world.tracker.mirror(run.experiment)
    await world.tracker.mirror("saturno.never-heard-of")

    assert await world.stages(run.experiment) == {version: word.STAGE}


async def test_a_hold_on_a_model_and_on_a_version_is_seen(world: World) -> None:
    run = new_run()
    model = run.experiment
    version = await version_of(world, run)
    await world.tag_model(model, word.HOLD, "true")
    await world.tracker.describe(model, version, {word.HOLD: "yes", word.REASON: "no"})

    assert (await world.tracker.model_state(model)).held
    run_id = (await world.tracker.ensure_run(run)).run_id
    held = await world.tracker.ensure_version(model, run_id, TAGS)
    assert held is not None
    assert (held.held, held.reason) == (True, "no")
