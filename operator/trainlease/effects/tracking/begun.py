"""The runs that a training began beside the one it was handed: nested ones, and strays.

They are known by two tags: one that the training's environment makes MLflow's client write on
whatever it begins (plan.workload), and MLflow's own that names a run's parent. A run that was made
in another way, without a parent, is not known.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from trainlease.effects.tracking.api import Api, RunRow
from trainlease.model import tracking as word
from trainlease.model.errors import NotFound
from trainlease.model.observed import RunStatus, Stray

_EXPERIMENTS_A_SEARCH = 200
_STRAYS_SHOWN = 3
_ENDS = (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)


async def search_in(
    api: Api,
    experiments: Sequence[str],
    tags: Mapping[str, str | None],
    *,
    status: RunStatus | None = None,
    status_not: RunStatus | None = None,
) -> list[RunRow]:
    """As `Api.search_runs`, in any number of experiments."""
    found: list[RunRow] = []
    for start in range(0, len(experiments), _EXPERIMENTS_A_SEARCH):
        some = experiments[start : start + _EXPERIMENTS_A_SEARCH]
        found += await api.search_runs(some, tags, status=status, status_not=status_not)
    return found


async def end_begun(api: Api, run_id: str, status: RunStatus) -> None:
    """End what the training that was handed this run left running: nobody else will."""
    experiments = list(await api.experiments())
    for tag in (word.HANDED, word.PARENT):
        left = await search_in(api, experiments, {tag: run_id}, status=RunStatus.RUNNING)
        for row in left:
            await _end(api, row, status)


async def end_again(api: Api, cluster: str) -> int:
    """Set right what was set otherwise after we had ended it, and end what was begun since."""
    experiments = list(await api.experiments())
    count = 0
    for status in _ENDS:
        tags = {word.CLUSTER: cluster, word.ENDED_AS: status.value}
        for row in await search_in(api, experiments, tags, status_not=status):
            count += await _end(api, row, status)
    ended: dict[str, RunStatus | None] = {}
    running = await search_in(api, experiments, {word.HANDED: None}, status=RunStatus.RUNNING)
    for row in running:
        handed = row.tags[word.HANDED]
        if handed not in ended:
            ended[handed] = await _ended_as(api, handed, cluster)
        if status_ := ended[handed]:
            count += await _end(api, row, status_)
    return count


async def strays_of(api: Api, run_id: str) -> Sequence[Stray]:
    """The first few runs of the training that do not hang on the one it was handed."""
    names = await api.experiments()
    begun = await search_in(api, list(names), {word.HANDED: run_id})
    known = {run_id, *(row.run_id for row in begun)}
    tops = [row for row in begun if row.tags.get(word.PARENT) not in known]
    found: list[Stray] = []
    for row in sorted(tops, key=lambda row: (row.started, row.run_id))[:_STRAYS_SHOWN]:
        models = tuple(sorted({model.name for model in await api.logged_models(row)}))
        experiment = names[row.experiment_id]
        found.append(Stray(row.run_id, experiment, tuple(sorted(row.metrics)), models))
    loose = await api.loose_models(list(names), word.HANDED, run_id)
    if loose:
        found.append(Stray("", "", models=tuple(sorted({model.name for model in loose}))))
    return found


async def _end(api: Api, row: RunRow, status: RunStatus) -> bool:
    """Whether it was there to be ended."""
    with suppress(NotFound):
        await api.end_run(row.run_id, status)
        return True
    return False


async def _ended_as(api: Api, run_id: str, cluster: str) -> RunStatus | None:
    """How we ended this run, if we did, and if it is ours."""
    with suppress(NotFound):
        tags = (await api.run(run_id)).tags
        if tags.get(word.CLUSTER) == cluster and word.ENDED_AS in tags:
            return RunStatus(tags[word.ENDED_AS])
    return None
