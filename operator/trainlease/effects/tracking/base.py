"""The port to the experiment tracker and model registry (MLflow).

Each attempt has exactly one run, found by its tags (job uid, attempt). Nothing is retried inside:
a call whose answer was lost is repeated by the caller, and repeating is safe. Errors: Unavailable,
AnswerLost, Forbidden, BadSpec (a name or value that the tracker refuses).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from trainlease.model.observed import ModelState, ModelVersion, RunInfo, RunStatus


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


class Tracker(Protocol):
    """What the operator asks of MLflow."""

    async def ensure_run(self, run: NewRun) -> RunInfo:
        """The attempt's one run: searched by tag, created if missing, younger twins deleted."""
        ...

    async def run(self, run_id: str) -> RunInfo:
        """The run with the metrics of its last step; NotFound if somebody deleted it."""
        ...

    async def end_run(
        self, run_id: str, status: RunStatus, tags: Mapping[str, str], log_tail: str
    ) -> None:
        """Set the tags, store the log's tail as an artifact, and the true end status."""
        ...

    async def open_runs(self, cluster: str) -> Sequence[RunInfo]:
        """Our runs that still say RUNNING: for the sweep of jobs that are gone."""
        ...

    async def ensure_version(
        self, model: str, run_id: str, tags: Mapping[str, str]
    ) -> ModelVersion | None:
        """The one version registered from this run; None if the run logged no model.

        Raises BadSpec if it logged several.
        """
        ...

    async def model_state(self, model: str) -> ModelState:
        """Who is Production now (by the alias), and what was before."""
        ...

    async def promote(self, model: str, version: int, previous: int | None, reason: str) -> None:
        """Alias production -> version, previous -> the old one; mirror stages; tag the reason."""
        ...

    async def describe(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        """Tag a version (why it was not promoted, for instance)."""
        ...
