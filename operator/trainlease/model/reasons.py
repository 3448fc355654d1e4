"""The words of the API: states, outcomes, causes, condition types and reasons.

Questions about a word live on the word. Reasons for waiting are listed most basic cause first.
"""

from enum import StrEnum


class JobState(StrEnum):
    """What `kubectl get tj` prints as STATE."""

    WAITING = "Waiting"
    STARTING = "Starting"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def is_finished(self) -> bool:
        return self in (JobState.SUCCEEDED, JobState.FAILED)


class MachineState(StrEnum):
    """Where a machine stands in the ledger; see docs/states.md for the arrows between them."""

    FREE = "Free"
    CLAIMED = "Claimed"
    STOPPING = "Stopping"


class Outcome(StrEnum):
    """How an attempt ended. It is set once and never changes."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    LOST = "Lost"
    CANCELLED = "Cancelled"
    SUSPENDED = "Suspended"
    LIMIT_EXCEEDED = "LimitExceeded"
    START_FAILED = "StartFailed"


class Blame(StrEnum):
    """Who is charged with a failure, which decides what happens next."""

    APPLICATION = "application"
    INFRASTRUCTURE = "infrastructure"
    LOST = "lost"
    NOBODY = "nobody"
    FINAL = "final"
    """A retry cannot help: the job is wrong and a person must act."""


class Cause(StrEnum):
    """Why an attempt ended as it did: the reason word of the job's Failed condition."""

    COMPLETED = "Completed"
    EXIT_CODE = "ExitCode"
    KILLED_BY_SIGNAL = "KilledBySignal"
    OUT_OF_MEMORY = "OutOfMemory"
    STORAGE_LIMIT = "StorageLimit"
    CANNOT_START = "CannotStart"
    IMAGE_MISSING = "ImageMissing"
    SECRET_MISSING = "SecretMissing"
    MACHINE_LOST = "MachineLost"
    POD_DELETED = "PodDeleted"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    UNSCHEDULABLE = "Unschedulable"
    START_TIMEOUT = "StartTimeout"
    START_REFUSED = "StartRefused"
    OCCUPIED_ELSEWHERE = "OccupiedElsewhere"
    CANCELLED = "Cancelled"
    SUSPENDED = "Suspended"
    FORCED = "Forced"
    WAITING_LIMIT = "WaitingLimit"
    RUNNING_LIMIT = "RunningLimit"
    TOTAL_LIMIT = "TotalLimit"
    MACHINE_LIMIT = "MachineLimit"
    NOT_HELD = "NotHeld"

    @property
    def blame(self) -> Blame:
        return _BLAME[self]

    @property
    def outcome(self) -> Outcome:
        """How an attempt ended that what was started ended so."""
        return _OUTCOME.get(self, Outcome.FAILED)

    @property
    def blames_machine(self) -> bool:
        """Whether the failure counts towards the machine's quarantine."""
        return self in (Cause.MACHINE_LOST, Cause.START_TIMEOUT)


_BLAME = {
    Cause.COMPLETED: Blame.NOBODY,
    Cause.EXIT_CODE: Blame.APPLICATION,
    Cause.KILLED_BY_SIGNAL: Blame.APPLICATION,
    Cause.OUT_OF_MEMORY: Blame.APPLICATION,
    Cause.STORAGE_LIMIT: Blame.APPLICATION,
    Cause.CANNOT_START: Blame.FINAL,
    Cause.IMAGE_MISSING: Blame.FINAL,
    Cause.SECRET_MISSING: Blame.FINAL,
    Cause.MACHINE_LOST: Blame.LOST,
    Cause.POD_DELETED: Blame.LOST,
    Cause.EVICTED: Blame.LOST,
    Cause.PREEMPTED: Blame.LOST,
    Cause.UNSCHEDULABLE: Blame.INFRASTRUCTURE,
    Cause.START_TIMEOUT: Blame.INFRASTRUCTURE,
    Cause.START_REFUSED: Blame.INFRASTRUCTURE,
    Cause.OCCUPIED_ELSEWHERE: Blame.NOBODY,
    Cause.CANCELLED: Blame.FINAL,
    Cause.SUSPENDED: Blame.NOBODY,
    Cause.FORCED: Blame.NOBODY,
    Cause.WAITING_LIMIT: Blame.FINAL,
    Cause.RUNNING_LIMIT: Blame.FINAL,
    Cause.TOTAL_LIMIT: Blame.FINAL,
    Cause.MACHINE_LIMIT: Blame.FINAL,
    Cause.NOT_HELD: Blame.LOST,
}


_OUTCOME = {
    Cause.COMPLETED: Outcome.SUCCEEDED,
    Cause.MACHINE_LOST: Outcome.LOST,
    Cause.POD_DELETED: Outcome.LOST,
    Cause.EVICTED: Outcome.LOST,
    Cause.PREEMPTED: Outcome.LOST,
    Cause.UNSCHEDULABLE: Outcome.START_FAILED,
    Cause.START_TIMEOUT: Outcome.START_FAILED,
    Cause.START_REFUSED: Outcome.START_FAILED,
    Cause.RUNNING_LIMIT: Outcome.LIMIT_EXCEEDED,
    Cause.MACHINE_LIMIT: Outcome.LIMIT_EXCEEDED,
}


class JobCondition(StrEnum):
    ACCEPTED = "Accepted"
    LEASE_ACQUIRED = "LeaseAcquired"
    RUNNING = "Running"
    FINISHED = "Finished"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    RESULTS_RECORDED = "ResultsRecorded"
    PROMOTED = "Promoted"
    SUSPENDED = "Suspended"


class LeaseCondition(StrEnum):
    GRANTED = "Granted"
    RELEASED = "Released"


class MachineCondition(StrEnum):
    POWERED_ON = "PoweredOn"
    PLATFORMS_IN_SYNC = "PlatformsInSync"
    AVAILABLE = "Available"


class PlatformCondition(StrEnum):
    DATABASE_REACHABLE = "DatabaseReachable"
    SCHEMA_VALID = "SchemaValid"
    IN_SYNC = "InSync"


class WaitReason(StrEnum):
    """Why a job has no machine yet, the most basic cause first."""

    POOL_EMPTY = "PoolEmpty"
    NOT_ALLOWED = "NotAllowed"
    SUSPENDED = "Suspended"
    OCCUPIED_ELSEWHERE = "OccupiedElsewhere"
    PLATFORM_DATABASE_DOWN = "PlatformDatabaseDown"
    TRACKING_UNAVAILABLE = "TrackingUnavailable"
    CAPACITY_UNAVAILABLE = "CapacityUnavailable"
    QUEUED = "Queued"
    BACKOFF = "BackOff"


class UnavailableReason(StrEnum):
    """Why a machine takes no new claim, the most basic cause first."""

    NOT_ENFORCED = "Observed"
    DELETING = "Deleting"
    PAUSED = "Paused"
    CORDONED = "Cordoned"
    PROVIDER_NOT_ENABLED = "ProviderNotEnabled"
    DUPLICATE = "Duplicate"
    OCCUPIED_ELSEWHERE = "OccupiedElsewhere"
    QUARANTINED = "Quarantined"
    UNKNOWN_POWER = "PowerUnknown"
    ALREADY_ON = "AlreadyOn"
