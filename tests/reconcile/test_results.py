"""Results are recorded, registered and promoted once, by the rule, and people are respected."""

import pytest
from tests.builders import NOW, a_job, an_attempt
from tests.reconcile.tracked import (
    MODEL,
    Bench,
    a_success,
    finished,
    in_virtual_time,
    nobody_is_gone,
    said,
    sleep,
    with_status,
)

from trainlease.model import conditions as cond
from trainlease.model import tracking as word
from trainlease.model.errors import Forbidden, Unavailable
from trainlease.model.observed import Exit, RunStatus
from trainlease.model.reasons import Cause, JobCondition

AN_EXIT = Exit(7, Cause.EXIT_CODE, "exit code 1", NOW, code=1, log_tail="ValueError: no images")


@in_virtual_time
async def test_a_success_is_recorded_registered_and_promoted_in_one_status(bench: Bench) -> None:
    job = await bench.trained(a_success(), val_f1=0.884, loss=0.2)
    status = (await bench.recorded(job)).status

    assert said(status, JobCondition.RESULTS_RECORDED) == (
        "True",
        "Recorded",
        "attempt 1 in the experiment saturno.caries, the model as saturno.caries/1",
    )
    sentence = "promoted: the first version, val_f1 0.884"
    assert said(status, JobCondition.PROMOTED) == ("True", "FirstVersion", sentence)
    assert (status.model, status.why) == ("saturno.caries/1", sentence)
    assert status.attempts[0].metrics == {"val_f1": 0.884, "loss": 0.2}
    (found,) = bench.server.runs.values()
    assert (found.status, found.tags[word.STATE]) == (RunStatus.FINISHED, word.ENDED)
    tags = bench.server.models[MODEL].versions[1].tags
    assert (tags[word.METRIC], tags[word.METRIC_VALUE]) == ("val_f1", "0.884")
    assert (tags[word.EVAL_DATA], tags[word.JOB]) == ("holdout-3", "caries")


@in_virtual_time
async def test_a_better_version_takes_over_and_a_worse_one_does_not(bench: Bench) -> None:
    for name, value in (("first", 0.871), ("better", 0.884), ("worse", 0.8)):
        job = await bench.recorded(await bench.trained(a_success(name), val_f1=value))
        if name == "better":
            assert job.status.why == "promoted over v1: val_f1 0.884 > 0.871"

    want = "not promoted: val_f1 0.800 is not above v2's 0.884"
    assert said(job.status, JobCondition.PROMOTED) == ("False", "NotBetter", want)
    assert bench.server.models[MODEL].aliases == {word.PRODUCTION: 2, word.PREVIOUS: 1}
    assert bench.server.models[MODEL].versions[3].tags[word.REASON] == want


@in_virtual_time
async def test_what_is_recorded_is_never_asked_for_again(bench: Bench) -> None:
    job = await bench.recorded(await bench.trained(a_success(), val_f1=0.9))
    bench.start()

    assert not bench.results.is_due(job)
    assert await bench.results.record(job, {}) is None
    assert bench.weather.calls == []


@in_virtual_time
async def test_a_failed_attempt_of_a_job_that_goes_on_is_ended_without_a_write(
    bench: Bench,
) -> None:
    job = a_job(attempts=[an_attempt(1, Cause.EXIT_CODE, message="exit code 1")], model="caries")
    run_id = await bench.run_of(job)
    assert bench.results.is_due(job)
    assert await bench.results.record(job, {1: AN_EXIT}) is None

    found = bench.server.runs[run_id]
    assert found.status is RunStatus.FAILED
    assert (found.tags[word.OUTCOME], found.tags[word.CAUSE]) == ("Failed", "ExitCode")
    assert (found.tags[word.MACHINE], found.tags[word.MESSAGE]) == ("gpu-1", "exit code 1")
    assert bench.server.artifacts[run_id][word.LOG_TAIL_FILE] == "ValueError: no images"
    assert not bench.results.is_due(job)


@in_virtual_time
async def test_an_attempt_that_a_restored_job_brings_to_another_end_ends_its_run_so(
    bench: Bench,
) -> None:
    job = a_job(attempts=[an_attempt(1, Cause.EXIT_CODE)], model="caries")
    run_id = await bench.run_of(job)
    await bench.results.record(job, {1: AN_EXIT})
    again = a_job(attempts=[an_attempt(1, Cause.SUSPENDED)], model="caries")
    assert bench.results.is_due(again)
    await bench.results.record(again, {})

    assert bench.server.runs[run_id].status is RunStatus.KILLED


@in_virtual_time
async def test_a_new_process_reads_an_ended_attempt_and_writes_nothing(bench: Bench) -> None:
    job = a_job(attempts=[an_attempt(1, Cause.EXIT_CODE)])
    await bench.run_of(job)
    await bench.results.record(job, {1: AN_EXIT})
    bench.start()
    before = len(bench.server.writes)

    assert bench.results.is_due(job)
    assert await bench.results.record(job, {}) is None
    assert len(bench.server.writes) == before


@in_virtual_time
async def test_all_attempts_of_a_failed_job_are_recorded_and_nothing_promoted(
    bench: Bench,
) -> None:
    attempts = [an_attempt(1, Cause.MACHINE_LOST), an_attempt(2, Cause.RUNNING_LIMIT)]
    status = (await bench.recorded(finished("caries", attempts))).status

    assert [r.status for r in bench.server.runs.values()] == [RunStatus.FAILED, RunStatus.KILLED]
    text = "attempts 1 and 2 in the experiment saturno.caries"
    assert said(status, JobCondition.RESULTS_RECORDED) == ("True", "Recorded", text)
    assert said(status, JobCondition.PROMOTED)[:2] == ("False", "NotSucceeded")
    assert status.why == "as it ended"
    assert bench.server.models == {}


@in_virtual_time
async def test_a_run_of_an_attempt_that_never_began_is_ended_with_the_job(bench: Bench) -> None:
    job = a_job("waits")
    run_id = await bench.run_of(job)
    await bench.recorded(finished("waits", []))

    assert bench.server.runs[run_id].status is RunStatus.KILLED


@in_virtual_time
async def test_a_job_without_a_model_is_only_recorded(bench: Bench) -> None:
    job = a_success(model=None, promote=None)
    status = (await bench.recorded(await bench.trained(job, loss=0.1))).status

    text = "attempt 1 in the experiment saturno"
    assert said(status, JobCondition.RESULTS_RECORDED) == ("True", "Recorded", text)
    assert cond.get(status.conditions, JobCondition.PROMOTED) is None
    assert (status.why, status.model) == ("as it ended", None)


@in_virtual_time
async def test_a_model_without_a_rule_is_registered_and_not_judged(bench: Bench) -> None:
    status = (await bench.recorded(await bench.trained(a_success(promote=None), loss=1))).status

    assert status.model == "saturno.caries/1"
    assert cond.get(status.conditions, JobCondition.PROMOTED) is None
    assert bench.server.models[MODEL].aliases == {}


@in_virtual_time
async def test_a_missing_metric_lists_those_that_are_there(bench: Bench) -> None:
    status = (await bench.recorded(await bench.trained(a_success(), f1=0.9, loss=0.1))).status

    assert said(status, JobCondition.PROMOTED) == (
        "False",
        "MetricMissing",
        "not promoted: no metric val_f1 was logged; logged are: f1, loss",
    )


@in_virtual_time
async def test_a_metric_that_is_not_finite_does_not_win(bench: Bench) -> None:
    job = await bench.trained(a_success(), val_f1=float("inf"), auc=float("nan"), loss=0.1)
    status = (await bench.recorded(job)).status

    assert said(status, JobCondition.PROMOTED)[:2] == ("False", "MetricNotFinite")
    assert status.attempts[0].metrics == {"loss": 0.1}


@in_virtual_time
async def test_a_training_without_a_model_says_how_to_log_one(bench: Bench) -> None:
    status = (await bench.recorded(a_success())).status

    assert said(status, JobCondition.PROMOTED)[:2] == ("False", "NoModel")
    assert "log_model" in said(status, JobCondition.PROMOTED)[2]


@in_virtual_time
async def test_a_run_that_a_person_deleted_is_said_and_not_made_again(bench: Bench) -> None:
    job = await bench.trained(a_success(), val_f1=0.9)
    bench.server.delete_run(job.status.attempts[0].run_id or "")
    status = (await bench.recorded(job)).status

    assert "the run of attempt 1 was deleted" in said(status, JobCondition.RESULTS_RECORDED)[2]
    assert said(status, JobCondition.PROMOTED)[:2] == ("False", "RunDeleted")
    assert len(bench.server.runs) == 1


@in_virtual_time
async def test_metrics_kept_in_the_status_are_logged_when_mlflow_is_back(bench: Bench) -> None:
    job = a_success()
    kept = job.status.attempts[0].but(metrics={"val_f1": 0.9})
    job = with_status(job, attempts=(kept,))
    bench.weather.down = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await bench.results.record(job, {})
    bench.weather.down = False
    await sleep(60)
    status = (await bench.recorded(job)).status

    (found,) = bench.server.runs.values()
    assert found.metrics == {"val_f1": 0.9}
    assert status.attempts[0].metrics == {"val_f1": 0.9}


@in_virtual_time
async def test_a_job_that_was_refused_is_rung_when_mlflow_is_back(bench: Bench) -> None:
    job = a_success()
    bench.weather.down = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await bench.results.record(job, {})
    bench.weather.down = False
    bench.results.prepare(a_job("another"), 1)
    await sleep(60)

    assert ("results", "saturno/caries") in bench.rung


@in_virtual_time
async def test_what_mlflow_forbids_is_a_condition_and_tried_again_later(bench: Bench) -> None:
    def forbid() -> None:
        raise Forbidden("the operator may not read runs")

    job = await bench.trained(a_success(), val_f1=0.9)
    bench.weather.at["run"] = forbid
    job = await bench.recorded(job)
    want = ("False", "Refused", "the operator may not read runs")
    assert said(job.status, JobCondition.RESULTS_RECORDED) == want
    assert job.status.why == "as it ended"
    assert not bench.results.is_due(job)

    await sleep(120)
    assert bench.results.is_due(job)
    status = (await bench.recorded(job)).status
    assert said(status, JobCondition.RESULTS_RECORDED)[0] == "True"
    assert cond.is_true(status.conditions, JobCondition.PROMOTED)


@in_virtual_time
async def test_an_artifact_store_that_is_away_costs_the_log_and_nothing_else(
    bench: Bench,
) -> None:
    def away() -> None:
        raise Unavailable("the store is away")

    job = await bench.trained(a_success(), val_f1=0.9)
    bench.weather.at["put_text"] = away
    status = await bench.results.record(job, {1: AN_EXIT})

    assert status is not None
    assert cond.is_true(status.conditions, JobCondition.PROMOTED)
    (found,) = bench.server.runs.values()
    assert found.tags[word.LOG_TAIL] == "not stored: the store is away"


@in_virtual_time
async def test_a_refused_status_write_does_not_judge_anew(bench: Bench) -> None:
    job = await bench.trained(a_success("first"), val_f1=0.8)
    once = await bench.results.record(job, {})
    await bench.recorded(await bench.trained(a_success("better"), val_f1=0.9))
    again = await bench.results.record(job, {})

    assert once is not None
    assert again is not None
    assert said(again, JobCondition.PROMOTED) == said(once, JobCondition.PROMOTED)
    assert again.why == "promoted: the first version, val_f1 0.800"


@in_virtual_time
async def test_a_version_is_judged_against_what_a_person_made_production(bench: Bench) -> None:
    for name, value in (("first", 0.7), ("second", 0.6)):
        await bench.recorded(await bench.trained(a_success(name), val_f1=value))
    bench.server.move_alias(MODEL, word.PRODUCTION, 2)
    status = (await bench.recorded(await bench.trained(a_success("third"), val_f1=0.65))).status

    assert status.why == "promoted over v2: val_f1 0.650 > 0.600"
    assert bench.server.models[MODEL].aliases == {word.PRODUCTION: 3, word.PREVIOUS: 2}


@in_virtual_time
async def test_the_decision_is_made_again_if_the_alias_moved_after_it(bench: Bench) -> None:
    for name, value in (("first", 0.7), ("second", 0.9)):
        await bench.recorded(await bench.trained(a_success(name), val_f1=value))
    bench.server.move_alias(MODEL, word.PRODUCTION, 1)
    third = await bench.trained(a_success("third"), val_f1=0.8)
    seen = []

    def when_read_again() -> None:
        seen.append(bench.server.models[MODEL].aliases[word.PRODUCTION])
        bench.server.move_alias(MODEL, word.PRODUCTION, 2)

    def after_the_decision() -> None:
        bench.weather.at["model"] = when_read_again

    bench.weather.at["model"] = after_the_decision
    status = (await bench.recorded(third)).status

    assert seen == [1]
    assert status.why == "not promoted: val_f1 0.800 is not above v2's 0.900"
    assert bench.server.models[MODEL].aliases[word.PRODUCTION] == 2


@in_virtual_time
async def test_a_version_taken_back_while_it_is_judged_again_does_not_win_again(
    bench: Bench,
) -> None:
    await bench.recorded(await bench.trained(a_success("first"), val_f1=0.7))
    second = await bench.trained(a_success("second"), val_f1=0.9)
    await bench.recorded(second)
    bench.start()  # the write of what was decided is lost with the process
    bench.weather.at["model"] = lambda: bench.server.move_alias(MODEL, word.PRODUCTION, 1)
    status = (await bench.recorded(second)).status

    assert said(status, JobCondition.PROMOTED)[:2] == ("False", "RolledBack")
    assert bench.server.models[MODEL].aliases[word.PRODUCTION] == 1


@in_virtual_time
async def test_a_held_model_is_not_promoted(bench: Bench) -> None:
    await bench.recorded(await bench.trained(a_success("first"), val_f1=0.7))
    bench.server.tag_model(MODEL, word.HOLD, "true")
    status = (await bench.recorded(await bench.trained(a_success("next"), val_f1=0.9))).status

    assert said(status, JobCondition.PROMOTED)[:2] == ("False", "Held")
    assert bench.server.models[MODEL].aliases == {word.PRODUCTION: 1}


@in_virtual_time
async def test_the_sweep_makes_stages_follow_a_rollback(bench: Bench) -> None:
    for name, value in (("first", 0.7), ("second", 0.9)):
        await bench.recorded(await bench.trained(a_success(name), val_f1=value))
    bench.server.move_alias(MODEL, word.PRODUCTION, 1)
    await bench.results.sweep(nobody_is_gone)

    versions = bench.server.models[MODEL].versions
    assert (versions[1].stage, versions[2].stage) == (word.STAGE, word.STAGE_BEFORE)
