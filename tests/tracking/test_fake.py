"""What only the fake can show: that a repeated verb writes nothing."""

from tests.tracking.world import FakeWorld, new_run

from trainlease.effects.tracking.api import LoggedModelRow
from trainlease.model import tracking as word
from trainlease.model.observed import RunStatus


async def test_verbs_that_have_nothing_to_do_write_nothing() -> None:
    world = FakeWorld()
    run = new_run()
    model, tracker = run.experiment, world.tracker

    async def all_of_it() -> None:
        run_id = (await tracker.ensure_run(run)).run_id
        world.server.logged[run_id] = [LoggedModelRow("m-1", "model", True)]
        version = await tracker.ensure_version(model, run_id, {word.JOB_UID: "uid-1"})
        assert version is not None
        await tracker.promote(model, version.version, None, "the first")
        await tracker.describe(model, version.version, {word.REASON: "the first"})
        await tracker.mirror(model)
        await tracker.end_run(run_id, RunStatus.FINISHED, {word.CAUSE: "Completed"}, "tail")

    await all_of_it()
    before = list(world.server.writes)
    await all_of_it()

    assert world.server.writes == before
