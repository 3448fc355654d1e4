"""The contract of the port `Tracker`: runs and versions, on the fake and on a real server."""

import asyncio
import math

import pytest
from tests.tracking.world import CLUSTER, TAGS, World, new_run

from trainlease.model import tracking as word
from trainlease.model.errors import BadSpec, NotFound, SeveralModels
from trainlease.model.observed import RunStatus


async def test_an_attempt_gets_one_run_however_often_it_is_asked_for(world: World) -> None:
    run = new_run()
    first = await world.tracker.ensure_run(run)
    again = await world.tracker.ensure_run(run)

    assert again.run_id == first.run_id
    assert await world.runs(run.experiment) == [first.run_id]
    assert (first.job_uid, first.attempt, first.ended) == (run.job_uid, 1, False)


async def test_asking_for_one_run_from_many_sides_at_once_makes_one(world: World) -> None:
    run = new_run()
    found = await asyncio.gather(*(world.tracker.ensure_run(run) for _ in range(5)))

    assert await world.runs(run.experiment) == [found[0].run_id]
    assert len({info.run_id for info in found}) == 1


async def test_a_run_says_whose_it_is_and_what_it_was_given(world: World) -> None:
    run = new_run()
    info = await world.tracker.ensure_run(run)

    tags = await world.run_tags(info.run_id)
    want = {
        word.CLUSTER: CLUSTER,
        word.NAMESPACE: "saturno",
        word.JOB: run.job_name,
        word.JOB_UID: run.job_uid,
        word.ATTEMPT: "1",
        word.STATE: word.OPEN,
        "team": "vision",
        "mlflow.runName": run.name,
    }
    assert want.items() <= tags.items()
    assert await world.params(info.run_id) == {"epochs": "30", "lr": "0.0003"}


async def test_each_attempt_has_its_own_run(world: World) -> None:
    run = new_run()
    second = new_run(run.experiment, 2, job_uid=run.job_uid)
    first_info = await world.tracker.ensure_run(run)
    second_info = await world.tracker.ensure_run(second)

    assert first_info.run_id != second_info.run_id


async def test_a_twin_that_lands_late_loses_to_the_run_that_was_handed_out(world: World) -> None:
    run = new_run()
    kept = await world.tracker.ensure_run(run)
    await world.twin(kept.run_id)

    assert (await world.tracker.ensure_run(run)).run_id == kept.run_id
    assert await world.runs(run.experiment) == [kept.run_id]


async def test_a_twin_that_lands_later_still_is_deleted_at_the_end(world: World) -> None:
    run = new_run()
    kept = await world.tracker.ensure_run(run)
    await world.twin(kept.run_id)
    await world.tracker.end_run(kept.run_id, RunStatus.FINISHED, {}, "")

    assert await world.runs(run.experiment) == [kept.run_id]


async def test_a_twin_that_lands_after_the_end_is_deleted_when_open_runs_are_listed(
    world: World,
) -> None:
    run = new_run(cluster="cluster-of-twins")
    kept = await world.tracker.ensure_run(run)
    await world.tracker.end_run(kept.run_id, RunStatus.FINISHED, {}, "")
    await world.twin(kept.run_id)

    assert await world.tracker.open_runs(run.cluster) == []
    assert await world.runs(run.experiment) == [kept.run_id]


async def test_an_attempts_true_end_stands_over_what_the_training_said(world: World) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id
    await world.finish(run_id)
    assert not (await world.tracker.run(run_id)).ended

    await world.tracker.end_run(run_id, RunStatus.FAILED, {word.CAUSE: "ExitCode"}, "line 7: no")

    info = await world.tracker.run(run_id)
    assert (info.status, info.ended) == (RunStatus.FAILED, True)
    assert (await world.run_tags(run_id))[word.CAUSE] == "ExitCode"
    assert await world.artifact(run_id, word.LOG_TAIL_FILE) == "line 7: no"


async def test_ending_a_run_twice_keeps_its_log(world: World) -> None:
    run_id = (await world.tracker.ensure_run(new_run())).run_id
    for tail in ("the end", ""):
        await world.tracker.end_run(run_id, RunStatus.KILLED, {"a": "1"}, tail)

    assert await world.artifact(run_id, word.LOG_TAIL_FILE) == "the end"


async def test_metrics_that_the_run_lacks_are_logged_when_it_ends(world: World) -> None:
    run_id = (await world.tracker.ensure_run(new_run())).run_id
    await world.log_metrics(run_id, {"f1": 0.8})
    await world.tracker.end_run(run_id, RunStatus.FINISHED, {}, "", {"f1": 0.1, "loss": 2.0})

    assert (await world.tracker.run(run_id)).metrics == {"f1": 0.8, "loss": 2.0}


async def test_only_runs_that_we_did_not_end_are_open(world: World) -> None:
    run = new_run(cluster="cluster-of-open-runs")
    ended = new_run(run.experiment, cluster=run.cluster)
    open_id = (await world.tracker.ensure_run(run)).run_id
    ended_id = (await world.tracker.ensure_run(ended)).run_id
    await world.tracker.ensure_run(new_run(run.experiment, cluster="another"))
    await world.finish(open_id)
    await world.tracker.end_run(ended_id, RunStatus.KILLED, {}, "")

    (found,) = await world.tracker.open_runs(run.cluster)
    assert (found.run_id, found.namespace, found.job_name) == (open_id, "saturno", run.job_name)


async def test_metrics_are_those_of_the_last_step_with_infinity_as_the_largest_number(
    world: World,
) -> None:
    run_id = (await world.tracker.ensure_run(new_run())).run_id
    for value in (0.1, 0.9, 0.5):
        await world.log_metrics(run_id, {"f1": value})
    await world.log_metrics(run_id, {"loss": math.inf, "auc": math.nan})

    metrics = (await world.tracker.run(run_id)).metrics
    assert metrics["f1"] == 0.5
    assert metrics["loss"] >= 1.797e308
    assert math.isnan(metrics["auc"])


async def test_a_run_that_somebody_deleted_is_not_found(world: World) -> None:
    run_id = (await world.tracker.ensure_run(new_run())).run_id
    await world.delete_run(run_id)

    with pytest.raises(NotFound):
        await world.tracker.run(run_id)
    with pytest.raises(NotFound):
        await world.tracker.end_run(run_id, RunStatus.KILLED, {}, "")
    with pytest.raises(NotFound):
        await world.tracker.ensure_version("saturno.gone", run_id, TAGS)


async def test_a_model_is_registered_once_with_its_tags(world: World) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id
    await world.log_metrics(run_id, {"f1": 0.8})
    await world.log_model(run_id)
    first = await world.tracker.ensure_version(run.experiment, run_id, TAGS)
    again = await world.tracker.ensure_version(run.experiment, run_id, TAGS)

    assert first == again
    assert first is not None
    assert (first.version, first.run_id, first.ready) == (1, run_id, True)
    assert (first.metrics, first.eval_data) == ({"f1": 0.8}, "holdout-3")
    assert (first.job_uid, first.held, first.was_promoted) == ("uid-1", False, False)
    assert await world.versions(run.experiment) == [1]


async def test_a_younger_twin_of_a_version_is_deleted(world: World) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id
    await world.log_model(run_id)
    await world.tracker.ensure_version(run.experiment, run_id, TAGS)
    row = await world.tracker.api.run(run_id)
    (logged,) = await world.tracker.api.logged_models(row)
    await world.tracker.api.create_version(run.experiment, row, logged, TAGS)
    assert await world.versions(run.experiment) == [1, 2]
    kept = await world.tracker.ensure_version(run.experiment, run_id, TAGS)

    assert kept is not None
    assert kept.version == 1
    assert await world.versions(run.experiment) == [1]


async def test_a_twin_of_a_version_that_lands_late_is_deleted_unless_it_is_in_use(
    world: World,
) -> None:
    run = new_run()
    model = run.experiment
    run_id = (await world.tracker.ensure_run(run)).run_id
    await world.log_model(run_id)
    await world.tracker.ensure_version(model, run_id, TAGS)
    await world.tracker.promote(model, 1, None, "the first")
    row = await world.tracker.api.run(run_id)
    (logged,) = await world.tracker.api.logged_models(row)
    for _ in range(2):
        await world.tracker.api.create_version(model, row, logged, TAGS)
    await world.move_alias(model, word.PRODUCTION, 2)
    await world.tracker.mirror(model)

    assert await world.stages(model) == {1: word.STAGE_BEFORE, 2: word.STAGE}


async def test_the_models_with_a_version_of_ours_are_told_and_no_others(world: World) -> None:
    ours, theirs, nobodys = new_run(), new_run(), new_run()
    clusters = [f"cluster-of-{run.job_uid}" for run in (ours, theirs)]
    for run, cluster in zip((ours, theirs), clusters, strict=True):
        run_id = (await world.tracker.ensure_run(run)).run_id
        await world.log_model(run_id)
        await world.tracker.ensure_version(run.experiment, run_id, {word.CLUSTER: cluster})
    await world.register(nobodys.experiment, (await world.tracker.ensure_run(nobodys)).run_id)

    assert await world.tracker.models(clusters[0]) == [ours.experiment]


@pytest.mark.parametrize("folder", ["classifier", "models/best/classifier"])
@pytest.mark.parametrize("noted", [True, False], ids=["noted", "by hand"])
async def test_a_model_that_is_an_artifact_of_the_run_is_found(
    world: World, folder: str, noted: bool
) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id
    await world.log_classic_model(run_id, folder, noted=noted)
    made = await world.tracker.ensure_version(run.experiment, run_id, TAGS)

    assert made is not None
    assert (made.version, made.ready, made.signed) == (1, True, True)


async def test_a_folder_that_was_logged_to_twice_is_one_model(world: World) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id
    for _ in range(2):
        await world.log_classic_model(run_id)

    assert await world.tracker.ensure_version(run.experiment, run_id, TAGS) is not None


async def test_a_model_without_a_signature_is_registered_and_says_so(world: World) -> None:
    for log in (world.log_model, world.log_classic_model):
        run = new_run()
        run_id = (await world.tracker.ensure_run(run)).run_id
        await log(run_id, signed=False)
        made = await world.tracker.ensure_version(run.experiment, run_id, TAGS)

        assert made is not None
        assert (made.version, made.signed) == (1, False)


async def test_a_run_without_a_model_has_no_version(world: World) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id

    assert await world.tracker.ensure_version(run.experiment, run_id, TAGS) is None


async def test_a_model_that_was_not_logged_to_its_end_is_none_and_is_named(world: World) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id
    await world.log_model(run_id, "broken", ready=False)

    with pytest.raises(BadSpec, match=r"did not log its model \(broken\) to the end"):
        await world.tracker.ensure_version(run.experiment, run_id, TAGS)


async def test_several_models_in_a_run_are_a_persons_to_sort_out(world: World) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id
    for name in ("small", "large", "small"):
        await world.log_model(run_id, name)
    await world.log_classic_model(run_id, "old")

    want = r"4 models \(large, old and small \(2 times\)\).*log one model a run"
    with pytest.raises(SeveralModels, match=want):
        await world.tracker.ensure_version(run.experiment, run_id, TAGS)


async def test_a_version_that_the_training_registered_itself_is_taken(world: World) -> None:
    run = new_run()
    run_id = (await world.tracker.ensure_run(run)).run_id
    version = await world.register(run.experiment, run_id)
    made = await world.tracker.ensure_version(run.experiment, run_id, TAGS)

    assert made is not None
    assert (made.version, made.eval_data) == (version, "holdout-3")
    assert await world.versions(run.experiment) == [version]
