"""A town of jobs that are recorded in a simulated MLflow, by operators that the storm kills.

What the operator does about results is production code: `Results` over `ExactlyOnce`. Around it is
the little that it needs: jobs with their status as the API server keeps it, trainings that log and
end (many at the same instant), people who move the alias and set holds, and one operator process
after another. Two platforms share the server, and most jobs of a platform share a model.

Not in here: what befalls a request (mlflow_storm), and whether all is right (mlflow_judge).
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bench.mlflow_storm import Hold, Storm, StormyApi, WatchedMlflow
from simulator.loop import EPOCH, Process, VirtualClock, VirtualLoop
from trainlease.effects.tracking.api import Api
from trainlease.effects.tracking.exactly_once import ExactlyOnce
from trainlease.model import tracking as word
from trainlease.model.base import Meta
from trainlease.model.errors import NotLeader, TrainleaseError
from trainlease.model.reasons import Cause, JobState, Outcome
from trainlease.model.settings import Settings
from trainlease.model.training_job import (
    Attempt,
    Promote,
    TrainingJob,
    TrainingJobSpec,
    TrainingJobStatus,
)
from trainlease.plan import results as plan
from trainlease.reconcile.results import Results

ATTEMPTS = 25
"""Of one town."""
CLUSTER = "cluster-1"
METRIC = "val_f1"
MODELS = ("saturno.caries", "nutresa.plaque", "saturno.bite")
_SHARES = (5, 4, 1)
_STORM = 600.0
_TIDES = 20.0
"""Trainings end at multiples of it, so that some end at once."""
_WATCHED = 0.3
_LOOK = 2.0
_SWEEP = 60.0
_TOOK_OVER = (1.0, 20.0)
"""Seconds until another process leads."""
_CALM_ROUNDS = 3
"""Sweeps after the last job is recorded and the last request has landed."""
_SETTINGS = Settings()

MakeTracker = Callable[[Api], ExactlyOnce]


@dataclass(frozen=True)
class Fate:
    """What is to become of one attempt: the value it logs, or None where it fails."""

    value: float | None
    logs_model: bool = True


class Town:
    """One seed's town; `live` lets it live until everything is at rest."""

    def __init__(self, loop: VirtualLoop, seed: int, make_tracker: MakeTracker) -> None:
        self.loop = loop
        self.rng = Random(seed)
        self.server = WatchedMlflow(loop)
        self.storm = Storm(loop, Random(seed + 1), self._killed, self._frozen, self._is_watched)
        self.jobs: dict[str, TrainingJob] = {}
        """As they are stored, by their uid."""
        self.fates: dict[tuple[str, int], Fate] = {}
        self.breaches: list[str] = []
        """What was seen to be wrong on the way."""
        self.processes = 0
        self._make_tracker = make_tracker
        self._clock = VirtualClock(loop)
        self._leader: Process | None = None
        self._all_recorded = asyncio.Event()
        self._peopled = [model for model in MODELS if self.rng.random() < 0.5]
        """The other models are left alone by people."""
        self._plan_jobs()

    async def live(self) -> None:
        """The storm, then calm weather until all jobs are recorded and swept."""
        world = [asyncio.create_task(self._people(model)) for model in MODELS]
        self._lead()
        await asyncio.sleep(_STORM)
        self.storm.blows = False
        await asyncio.gather(*world)
        await self._all_recorded.wait()
        await asyncio.sleep(_SWEEP * _CALM_ROUNDS)

    # -- jobs and their trainings ----------------------------------------------------------------

    def _plan_jobs(self) -> None:
        left = ATTEMPTS
        for number in itertools.count(1):
            if left == 0:
                return
            count = min(left, self.rng.choice((1, 1, 1, 2, 2, 3)))
            left -= count
            self._plan_job(f"job-{number}", count)

    def _plan_job(self, name: str, attempts: int) -> None:
        (title,) = self.rng.choices(MODELS, _SHARES)
        platform, model = title.split(".")
        meta = Meta(name=name, namespace=platform, uid=f"uid-{name}", creation_timestamp=EPOCH)
        spec = TrainingJobSpec(
            pool="onprem", image="train:1", model=model, promote=Promote(metric=METRIC)
        )
        self.jobs[meta.uid] = TrainingJob(metadata=meta, spec=spec, status=TrainingJobStatus())
        for number in range(1, attempts):
            self.fates[meta.uid, number] = Fate(None)
        value = None if self.rng.random() < 0.1 else round(self.rng.uniform(0.5, 1.0), 2)
        self.fates[meta.uid, attempts] = Fate(value, logs_model=self.rng.random() < 0.95)

    async def _train(self, uid: str, number: int, run_id: str) -> None:
        fate = self.fates[uid, number]
        end = self.loop.time() + self.rng.uniform(1.0, 150.0)
        await asyncio.sleep(end - end % _TIDES + _TIDES - self.loop.time())
        if self.server.runs[run_id].deleted:
            self.breaches.append(f"{uid}: the run {run_id} was deleted under its training")
            fate = Fate(None)
        if fate.value is not None:
            self.server.log_metrics(run_id, {METRIC: fate.value, "loss": 1 - fate.value})
            if fate.logs_model:
                self.server.log_model(run_id)
        if self.rng.random() < 0.5:
            self.server.finish(run_id)
        self._end(uid, number, succeeded=fate.value is not None)

    def _end(self, uid: str, number: int, *, succeeded: bool) -> None:
        """The outcome is stored; with the last attempt the job is finished."""
        job = self.jobs[uid]
        attempt = job.status.attempt(number)
        assert attempt is not None
        now = self._clock.now()
        ended = attempt.but(
            ended=now,
            outcome=Outcome.SUCCEEDED if succeeded else Outcome.LOST,
            cause=Cause.COMPLETED if succeeded else Cause.MACHINE_LOST,
        )
        status = job.status.with_attempt(ended)
        if (uid, number + 1) not in self.fates:
            state = JobState.SUCCEEDED if succeeded else JobState.FAILED
            status = status.but(state=state, finished=now)
        self._store(job, status)

    def _store(self, job: TrainingJob, status: TrainingJobStatus) -> None:
        self.jobs[job.uid] = job.model_copy(update={"status": status})

    # -- people ----------------------------------------------------------------------------------

    async def _people(self, model: str) -> None:
        if model not in self._peopled:
            return
        while self.loop.time() < _STORM:
            await asyncio.sleep(self.rng.uniform(10.0, _STORM / 4))
            version = self._chosen(model)
            if version is None:
                continue
            act = self.rng.random()
            if act < 0.6:
                self.server.move_alias(model, word.PRODUCTION, version)
            elif act < 0.8:
                self.server.holds.append(Hold(f"{model}/{version}", self.loop.time()))
                self.server.tag_version(model, version, word.HOLD, "true")
            else:
                seconds = self.rng.uniform(5.0, 90.0)
                since = self.loop.time()
                self.server.holds.append(Hold(model, since, since + seconds))
                self.server.tag_model(model, word.HOLD, "true")
                await asyncio.sleep(seconds)
                self.server.tag_model(model, word.HOLD, "false")

    def _chosen(self, model: str) -> int | None:
        """A person's choice among what is there."""
        found = self.server.models.get(model)
        return self.rng.choice(sorted(found.versions)) if found and found.versions else None

    def _is_watched(self, model: str) -> None:
        """Some people move the alias right after an operator has read it."""
        if model not in self._peopled or not self.storm.blows or self.rng.random() >= _WATCHED:
            return

        def move() -> None:
            version = self._chosen(model)
            if version is not None:
                self.server.move_alias(model, word.PRODUCTION, version)

        self.storm.later(self.rng.uniform(0.0, 0.6), move)

    # -- operators -------------------------------------------------------------------------------

    def _lead(self) -> None:
        self.processes += 1
        process = self._leader = Process(f"operator-{self.processes}")
        process.start(self.loop, _Operator(self, process).run())

    def _killed(self, process: Process) -> None:
        self.loop.kill(process)
        self._succeed(process)

    def _frozen(self, process: Process, seconds: float) -> None:
        self.loop.freeze(process)
        self.storm.later(seconds, lambda: self.loop.thaw(process))
        self._succeed(process)

    def _succeed(self, process: Process) -> None:
        if process is self._leader:
            self._leader = None
            self.storm.later(self.rng.uniform(*_TOOK_OVER), self._lead)

    def results_of(self, process: Process) -> Results:
        """What a new process knows: nothing. It looks so often that no bell is needed."""

        def check() -> None:
            if process is not self._leader:
                raise NotLeader("another process leads")

        tracker = self._make_tracker(StormyApi(self.server, self.storm, process))
        made = Results(tracker, self._clock, _SETTINGS, check, lambda *_: None)
        made.cluster = CLUSTER
        return made

    def begin(self, uid: str, number: int, run_id: str) -> None:
        """The attempt is stored with its run, and its training begins."""
        job = self.jobs[uid]
        attempt = Attempt(number=number, machine="gpu-1", run_id=run_id, started=self._clock.now())
        self._store(job, job.status.with_attempt(attempt))
        self.storm.later(0.0, lambda: self.loop.create_task(self._train(uid, number, run_id)))

    def store(self, read: TrainingJob, status: TrainingJobStatus) -> bool:
        """The operator's write, unless the job has changed since it was read."""
        if self.jobs[read.uid] is not read:
            return False
        self._store(read, status)
        if all(plan.is_recorded(job) for job in self.jobs.values()):
            self._all_recorded.set()
        return True

    async def is_closed(self, namespace: str, name: str, uid: str) -> bool:
        return plan.is_recorded(self.jobs[uid])


class _Operator:
    """One process: a look at each job again and again, and the sweep."""

    def __init__(self, town: Town, process: Process) -> None:
        self._town = town
        self._results = town.results_of(process)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for uid in self._town.jobs:
                group.create_task(self._tend(uid))
            group.create_task(self._sweep())

    async def _tend(self, uid: str) -> None:
        """Prepare, begin, record; what fails is tried again after a delay that doubles."""
        delay = _LOOK
        while not plan.is_recorded(self._town.jobs[uid]):
            try:
                await self._look(self._town.jobs[uid])
                delay = _LOOK
            except NotLeader:
                return
            except TrainleaseError:
                delay = min(delay * 2, 30.0)
            await asyncio.sleep(delay)

    async def _look(self, job: TrainingJob) -> None:
        number = len(job.status.attempts) + 1
        last = job.status.last_attempt
        if not job.is_finished and (last is None or last.outcome is not None):
            run_id = self._results.run_id(job, number)
            if run_id is None:
                self._results.prepare(job, number)
            elif await self._results.ensure(job, number):
                self._town.begin(job.uid, number, run_id)
                return
        if self._results.is_due(job):
            status = await self._results.record(job, {})
            if status is not None:
                self._town.store(job, status)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            try:
                await self._results.sweep(self._town.is_closed)
            except NotLeader:
                return
            except TrainleaseError:
                continue
