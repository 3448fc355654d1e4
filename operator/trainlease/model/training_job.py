"""TrainingJob: what to train, on which pool, with which parameters; what to record and promote."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from trainlease.model.base import (
    AnyName,
    Count,
    Duration,
    KubeObject,
    Name,
    Quantity,
    Rule,
    Says,
    Shape,
    StatusShape,
    Text,
    Time,
    Uid,
)
from trainlease.model.conditions import Conditions
from trainlease.model.pod_template import PodTemplate
from trainlease.model.reasons import Cause, JobState, Outcome

MAX_NAME = 52
"""Longest name of a TrainingJob: an attempt and a hash are added for its lease and its pod."""

Param = bool | int | float | Annotated[str, Field(max_length=4096)]
ParamName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$", max_length=128),
    Says("name a parameter with letters, digits and _ . / -, at most 128"),
]
EnvName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128),
    Says("name a variable with letters, digits and _, not beginning with a digit, at most 128"),
]
MetricName = Annotated[str, Field(min_length=1, max_length=250)]


class Goal(StrEnum):
    MAX = "Max"
    MIN = "Min"


class PromoteMode(StrEnum):
    AUTO = "Auto"
    MANUAL = "Manual"


class Tracking(StrEnum):
    REQUIRED = "Required"
    BEST_EFFORT = "BestEffort"


class Promote(Shape):
    """The rule by which a version becomes Production."""

    metric: MetricName
    """The logged metric that decides, as its last step has it."""
    goal: Goal = Goal.MAX
    """Whether a larger (Max) or a smaller (Min) value is better."""
    min_gain: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    """By how much a version must beat Production, in the metric's own unit; a tie never does."""
    eval_data: Annotated[str, Field(max_length=256)] | None = None
    """What the metric was measured on; versions that name another are not compared."""
    mode: PromoteMode = PromoteMode.AUTO
    """Auto promotes by the rule; Manual only says what the rule would do."""


class Resources(Shape):
    """Upper limits of the training."""

    cpu: Quantity | None = None
    """Cores, such as 4 or 500m."""
    memory: Quantity | None = None
    """Bytes, such as 16Gi; a training over it is ended with OutOfMemory."""
    ephemeral_storage: Quantity | None = None
    """Bytes of local disk, such as 50Gi."""


class Retries(Shape):
    """How often an attempt is repeated, by who is to blame for its failure."""

    application: Annotated[int, Field(ge=0, le=100)] | None = None
    """After the training itself failed; 0 where it is left out."""
    infrastructure: Annotated[int, Field(ge=0, le=100)] | None = None
    """After a machine did not start; 3 where it is left out."""
    lost: Annotated[int, Field(ge=0, le=100)] | None = None
    """After a machine was lost while it trained; 2 where it is left out."""


class Limits(Shape):
    """How long a job may wait, start and run, and how long it may take in all."""

    waiting: Duration | None = None
    """From the wish for a machine to its claim; 24h where it is left out."""
    start: Duration | None = None
    """From the claim to a running training; 10m where it is left out."""
    running: Duration | None = None
    """Of one attempt; 12h where it is left out."""
    total: Duration | None = None
    """Of the job, all attempts and waits together; 48h where it is left out."""


class TrainingJobSpec(Shape):
    """What is wished. All but `suspend`, `priority` and `ttl` is fixed at creation."""

    mutable: ClassVar[frozenset[str] | None] = frozenset({"suspend", "priority", "ttl"})
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.pool) != has(self.machine)", "name either a pool or a machine, not both"),
        Rule(
            "!has(self.promote) || has(self.model)",
            "promote needs a model: name the registered model to promote",
        ),
    )

    pool: Name | None = None
    """The pool from which a machine is taken; either this or `machine`."""
    machine: Name | None = None
    """The one machine that will do; either this or `pool`."""
    image: Annotated[str, Field(min_length=1, max_length=512)]
    """The container image of the training."""
    command: Annotated[tuple[Text, ...], Field(max_length=64)] | None = None
    """What to run, one argument an entry; the image's own command where it is left out."""
    params: Annotated[dict[ParamName, Param], Field(max_length=100)] = {}
    """Parameters of the training: numbers, booleans and strings, recorded in MLflow."""
    env: Annotated[
        dict[EnvName, Annotated[str, Field(max_length=4096)]], Field(max_length=100)
    ] = {}
    """Environment variables. Secrets belong in `secrets`."""
    secrets: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(max_length=16)
    ] = ()
    """Secrets of the job's namespace whose keys become environment variables."""
    data: Annotated[str, Field(max_length=1024)] | None = None
    """Where the training data are, as a URI."""
    checkpoint: Annotated[str, Field(max_length=1024)] | None = None
    """A URI that all attempts share, so that a later one goes on where an earlier one ended."""
    model: Name | None = None
    """Experiment and registered model, as PLATFORM.MODEL; left out, the run is only recorded."""
    promote: Promote | None = None
    """The rule by which a version becomes Production; left out, none does. Needs `model`."""
    tracking: Tracking = Tracking.REQUIRED
    """Required waits for MLflow before it takes a machine; BestEffort trains without it."""
    external_id: Annotated[str, Field(min_length=1, max_length=190)] | None = None
    """The platform's own id of the training: the row of its table that is kept in step."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Order inside the platform's own queue: the larger goes first. Mutable."""
    resources: Resources | None = None
    """Upper limits of the training; none where it is left out."""
    retries: Retries | None = None
    """How often an attempt is repeated."""
    limits: Limits | None = None
    """How long the job may wait, start, run, and take in all."""
    ttl: Duration | None = None
    """How long a finished job is kept; 30d where it is left out. Mutable."""
    suspend: bool = False
    """True ends the attempt and gives the machine back; false queues again. Mutable."""
    pod_template: PodTemplate | None = None
    """Fields laid over the pod on a node slot; what is not listed is refused."""

    @model_validator(mode="after")
    def _one_target(self) -> "TrainingJobSpec":
        if (self.pool is None) == (self.machine is None):
            raise ValueError("name either a pool or a machine, not both")
        if self.promote is not None and self.model is None:
            raise ValueError("promote needs a model: name the registered model to promote")
        return self

    @property
    def wants_results(self) -> bool:
        """Whether a machine is only granted once the attempt has its MLflow run."""
        return self.tracking is Tracking.REQUIRED


class Attempt(StatusShape):
    """One try, on one machine, with one lease and one MLflow run."""

    number: Count
    """The attempt's number, from 1."""
    machine: AnyName | None = None
    """The machine that it was granted."""
    generation: Count | None = None
    """The generation of that claim in the machine's ledger."""
    run_id: Annotated[str, Field(max_length=64)] | None = None
    """The MLflow run of this attempt; one and the same from before its placement."""
    started: Time | None = None
    """When the training itself began."""
    ended: Time | None = None
    """When the outcome was stored."""
    outcome: Outcome | None = None
    """How it ended, set once."""
    cause: Cause | None = None
    """Why it ended so."""
    message: Annotated[str, Field(max_length=4096)] | None = None
    """What happened, then what to do."""
    metrics: Annotated[dict[str, float], Field(max_length=100)] = {}
    """The metrics as last logged, so that MLflow may be down when the attempt ends."""


class TrainingJobStatus(StatusShape):
    """Where the job stands. `why`, `machine` and `model` are what the printer columns show."""

    state: JobState | None = None
    """Where the job stands, in one word."""
    machine: AnyName | None = None
    """The machine that it has now."""
    why: Annotated[str, Field(max_length=1024)] | None = None
    """Why it stands there: what it waits for and until when, or how it ended."""
    model: Annotated[str, Field(max_length=256)] | None = None
    """The registered model, with the version once there is one."""
    place: Count | None = None
    """Its place in the queue, where it is told: the first three."""
    attempts: Annotated[tuple[Attempt, ...], Field(max_length=128)] = ()
    """Every attempt, the oldest first."""
    finished: Time | None = None
    """When the job came to its end; its ttl counts from here."""
    conditions: Conditions = ()
    """The conditions, each with reason and message."""

    @property
    def last_attempt(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    def attempt(self, number: int) -> Attempt | None:
        """The record of this attempt, once it was stored."""
        return next((a for a in self.attempts if a.number == number), None)

    def with_attempt(self, attempt: Attempt) -> "TrainingJobStatus":
        """The status with this attempt's record put in or replaced."""
        others = [a for a in self.attempts if a.number != attempt.number]
        return self.but(attempts=tuple(sorted([*others, attempt], key=lambda a: a.number)))


HOLD_PROMOTION = "trainlease.dev/hold-promotion"
ROLLBACK = "trainlease.dev/rollback"


class TrainingJob(KubeObject):
    """A training, queued for a machine and repeated by cause until it ends."""

    kind_name: ClassVar[str] = "TrainingJob"
    plural: ClassVar[str] = "trainingjobs"
    namespaced: ClassVar[bool] = True
    max_name: ClassVar[int] = MAX_NAME

    spec: TrainingJobSpec
    status: TrainingJobStatus = TrainingJobStatus()

    @property
    def is_finished(self) -> bool:
        state = self.status.state
        return state is not None and state.is_finished

    @property
    def finished_at(self) -> datetime | None:
        return self.status.finished


def lease_name(job: str, attempt: int) -> str:
    """The name of the lease of a job's attempt: a function of both, so that it is made once."""
    return f"{job}-{attempt}"


class AttemptKey(Shape):
    """What names an attempt everywhere: in MLflow's tags, in labels, in idempotency keys."""

    job_uid: Uid
    number: int
