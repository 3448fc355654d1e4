"""Each attempt's run, each finished job's results: prepared, recorded and promoted, off the path.

Promises: nothing here delays a machine's release. Every step may stop anywhere and be repeated.
Whether a finished job is recorded says its condition ResultsRecorded, so that a new operator asks
MLflow nothing about old jobs. One model is judged by one job at a time, against what its alias
says at that moment; a person's move of the alias is respected. A server that is away is asked by
one call at a time, after a delay that doubles.

Not in here: what is said and decided (plan.results, plan.promotion), how a run or a version comes
to exist exactly once (effects.tracking).
"""

import asyncio
import functools
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import structlog

from trainlease.effects.clock import Clock
from trainlease.effects.metrics import catalog
from trainlease.effects.metrics.base import Metrics
from trainlease.effects.tracking.base import Tracker
from trainlease.model import tracking as word
from trainlease.model.errors import (
    BadSpec,
    Conflict,
    NeedsPerson,
    NotFound,
    NotLeader,
    SeveralModels,
    TrainleaseError,
    Unavailable,
)
from trainlease.model.observed import Exit, NewRun, RunStatus
from trainlease.model.reasons import Cause, JobState, Outcome
from trainlease.model.settings import Settings
from trainlease.model.training_job import Attempt, TrainingJob, TrainingJobStatus
from trainlease.plan import results as plan
from trainlease.plan import rollback
from trainlease.plan.promotion import PromotionReason as Reason
from trainlease.plan.workload import registered_model
from trainlease.reconcile.promoting import Promoting
from trainlease.reconcile.tracking_line import TrackingLine

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")
Ring = Callable[[str, str], None]
"""Wakes a key of the queue: its kind and its name."""
IsGone = Callable[[str, str, str], Awaitable[bool]]
"""Whether the job of this namespace, name and uid is gone, by a live GET."""
AttemptId = tuple[str, int]
"""An attempt by its job's uid and its number."""

REFUSED = "Refused"
_PERSON_DELAY = 60.0
log = structlog.get_logger(__name__)


class Results:
    """What the loop asks about results. `tracker` None: none is configured.

    `check` raises NotLeader unless this process leads. `cluster`, the uid of kube-system, is set
    before the first call.
    """

    def __init__(
        self,
        tracker: Tracker | None,
        clock: Clock,
        settings: Settings,
        check: Callable[[], None],
        ring: Ring,
        metrics: Metrics | None = None,
    ) -> None:
        self.cluster = ""
        self._metrics = metrics or Metrics()
        self._tracker = tracker
        self._clock = clock
        self._check = check
        self._ring = ring
        self._line = TrackingLine(clock, settings, self._line_changed)
        self._jobs: dict[str, tuple[str, str]] = {}
        self._runs: dict[AttemptId, str] = {}
        self._preparing: dict[AttemptId, asyncio.Task[None]] = {}
        self._ended: dict[AttemptId, Mapping[str, float]] = {}
        self._ended_as: dict[AttemptId, Outcome] = {}
        """With which outcome: a job that was restored may come to another one."""
        self._gone: dict[AttemptId, str] = {}
        self._found: dict[str, plan.Results] = {}
        self._problems: dict[str, str] = {}
        self._not_before: dict[str, float] = {}
        self._refused: dict[str, None] = {}
        self._models: dict[str, asyncio.Lock] = {}
        self._promoting = Promoting(self._ask, clock, lambda: self._server)

    @property
    def trouble(self) -> str | None:
        """Why no run can be made for anybody now, or None."""
        return plan.NOT_CONFIGURED_SAYS if self._tracker is None else self._line.trouble

    @property
    def is_server_down(self) -> bool:
        """Whether MLflow counts as down and is only probed."""
        return self._line.is_down

    def trouble_of(self, job: TrainingJob) -> str | None:
        """Why this job's next run cannot be made now, or None."""
        return self.trouble or self._problems.get(job.uid)

    def run_id(self, job: TrainingJob, attempt: int) -> str | None:
        """The attempt's run, if it is known to be there."""
        stored = job.status.attempt(attempt)
        return (stored.run_id if stored else None) or self._runs.get((job.uid, attempt))

    def prepare(self, job: TrainingJob, attempt: int) -> None:
        """See to it that the attempt has a run, in the background; rings when it is there."""
        key = (job.uid, attempt)
        if self._tracker is None or self.run_id(job, attempt) or key in self._preparing:
            return
        self._jobs[job.uid] = (job.namespace, job.name)
        work = self._prepare(job, attempt)
        self._preparing[key] = asyncio.get_running_loop().create_task(work)

    async def ensure(self, job: TrainingJob, attempt: int) -> str | None:
        """The attempt's run for its start: asked for now where this process does not know it.

        None for a job that does without results while none can be had; for one that wants them
        Unavailable, or what a person must mend (NeedsPerson).
        """
        if self._tracker is None:
            return None
        self._jobs[job.uid] = (job.namespace, job.name)
        try:
            return await self._run_of(job, attempt)
        except (Unavailable, NeedsPerson):
            if job.spec.wants_results:
                raise
            return None

    def is_due(self, job: TrainingJob) -> bool:
        """Whether `record` has something to do now; costs nothing."""
        if not job.deleting and self._is_rollback_due(job):
            return True
        if job.deleting or plan.is_recorded(job):
            self._forget(job.uid)
            return False
        if self._tracker is None:
            return job.is_finished and not plan.is_known_unconfigured(job)
        if self._clock.monotonic() < self._not_before.get(job.uid, 0.0):
            return False
        ended = (a for a in job.status.attempts if a.outcome is not None)
        return job.is_finished or not all(self._is_ended(job, attempt) for attempt in ended)

    async def record(self, job: TrainingJob, exits: Mapping[int, Exit]) -> TrainingJobStatus | None:
        """End the runs of all ended attempts; of a finished job also record and promote.

        The new status of a finished job, for one write, or None where nothing is to be written.
        `exits` by attempt number, as far as they are still known. Raises Unavailable while
        MLflow is away: nothing is lost, and the job is rung when it is back.
        """
        if not self.is_due(job):
            return None
        now = self._clock.now()
        if self._tracker is None:
            return plan.not_recorded(job, plan.NOT_CONFIGURED, plan.NOT_CONFIGURED_SAYS, now)
        self._jobs[job.uid] = (job.namespace, job.name)
        try:
            if self._is_rollback_due(job):
                return await self._roll_back(job)
            await self._end_runs(job, exits)
            if not job.is_finished:
                return None
            found = self._found.get(job.uid)
            if found is None:
                # Kept until it is stored: a write that is refused must not judge anew.
                found = self._found[job.uid] = await self._results(job)
        except NeedsPerson as error:
            self._not_before[job.uid] = self._clock.monotonic() + _PERSON_DELAY
            if not job.is_finished or plan.is_recorded(job):
                return None
            return plan.not_recorded(job, REFUSED, str(error), now)
        except Unavailable:
            self._refused[job.title] = None
            raise
        return plan.recorded(job, found, now)

    async def sweep(self, is_gone: IsGone) -> None:
        """End the open runs of jobs that are gone, delete late twins of versions, put stages right.

        Raises Unavailable if MLflow is away.
        """
        if self._tracker is None:
            return
        for run in await self._ask(self._server.open_runs, self.cluster):
            if run.job_uid and await is_gone(run.namespace, run.job_name, run.job_uid):
                await self._kill(run.run_id)
                self._metrics.count(catalog.SWEPT, "run")
        for uid, (namespace, name) in list(self._jobs.items()):
            if await is_gone(namespace, name, uid):
                self._forget(uid)
        # MLflow itself says which: the job of a late twin may be gone, or go on since a restore.
        for model in await self._ask(self._server.models, self.cluster):
            await self._ask(self._server.mirror, model)
        if again := await self._ask(self._server.end_again, self.cluster):
            log.info("runs that were set otherwise after their end are ended again", runs=again)

    async def close(self) -> None:
        """End what is under way in the background."""
        for task in list(self._preparing.values()):
            task.cancel()
        await asyncio.gather(*self._preparing.values(), return_exceptions=True)

    # -- an attempt's run ------------------------------------------------------------------------

    async def _prepare(self, job: TrainingJob, attempt: int) -> None:
        key = (job.uid, attempt)
        run = plan.new_run(job, attempt, self.cluster)
        try:
            while not await self._try_to_prepare(job, key, run):
                if job.uid in self._problems:
                    await asyncio.sleep(_PERSON_DELAY)
                else:
                    await self._line.rest(_share(job.uid))
        except NotLeader:
            return
        finally:
            if self._preparing.get(key) is asyncio.current_task():
                del self._preparing[key]

    async def _try_to_prepare(self, job: TrainingJob, key: AttemptId, run: NewRun) -> bool:
        """Whether the run is there; a trouble of this job alone is kept for people."""
        self._problems.pop(job.uid, None)
        try:
            self._runs[key] = (await self._ask(self._server.ensure_run, run)).run_id
        except NotLeader:
            raise
        except Unavailable as error:
            log.info("no run yet", job=job.title, attempt=key[1], why=str(error))
        except TrainleaseError as error:
            self._problems[job.uid] = str(error)
        self._ring("job", job.title)
        self._ring("placement", "")
        return key in self._runs

    async def _end_runs(self, job: TrainingJob, exits: Mapping[int, Exit]) -> None:
        for attempt in job.status.attempts:
            key = (job.uid, attempt.number)
            if attempt.outcome is not None and not self._is_ended(job, attempt):
                self._ended[key] = await self._end_run(job, attempt, exits.get(attempt.number))
                self._ended_as[key] = attempt.outcome
        if not job.is_finished:
            return
        for key in [k for k in self._runs if k[0] == job.uid and not job.status.attempt(k[1])]:
            await self._kill(self._runs[key])
            del self._runs[key]

    def _is_ended(self, job: TrainingJob, attempt: Attempt) -> bool:
        return self._ended_as.get((job.uid, attempt.number)) is attempt.outcome

    async def _end_run(
        self, job: TrainingJob, attempt: Attempt, exit_: Exit | None
    ) -> Mapping[str, float]:
        """The metrics of its run, which is ended now if it was not."""
        assert attempt.outcome is not None
        status = plan.end_status(attempt.outcome)
        tags, tail, known = plan.end_tags(attempt), plan.log_tail(exit_), attempt.metrics
        key = (job.uid, attempt.number)
        try:
            run_id = await self._run_of(job, attempt.number)
            await self._ask(self._server.end_run, run_id, status, tags, tail, known)
            return (await self._ask(self._server.run, run_id)).metrics
        except NotFound:
            self._gone[key] = f"the run of attempt {attempt.number} was deleted in MLflow"
            return {}

    async def _run_of(self, job: TrainingJob, number: int) -> str:
        known = self.run_id(job, number)
        if known is not None:
            return known
        run = plan.new_run(job, number, self.cluster)
        made = await self._ask(self._server.ensure_run, run)
        self._runs[job.uid, number] = made.run_id
        return made.run_id

    async def _kill(self, run_id: str) -> None:
        """End the run of an attempt that nobody speaks of any more, if it was not ended before."""
        tags = {word.OUTCOME: str(Outcome.CANCELLED), word.CAUSE: str(Cause.CANCELLED)}
        with suppress(NotFound):
            if not (await self._ask(self._server.run, run_id)).ended:
                await self._ask(self._server.end_run, run_id, RunStatus.KILLED, tags, "")

    # -- a finished job's version ----------------------------------------------------------------

    async def _results(self, job: TrainingJob) -> plan.Results:
        found = await self._with_version(job)
        last = job.status.last_attempt
        if last is None or not plan.may_be_elsewhere(job, found):
            return found
        strays = await self._ask(self._server.strays, await self._run_of(job, last.number))
        return plan.with_strays(found, strays)

    async def _with_version(self, job: TrainingJob) -> plan.Results:
        numbers = [a.number for a in job.status.attempts]
        metrics = {n: self._ended[job.uid, n] for n in numbers if (job.uid, n) in self._ended}
        notes = tuple(self._gone[job.uid, n] for n in numbers if (job.uid, n) in self._gone)
        found = plan.Results(metrics, notes=notes)
        model, last = registered_model(job), job.status.last_attempt
        if model is None:
            return found
        if job.status.state is not JobState.SUCCEEDED or last is None:
            no = plan.unpromoted(job, Reason.NOT_SUCCEEDED, "the job did not succeed")
            return replace(found, promotion=no)
        try:
            if gone := self._gone.get((job.uid, last.number)):
                return plan.lacking(job, found, Reason.RUN_DELETED, gone)
            async with self._models.setdefault(model, asyncio.Lock()):
                return await self._registered(job, last, model, found)
        except SeveralModels as error:
            return plan.lacking(job, found, Reason.SEVERAL_MODELS, str(error))
        except BadSpec as error:
            return plan.lacking(job, found, Reason.NOT_REGISTERED, str(error))

    async def _registered(
        self, job: TrainingJob, last: Attempt, model: str, found: plan.Results
    ) -> plan.Results:
        run_id = await self._run_of(job, last.number)
        tags = plan.version_tags(job, last.number, self.cluster, found.metrics[last.number])
        version = await self._ask(self._server.ensure_version, model, run_id, tags)
        if version is None:
            return plan.lacking(job, found, Reason.NO_MODEL, plan.NO_MODEL_SAYS)
        rule = job.spec.promote
        verdict = await self._promoting.judge(rule, version) if rule else None
        return replace(found, version=version, promotion=verdict)

    # -- a person's word after that --------------------------------------------------------------

    def _is_rollback_due(self, job: TrainingJob) -> bool:
        if self._tracker is None or not plan.is_recorded(job) or not rollback.is_due(job):
            return False
        return self._clock.monotonic() >= self._not_before.get(job.uid, 0.0)

    async def _roll_back(self, job: TrainingJob) -> TrainingJobStatus:
        now, asked = self._clock.now(), rollback.asked(job)
        if isinstance(asked, str):
            return rollback.ignored(job, asked, now)
        says = functools.partial(rollback.sentence, job)
        try:
            async with self._models.setdefault(asked.model, asyncio.Lock()):
                return rollback.obeyed(job, await self._promoting.roll_back(asked, says), now)
        except (BadSpec, Conflict) as error:
            return rollback.ignored(job, str(error), now)

    # -- MLflow away, and back -------------------------------------------------------------------

    @property
    def _server(self) -> Tracker:
        assert self._tracker is not None, "nobody asks where no tracker is configured"
        return self._tracker

    async def _ask(
        self, verb: Callable[Asked, Awaitable[Answer]], *args: Asked.args, **more: Asked.kwargs
    ) -> Answer:
        self._check()
        return await self._line.call(verb, *args, **more)

    def _line_changed(self) -> None:
        self._ring("placement", "")
        if self._line.trouble is None:
            refused, self._refused = self._refused, {}
            for title in refused:
                self._ring("results", title)

    def _forget(self, uid: str) -> None:
        if self._jobs.pop(uid, None) is None:
            return
        for key in [k for k in self._preparing if k[0] == uid]:
            self._preparing.pop(key).cancel()
        for of_attempts in (self._runs, self._ended, self._ended_as, self._gone):
            _drop(of_attempts, uid)
        of_job: dict[str, Any]
        for of_job in (self._found, self._problems, self._not_before):
            of_job.pop(uid, None)


def _drop(of_attempts: dict[AttemptId, Any], uid: str) -> None:
    for key in [k for k in of_attempts if k[0] == uid]:
        del of_attempts[key]


def _share(uid: str) -> float:
    """A number from 0 to 1 that belongs to this job, so that a run can be replayed."""
    return zlib.crc32(uid.encode()) % 1000 / 1000
