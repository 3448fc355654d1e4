"""What a success lacks is said with what was found instead, and what to do about it."""

from tests.reconcile.tracked import Bench, a_success, in_virtual_time, said

from trainlease.model import conditions as cond
from trainlease.model.observed import RunStatus
from trainlease.model.reasons import JobCondition


@in_virtual_time
async def test_several_models_are_named_and_none_is_registered(bench: Bench) -> None:
    job = await bench.trained(a_success(), val_f1=0.9)
    bench.server.log_model(job.status.attempts[0].run_id or "", "second")
    job = await bench.recorded(job)

    text = (
        "the run logged 2 models (model and second), so that none was registered: "
        "log one model a run"
    )
    where = "attempt 1 in the experiment saturno.caries"
    assert said(job.status, JobCondition.RESULTS_RECORDED) == (
        "False",
        "SeveralModels",
        f"{where}; {text}",
    )
    assert said(job.status, JobCondition.PROMOTED) == (
        "False",
        "SeveralModels",
        f"not promoted: {text}",
    )
    assert bench.server.models == {}
    assert not bench.start().is_due(job)


@in_virtual_time
async def test_a_success_without_its_model_says_so_also_where_nothing_is_promoted(
    bench: Bench,
) -> None:
    status = (await bench.recorded(a_success(promote=None))).status

    assert said(status, JobCondition.RESULTS_RECORDED)[:2] == ("False", "NoModel")
    assert (status.why or "").startswith("not registered: the training logged no model")
    assert cond.get(status.conditions, JobCondition.PROMOTED) is None


@in_virtual_time
async def test_a_version_without_a_signature_is_registered_and_the_message_says_so(
    bench: Bench,
) -> None:
    job = a_success()
    run_id = await bench.run_of(job)
    bench.server.log_metrics(run_id, {"val_f1": 0.9})
    bench.server.log_model(run_id, signed=False)
    status = (await bench.recorded(job)).status

    value, _, text = said(status, JobCondition.RESULTS_RECORDED)
    assert value == "True"
    assert text.endswith(
        "saturno.caries/1 without a signature (log it with signature=infer_signature(...))"
    )
    assert said(status, JobCondition.PROMOTED)[0] == "True"


@in_virtual_time
async def test_an_artifact_store_that_is_away_keeps_no_version_back(bench: Bench) -> None:
    job = await bench.trained(a_success(), val_f1=0.9)
    bench.weather.lose_answer_of = "has_signature"
    status = (await bench.recorded(job)).status

    assert "could not be read" in said(status, JobCondition.RESULTS_RECORDED)[2]
    assert said(status, JobCondition.PROMOTED)[0] == "True"


@in_virtual_time
async def test_a_training_that_logged_to_another_run_is_told_which(bench: Bench) -> None:
    job = a_success()
    stray = bench.server.begin("my-own", await bench.run_of(job))
    bench.server.log_metrics(stray, {"val_f1": 0.9})
    bench.server.log_model(stray, "classifier")
    status = (await bench.recorded(job)).status

    want = (
        f"it logged to run {stray} (experiment my-own: val_f1, model classifier) instead of the "
        "one it was handed: call mlflow.start_run() once, and set no experiment"
    )
    for kind in (JobCondition.RESULTS_RECORDED, JobCondition.PROMOTED):
        assert said(status, kind)[:2] == ("False", "NoModel")
        assert said(status, kind)[2].endswith(want)
    assert bench.server.runs[stray].status is RunStatus.FINISHED
    assert bench.server.models == {}


@in_virtual_time
async def test_a_model_that_was_logged_to_no_run_is_named(bench: Bench) -> None:
    job = a_success()
    bench.server.log_loose_model(await bench.run_of(job), "classifier")
    status = (await bench.recorded(job)).status

    want = "it logged classifier to no run: log it after mlflow.start_run()"
    assert said(status, JobCondition.PROMOTED)[2].endswith(want)


@in_virtual_time
async def test_a_metric_that_went_to_another_run_is_looked_for_there(bench: Bench) -> None:
    job = await bench.trained(a_success(), loss=0.1)
    stray = bench.server.begin("my-own", await bench.run_of(job))
    bench.server.log_metrics(stray, {"val_f1": 0.9})
    status = (await bench.recorded(job)).status

    assert said(status, JobCondition.PROMOTED)[:2] == ("False", "MetricMissing")
    assert f"run {stray} (experiment my-own: val_f1)" in said(status, JobCondition.PROMOTED)[2]
    assert status.model == "saturno.caries/1"


@in_virtual_time
async def test_a_job_without_a_model_that_has_no_metric_is_told_of_another_run(
    bench: Bench,
) -> None:
    job = a_success(model=None, promote=None)
    stray = bench.server.begin("my-own", await bench.run_of(job))
    status = (await bench.recorded(job)).status

    value, _, text = said(status, JobCondition.RESULTS_RECORDED)
    assert (value, f"run {stray} (experiment my-own)" in text) == ("True", True)


@in_virtual_time
async def test_who_logged_all_there_is_to_log_is_not_asked_about_other_runs(bench: Bench) -> None:
    job = await bench.trained(a_success(), val_f1=0.9)
    bench.server.begin("my-own", job.status.attempts[0].run_id or "")
    status = (await bench.recorded(job)).status

    assert "my-own" not in str(status.conditions)
