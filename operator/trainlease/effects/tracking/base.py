"""The port to the experiment tracker and model registry (MLflow).

Each attempt has exactly one run, found by its tags (job uid, attempt). Nothing is retried inside:
a call whose answer was lost is repeated by the caller, and repeating is safe. Errors: Unavailable,
AnswerLost, Forbidden, BadSpec (a name or value that the tracker refuses).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from trainlease.model.observed import (
    ModelState,
    ModelVersion,
    NewRun,
    RunInfo,
    RunStatus,
    Stray,
)


class Tracker(Protocol):
    """What the operator asks of MLflow."""

    async def ensure_run(self, run: NewRun) -> RunInfo:
        """The attempt's one run: searched by tag, created if missing, younger twins deleted."""
        ...

    async def run(self, run_id: str) -> RunInfo:
        """The run with the metrics of its last step; NotFound if somebody deleted it."""
        ...

    async def end_run(
        self,
        run_id: str,
        status: RunStatus,
        tags: Mapping[str, str],
        log_tail: str,
        metrics: Mapping[str, float] = {},
    ) -> None:
        """Set the tags, store the log's tail as an artifact, and the true end status.

        Metrics that the run does not have yet are logged to it, and the runs that the attempt
        began and left running are ended with it. NotFound if somebody deleted it.
        """
        ...

    async def end_again(self, cluster: str) -> int:
        """End anew what a training's client set otherwise after we had ended it: how many."""
        ...

    async def strays(self, run_id: str) -> Sequence[Stray]:
        """What the training that was handed this run logged elsewhere, as far as that is known."""
        ...

    async def open_runs(self, cluster: str) -> Sequence[RunInfo]:
        """Our runs that we have not ended, whatever MLflow says: for the sweep of gone jobs.

        A twin that landed after its attempt's run was handed out is deleted on the way.
        """
        ...

    async def ensure_version(
        self, model: str, run_id: str, tags: Mapping[str, str]
    ) -> ModelVersion | None:
        """The one version registered from this run; None if the run logged no model.

        Tags that it has already are left as they are. SeveralModels if the run logged several,
        BadSpec if one was not logged to its end or MLflow refuses the version.
        """
        ...

    async def model_state(self, model: str) -> ModelState:
        """Who is Production now (by the alias), what was before, and what may become it yet."""
        ...

    async def promote(self, model: str, version: int, previous: int | None, reason: str) -> None:
        """Alias production -> version, previous -> the old one; mirror stages; tag the reason.

        Conflict if production is neither `previous` nor the version itself: somebody moved it.
        A move whose answer was lost may land later, and MLflow has no compare-and-set: until
        `ModelState.begun` is empty again, or long enough, no other move may be sent. For that the
        reason begins with `word.PROMOTES`.
        """
        ...

    async def roll_back(self, model: str, version: int, to: int, reason: str) -> None:
        """Alias production -> `to`, if it names `version`; once, whatever becomes of it later.

        Conflict if production is another one: somebody moved it. BadSpec if there is no such
        version. As with `promote`, a move may land late, and `ModelState.begun` says so.
        """
        ...

    async def models(self, cluster: str) -> Sequence[str]:
        """The registered models that have a version of ours, by name."""
        ...

    async def mirror(self, model: str) -> None:
        """Make the stages say what the alias says, and delete twins of versions that landed late.

        Nothing to do for a model that is not there.
        """
        ...

    async def describe(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        """Tag a version (why it was not promoted, for instance)."""
        ...

    async def close(self) -> None:
        """Give back connections and threads."""
        ...
