"""Two hundred attempts against a real MLflow server whose answers get lost, and one crash.

A proxy before the server ends connections before a write arrives or after it was answered, and lets
some writes land after their sender has given up. Half-way the process ends with all that it has
under way, and another one begins with what is stored. What became of it is read past the proxy.
"""

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from tests.builders import NOW, SETTINGS, a_job, an_attempt

from bed import MLflow
from bed.proxy import Catch, Moment, Proxy, Said
from trainlease.effects.clock import SystemClock
from trainlease.effects.tracking.api import VersionRow
from trainlease.effects.tracking.mlflow import MlflowTracker
from trainlease.model import tracking as word
from trainlease.model.errors import TrainleaseError
from trainlease.model.observed import RunStatus
from trainlease.model.reasons import Cause, JobState
from trainlease.model.training_job import TrainingJob
from trainlease.plan import results as plan
from trainlease.plan.workload import registered_model
from trainlease.reconcile.results import Results

ATTEMPTS = 200
EVERY = 10
"""One attempt of so many is of a model, and is judged."""
PATIENCE = 2
"""Seconds that the operator waits for an answer."""
LATE = PATIENCE + 1.0
PAUSE = 0.5
"""Seconds until what failed is tried again."""


def writes(
    rng: Random, share: float, tell: Callable[[], object] = lambda: None
) -> Callable[[Said], bool]:
    """So many of the requests that change something; `tell` is called when one is chosen."""

    def matches(said: Said) -> bool:
        chosen = said.method != "GET" and "search" not in said.path and rng.random() < share
        if chosen:
            tell()
        return chosen

    return matches


@dataclass
class Site:
    """A server behind a proxy, and the jobs as they are stored."""

    server: MLflow
    door: Proxy
    cluster: str = field(default_factory=lambda: f"cluster-{uuid4().hex[:8]}")
    jobs: dict[str, TrainingJob] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    dropped: list[Catch] = field(default_factory=list)
    late: list[Catch] = field(default_factory=list)

    def make_jobs(self, rng: Random) -> None:
        """Of two platforms, each with one model, whose values all differ."""
        suffix = uuid4().hex[:8]
        for number in range(ATTEMPTS):
            spec: dict[str, Any] = {"model": f"caries-{suffix}", "promote": {"metric": "f1"}}
            platform = ("saturno", "nutresa")[number // EVERY % 2]
            judged = number % EVERY == 0
            made = a_job(f"job-{number}", namespace=platform, **(spec if judged else {}))
            uid = f"uid-{uuid4().hex}"
            self.jobs[uid] = made.model_copy(update={"metadata": made.metadata.but(uid=uid)})
            if judged:
                self.values[uid] = rng.uniform(0.5, 1.0)

    async def land_late(self, rng: Random) -> None:
        """One write after the other is held until its sender has given up."""
        loop = asyncio.get_running_loop()
        while True:
            caught = asyncio.Event()
            tell = functools.partial(loop.call_soon_threadsafe, caught.set)
            held = self.door.catch(writes(rng, 0.1, tell), Moment.BEFORE)
            await caught.wait()
            self.late.append(held)
            await asyncio.sleep(LATE)
            held.let_go()

    @asynccontextmanager
    async def storm(self, rng: Random) -> AsyncIterator[None]:
        self.dropped = [
            self.door.drop(writes(rng, share), moment, times=ATTEMPTS)
            for moment, share in ((Moment.BEFORE, 0.03), (Moment.AFTER, 0.08))
        ]
        late = asyncio.create_task(self.land_late(rng))
        yield
        late.cancel()
        await asyncio.wait([late])
        for held in self.late:
            held.let_go()

    async def is_closed(self, namespace: str, name: str, uid: str) -> bool:
        return plan.is_recorded(self.jobs[uid])


class Process:
    """An operator's part that speaks with MLflow, through the proxy."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tracker = MlflowTracker(site.door.url, timeout=PATIENCE)
        self._past = MlflowTracker(site.server.url, timeout=PATIENCE)
        clock = SystemClock()
        self.results = Results(self._tracker, clock, SETTINGS, lambda: None, lambda *_: None)
        self.results.cluster = site.cluster

    async def live(self, enough: int) -> None:
        """Until so many jobs are recorded; then it is gone with what it has under way."""
        jobs = self._site.jobs.values()
        tasks = {asyncio.create_task(self._tend(j.uid)) for j in jobs if not plan.is_recorded(j)}
        while tasks and sum(map(plan.is_recorded, jobs)) < enough:
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.results.close()

    async def close(self) -> None:
        await self._tracker.close()
        await self._past.close()

    async def _tend(self, uid: str) -> None:
        while not plan.is_recorded(self._site.jobs[uid]):
            try:
                await self._look(self._site.jobs[uid])
            except TrainleaseError:
                await asyncio.sleep(PAUSE)

    async def _look(self, job: TrainingJob) -> None:
        if not job.status.attempts:
            run_id = await self.results.ensure(job, 1)
            await self._train(job.uid, run_id or "")
            ended = an_attempt(1, Cause.COMPLETED, run_id=run_id)
            status = job.status.but(state=JobState.SUCCEEDED, finished=NOW, attempts=(ended,))
        else:
            found = await self.results.record(job, {})
            if found is None:
                return
            status = found
        self._site.jobs[job.uid] = job.model_copy(update={"status": status})

    async def _train(self, uid: str, run_id: str) -> None:
        value = self._site.values.get(uid)
        if value is not None:
            await self._past.api.log(run_id, metrics={"f1": value})
            await self._past.api.put_text(run_id, "model/MLmodel", "flavors: {}")


@pytest.fixture
def door(mlflow_server: MLflow) -> Iterator[Proxy]:
    with Proxy(mlflow_server.port, http=True) as proxy:
        yield proxy


async def test_two_hundred_attempts_leave_one_run_one_version_and_one_promotion_each(
    mlflow_server: MLflow, door: Proxy
) -> None:
    rng = Random(4)
    site = Site(mlflow_server, door)
    site.make_jobs(rng)
    first, second = Process(site), Process(site)
    async with site.storm(rng):
        await first.live(ATTEMPTS // 2)
        await second.live(ATTEMPTS)
    await first.close()
    await second.close()
    calm = MlflowTracker(mlflow_server.url, timeout=60)
    sweeper = Results(calm, SystemClock(), SETTINGS, lambda: None, lambda *_: None)
    sweeper.cluster = site.cluster
    await sweeper.sweep(site.is_closed)

    assert all(rule.caught for rule in site.dropped)
    assert site.late
    everywhere = list(await calm.api.experiments())
    runs = await calm.api.search_runs(everywhere, {word.CLUSTER: site.cluster})
    assert Counter(run.tags[word.JOB_UID] for run in runs) == Counter(list(site.jobs))
    assert {(run.status, run.tags[word.STATE]) for run in runs} == {
        (RunStatus.FINISHED, word.ENDED)
    }
    for model in sorted({m for m in map(registered_model, site.jobs.values()) if m}):
        versions = await calm.api.versions(model)
        must_be_once(site, model, versions, (await calm.api.model(model)).aliases)
    await calm.close()


def must_be_once(
    site: Site, model: str, versions: Sequence[VersionRow], aliases: Mapping[str, int]
) -> None:
    """One version for each job; each that won did so once, and over one that was worse."""
    jobs = [job for job in site.jobs.values() if registered_model(job) == model]
    assert sorted(v.tags[word.JOB_UID] for v in versions) == sorted(job.uid for job in jobs)
    assert {job.status.model for job in jobs} == {f"{model}/{v.version}" for v in versions}
    value = {v.version: site.values[v.tags[word.JOB_UID]] for v in versions}
    over = {v.version: v.tags[word.PROMOTED] for v in versions if word.PROMOTED in v.tags}
    ladder = sorted(over, key=lambda version: value[version])
    below = [word.FIRST, *(f"over v{version}" for version in ladder)]
    assert [over[version] for version in ladder] == below[:-1]
    assert ladder[-1] == max(value, key=lambda version: value[version])
    assert aliases.get(word.PRODUCTION) == ladder[-1]
    assert [v.version for v in versions if v.stage == word.STAGE] == ladder[-1:]
