"""What the observer is told: facts of the outside, each with its virtual time and its author.

They come from the fakes' journals alone, never from an operator's memory. A fact says what was and
what is; whether that may be is decided in the modules of the promises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trainlease.model.observed import MachineRows, ModelState, ModelVersion, RunInfo, TrainingWord
from trainlease.model.reasons import Cause

Body = dict[str, Any]


class By(StrEnum):
    """Who did it."""

    US = "an operator"
    PERSON = "a person"
    LEGACY = "the legacy program"
    ITSELF = "the machine itself"
    CONTROLLER = "a controller of Kubernetes"
    BACKUP = "a restored backup"


@dataclass(frozen=True, slots=True)
class Wrote:
    """One accepted write at the API server; `after` is None for a delete."""

    at: float
    by: By
    plural: str
    namespace: str
    name: str
    before: Body | None
    after: Body | None
    text: str = ""
    """All that was stored, as text."""


@dataclass(frozen=True, slots=True)
class Powered:
    """Something began or ended to run on a machine. `generation` is None for the legacy program's.

    `lateness` is how long the call that did it was under way since it was decided.
    """

    at: float
    by: By
    machine: str
    uid: str
    on: bool
    generation: int | None = None
    job_uid: str = ""
    attempt: int = 0
    lateness: float = 0.0


@dataclass(frozen=True, slots=True)
class RowChanged:
    """One platform's database says something else of one machine (by our name of it)."""

    at: float
    by: By
    platform: str
    machine: str
    before: MachineRows
    after: MachineRows


@dataclass(frozen=True, slots=True)
class TrainingChanged:
    """A training's row in a platform's own table has changed."""

    at: float
    by: By
    platform: str
    training_id: str
    before: TrainingWord | None
    after: TrainingWord


@dataclass(frozen=True, slots=True)
class Restored:
    """An old backup of etcd was put back: what was stored since is gone."""

    at: float
    objects: Sequence[tuple[str, Body]]


@dataclass(frozen=True, slots=True)
class RunMade:
    """An attempt's MLflow run has come into being."""

    at: float
    job_uid: str
    attempt: int


Fact = Wrote | Powered | RowChanged | TrainingChanged | RunMade | Restored


@dataclass(frozen=True, slots=True)
class Rest:
    """What was read from everything when the world had come to rest."""

    at: float
    runs: Sequence[RunInfo] = ()
    versions: Sequence[ModelVersion] = ()
    models: Mapping[str, ModelState] = field(default_factory=dict)
    trainings: Mapping[tuple[str, str], TrainingWord | None] = field(default_factory=dict)
    """By (platform, training): what its own row says; None: what the platform first wrote."""
    machine_on: Mapping[str, int | None] = field(default_factory=dict)
    """Machines that are on, with the generation that turned them on (None: not ours)."""
    exits: Mapping[tuple[str, int], Cause] = field(default_factory=dict)
    """How what stands terminated on a machine ended, by (machine, generation)."""
    claimed_by_legacy: frozenset[tuple[str, str]] = frozenset()
    """(platform, machine) that the legacy program has taken and not given back."""
    busy: frozenset[str] = frozenset()
    """Uids of the jobs and holds that the world keeps going over this rest."""
    quarantined: frozenset[str] = frozenset()
    """Machines that take no claim for longer yet: an operator's clock was ahead when it said so."""
    down: frozenset[str] = frozenset()
    """Platforms whose database is away over this rest."""
    tracker_down: bool = False


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was broken."""

    at: float
    promise: str
    detail: str
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.at:10.3f}  {self.promise}: {self.detail}"
