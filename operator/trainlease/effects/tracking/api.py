"""What an MLflow server can be asked, one request a verb, as rows of our own.

Two implementations: `mlflow` (the real server) and `fake` (one in memory). What must happen
exactly once, or in an order, is built on top in `exactly_once`, so that both share it.
Errors: Unavailable, AnswerLost (a write may have landed), Forbidden, NotFound, AlreadyExists,
BadSpec (a name or value that MLflow refuses).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from trainlease.model.observed import RunStatus


@dataclass(frozen=True)
class RunRow:
    """A run. `started` is in milliseconds since the epoch, by the clock of who created it."""

    run_id: str
    experiment_id: str
    status: RunStatus
    started: int
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True)
class LoggedModelRow:
    """A model that a run logged with a client of MLflow 3."""

    model_id: str
    name: str
    ready: bool


@dataclass(frozen=True)
class VersionRow:
    """A version of a registered model. `aliases` is only filled where one version is asked for."""

    model: str
    version: int
    run_id: str
    ready: bool
    stage: str
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelRow:
    """A registered model."""

    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)


class Api(Protocol):
    """The requests; none is repeated inside."""

    async def experiment_id(self, name: str) -> str | None:
        """None if there is none of this name; BadSpec if it was deleted (its name stays taken)."""
        ...

    async def experiments(self) -> Mapping[str, str]:
        """Names by id of all experiments that are not deleted."""
        ...

    async def create_experiment(self, name: str) -> None: ...

    async def create_run(self, experiment_id: str, name: str, tags: Mapping[str, str]) -> None: ...

    async def search_runs(
        self,
        experiment_ids: Sequence[str],
        tags: Mapping[str, str | None],
        *,
        status: RunStatus | None = None,
        status_not: RunStatus | None = None,
    ) -> Sequence[RunRow]:
        """The runs with all of these tags that are not deleted; None is any value."""
        ...

    async def run(self, run_id: str) -> RunRow:
        """The run, even if it was deleted."""
        ...

    async def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] = {},
        metrics: Mapping[str, float] = {},
        tags: Mapping[str, str] = {},
    ) -> None:
        """One batch; NotFound if the run is deleted."""
        ...

    async def end_run(self, run_id: str, status: RunStatus) -> None: ...

    async def delete_run(self, run_id: str) -> None: ...

    async def put_text(self, run_id: str, path: str, text: str) -> None:
        """Store an artifact; the store may be another server than MLflow itself."""
        ...

    async def folders_with(self, run_id: str, file: str) -> Sequence[str]:
        """The folders of the run's artifacts that hold a file of this name, at any depth.

        What is below such a folder is part of it. BadSpec if there are too many to look through.
        """
        ...

    async def logged_models(self, run: RunRow) -> Sequence[LoggedModelRow]: ...

    async def loose_models(
        self, experiment_ids: Sequence[str], tag: str, value: str
    ) -> Sequence[LoggedModelRow]:
        """The logged models with this tag that belong to no run."""
        ...

    async def create_model(self, name: str) -> None: ...

    async def model(self, name: str) -> ModelRow: ...

    async def models_with(self, tag: str, value: str) -> Sequence[str]:
        """The registered models that have a version with this tag, by name."""
        ...

    async def versions(self, model: str, run_id: str | None = None) -> Sequence[VersionRow]:
        """All versions, or those of one run; none if there is no such model."""
        ...

    async def version(self, model: str, version: int) -> VersionRow: ...

    async def has_signature(self, model: str, version: int) -> bool:
        """Whether the MLmodel of the version has one; the store may be another server."""
        ...

    async def create_version(
        self, model: str, run: RunRow, logged: LoggedModelRow | str, tags: Mapping[str, str]
    ) -> None:
        """A version of a logged model, or of the artifact folder of this name."""
        ...

    async def delete_version(self, model: str, version: int) -> None: ...

    async def tag_version(self, model: str, version: int, key: str, value: str) -> None: ...

    async def set_alias(self, model: str, alias: str, version: int) -> None: ...

    async def set_stage(self, model: str, version: int, stage: str) -> None:
        """Move it to this stage, and whatever else was in Production out of it."""
        ...

    async def close(self) -> None: ...
