"""Runs are there before placement; results are recorded and promoted once, whatever happens."""

import asyncio
from typing import Any

import pytest
from tests.builders import NOW, SETTINGS, a_job, an_attempt
from tests.reconcile.tracked import (
    Bench,
    Stopped,
    a_success,
    finished,
    in_virtual_time,
    sleep,
    with_status,
)

from simulator.loop import VirtualClock, VirtualLoop, run
from trainlease.model import conditions as cond
from trainlease.model import tracking as word
from trainlease.model.errors import BadSpec, Forbidden, Unavailable
from trainlease.model.observed import Exit, RunStatus
from trainlease.model.reasons import Cause, JobCondition
from trainlease.model.training_job import TrainingJob, TrainingJobStatus
from trainlease.plan import results as plan
from trainlease.reconcile.results import Results

MODEL = "saturno.caries"
AN_EXIT = Exit(7, Cause.EXIT_CODE, "exit code 1", NOW, code=1, log_tail="ValueError: no images")


def said(status: TrainingJobStatus, kind: JobCondition) -> tuple[str, str, str]:
    found = cond.get(status.conditions, kind)
    assert found is not None
    return found.status, found.reason, found.message


# -- the run before the machine ------------------------------------------------------------------


@in_virtual_time
async def test_a_prepared_attempt_has_its_run_and_placement_is_rung(bench: Bench) -> None:
    job = a_job(params={"lr": 0.5})
    assert bench.results.run_id(job, 1) is None
    run_id = await bench.run_of(job)

    assert bench.server.runs[run_id].tags[word.JOB_UID] == job.uid
    assert bench.server.params[run_id] == {"lr": "0.5"}
    assert ("placement", "") in bench.rung
    assert ("job", "saturno/caries") in bench.rung
    assert bench.results.trouble is None


@in_virtual_time
async def test_preparing_often_makes_one_run(bench: Bench) -> None:
    job = a_job()
    for _ in range(3):
        bench.results.prepare(job, 1)
    await sleep()
    bench.results.prepare(job, 1)
    await sleep()

    assert len(bench.server.runs) == 1
    assert bench.weather.calls.count("log") == bench.weather.calls.count("create_run") == 1
    assert bench.weather.calls.count("search_runs") == 2


@in_virtual_time
async def test_while_mlflow_is_away_the_job_says_so_and_its_run_follows(bench: Bench) -> None:
    job = a_job()
    bench.weather.down = True
    bench.results.prepare(job, 1)
    await sleep(5)
    assert bench.results.trouble == "MLflow cannot be reached"
    assert ("placement", "") in bench.rung

    bench.weather.down = False
    bench.rung.clear()
    await sleep(60)
    assert bench.results.trouble is None
    assert bench.results.run_id(job, 1) is not None
    assert ("placement", "") in bench.rung


@in_virtual_time
async def test_a_dead_server_is_asked_less_and_less_however_many_jobs_wait(bench: Bench) -> None:
    bench.weather.down = True
    for number in range(50):
        bench.results.prepare(a_job(f"job-{number}"), 1)
    await sleep(300)
    first_minutes = len(bench.weather.calls)
    await sleep(300)
    later = len(bench.weather.calls) - first_minutes

    assert later <= 300 / SETTINGS.breaker_most_tracker + 1
    bench.weather.down = False
    await sleep(60)
    assert len(bench.server.runs) == 50


@in_virtual_time
async def test_a_server_that_is_away_and_slow_is_asked_by_one_call_at_a_time(bench: Bench) -> None:
    bench.weather.down = True
    bench.results.prepare(a_job("first"), 1)
    await sleep(1)
    bench.weather.slow = 10
    for number in range(20):
        bench.results.prepare(a_job(f"job-{number}"), 1)
    await sleep(300)

    assert bench.weather.most_under_way == 1


@in_virtual_time
async def test_a_wrong_password_is_every_jobs_trouble_until_it_is_right(bench: Bench) -> None:
    def forbid() -> None:
        raise Forbidden("the password is wrong")

    bench.weather.at["experiment_id"] = forbid
    bench.results.prepare(a_job(), 1)
    await sleep(1)
    assert bench.results.trouble == "the password is wrong"

    await sleep(120)
    assert bench.results.trouble is None
    assert len(bench.server.runs) == 1


@in_virtual_time
async def test_what_only_a_person_can_mend_is_this_jobs_trouble_alone(bench: Bench) -> None:
    odd, good = a_job("odd"), a_job("good")
    bench.weather.at["create_run"] = _refuse
    bench.results.prepare(odd, 1)
    await bench.run_of(good)

    assert bench.results.trouble is None
    assert bench.results.trouble_of(good) is None
    assert bench.results.trouble_of(odd) == "MLflow refuses the name"
    await sleep(120)
    assert bench.results.trouble_of(odd) is None
    assert bench.results.run_id(odd, 1) is not None


def _refuse() -> None:
    raise BadSpec("MLflow refuses the name")


@in_virtual_time
async def test_nothing_is_asked_by_a_process_that_does_not_lead(bench: Bench) -> None:
    bench.leads = False
    bench.results.prepare(a_job(), 1)
    await sleep(10)

    assert bench.weather.calls == []


@in_virtual_time
async def test_closing_ends_what_is_under_way(bench: Bench) -> None:
    bench.weather.down = True
    bench.results.prepare(a_job(), 1)
    await sleep(5)
    await bench.results.close()

    assert asyncio.all_tasks() == {asyncio.current_task()}


@in_virtual_time
async def test_a_start_after_a_restart_finds_the_run_again(bench: Bench) -> None:
    job = a_job()
    run_id = await bench.run_of(job)
    results = bench.start()
    assert results.run_id(job, 1) is None

    assert await results.ensure(job, 1) == run_id
    assert results.run_id(job, 1) == run_id


@in_virtual_time
async def test_only_a_job_that_wants_results_does_not_start_without_its_run(bench: Bench) -> None:
    bench.weather.down = True

    assert await bench.results.ensure(a_job("easy", tracking="BestEffort"), 1) is None
    with pytest.raises(Unavailable):
        await bench.results.ensure(a_job("strict"), 1)


@in_virtual_time
async def test_a_start_beside_the_preparation_makes_no_second_run(bench: Bench) -> None:
    job = a_job()
    bench.weather.slow = 0.1
    bench.results.prepare(job, 1)
    await asyncio.gather(*(bench.results.ensure(job, 1) for _ in range(3)))
    await sleep(5)

    assert bench.weather.calls.count("create_run") == 1


# -- without a server ----------------------------------------------------------------------------


def test_without_a_server_a_job_waits_and_a_finished_one_says_why_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        results = Results(None, VirtualClock(loop), SETTINGS, lambda: None, lambda *_: None)
        job = a_success()
        results.prepare(job, 1)
        assert results.trouble == plan.NOT_CONFIGURED_SAYS
        assert not results.is_due(a_job(attempts=[an_attempt(1, Cause.MACHINE_LOST)]))

        status = await results.record(job, {})
        assert status is not None
        want = ("False", "NotConfigured", plan.NOT_CONFIGURED_SAYS)
        assert said(status, JobCondition.RESULTS_RECORDED) == want
        assert not results.is_due(job.model_copy(update={"status": status}))

    run(main)


# -- recording -----------------------------------------------------------------------------------


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
async def test_several_models_are_recorded_and_none_is_registered(bench: Bench) -> None:
    job = await bench.trained(a_success(), val_f1=0.9)
    bench.server.log_model(job.status.attempts[0].run_id or "", "second")
    status = (await bench.recorded(job)).status

    assert said(status, JobCondition.RESULTS_RECORDED)[0] == "True"
    verdict = said(status, JobCondition.PROMOTED)
    assert verdict[:2] == ("False", "NotRegistered")
    assert "log one model a run" in verdict[2]
    assert bench.server.models == {}


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


# -- people --------------------------------------------------------------------------------------


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
    await bench.results.sweep(_nobody_is_gone)

    versions = bench.server.models[MODEL].versions
    assert (versions[1].stage, versions[2].stage) == (word.STAGE, word.STAGE_BEFORE)


# -- many at once, and ends in between -----------------------------------------------------------


@in_virtual_time
async def test_jobs_of_one_model_that_end_together_leave_the_best_in_production(
    bench: Bench,
) -> None:
    values = {"a": 0.7, "b": 0.9, "c": 0.8, "d": 0.6}
    jobs = [await bench.trained(a_success(name), val_f1=value) for name, value in values.items()]
    await asyncio.gather(*(bench.recorded(job) for job in jobs))

    model = bench.server.models[MODEL]
    best = model.versions[model.aliases[word.PRODUCTION]]
    assert best.tags[word.JOB] == "b"
    assert sorted(model.versions) == [1, 2, 3, 4]
    stages = [row.version for row in model.versions.values() if row.stage == word.STAGE]
    assert stages == [best.version]


def outcome_of(stop: dict[str, Any]) -> tuple[Any, int]:
    """What stands at the end when the process ended at this request, and how many there were."""

    async def main(loop: VirtualLoop) -> tuple[Any, int]:
        bench = Bench(loop)
        await bench.recorded(await bench.trained(a_success("before"), val_f1=0.8))
        job = await bench.trained(a_success(), val_f1=0.9)
        bench.start()
        for name, value in stop.items():
            setattr(bench.weather, name, value)
        calls = bench.weather.calls
        try:
            stored = await bench.recorded(job)
        except (Stopped, Unavailable):
            bench.start()
            stored = await _recorded_in_time(bench, job)
        model = bench.server.models[MODEL]
        world = {
            "aliases": dict(model.aliases),
            "versions": {n: (dict(v.tags), v.stage) for n, v in model.versions.items()},
            "runs": [(r.run_id, r.status, dict(r.tags)) for r in bench.server.runs.values()],
            "why": stored.status.why,
            "model": stored.status.model,
            "attempts": stored.status.attempts,
        }
        return world, len(calls)

    return run(main)


async def _recorded_in_time(bench: Bench, job: TrainingJob) -> TrainingJob:
    """As the queue does it: tried again until nothing is in the way."""
    while True:
        try:
            return await bench.recorded(job)
        except Unavailable:
            await sleep(5)


def test_an_end_at_any_request_leads_to_the_same_results() -> None:
    want, requests = outcome_of({})
    assert want["why"] == "promoted over v1: val_f1 0.900 > 0.800"
    for number in range(1, requests + 1):
        for when in ("stop_before", "stop_after"):
            assert outcome_of({when: number})[0] == want, (when, number)


@pytest.mark.parametrize(
    "verb", ["create_version", "set_alias", "tag_version", "set_stage", "end_run", "log"]
)
def test_a_lost_answer_leads_to_the_same_results(verb: str) -> None:
    assert outcome_of({"lose_answer_of": verb})[0] == outcome_of({})[0]


@in_virtual_time
async def test_no_move_of_the_alias_is_sent_while_an_earlier_one_may_land(bench: Bench) -> None:
    jobs = [
        await bench.trained(a_success(name), val_f1=value)
        for name, value in (("first", 0.7), ("better", 0.8), ("best", 0.9))
    ]
    await bench.recorded(jobs[0])
    bench.weather.at["set_alias"] = _stop
    with pytest.raises(Stopped):
        await bench.recorded(jobs[1])
    bench.start()
    with pytest.raises(Unavailable, match="may yet move to v2"):
        await bench.recorded(jobs[2])
    bench.server.move_alias(MODEL, word.PREVIOUS, 1)  # they were under way, and land now
    bench.server.move_alias(MODEL, word.PRODUCTION, 2)
    status = (await bench.recorded(jobs[2])).status

    assert status.why == "promoted over v2: val_f1 0.900 > 0.800"
    assert bench.server.models[MODEL].versions[2].tags[word.PROMOTED] == "over v1"


@in_virtual_time
async def test_a_move_that_never_came_is_sent_again_after_a_while(bench: Bench) -> None:
    await bench.recorded(await bench.trained(a_success("first"), val_f1=0.7))
    job = await bench.trained(a_success("better"), val_f1=0.8)
    bench.weather.at["set_alias"] = _stop
    with pytest.raises(Stopped):
        await bench.recorded(job)
    began = bench.clock.monotonic()
    await _recorded_in_time(bench, job)

    assert bench.server.models[MODEL].aliases[word.PRODUCTION] == 2
    assert bench.clock.monotonic() - began >= 30


def _stop() -> None:
    raise Stopped


@in_virtual_time
async def test_a_new_process_sweeps_the_models_of_jobs_that_are_recorded(bench: Bench) -> None:
    job = await bench.recorded(await bench.trained(a_success(), val_f1=0.7))
    run = bench.server.runs[job.status.attempts[0].run_id or ""]
    model = bench.server.models[MODEL]
    twin = bench.server.new_version(model, MODEL, run.run_id, {word.JOB_UID: job.uid})
    assert sorted(model.versions) == [1, twin]  # its create has landed late
    results = bench.start()
    assert not results.is_due(job)
    await results.sweep(_nobody_is_gone)

    assert sorted(model.versions) == [1]


def test_a_lost_answer_to_a_create_leaves_one_run() -> None:
    async def main(loop: VirtualLoop) -> None:
        bench = Bench(loop)
        bench.weather.lose_answer_of = "create_run"
        await bench.run_of(a_job())
        assert len(bench.server.runs) == 1

    run(main)


# -- jobs that are gone --------------------------------------------------------------------------


async def _nobody_is_gone(namespace: str, name: str, uid: str) -> bool:
    return False


@in_virtual_time
async def test_the_sweep_ends_open_runs_of_jobs_that_are_gone_and_no_others(bench: Bench) -> None:
    here, gone = a_job("here"), a_job("gone")
    here_id, gone_id = await bench.run_of(here), await bench.run_of(gone)
    asked: list[tuple[str, str, str]] = []

    async def is_gone(namespace: str, name: str, uid: str) -> bool:
        asked.append((namespace, name, uid))
        return uid == gone.uid

    await bench.results.sweep(is_gone)

    assert ("saturno", "gone", gone.uid) in asked
    assert bench.server.runs[gone_id].status is RunStatus.KILLED
    assert bench.server.runs[here_id].status is RunStatus.RUNNING
    assert bench.results.run_id(gone, 1) is None
    assert bench.results.run_id(here, 1) == here_id


@in_virtual_time
async def test_the_sweep_leaves_a_run_alone_that_was_ended_since_it_was_listed(
    bench: Bench,
) -> None:
    job = await bench.trained(a_success(), val_f1=0.9)

    async def is_recorded_meanwhile(namespace: str, name: str, uid: str) -> bool:
        await bench.recorded(job)
        return True

    await bench.results.sweep(is_recorded_meanwhile)

    (found,) = bench.server.runs.values()
    assert found.status is RunStatus.FINISHED


@in_virtual_time
async def test_the_sweep_leaves_other_clusters_runs_alone(bench: Bench) -> None:
    run_id = await bench.run_of(a_job())
    bench.results.cluster = "another-cluster"

    async def all_are_gone(namespace: str, name: str, uid: str) -> bool:
        return True

    await bench.results.sweep(all_are_gone)

    assert bench.server.runs[run_id].status is RunStatus.RUNNING
