"""A real training over a real MLflow server, and the part of an operator that records it."""

import asyncio
import os
import subprocess
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.builders import NOW, SETTINGS, a_job, an_attempt

from bed import MLflow
from trainlease.effects.clock import SystemClock
from trainlease.effects.tracking.mlflow import MlflowTracker
from trainlease.model.reasons import Cause, JobState
from trainlease.model.training_job import TrainingJob, TrainingJobStatus
from trainlease.reconcile.results import Results

TRAIN = """
import mlflow
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
images, digits = load_digits(return_X_y=True)
with mlflow.start_run():
    model = LogisticRegression(max_iter=20).fit(images[:300] / 16, digits[:300])
    mlflow.log_param("epochs", 20)
    mlflow.log_metric("accuracy", model.score(images[300:] / 16, digits[300:]))
    mlflow.sklearn.log_model(model, name="classifier", pip_requirements=["scikit-learn"])
"""


class Process:
    """An operator's part that speaks with MLflow; its bell is an event that can be awaited."""

    def __init__(self, url: str) -> None:
        self.tracker = MlflowTracker(url)
        self.bell = asyncio.Event()
        clock = SystemClock()
        self.results = Results(self.tracker, clock, SETTINGS, lambda: None, self._ring)
        self.results.cluster = "cluster-1"

    def _ring(self, kind: str, name: str) -> None:
        self.bell.set()

    async def run_of(self, job: TrainingJob) -> str:
        async with asyncio.timeout(60):
            self.results.prepare(job, 1)
            while (found := self.results.run_id(job, 1)) is None:
                self.bell.clear()
                await self.bell.wait()
        return found

    async def recorded(self, job: TrainingJob) -> TrainingJobStatus:
        status = await self.results.record(job, {})
        assert status is not None
        return status

    async def close(self) -> None:
        await self.results.close()
        await self.tracker.close()


def a_model() -> str:
    return f"digits-{uuid4().hex[:8]}"


def a_running_job(model: str, name: str = "digits", **spec: Any) -> TrainingJob:
    rule = {"metric": "accuracy"}
    job = a_job(name, model=model, params={"epochs": 20}, promote=rule, **spec)
    return job.model_copy(
        update={"metadata": job.metadata.but(uid=f"uid-{uuid4().hex}"), "status": job.status}
    )


def succeeded(job: TrainingJob) -> TrainingJob:
    attempts = (an_attempt(1, Cause.COMPLETED),)
    status = job.status.but(state=JobState.SUCCEEDED, finished=NOW, attempts=attempts)
    return job.model_copy(update={"status": status})


def train(
    server: MLflow, env: Mapping[str, str], program: str = TRAIN
) -> subprocess.CompletedProcess[str]:
    """A small real training, in the environment that its container would have."""
    command = [str(server.python), "-c", program]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True)
