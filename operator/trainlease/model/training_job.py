"""TrainingJob: what to train, on which pool, with which parameters; what to record and promote."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from trainlease.model.base import (
    Duration,
    KubeObject,
    Name,
    Quantity,
    Rule,
    Shape,
    StatusShape,
    Text,
    Time,
    Uid,
)
from trainlease.model.conditions import Conditions
from trainlease.model.reasons import Cause, JobState, Outcome

MAX_NAME = 52
"""Longest name of a TrainingJob: an attempt and a hash are added for its lease and its pod."""

Param = bool | int | float | Annotated[str, Field(max_length=4096)]
ParamName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$", max_length=128)]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
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
    goal: Goal = Goal.MAX
    min_gain: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    eval_data: Annotated[str, Field(max_length=256)] | None = None
    mode: PromoteMode = PromoteMode.AUTO


class Resources(Shape):
    """Upper limits of the training."""

    cpu: Quantity | None = None
    memory: Quantity | None = None
    ephemeral_storage: Quantity | None = None


class Retries(Shape):
    """How often an attempt is repeated, by who is to blame for its failure."""

    application: Annotated[int, Field(ge=0, le=100)] | None = None
    infrastructure: Annotated[int, Field(ge=0, le=100)] | None = None
    lost: Annotated[int, Field(ge=0, le=100)] | None = None


class Limits(Shape):
    """How long a job may wait, start and run, and how long it may take in all."""

    waiting: Duration | None = None
    start: Duration | None = None
    running: Duration | None = None
    total: Duration | None = None


class TrainingJobSpec(Shape):
    """The wish. All but `suspend`, `priority` and `ttl` is fixed at creation."""

    mutable: ClassVar[frozenset[str] | None] = frozenset({"suspend", "priority", "ttl"})
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.pool) != has(self.machine)", "name either a pool or a machine, not both"),
        Rule(
            "!has(self.promote) || has(self.model)",
            "promote needs a model: name the registered model to promote",
        ),
    )

    pool: Name | None = None
    machine: Name | None = None
    image: Annotated[str, Field(min_length=1, max_length=512)]
    command: Annotated[tuple[Text, ...], Field(max_length=64)] | None = None
    params: Annotated[dict[ParamName, Param], Field(max_length=100)] = {}
    env: Annotated[
        dict[EnvName, Annotated[str, Field(max_length=4096)]], Field(max_length=100)
    ] = {}
    secrets: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(max_length=16)
    ] = ()
    data: Annotated[str, Field(max_length=1024)] | None = None
    checkpoint: Annotated[str, Field(max_length=1024)] | None = None
    model: Name | None = None
    promote: Promote | None = None
    tracking: Tracking = Tracking.REQUIRED
    external_id: Annotated[str, Field(min_length=1, max_length=190)] | None = None
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    resources: Resources | None = None
    retries: Retries | None = None
    limits: Limits | None = None
    ttl: Duration | None = None
    suspend: bool = False
    pod_template: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_target(self) -> "TrainingJobSpec":
        if (self.pool is None) == (self.machine is None):
            raise ValueError("name either a pool or a machine, not both")
        if self.promote and not self.model:
            raise ValueError("promote needs a model: name the registered model to promote")
        return self

    @property
    def wants_results(self) -> bool:
        """Whether a machine is only granted once the attempt has its MLflow run."""
        return self.tracking is Tracking.REQUIRED


class Attempt(StatusShape):
    """One try, on one machine, with one lease and one MLflow run."""

    number: int
    machine: Annotated[str, Field(max_length=63)] | None = None
    generation: int | None = None
    run_id: Annotated[str, Field(max_length=64)] | None = None
    started: Time | None = None
    ended: Time | None = None
    outcome: Outcome | None = None
    cause: Cause | None = None
    message: Annotated[str, Field(max_length=4096)] | None = None
    metrics: Annotated[dict[str, float], Field(max_length=100)] = {}


class Accepted(StatusShape):
    """What was accepted, of the fields whose immutability no schema can carry."""

    params: Annotated[dict[ParamName, Param], Field(max_length=100)] = {}
    pod_template: dict[str, Any] | None = None


class TrainingJobStatus(StatusShape):
    """Where the job stands. `why`, `machine` and `model` are what the printer columns show."""

    state: JobState | None = None
    machine: Annotated[str, Field(max_length=63)] | None = None
    why: Annotated[str, Field(max_length=1024)] | None = None
    model: Annotated[str, Field(max_length=256)] | None = None
    place: int | None = None
    accepted: Accepted | None = None
    attempts: Annotated[tuple[Attempt, ...], Field(max_length=128)] = ()
    finished: Time | None = None
    conditions: Conditions = ()

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


class TrainingJob(KubeObject):
    """A training, queued for a machine and repeated by cause until it ends."""

    kind_name: ClassVar[str] = "TrainingJob"
    plural: ClassVar[str] = "trainingjobs"
    namespaced: ClassVar[bool] = True

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
