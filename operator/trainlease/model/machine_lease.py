"""MachineLease: a claim to the exclusive use of one machine, for an attempt or for a person."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from trainlease.model import conditions as cond
from trainlease.model.base import (
    AnyName,
    Count,
    Duration,
    KubeObject,
    Name,
    Rule,
    Shape,
    StatusShape,
    Time,
    Uid,
)
from trainlease.model.conditions import Conditions
from trainlease.model.reasons import LeaseCondition


class HoldPower(StrEnum):
    ON = "On"
    OFF = "Off"


class Ended(StrEnum):
    """How a hold ended, set once: to a hold what the outcome is to a job."""

    EXPIRED = "Expired"
    DELETED = "Deleted"
    FORCED = "Forced"


class JobRef(Shape):
    """The TrainingJob, in the lease's own namespace."""

    name: Name
    """The job's name."""
    uid: Uid
    """The job's uid: a later job of that name is another one."""


class MachineLeaseSpec(Shape):
    """Either an attempt's claim (`job`, `attempt`, a pool or a machine) or a hold (`for`)."""

    mutable: ClassVar[frozenset[str] | None] = frozenset({"for"})
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.pool) != has(self.machine)", "name either a pool or a machine, not both"),
        Rule("has(self.job) == has(self.attempt)", "job and attempt go together"),
        Rule("has(self.job) || has(self.machine)", "a hold names its machine"),
        Rule(
            "!has(self.job) || (!has(self.__for__) && !has(self.power) && !has(self.note))",
            "for, note and power belong to a hold, not to a job's lease",
        ),
    )

    job: JobRef | None = None
    """The TrainingJob whose attempt this is; left out for a hold."""
    attempt: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The number of the attempt; goes with `job`."""
    pool: Name | None = None
    """The pool from which a machine is taken; either this or `machine`."""
    machine: Name | None = None
    """The machine that is wanted; a hold always names one."""
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """How long a hold lasts from its grant; 8h where it is left out. Mutable."""
    note: Annotated[str, Field(max_length=256)] | None = None
    """Who holds the machine and what for, for those who wait."""
    power: HoldPower | None = None
    """Whether a hold turns the machine on; Off where it is left out."""

    @model_validator(mode="after")
    def _one_use(self) -> "MachineLeaseSpec":
        if (self.pool is None) == (self.machine is None):
            raise ValueError("name either a pool or a machine, not both")
        if (self.job is None) != (self.attempt is None):
            raise ValueError("job and attempt go together")
        if self.job is None and self.machine is None:
            raise ValueError("a hold names its machine")
        held = (self.for_, self.power, self.note)
        if self.job is not None and any(word is not None for word in held):
            raise ValueError("for, note and power belong to a hold, not to a job's lease")
        return self


class MachineLeaseStatus(StatusShape):
    """The machine and generation that were granted, once and for good."""

    machine: AnyName | None = None
    """The machine that was granted."""
    machine_uid: Uid | None = None
    """Its uid: a later machine of that name is another one."""
    generation: Count | None = None
    """The generation of this claim in the machine's ledger."""
    bound_at: Time | None = None
    """When it was granted; a hold counts from here."""
    ended: Ended | None = None
    """How a hold ended, set once."""
    conditions: Conditions = ()
    """The conditions, each with reason and message."""


class MachineLease(KubeObject):
    """Queued, granted with a generation, released."""

    kind_name: ClassVar[str] = "MachineLease"
    plural: ClassVar[str] = "machineleases"
    namespaced: ClassVar[bool] = True

    spec: MachineLeaseSpec
    status: MachineLeaseStatus = MachineLeaseStatus()

    @property
    def is_bound(self) -> bool:
        """Whether it was ever granted a machine; a bound lease never becomes unbound."""
        return self.status.machine is not None

    @property
    def is_released(self) -> bool:
        return cond.is_true(self.status.conditions, LeaseCondition.RELEASED)

    @property
    def is_hold(self) -> bool:
        return self.spec.job is None

    def is_bound_to(self, machine_uid: str, generation: int) -> bool:
        """Whether it names exactly this claim of this machine back."""
        status = self.status
        return status.machine_uid == machine_uid and status.generation == generation
