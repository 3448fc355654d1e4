"""What MLflow is told of an attempt, and what the job says of its results. Pure.

An attempt's run is created with what is known before it has a machine, and ended with its true
status. The job's two conditions ResultsRecorded and Promoted, the metrics of its attempts, and
what the columns WHY and MODEL say of a promotion go out in one write.
"""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from trainlease.model import conditions as cond
from trainlease.model import tracking as word
from trainlease.model.base import joined
from trainlease.model.observed import Exit, ModelVersion, NewRun, RunStatus, Stray
from trainlease.model.reasons import JobCondition, JobState, Outcome
from trainlease.model.training_job import HOLD_PROMOTION, Attempt, TrainingJob, TrainingJobStatus
from trainlease.plan.promotion import Promotion, PromotionReason, is_finite, without_version
from trainlease.plan.workload import experiment

MOST_METRICS = 100
"""How many metrics an attempt's record keeps; MLflow has them all."""
LONGEST_METRIC_NAME = 250
RECORDED = "Recorded"
NO_MODEL_SAYS = (
    "the training logged no model: log one with MLflow's log_model in the run it was given"
)
NOT_CONFIGURED = "NotConfigured"
NOT_CONFIGURED_SAYS = (
    "no MLflow server is configured: start the operator with TRAINLEASE_TRACKING_URI"
)

_NAMES_SHOWN = 5
_FOR_GOOD = frozenset(
    reason.value
    for reason in (
        PromotionReason.RUN_DELETED,
        PromotionReason.NO_MODEL,
        PromotionReason.SEVERAL_MODELS,
        PromotionReason.NOT_REGISTERED,
    )
)
"""Reasons of ResultsRecorded=False that no later look can mend."""
_SIGNATURE = {
    True: "",
    False: " without a signature (log it with signature=infer_signature(...))",
    None: " (whether it has a signature could not be read)",
}

_STATUS = {
    Outcome.SUCCEEDED: RunStatus.FINISHED,
    Outcome.FAILED: RunStatus.FAILED,
    Outcome.LOST: RunStatus.FAILED,
    Outcome.START_FAILED: RunStatus.FAILED,
    Outcome.LIMIT_EXCEEDED: RunStatus.KILLED,
    Outcome.CANCELLED: RunStatus.KILLED,
    Outcome.SUSPENDED: RunStatus.KILLED,
}


@dataclass(frozen=True)
class Results:
    """What was found and done in MLflow for a job that has finished.

    `metrics` by attempt number. `promotion` is None where the job names no rule. `notes` are
    sentences about what could not be recorded for good (a run that a person deleted), and about
    what was logged elsewhere. `lack` says why there is no version of a model that the job names.
    """

    metrics: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    version: ModelVersion | None = None
    promotion: Promotion | None = None
    notes: tuple[str, ...] = ()
    lack: PromotionReason | None = None


def new_run(job: TrainingJob, number: int, cluster: str) -> NewRun:
    """The run of this attempt; parameters are written as MLflow's own client writes them."""
    spec = job.spec
    about = {
        word.IMAGE: spec.image,
        word.DATA: spec.data,
        word.CHECKPOINT: spec.checkpoint,
        word.EXTERNAL_ID: spec.external_id,
        word.EVAL_DATA: spec.promote.eval_data if spec.promote else None,
    }
    return NewRun(
        experiment=experiment(job),
        name=f"{job.name}-{number}",
        cluster=cluster,
        job_uid=job.uid,
        namespace=job.namespace,
        job_name=job.name,
        attempt=number,
        params={_param_name(k): str(value) for k, value in job.spec.params.items()},
        tags={name: value for name, value in about.items() if value},
    )


def end_status(outcome: Outcome) -> RunStatus:
    """MLflow's word for how the attempt ended."""
    return _STATUS[outcome]


def end_tags(attempt: Attempt) -> dict[str, str]:
    """What the run says of its end beside MLflow's three words."""
    tags = {
        word.OUTCOME: attempt.outcome,
        word.CAUSE: attempt.cause,
        word.MACHINE: attempt.machine,
        word.MESSAGE: attempt.message,
    }
    return {name: str(value) for name, value in tags.items() if value}


def log_tail(exit_: Exit | None) -> str:
    """The last lines that the training wrote, as far as its machine still has them."""
    return exit_.log_tail if exit_ else ""


def version_tags(
    job: TrainingJob, number: int, cluster: str, metrics: Mapping[str, float]
) -> dict[str, str]:
    """Where a version comes from, and by what it is judged."""
    tags = {
        word.CLUSTER: cluster,
        word.NAMESPACE: job.namespace,
        word.JOB: job.name,
        word.JOB_UID: job.uid,
        word.ATTEMPT: str(number),
    }
    if word.is_hold(job.metadata.annotations.get(HOLD_PROMOTION)):
        tags[word.HOLD] = "true"
    rule = job.spec.promote
    if rule is None:
        return tags
    if rule.eval_data:
        tags[word.EVAL_DATA] = rule.eval_data
    tags[word.METRIC] = rule.metric
    if rule.metric in metrics:
        tags[word.METRIC_VALUE] = repr(metrics[rule.metric])
    return tags


def kept_metrics(job: TrainingJob, metrics: Mapping[str, float]) -> dict[str, float]:
    """What an attempt's record keeps: finite values, the one that decides first of all."""
    decides = job.spec.promote.metric if job.spec.promote else None
    names = sorted(metrics, key=lambda name: (name != decides, name))
    fit = [n for n in names if len(n) <= LONGEST_METRIC_NAME and is_finite(metrics[n])]
    return {name: metrics[name] for name in sorted(fit[:MOST_METRICS])}


def unpromoted(job: TrainingJob, reason: PromotionReason, text: str) -> Promotion | None:
    """The verdict on a job without a version; None where it names no rule."""
    return without_version(reason, text) if job.spec.promote else None


def lacking(job: TrainingJob, found: Results, reason: PromotionReason, text: str) -> Results:
    """The results of a success without the version that it was to bring, for this reason."""
    notes = found.notes if text in found.notes else (*found.notes, text)
    return replace(found, promotion=unpromoted(job, reason, text), notes=notes, lack=reason)


def may_be_elsewhere(job: TrainingJob, found: Results) -> bool:
    """Whether a success lacks what its training may have logged to another run."""
    last = job.status.last_attempt
    if job.status.state is not JobState.SUCCEEDED or last is None:
        return False
    if found.lack is not None:
        return found.lack is PromotionReason.NO_MODEL
    missing = found.promotion and found.promotion.reason is PromotionReason.METRIC_MISSING
    return bool(missing) or not found.metrics.get(last.number, last.metrics)


def with_strays(found: Results, strays: Sequence[Stray]) -> Results:
    """The results, and where the training logged what is missing."""
    if not strays:
        return found
    text = _elsewhere(strays)
    verdict = found.promotion
    if verdict is not None:
        verdict = replace(verdict, sentence=f"{verdict.sentence}; {text}")
    return replace(found, promotion=verdict, notes=(*found.notes, text))


def is_recorded(job: TrainingJob) -> bool:
    """Whether nothing is left to do: the condition says so, also to a new operator."""
    said = cond.get(job.status.conditions, JobCondition.RESULTS_RECORDED)
    return said is not None and (said.is_true or said.reason in _FOR_GOOD)


def is_known_unconfigured(job: TrainingJob) -> bool:
    """Whether the job says already that there is no MLflow server to record it."""
    said = cond.get(job.status.conditions, JobCondition.RESULTS_RECORDED)
    return said is not None and said.reason == NOT_CONFIGURED


def recorded(job: TrainingJob, results: Results, now: datetime) -> TrainingJobStatus:
    """The status of a finished job with its results, for one write."""
    status = job.status
    for attempt in status.attempts:
        found = results.metrics.get(attempt.number, {})
        kept = kept_metrics(job, {**attempt.metrics, **found})
        status = status.with_attempt(attempt.but(metrics=kept))
    lack = results.lack
    reason, text = lack.value if lack else RECORDED, _what(job, results)
    said = with_condition(
        job, status, JobCondition.RESULTS_RECORDED, lack is None, reason, text, now
    )
    if results.version is not None:
        said = said.but(model=f"{results.version.model}/{results.version.version}")
    promotion = results.promotion
    if promotion is None:
        return said.but(why=f"not registered: {'; '.join(results.notes)}"[:1024]) if lack else said
    if status.state is JobState.SUCCEEDED:
        said = said.but(why=promotion.sentence[:1024])
    return with_condition(
        job,
        said,
        JobCondition.PROMOTED,
        promotion.promoted,
        promotion.reason.value,
        promotion.sentence,
        now,
    )


def not_recorded(job: TrainingJob, reason: str, message: str, now: datetime) -> TrainingJobStatus:
    """The status of a job whose results a person has to let in."""
    return with_condition(
        job, job.status, JobCondition.RESULTS_RECORDED, False, reason, message, now
    )


def _param_name(name: str) -> str:
    """MLflow refuses a name that is no normal path, such as `a//b`."""
    return name if posixpath.normpath(name) == name else name.replace("/", "_")


def _what(job: TrainingJob, results: Results) -> str:
    numbers = [str(a.number) for a in job.status.attempts]
    attempts = (
        f"attempt{'s' if len(numbers) > 1 else ''} {joined(numbers)}" if numbers else "nothing"
    )
    text = f"{attempts} in the experiment {experiment(job)}"
    if results.version is not None:
        text += f", the model as {results.version.model}/{results.version.version}"
        text += _SIGNATURE[results.version.signed]
    return "; ".join((text, *results.notes))


def _elsewhere(strays: Sequence[Stray]) -> str:
    """Where a training logged, and how it gets to the run that it was handed."""
    runs = [_named(stray) for stray in strays if stray.run_id]
    loose = [name for stray in strays if not stray.run_id for name in stray.models]
    said = []
    if runs:
        said.append(
            f"it logged to run {joined(runs)} instead of the one it was handed: call "
            "mlflow.start_run() once, and set no experiment"
        )
    if loose:
        said.append(f"it logged {joined(loose)} to no run: log it after mlflow.start_run()")
    return "; ".join(said)


def _named(stray: Stray) -> str:
    """`4f2a (experiment Default: val_f1, model classifier)`."""
    shown = [*stray.metrics[:_NAMES_SHOWN], *(f"model {name}" for name in stray.models)]
    inside = f": {', '.join(shown)}" if shown else ""
    return f"{stray.run_id} (experiment {stray.experiment}{inside})"


def with_condition(
    job: TrainingJob,
    status: TrainingJobStatus,
    kind: JobCondition,
    value: bool,
    reason: str,
    message: str,
    now: datetime,
) -> TrainingJobStatus:
    """The status with this condition, which speaks of the job as it was read."""
    conditions = cond.with_condition(
        status.conditions,
        kind,
        value,
        reason,
        message,
        now=now,
        generation=job.metadata.generation,
    )
    return status.but(conditions=conditions)
