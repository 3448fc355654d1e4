"""The words by which attempts and versions are found again in MLflow: tags, aliases, stages.

They are part of the product: people read them, filter by them, and say *hold* with them
(docs/promotion.md). Not in here: how they get there.
"""

CLUSTER = "trainlease.cluster"
"""Uid of kube-system: several clusters may share one MLflow server."""
NAMESPACE = "trainlease.namespace"
JOB = "trainlease.job"
JOB_UID = "trainlease.job_uid"
ATTEMPT = "trainlease.attempt"

STATE = "trainlease.state"
"""Whether we ended the run: MLflow's own FINISHED is set by any client that leaves its block."""
OPEN = "open"
ENDED = "ended"
KEPT = "trainlease.kept"
"""On the one run of an attempt that was handed out; a twin that lands later has none and loses."""
ENDED_AS = "trainlease.ended_as"
"""MLflow's word with which we ended the run, which a client may set otherwise later."""
HANDED = "trainlease.handed"
"""On a run or model that a training began: the id of the run that it was handed. MLflow's own
client writes it, since its MLFLOW_RUN_CONTEXT says so."""
OUTCOME = "trainlease.outcome"
CAUSE = "trainlease.cause"
MACHINE = "trainlease.machine"
IMAGE = "trainlease.image"
DATA = "trainlease.data"
CHECKPOINT = "trainlease.checkpoint"
EXTERNAL_ID = "trainlease.external_id"
MESSAGE = "trainlease.message"
LOG_TAIL = "trainlease.log_tail"
"""On a run whose log's tail could not be stored: why."""
LOG_TAIL_FILE = "trainlease/log_tail.txt"

METRIC = "trainlease.metric"
"""On a version: the metric that its promotion is judged by."""
METRIC_VALUE = "trainlease.metric_value"
EVAL_DATA = "trainlease.eval_data"
REASON = "trainlease.reason"
"""On a version: the sentence that says why it was promoted or not."""
PROMOTES = "promoted"
"""How the reason begins on a version that the rule makes Production."""
PROMOTED = "trainlease.promoted"
"""On a version that was once made Production by the rule: over which one (or `first`)."""
FIRST = "first"
RETURNED = "trainlease.returned"
"""On a version that a person's word on a job made Production again: `begins from v14` before the
alias moves, `from v14` after."""
BEGINS = "begins "
HOLD = "trainlease.hold"
"""Set to `true` by a person: on a model nothing is promoted, on a version it never is."""

PARENT = "mlflow.parentRunId"
"""MLflow's own, on a nested run."""
LOGGED_FOLDERS = "mlflow.log-model.history"
"""MLflow's own, on a run: the models that a client of MLflow 2 logged to it, as JSON."""

PRODUCTION = "production"
"""The alias that is the truth about what is in use."""
PREVIOUS = "previous"
"""The alias of what was in use before: the way back."""
STAGE = "Production"
STAGE_BEFORE = "Archived"


def is_hold(value: str | None) -> bool:
    """Whether the value of a `trainlease.hold` tag says *hold*; people write True and yes too."""
    return (value or "").strip().lower() in ("true", "yes", "1", "hold")
