"""The port `Tracker` over an `Api`: one run an attempt, one version a run, one Production a model.

MLflow has no unique tags and no compare-and-set, and a create whose answer was lost may have
landed, or land later. So what is created is searched for first by its tags, searched for again
afterwards, and one of the twins is kept: the one that was handed out before (it says so in a
tag), else the oldest. Each verb may stop after any of its requests and be called again.
Versions are made one at a time for each model (two at once end in HTTP 500 on some databases).

The alias `production` is the truth; stages are a mirror for those who still read them. A version
that is to be promoted says so (its reason) before the alias moves, and says that it was promoted
after: in between the move may be under way, whoever sent it and whatever became of him.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from weakref import WeakValueDictionary

from trainlease.effects.tracking import begun
from trainlease.effects.tracking.api import Api, ModelRow, RunRow, VersionRow
from trainlease.effects.tracking.logged import the_model_of
from trainlease.model import tracking as word
from trainlease.model.base import joined
from trainlease.model.errors import (
    AlreadyExists,
    BadSpec,
    Conflict,
    NotFound,
    TrainleaseError,
    Unavailable,
)
from trainlease.model.observed import (
    ModelState,
    ModelVersion,
    NewRun,
    RunInfo,
    RunStatus,
    Stray,
)


class ExactlyOnce:
    """See the module."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def ensure_run(self, run: NewRun) -> RunInfo:
        async with self._lock(f"{run.job_uid}/{run.attempt}"):
            return await self._ensure_run(run)

    async def run(self, run_id: str) -> RunInfo:
        return _run_info(await self._live_run(run_id))

    async def end_run(
        self,
        run_id: str,
        status: RunStatus,
        tags: Mapping[str, str],
        log_tail: str,
        metrics: Mapping[str, float] = {},
    ) -> None:
        run = await self._live_run(run_id)
        if _is_ended_so(run, status, tags):
            return
        note = await self._store_tail(run_id, log_tail)
        await self.api.end_run(run_id, status)
        await begun.end_begun(self.api, run_id, status)
        key = _key_of(run)
        if key is not None:  # a twin may have landed after the search that chose this one
            await self._delete_twins(run, await self.api.search_runs([run.experiment_id], key))
        missing = {name: value for name, value in metrics.items() if name not in run.metrics}
        # Ended is written last: it says that all of the above is done.
        done = {**tags, **note, word.ENDED_AS: status.value, word.STATE: word.ENDED}
        await self.api.log(run_id, metrics=missing, tags=done)

    async def open_runs(self, cluster: str) -> Sequence[RunInfo]:
        experiments = list(await self.api.experiments())
        tags = {word.CLUSTER: cluster, word.STATE: word.OPEN}
        rows = await begun.search_in(self.api, experiments, tags)
        return [_run_info(row) for row in rows if not await self._is_late_twin(row)]

    async def end_again(self, cluster: str) -> int:
        return await begun.end_again(self.api, cluster)

    async def strays(self, run_id: str) -> Sequence[Stray]:
        return await begun.strays_of(self.api, run_id)

    async def ensure_version(
        self, model: str, run_id: str, tags: Mapping[str, str]
    ) -> ModelVersion | None:
        async with self._lock(model):
            run = await self._live_run(run_id)
            found = await self.api.versions(model, run_id)
            if not found:
                logged = await the_model_of(self.api, run)
                if logged is None:
                    return None
                with suppress(AlreadyExists):
                    await self.api.create_model(model)
                await self.api.create_version(model, run, logged, tags)
                found = await self.api.versions(model, run_id)
            if not found:
                raise Unavailable("MLflow does not show the version that it has just made")
            chosen = await self._one_version(model, found)
            row = await self.api.version(model, chosen.version)
            for key, value in tags.items():
                if key not in row.tags:
                    await self.api.tag_version(model, row.version, key, value)
            version = _version_info(row, {**tags, **row.tags}, run.metrics)
            return replace(version, signed=await self._is_signed(row))

    async def model_state(self, model: str) -> ModelState:
        try:
            row = await self.api.model(model)
        except NotFound:
            return ModelState(production=None, previous=None)
        current = row.aliases.get(word.PRODUCTION)
        versions = await self.api.versions(model)
        return ModelState(
            production=await self._production(model, row),
            previous=row.aliases.get(word.PREVIOUS),
            held=word.is_hold(row.tags.get(word.HOLD)),
            begun=tuple(v.version for v in versions if _is_begun(v) and v.version != current),
        )

    async def promote(self, model: str, version: int, previous: int | None, reason: str) -> None:
        async with self._lock(model):
            row = await self.api.version(model, version)
            if row.tags.get(word.REASON) != reason:
                await self.api.tag_version(model, version, word.REASON, reason)
            # Read after that is said: whoever leads next sees it, and waits for what we may send.
            aliases = (await self.api.model(model)).aliases
            current = aliases.get(word.PRODUCTION)
            if current not in (previous, version):
                raise Conflict(f"the alias production of {model} was moved meanwhile")
            before = aliases.get(word.PREVIOUS)
            if current is not None and current != version:
                incumbent = await self.api.version(model, current)
                if _is_begun(incumbent):  # its own promoter has not come back to say so yet
                    await self._mark(incumbent, before)
            if current != version:
                # The way back stands before it is needed.
                if previous is not None:
                    await self.api.set_alias(model, word.PREVIOUS, previous)
                await self.api.set_alias(model, word.PRODUCTION, version)
            # After the alias: a version that was never Production must not look rolled back.
            await self._mark(row, before if current == version else current)
            await self._mirror(model, version)

    async def roll_back(self, model: str, version: int, to: int, reason: str) -> None:
        async with self._lock(model):
            try:
                row = await self.api.version(model, to)
            except NotFound:
                raise BadSpec(f"{model} has no version {to}") from None
            done = f"from v{version}"
            if row.tags.get(word.RETURNED) == done:
                return
            begins = word.BEGINS + done
            if row.tags.get(word.RETURNED) != begins:
                await self.api.tag_version(model, to, word.RETURNED, begins)
            current = (await self.api.model(model)).aliases.get(word.PRODUCTION)
            if current not in (version, to):
                await self.api.tag_version(model, to, word.RETURNED, done)
                is_now = f"v{current}" if current else "no version"
                raise Conflict(f"{is_now} is Production, not v{version}")
            if current != to:
                await self.api.set_alias(model, word.PRODUCTION, to)
            await self.api.tag_version(model, to, word.RETURNED, done)
            await self.api.tag_version(model, version, word.REASON, reason)
            await self._mirror(model, to)

    async def models(self, cluster: str) -> Sequence[str]:
        return await self.api.models_with(word.CLUSTER, cluster)

    async def mirror(self, model: str) -> None:
        async with self._lock(model):
            try:
                row = await self.api.model(model)
            except NotFound:
                return
            await self._delete_late_versions(model, row)
            await self._mirror(model, row.aliases.get(word.PRODUCTION))

    async def describe(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        row = await self.api.version(model, version)
        for key, value in tags.items():
            if row.tags.get(key) != value:
                await self.api.tag_version(model, version, key, value)

    async def close(self) -> None:
        await self.api.close()

    def _lock(self, name: str) -> asyncio.Lock:
        """One at a time for each model and each attempt; kept as long as somebody holds it."""
        lock = self._locks.get(name) or asyncio.Lock()
        self._locks[name] = lock
        return lock

    async def _ensure_run(self, run: NewRun) -> RunInfo:
        experiment = await self._experiment(run.experiment)
        key = _key(run.cluster, run.job_uid, run.attempt)
        found = await self.api.search_runs([experiment], key)
        if not found:
            about = {word.NAMESPACE: run.namespace, word.JOB: run.job_name, word.STATE: word.OPEN}
            await self.api.create_run(experiment, run.name, {**run.tags, **about, **key})
            found = await self.api.search_runs([experiment], key)
        if not found:
            raise Unavailable("MLflow does not show the run that it has just made")
        kept = _kept(found)
        if word.KEPT not in kept.tags:
            await self.api.log(kept.run_id, params=run.params, tags={word.KEPT: "true"})
        await self._delete_twins(kept, found)
        return _run_info(kept)

    async def _experiment(self, name: str) -> str:
        found = await self.api.experiment_id(name)
        if found is None:
            with suppress(AlreadyExists):
                await self.api.create_experiment(name)
            found = await self.api.experiment_id(name)
        if found is None:
            raise Unavailable("MLflow does not show the experiment that it has just made")
        return found

    async def _live_run(self, run_id: str) -> RunRow:
        run = await self.api.run(run_id)
        if run.deleted:
            raise NotFound(f"run {run_id} was deleted in MLflow")
        return run

    async def _delete_twins(self, kept: RunRow, found: Iterable[RunRow]) -> None:
        for twin in found:
            if twin.run_id != kept.run_id:
                with suppress(NotFound):
                    await self.api.delete_run(twin.run_id)

    async def _is_late_twin(self, run: RunRow) -> bool:
        """Whether a create landed after its attempt's run was handed out; then it is deleted."""
        key = _key_of(run)
        if word.KEPT in run.tags or key is None:
            return False
        found = await self.api.search_runs([run.experiment_id], key)
        if not any(word.KEPT in other.tags for other in found):
            return False
        await self._delete_twins(_kept(found), found)
        return True

    async def _delete_late_versions(self, model: str, row: ModelRow) -> None:
        """Of a run's versions that we made the first is kept, as in `ensure_version`."""
        ours: dict[str, list[VersionRow]] = {}
        for version in await self.api.versions(model):
            if word.JOB_UID in version.tags:
                ours.setdefault(version.run_id, []).append(version)
        for twins in ours.values():
            await self._delete_twin_versions(twins, row.aliases.values())

    async def _mark(self, row: VersionRow, over: int | None) -> None:
        """Say on a version that it was made Production, and in whose place."""
        if word.PROMOTED not in row.tags:
            mark = word.FIRST if over is None else f"over v{over}"
            await self.api.tag_version(row.model, row.version, word.PROMOTED, mark)

    async def _store_tail(self, run_id: str, log_tail: str) -> dict[str, str]:
        """The log's tail is a help, not a result: an artifact store that is away stops nothing."""
        if not log_tail:
            return {}
        try:
            await self.api.put_text(run_id, word.LOG_TAIL_FILE, log_tail)
        except TrainleaseError as error:
            return {word.LOG_TAIL: f"not stored: {error}"}
        return {}

    async def _is_signed(self, row: VersionRow) -> bool | None:
        """A help, not a result: an artifact store that is away stops nothing."""
        try:
            return await self.api.has_signature(row.model, row.version)
        except TrainleaseError:
            return None

    async def _one_version(self, model: str, found: Sequence[VersionRow]) -> VersionRow:
        """Ours, without its younger twins; or the one that the training registered itself."""
        ours = sorted((v for v in found if word.JOB_UID in v.tags), key=lambda v: v.version)
        if not ours and len(found) > 1:
            names = joined(f"v{v.version}" for v in sorted(found, key=lambda v: v.version))
            raise BadSpec(
                f"the training registered {names} itself: register one, or leave it to us"
            )
        if len(ours) > 1:
            in_use = (await self.api.model(model)).aliases.values()
            await self._delete_twin_versions(ours, in_use)
        return ours[0] if ours else found[0]

    async def _delete_twin_versions(
        self, ours: Iterable[VersionRow], in_use: Collection[int]
    ) -> None:
        """All but the first; never one that was or is in use, by the rule or by a person."""
        for twin in sorted(ours, key=lambda version: version.version)[1:]:
            was_used = word.PROMOTED in twin.tags or twin.stage in (word.STAGE, word.STAGE_BEFORE)
            if not was_used and twin.version not in in_use:
                with suppress(NotFound):
                    await self.api.delete_version(twin.model, twin.version)

    async def _production(self, model: str, row: ModelRow) -> ModelVersion | None:
        number = row.aliases.get(word.PRODUCTION)
        if number is None:
            return None
        version = await self.api.version(model, number)
        metrics: Mapping[str, float] = {}
        if version.run_id:
            with suppress(NotFound):  # not comparable then, which the rule says
                metrics = (await self.api.run(version.run_id)).metrics
        return _version_info(version, version.tags, metrics)

    async def _mirror(self, model: str, production: int | None) -> None:
        versions = await self.api.versions(model)
        stale = [v for v in versions if v.stage == word.STAGE and v.version != production]
        if production is None:
            for version in stale:
                if word.PROMOTED in version.tags:  # a stage that is not ours is left alone
                    await self.api.set_stage(model, version.version, word.STAGE_BEFORE)
            return
        right = any(v.version == production and v.stage == word.STAGE for v in versions)
        if stale or not right:
            await self.api.set_stage(model, production, word.STAGE)


_KEY = (word.CLUSTER, word.JOB_UID, word.ATTEMPT)


def _key(cluster: str, job_uid: str, attempt: int) -> dict[str, str]:
    return dict(zip(_KEY, (cluster, job_uid, str(attempt)), strict=True))


def _key_of(run: RunRow) -> dict[str, str] | None:
    """The tags by which the run is found, if it is one of ours."""
    if any(name not in run.tags for name in _KEY):
        return None
    return {name: run.tags[name] for name in _KEY}


def _kept(found: Iterable[RunRow]) -> RunRow:
    return min(found, key=lambda run: (word.KEPT not in run.tags, run.started, run.run_id))


def _is_begun(version: VersionRow) -> bool:
    """Whether it was to be Production and that was not seen through: the move may land yet."""
    if version.tags.get(word.RETURNED, "").startswith(word.BEGINS):
        return True
    says = version.tags.get(word.REASON, "")
    return says.startswith(word.PROMOTES) and word.PROMOTED not in version.tags


def _is_ended_so(run: RunRow, status: RunStatus, tags: Mapping[str, str]) -> bool:
    return (
        run.tags.get(word.STATE) == word.ENDED
        and run.status is status
        and all(run.tags.get(key) == value for key, value in tags.items())
    )


def _run_info(row: RunRow) -> RunInfo:
    attempt = row.tags.get(word.ATTEMPT, "")
    return RunInfo(
        run_id=row.run_id,
        experiment=row.experiment_id,
        job_uid=row.tags.get(word.JOB_UID, ""),
        attempt=int(attempt) if attempt.isdecimal() else 0,
        status=row.status,
        metrics=row.metrics,
        namespace=row.tags.get(word.NAMESPACE, ""),
        job_name=row.tags.get(word.JOB, ""),
        ended=row.tags.get(word.STATE) == word.ENDED,
    )


def _version_info(
    row: VersionRow, tags: Mapping[str, str], metrics: Mapping[str, float]
) -> ModelVersion:
    return ModelVersion(
        model=row.model,
        version=row.version,
        run_id=row.run_id,
        ready=row.ready,
        metrics=metrics,
        eval_data=tags.get(word.EVAL_DATA),
        held=word.is_hold(tags.get(word.HOLD)),
        was_promoted=word.PROMOTED in tags,
        job_uid=tags.get(word.JOB_UID, ""),
        reason=tags.get(word.REASON, ""),
    )
