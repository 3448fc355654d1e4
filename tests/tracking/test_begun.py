"""The contract of `Tracker` on what a training begins beside its run, fake and real."""

from tests.tracking.world import World, new_run

from trainlease.model.observed import RunStatus, Stray


async def test_nested_runs_and_strays_end_with_the_run_that_was_handed_out(world: World) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id
    nested = await world.begin(run.experiment, run_id, run_id)
    deeper = await world.begin(run.experiment, run_id, nested)
    stray = await world.begin(f"{run.experiment}-other", run_id)
    done = await world.begin(run.experiment, run_id, run_id)
    await world.finish(done)
    await world.tracker.end_run(run_id, RunStatus.KILLED, {}, "")

    assert [await world.status(r) for r in (nested, deeper, stray)] == [RunStatus.KILLED] * 3
    assert await world.status(done) == RunStatus.FINISHED


async def test_what_a_client_sets_after_the_end_is_set_right(world: World) -> None:
    run = new_run(cluster="cluster-of-late-words")
    run_ids = [
        (await world.tracker.ensure_run(r)).run_id
        for r in (run, new_run(cluster=run.cluster), new_run(cluster=run.cluster))
    ]
    killed, failed, good = run_ids
    ends = (RunStatus.KILLED, RunStatus.FAILED, RunStatus.FINISHED)
    for run_id, status in zip(run_ids, ends, strict=True):
        await world.tracker.end_run(run_id, status, {}, "")
    assert await world.tracker.end_again(run.cluster) == 0
    await world.finish(killed)
    await world.begin_again(failed)
    nested = await world.begin(run.experiment, killed, killed)

    assert await world.tracker.end_again("another-cluster") == 0
    assert await world.tracker.end_again(run.cluster) == 3
    assert [await world.status(r) for r in (killed, failed, good)] == list(ends)
    assert await world.status(nested) == RunStatus.KILLED
    assert await world.tracker.end_again(run.cluster) == 0


async def test_what_still_runs_is_not_ended(world: World) -> None:
    run = new_run(cluster="cluster-that-trains")
    run_id = (await world.tracker.ensure_run(run)).run_id
    nested = await world.begin(run.experiment, run_id, run_id)

    assert await world.tracker.end_again(run.cluster) == 0
    assert await world.status(nested) == RunStatus.RUNNING


async def test_strays_are_named_with_what_is_in_them_and_nested_runs_are_none(
    world: World,
) -> None:
    run = new_run()
    other = f"{run.experiment}-other"
    run_id = (await world.tracker.ensure_run(run)).run_id
    nested = await world.begin(run.experiment, run_id, run_id)
    await world.begin(run.experiment, run_id, nested)
    assert await world.tracker.strays(run_id) == []
    stray = await world.begin(other, run_id)
    await world.begin(other, run_id, stray)
    await world.log_metrics(stray, {"f1": 0.8, "auc": 0.9})
    await world.log_model(stray, "classifier")
    await world.log_loose_model(run_id, "loose")

    assert await world.tracker.strays(run_id) == [
        Stray(stray, other, ("auc", "f1"), ("classifier",)),
        Stray("", "", models=("loose",)),
    ]
