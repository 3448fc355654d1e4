"""Ten thousand attempts in a storm leave one run, one version and one promotion each.

That the towns would notice what they are there for is shown by sabotage: each tracker below lacks
one guard, and a few towns are enough to see it.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pytest
import structlog
from bench.exactly_once import TOWNS, play
from bench.mlflow_storm import Fault
from bench.mlflow_town import ATTEMPTS

from trainlease.effects.tracking.api import RunRow, VersionRow
from trainlease.effects.tracking.exactly_once import ExactlyOnce
from trainlease.model import tracking as word
from trainlease.model.observed import ModelState, NewRun, RunInfo

PARTS = 16
"""So that processes can share the towns."""
FEW = range(150)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A storm is logged at length by those who are in it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("part", range(PARTS))
def test_a_storm_leaves_one_run_one_version_and_one_promotion(part: int) -> None:
    figures = play(range(part, TOWNS, PARTS))

    assert figures.breaches == []
    assert figures.attempts == TOWNS // PARTS * ATTEMPTS
    assert min(figures.hits[fault] for fault in Fault) > 0
    assert figures.promotions > 0
    assert figures.people > 0


def test_the_parts_are_ten_thousand_attempts() -> None:
    assert TOWNS // PARTS * ATTEMPTS * PARTS == 10_000


def test_the_same_seed_gives_the_same_town() -> None:
    assert play([7]) == play([7])


class WithoutTwinsDeleted(ExactlyOnce):
    """Of what landed twice both are kept."""

    async def _delete_twins(self, kept: RunRow, found: Iterable[RunRow]) -> None:
        return


class WithoutVersionTwinsDeleted(ExactlyOnce):
    """A version that landed late stays."""

    async def _delete_twin_versions(self, ours: Iterable[VersionRow], in_use: object) -> None:
        return


class WithoutSearch(ExactlyOnce):
    """A run is created before anybody looks whether there is one, and what is found is believed."""

    async def _ensure_run(self, run: NewRun) -> RunInfo:
        experiment = await self._experiment(run.experiment)
        tags = {word.CLUSTER: run.cluster, word.JOB_UID: run.job_uid}
        key = {**tags, word.ATTEMPT: str(run.attempt)}
        await self.api.create_run(experiment, run.name, {**key, word.STATE: word.OPEN})
        (*_, last) = await self.api.search_runs([experiment], key)
        return await self.run(last.run_id)


class WithoutKeptFirst(ExactlyOnce):
    """The oldest run wins, also over the one that was handed out."""

    async def _delete_twins(self, kept: RunRow, found: Iterable[RunRow]) -> None:
        every = list(found)
        await super()._delete_twins(min(every, key=lambda run: run.started), every)


class WithoutConflict(ExactlyOnce):
    """A promotion goes on, whoever is Production by now."""

    async def promote(self, model: str, version: int, previous: int | None, reason: str) -> None:
        current = (await self.api.model(model)).aliases.get(word.PRODUCTION)
        await super().promote(model, version, current, reason)


class WithoutPatience(ExactlyOnce):
    """Nobody waits for a move of the alias that may land yet."""

    async def model_state(self, model: str) -> ModelState:
        return replace(await super().model_state(model), begun=())


class WithoutMark(ExactlyOnce):
    """A version does not say that it was promoted, so that it wins again."""

    async def _mark(self, row: VersionRow, over: int | None) -> None:
        return


class WithoutMirror(ExactlyOnce):
    """Stages are left as they are."""

    async def mirror(self, model: str) -> None:
        return


@pytest.mark.parametrize(
    ("sabotaged", "says"),
    [
        (WithoutTwinsDeleted, "2 runs"),
        (WithoutVersionTwinsDeleted, "2 versions"),
        (WithoutSearch, "was created again"),
        (WithoutKeptFirst, "deleted"),
        (WithoutConflict, "moved from"),
        (WithoutPatience, "moved from"),
        (WithoutMark, "won"),
        (WithoutMirror, "the stages say"),
    ],
)
def test_a_tracker_that_lacks_a_guard_is_noticed(sabotaged: type[ExactlyOnce], says: str) -> None:
    found = first_breaches(sabotaged, FEW)

    assert any(says in sentence for sentence in found), found


def first_breaches(sabotaged: type[ExactlyOnce], seeds: Sequence[int]) -> list[str]:
    """Of the first town in which something is wrong."""
    for seed in seeds:
        found = play([seed], sabotaged).breaches
        if found:
            return found
    return []
