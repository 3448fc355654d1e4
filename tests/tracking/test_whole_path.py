"""Results over a real MLflow server: a real training, a crash of the server, jobs at once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from tests.builders import NOW, an_attempt
from tests.tracking.training import Process, a_model, a_running_job, succeeded, train

from bed import MLflow
from trainlease.model import conditions as cond
from trainlease.model import tracking as word
from trainlease.model.errors import Unavailable
from trainlease.model.observed import RunStatus
from trainlease.model.reasons import Cause, JobCondition, JobState
from trainlease.plan import workload

STRAYS = """
import mlflow
with mlflow.start_run():
    pass
mlflow.set_experiment("%s")
with mlflow.start_run():
    mlflow.log_metric("accuracy", 0.9)
"""
KILLED = """
import os, signal
import mlflow
with mlflow.start_run():
    with mlflow.start_run(nested=True):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
async def process(mlflow_server: MLflow) -> AsyncIterator[Process]:
    made = Process(mlflow_server.url)
    yield made
    await made.close()


async def test_a_real_training_becomes_production(process: Process, mlflow_server: MLflow) -> None:
    job = a_running_job(a_model())
    run_id = await process.run_of(job)
    env = workload.environment(job, 1, run_id, mlflow_server.url)
    trained = await asyncio.to_thread(train, mlflow_server, env)
    assert trained.returncode == 0, trained.stderr
    status = await process.recorded(succeeded(job))

    model = workload.registered_model(job)
    assert model is not None
    assert cond.is_true(status.conditions, JobCondition.PROMOTED)
    assert status.model == f"{model}/1"
    assert (status.why or "").startswith("promoted: the first version, accuracy 0.")
    assert 0.7 < status.attempts[0].metrics["accuracy"] < 1
    state = await process.tracker.model_state(model)
    assert state.production is not None
    assert (state.production.run_id, state.production.ready) == (run_id, True)


async def test_a_training_that_begins_a_run_of_its_own_is_told_where_its_metric_went(
    process: Process, mlflow_server: MLflow
) -> None:
    job, other = a_running_job(a_model()), f"own-{uuid4().hex[:8]}"
    env = workload.environment(job, 1, await process.run_of(job), mlflow_server.url)
    trained = await asyncio.to_thread(train, mlflow_server, env, STRAYS % other)
    assert trained.returncode == 0, trained.stderr
    status = await process.recorded(succeeded(job))

    promoted = cond.get(status.conditions, JobCondition.PROMOTED)
    assert promoted is not None
    assert promoted.reason == "NoModel"
    assert f"(experiment {other}: accuracy) instead of the one it was handed" in promoted.message


async def test_of_a_killed_training_neither_its_run_nor_a_nested_one_is_left_running(
    process: Process, mlflow_server: MLflow
) -> None:
    job = a_running_job(a_model())
    run_id = await process.run_of(job)
    env = workload.environment(job, 1, run_id, mlflow_server.url)
    trained = await asyncio.to_thread(train, mlflow_server, env, KILLED)
    assert trained.returncode == -signal.SIGKILL, trained.stderr
    attempts = (an_attempt(1, Cause.RUNNING_LIMIT),)
    status = job.status.but(state=JobState.FAILED, finished=NOW, attempts=attempts)
    await process.recorded(job.model_copy(update={"status": status}))

    client = process.tracker.api
    everywhere = list(await client.experiments())
    (nested,) = await client.search_runs(everywhere, {word.PARENT: run_id})
    assert nested.status is RunStatus.KILLED
    assert (await client.run(run_id)).status is RunStatus.KILLED


async def test_a_server_that_was_away_loses_nothing(
    process: Process, mlflow_server: MLflow
) -> None:
    job = a_running_job(a_model())
    await process.run_of(job)
    mlflow_server.kill()
    with pytest.raises(Unavailable):
        await process.results.record(succeeded(job), {})
    mlflow_server.restart()
    status = await process.recorded(succeeded(job))

    for kind in (JobCondition.RESULTS_RECORDED, JobCondition.PROMOTED):
        said = cond.get(status.conditions, kind)
        assert said is not None
        assert said.reason == "NoModel"


async def test_jobs_of_one_model_that_end_at_once_get_a_version_each_and_the_best_wins(
    process: Process,
) -> None:
    model = a_model()
    values = {"a": 0.7, "b": 0.9, "c": 0.8, "d": 0.6}
    jobs = [a_running_job(model, name) for name in values]
    runs = await asyncio.gather(*(process.run_of(job) for job in jobs))
    client = process.tracker.api
    for run_id, value in zip(runs, values.values(), strict=True):
        await client.log(run_id, metrics={"accuracy": value})
        await client.put_text(run_id, "model/MLmodel", "flavors: {}")
    found = await asyncio.gather(*(process.recorded(succeeded(job)) for job in jobs))

    versions = sorted(status.model or "" for status in found)
    assert versions == [f"saturno.{model}/{number}" for number in (1, 2, 3, 4)]
    state = await process.tracker.model_state(f"saturno.{model}")
    assert state.production is not None
    assert state.production.metrics == {"accuracy": 0.9}
