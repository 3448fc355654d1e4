"""Facts as they were seen: frozen, without opinion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from trainlease.model.reasons import Cause


class Power(StrEnum):
    OFF = "Off"
    ON = "On"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Exit:
    """How what was started ended, told by an object that still stands there terminated.

    Such an object keeps its name taken, so a late create of the same claim cannot land.
    """

    generation: int
    cause: Cause
    message: str
    at: datetime
    code: int | None = None
    log_tail: str = ""


@dataclass(frozen=True)
class Trouble:
    """Why what was started cannot run as it should, though it has not ended, or not for certain.

    `final`: no more will come of it (its pod was deleted, its image is not there), so the attempt
    may end before the machine is known to be off. Else it may yet mend itself, and is the cause if
    the start limit passes.
    """

    cause: Cause
    message: str
    final: bool = False


@dataclass(frozen=True)
class MachineView:
    """What a provider says of one machine.

    `generation` is the claim that turned it on, where that is known; `exits` has the terminated
    objects that still stand there, `troubles` what is in a claim's way, both by generation;
    `detail` is for people (booting, pulling, ...); `gpus` is how many its node has in all, where
    it is a slot on one.
    """

    power: Power
    generation: int | None = None
    exits: Mapping[int, Exit] = field(default_factory=dict)
    detail: str = ""
    troubles: Mapping[int, Trouble] = field(default_factory=dict)
    gpus: int | None = None

    @property
    def newest(self) -> int:
        """The newest claim of which it knows; 0 for none."""
        return max((*self.exits, self.generation or 0))


@dataclass(frozen=True)
class Workload:
    """What to start on a machine for one attempt. Nothing here is a secret but `secret_env`.

    `secret_refs` are Secrets of the job's namespace whose keys become variables, a later one over
    an earlier one, and `env` over both. A provider that cannot refer to a Secret (a process has no
    kubelet to read it) gets their values as `secret_env`, which is empty for all others.
    """

    machine: str
    machine_uid: str
    generation: int
    job_namespace: str
    job_name: str
    job_uid: str
    attempt: int
    image: str
    command: tuple[str, ...] | None
    env: Mapping[str, str]
    params: Mapping[str, bool | int | float | str]
    deadline: datetime
    secret_refs: tuple[str, ...] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secret_env: Mapping[str, str] = field(default_factory=dict, repr=False)


OUR_MARK = "trainlease"
"""How every text that we write into a platform's owner column begins."""


class RowState(StrEnum):
    """The two words of a platform's machine row."""

    FREE = "Free"
    OCCUPIED = "Occupied"


@dataclass(frozen=True)
class LedgerEntry:
    """What a platform's database is to say of one machine: one row of `trainlease_ledger`.

    fence = fenceBase + 2 x generation + (1 if free). `own_name` is the machine's name as the
    platform writes it; `who` fills the owner column and the start log, and begins with OUR_MARK.
    """

    cluster: str
    machine: str
    own_name: str
    machine_uid: str
    fence: int
    generation: int
    state: RowState
    holder: str
    lease_uid: str
    who: str
    at: datetime


@dataclass(frozen=True)
class SideRow:
    """A row of the side table `trainlease_ledger` as it was read."""

    cluster: str
    machine: str
    machine_uid: str
    fence: int
    generation: int
    state: RowState
    holder: str
    lease_uid: str
    start_log_id: int | None


@dataclass(frozen=True)
class MachineRows:
    """All that one platform's database says of one machine. `own` is None: no such row.

    `raw` is the status value as the platform wrote it (for messages); a value that is neither
    of the mapping's two words counts as occupied by somebody else: `own` is OCCUPIED, `known` is
    False. `owner` is None where no owner column is mapped, and empty where it holds nothing.
    """

    own: RowState | None
    raw: str
    owner: str | None
    side: SideRow | None
    other_clusters: tuple[str, ...] = ()
    known: bool = True


class Write(StrEnum):
    """What is to be written for one entry: the closed answer of plan.platform_rows.judge."""

    BOTH = "both"
    """The platform's own row, the side row and the start log."""
    SIDE_ONLY = "side only"
    """A newer free, but the occupied in the own row is not ours: only what is ours changes (the
    side row, and the end of our line in the start log)."""
    OWN_ONLY = "own only"
    """Our occupied row was freed by somebody: put it right."""
    TAKE_OVER = "take over"
    """A person's word: like BOTH, and the rows of other clusters go."""
    NOTHING = "nothing"


class Told(StrEnum):
    """How it stands with one entry in one database after it was told."""

    IN_STEP = "in step"
    """Both rows say what the entry says (or the newer free is noted beside a foreign row)."""
    FOREIGN = "foreign"
    """The row says occupied and is not ours: occupied elsewhere."""
    FENCED = "fenced"
    """A larger fence of our own cluster stands there."""
    OTHER_CLUSTER = "other cluster"
    NO_ROW = "no row"
    """The platform has no row for this machine."""


@dataclass(frozen=True)
class Verdict:
    """What judge() decides for one entry, inside the transaction that read the rows.

    `is_foreign`: the own row says occupied and is not ours, whatever the entry asked for; `owner`
    is then what its owner column says, if the platform has one.
    """

    write: Write
    told: Told
    stored_fence: int | None = None
    owner: str | None = None
    is_foreign: bool = False


class TrainingWord(StrEnum):
    """The platform's four words for a training."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self in (TrainingWord.SUCCEEDED, TrainingWord.FAILED)


@dataclass(frozen=True)
class TrainingEntry:
    """What a platform's database is to say of one training.

    A row changes only if (attempt, rank) is larger than what `trainlease_trainings` holds, and
    nothing ever follows a final word, whatever its attempt.
    """

    cluster: str
    job_uid: str
    namespace: str
    name: str
    training_id: str
    attempt: int
    rank: int
    word: TrainingWord
    message: str
    at: datetime
    side_only: bool = False
    """Another job has this training now: only our own word about this one is closed."""

    def may_follow(self, attempt: int, rank: int, word: TrainingWord) -> bool:
        """Whether this entry may replace what was stored with these three."""
        if word.is_final:
            return False
        return self.word.is_final or (self.attempt, self.rank) > (attempt, rank)


@dataclass(frozen=True)
class OpenTraining:
    """A row of `trainlease_trainings` whose state is not final."""

    job_uid: str
    namespace: str
    name: str
    training_id: str
    attempt: int
    rank: int


@dataclass(frozen=True)
class SchemaReport:
    """What a database lacks: each problem with what to do, statements for a DBA included."""

    problems: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        return not self.problems


class RunStatus(StrEnum):
    """MLflow's words for how a run ended."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


@dataclass(frozen=True)
class NewRun:
    """What is known of an attempt before it has a machine."""

    experiment: str
    name: str
    cluster: str
    job_uid: str
    namespace: str
    job_name: str
    attempt: int
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunInfo:
    """What MLflow holds of a run; `metrics` are the values of the last step.

    `status` is MLflow's word, which any client may set; `ended` says that we ended it.
    `experiment` is the experiment's id.
    """

    run_id: str
    experiment: str
    job_uid: str
    attempt: int
    status: RunStatus
    metrics: Mapping[str, float] = field(default_factory=dict)
    namespace: str = ""
    job_name: str = ""
    ended: bool = False


@dataclass(frozen=True)
class Stray:
    """A run that a training began beside the one it was handed, and that is not nested in it.

    Or, with an empty `run_id`, models that it logged to no run. `experiment` is its name.
    """

    run_id: str
    experiment: str
    metrics: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model, with what promotion needs of its run.

    `was_promoted`: the rule has made it Production, now or once. `reason` is the sentence
    that was last stored on it. `signed` is whether it has a signature; None where that cannot be
    read.
    """

    model: str
    version: int
    run_id: str
    ready: bool
    metrics: Mapping[str, float]
    eval_data: str | None
    held: bool = False
    was_promoted: bool = False
    job_uid: str = ""
    reason: str = ""
    signed: bool | None = None


@dataclass(frozen=True)
class ModelState:
    """A registered model: who is Production, what was before, whether a person holds it.

    `begun` are versions whose promotion was begun and not seen through: a move of the alias to
    one of them may be under way.
    """

    production: ModelVersion | None
    previous: int | None
    held: bool = False
    begun: tuple[int, ...] = ()
