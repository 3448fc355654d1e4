"""What can be done: the closed set of actions. Each has one line in reconcile.perform.TABLE.

An action carries the objects on which it was decided, so that its write is refused (Conflict) when
they have changed since.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from trainlease.model.machine import Machine, MachineStatus
from trainlease.model.machine_lease import MachineLease, MachineLeaseStatus
from trainlease.model.observed import Exit, LedgerEntry
from trainlease.model.platform import Platform, PlatformStatus
from trainlease.model.reasons import Cause, Outcome
from trainlease.model.training_job import TrainingJob, TrainingJobStatus


@dataclass(frozen=True)
class Wait:
    """Nothing to do now; look again when something changes, or after this long."""

    until: timedelta | None = None


@dataclass(frozen=True)
class Claim:
    """The first compare-and-set of a grant: the Machine."""

    machine: Machine
    status: MachineStatus
    lease: MachineLease


@dataclass(frozen=True)
class Bind:
    """The second compare-and-set of a grant: the lease names machine and generation back."""

    lease: MachineLease
    status: MachineLeaseStatus


@dataclass(frozen=True)
class Tell:
    """Make these platforms' databases say what the entry says, each on its own and in parallel.

    `take_over`: by a person's word, whoever else has the rows.
    """

    machine: Machine
    entries: tuple[tuple[str, LedgerEntry], ...]
    take_over: bool = False


@dataclass(frozen=True)
class Start:
    """Turn this claim's workload on."""

    machine: Machine
    lease: MachineLease
    job: TrainingJob


@dataclass(frozen=True)
class SetOutcome:
    """Store how an attempt ended: once, and before anybody is told."""

    job: TrainingJob
    number: int
    outcome: Outcome
    cause: Cause
    message: str
    machine: Machine | None = None
    ended: Exit | None = None


@dataclass(frozen=True)
class WriteMachine:
    """Write the ledger (an arrow of plan.states) or the report of a machine standing still."""

    machine: Machine
    status: MachineStatus


@dataclass(frozen=True)
class WriteLease:
    lease: MachineLease
    status: MachineLeaseStatus


@dataclass(frozen=True)
class WritePlatform:
    platform: Platform
    status: PlatformStatus


@dataclass(frozen=True)
class WriteJob:
    job: TrainingJob
    status: TrainingJobStatus


@dataclass(frozen=True)
class TurnOff:
    """End what runs on a machine that is in Stopping."""

    machine: Machine


@dataclass(frozen=True)
class CreateLease:
    """Begin an attempt."""

    job: TrainingJob
    number: int


@dataclass(frozen=True)
class DeleteJob:
    """Remove a finished job whose time to live has passed."""

    job: TrainingJob


@dataclass(frozen=True)
class TakeOff:
    """Take these annotations off a Machine: the words were obeyed."""

    machine: Machine
    annotations: tuple[str, ...]


@dataclass(frozen=True)
class SetFinalizer:
    """Put our finalizer on a Machine or Platform, or take it off one that is let go."""

    plural: str
    name: str
    version: str
    finalizers: tuple[str, ...] = field(default=())


Action = (
    Wait
    | Claim
    | Bind
    | Tell
    | Start
    | SetOutcome
    | WriteMachine
    | WriteLease
    | WriteJob
    | WritePlatform
    | TurnOff
    | CreateLease
    | DeleteJob
    | SetFinalizer
    | TakeOff
)
