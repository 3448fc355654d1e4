"""What MLflow is told of an attempt, and what a job says of its results."""

import math
from typing import Any

import pytest
from tests.builders import NOW, a_job, an_attempt, at

from trainlease.model import conditions as cond
from trainlease.model import tracking as word
from trainlease.model.observed import Exit, ModelVersion, RunStatus
from trainlease.model.reasons import Cause, JobCondition, JobState, Outcome
from trainlease.model.training_job import TrainingJob
from trainlease.plan import results as plan
from trainlease.plan.promotion import Promotion, PromotionReason

RULE = {"metric": "f1", "evalData": "holdout-3"}
VERSION = ModelVersion("saturno.caries", 14, "run-1", True, {"f1": 0.884}, "holdout-3", signed=True)
BETTER = Promotion(True, PromotionReason.BETTER, "promoted over v13: f1 0.884 > 0.871")


def a_finished_job(state: JobState = JobState.SUCCEEDED, **spec: Any) -> TrainingJob:
    cause = Cause.COMPLETED if state is JobState.SUCCEEDED else Cause.EXIT_CODE
    status = {"state": state, "finished": NOW, "why": "attempt 1 took 5 min"}
    made = {"model": "caries", "promote": RULE, **spec}
    return a_job(attempts=[an_attempt(1, cause)], status=status, **made)


def test_a_run_is_created_with_what_is_known_before_there_is_a_machine() -> None:
    job = a_job(
        model="caries",
        params={"epochs": 30, "lr": 0.0003, "augment": True, "head": "linear", "a//b": 1},
        data="s3://saturno/caries",
        external_id="T-17",
        promote=RULE,
    )
    run = plan.new_run(job, 2, "cluster-1")

    assert (run.experiment, run.name, run.attempt) == ("saturno.caries", "caries-2", 2)
    assert (run.cluster, run.job_uid) == ("cluster-1", "uid-caries")
    assert (run.namespace, run.job_name) == ("saturno", "caries")
    assert run.params == {
        "epochs": "30",
        "lr": "0.0003",
        "augment": "True",
        "head": "linear",
        "a__b": "1",
    }
    assert run.tags == {
        word.IMAGE: "train:1",
        word.DATA: "s3://saturno/caries",
        word.EXTERNAL_ID: "T-17",
        word.EVAL_DATA: "holdout-3",
    }


def test_a_job_without_a_model_goes_to_the_experiment_of_its_namespace() -> None:
    assert plan.new_run(a_job(), 1, "cluster-1").experiment == "saturno"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.SUCCEEDED, RunStatus.FINISHED),
        (Outcome.FAILED, RunStatus.FAILED),
        (Outcome.LOST, RunStatus.FAILED),
        (Outcome.START_FAILED, RunStatus.FAILED),
        (Outcome.LIMIT_EXCEEDED, RunStatus.KILLED),
        (Outcome.CANCELLED, RunStatus.KILLED),
        (Outcome.SUSPENDED, RunStatus.KILLED),
    ],
)
def test_a_run_ends_as_its_attempt_did(outcome: Outcome, status: RunStatus) -> None:
    assert plan.end_status(outcome) is status


def test_every_outcome_has_an_end() -> None:
    assert RunStatus.RUNNING not in {plan.end_status(outcome) for outcome in Outcome}


def test_a_run_says_how_and_where_its_attempt_ended() -> None:
    ended = an_attempt(1, Cause.OUT_OF_MEMORY, message="over its limit of 16 GiB")
    exit_ = Exit(7, Cause.OUT_OF_MEMORY, "killed", NOW, log_tail="epoch 3")

    assert plan.end_tags(ended) == {
        word.OUTCOME: "Failed",
        word.CAUSE: "OutOfMemory",
        word.MACHINE: "gpu-1",
        word.MESSAGE: "over its limit of 16 GiB",
    }
    assert (plan.log_tail(exit_), plan.log_tail(None)) == ("epoch 3", "")


def test_a_version_says_where_it_comes_from_and_by_what_it_is_judged() -> None:
    tags = plan.version_tags(a_finished_job(), 1, "cluster-1", {"f1": 0.884})
    want = {word.METRIC: "f1", word.METRIC_VALUE: "0.884", word.EVAL_DATA: "holdout-3"}

    assert want.items() <= tags.items()
    assert (tags[word.JOB_UID], tags[word.ATTEMPT]) == ("uid-caries", "1")
    assert word.METRIC_VALUE not in plan.version_tags(a_finished_job(), 1, "cluster-1", {})
    assert word.METRIC not in plan.version_tags(a_finished_job(promote=None), 1, "cluster-1", {})


def test_a_record_keeps_finite_metrics_and_above_all_the_one_that_decides() -> None:
    many = {f"a{number:03}": 1.0 for number in range(150)}
    kept = plan.kept_metrics(a_finished_job(), {**many, "f1": 0.9, "x": math.nan, "y": math.inf})

    assert len(kept) == plan.MOST_METRICS
    assert kept["f1"] == 0.9
    assert plan.kept_metrics(a_finished_job(), {"n" * 300: 1.0, "loss": math.nan}) == {}


def test_both_conditions_the_model_and_the_reason_are_one_status() -> None:
    job = a_finished_job()
    found = plan.Results({1: {"f1": 0.884}}, VERSION, BETTER)
    status = plan.recorded(job, found, at(60))

    recorded = cond.get(status.conditions, JobCondition.RESULTS_RECORDED)
    promoted = cond.get(status.conditions, JobCondition.PROMOTED)
    assert recorded is not None
    assert promoted is not None
    assert (recorded.status, recorded.reason) == ("True", "Recorded")
    assert recorded.message == (
        "attempt 1 in the experiment saturno.caries, the model as saturno.caries/14"
    )
    assert (promoted.status, promoted.reason) == ("True", "Better")
    assert promoted.message == status.why == BETTER.sentence
    assert promoted.observed_generation == 1
    assert status.model == "saturno.caries/14"
    assert status.attempts[0].metrics == {"f1": 0.884}


def test_recording_again_changes_nothing() -> None:
    job = a_finished_job()
    found = plan.Results({1: {"f1": 0.884}}, VERSION, BETTER)
    once = plan.recorded(job, found, at(60))
    stored = job.model_copy(update={"status": once})

    assert plan.recorded(stored, found, at(90)) == once
    assert plan.is_recorded(stored)
    assert not plan.is_recorded(job)


def test_a_failed_job_keeps_its_reason_for_people() -> None:
    job = a_finished_job(JobState.FAILED)
    no = Promotion(False, PromotionReason.NOT_SUCCEEDED, "not promoted: the job did not succeed")
    status = plan.recorded(job, plan.Results({}, None, no), at(60))

    assert status.why == "attempt 1 took 5 min"
    assert not cond.is_true(status.conditions, JobCondition.PROMOTED)


def test_a_success_that_logged_no_model_says_so() -> None:
    job = a_finished_job(promote=None)
    lack = plan.lacking(job, plan.Results(), PromotionReason.NO_MODEL, "none was logged")
    status = plan.recorded(job, lack, at(60))
    found = cond.get(status.conditions, JobCondition.RESULTS_RECORDED)

    assert found is not None
    assert (found.status, found.reason) == ("False", "NoModel")
    assert found.message == "attempt 1 in the experiment saturno.caries; none was logged"
    assert cond.get(status.conditions, JobCondition.PROMOTED) is None


def test_a_job_without_a_rule_has_no_verdict() -> None:
    reason = PromotionReason.NO_MODEL

    assert plan.unpromoted(a_finished_job(promote=None), reason, "none") is None
    assert plan.unpromoted(a_finished_job(), reason, "none") is not None


def test_metrics_that_were_kept_already_stay() -> None:
    job = a_finished_job()
    kept = job.status.attempts[0].but(metrics={"f1": 0.9, "loss": 0.1})
    job = job.model_copy(update={"status": job.status.but(attempts=(kept,))})
    status = plan.recorded(job, plan.Results({1: {"f1": 0.95}}), at(60))

    assert status.attempts[0].metrics == {"f1": 0.95, "loss": 0.1}


def test_what_a_person_has_to_let_in_is_false_with_the_reason() -> None:
    job = a_finished_job()
    status = plan.not_recorded(job, plan.NOT_CONFIGURED, plan.NOT_CONFIGURED_SAYS, at(60))
    stored = job.model_copy(update={"status": status})

    assert not plan.is_recorded(stored)
    assert plan.is_known_unconfigured(stored)
    assert not plan.is_known_unconfigured(job)
