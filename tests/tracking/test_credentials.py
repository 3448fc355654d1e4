"""A server that asks who one is: trainings log as their platform's user, the operator promotes."""

import asyncio
import base64
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from tests.tracking.training import Process, a_model, a_running_job, succeeded, train
from tests.tracking.world import new_run

from bed import MLflow
from trainlease.effects.tracking.mlflow import MlflowTracker
from trainlease.model import conditions as cond
from trainlease.model import tracking as word
from trainlease.model.errors import Forbidden
from trainlease.model.reasons import JobCondition
from trainlease.plan import workload

PASSWORDS = {
    "admin": "admin-s3cret-pw",
    "trainlease": "operator-s3cret",
    "saturno": "saturno-s3cret",
}
PAGE = Path(__file__).parents[2] / "docs" / "promotion.md"


class Guarded:
    """The server with a user for the operator and one for a platform."""

    def __init__(self, server: MLflow) -> None:
        self.server = server
        for name in ("trainlease", "saturno"):
            self._as_admin("2.0/mlflow/users/create", username=name, password=PASSWORDS[name])

    def let_edit(self, user: str, experiment_id: str) -> None:
        """What docs/promotion.md tells an administrator to type."""
        found = re.search(
            r"/api/(\S+permissions/grant)\".*?-d '(.*?)'", PAGE.read_text(), re.DOTALL
        )
        assert found is not None
        wanted = {"username": user, "resource_id": experiment_id}
        self._as_admin(found[1], **{**json.loads(found[2]), **wanted})

    def _as_admin(self, path: str, **body: str) -> None:
        known = base64.b64encode(f"admin:{PASSWORDS['admin']}".encode()).decode()
        headers = {"Authorization": f"Basic {known}", "Content-Type": "application/json"}
        url = f"{self.server.url}/api/{path}"
        asked = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert answer.status == 200


@pytest.fixture(scope="module")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    with MLflow.start(folder, admin_password=PASSWORDS["admin"]) as server:
        yield Guarded(server)


@pytest.fixture
def guarded(guarded_server: Guarded, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    """This process is the operator: its credentials are in its environment."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "trainlease")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORDS["trainlease"])
    return guarded_server


def as_platform(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the platform's Secret holds, also for what this process asks from now on."""
    secret = {
        "MLFLOW_TRACKING_USERNAME": "saturno",
        "MLFLOW_TRACKING_PASSWORD": PASSWORDS["saturno"],
    }
    for name, value in secret.items():
        monkeypatch.setenv(name, value)
    return secret


async def test_a_platforms_user_logs_and_only_the_operator_registers_and_promotes(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, job = guarded.server, a_running_job(a_model())
    process = Process(server.url)
    run_id = await process.run_of(job)
    guarded.let_edit("saturno", (await process.tracker.run(run_id)).experiment)
    model = workload.registered_model(job)
    assert model is not None

    with monkeypatch.context() as platform:
        env = workload.environment(job, 1, run_id, server.url) | as_platform(platform)
        trained = await asyncio.to_thread(train, server, env)
    assert trained.returncode == 0, trained.stderr
    status = await process.recorded(succeeded(job))

    assert cond.is_true(status.conditions, JobCondition.PROMOTED), status.conditions
    assert status.model == f"{model}/1"
    assert "s3cret" not in str(status)
    with monkeypatch.context() as platform:
        as_platform(platform)
        client = MlflowClient(server.url, server.url)
        with pytest.raises(MlflowException, match="Permission denied"):
            await asyncio.to_thread(client.delete_registered_model_alias, model, word.PRODUCTION)
        with pytest.raises(MlflowException, match="Permission denied"):
            await asyncio.to_thread(client.set_registered_model_alias, model, word.PRODUCTION, "1")
    await process.close()


async def test_a_training_that_nobody_lets_in_fails_with_the_reason_in_its_log(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, job = guarded.server, a_running_job(a_model())
    process = Process(server.url)
    run_id = await process.run_of(job)
    with monkeypatch.context() as platform:
        env = workload.environment(job, 1, run_id, server.url) | as_platform(platform)
        trained = await asyncio.to_thread(train, server, env)
    await process.close()

    assert trained.returncode == 1
    assert "Permission denied" in trained.stderr
    assert PASSWORDS["saturno"] not in trained.stderr + trained.stdout


@pytest.mark.parametrize("password", ["wrong-s3cret", None])
async def test_an_operator_that_is_not_let_in_says_which_variables_are_wrong(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    if password is None:
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
        monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    tracker = MlflowTracker(guarded.server.url)
    with pytest.raises(Forbidden, match="MLFLOW_TRACKING_PASSWORD") as caught:
        await tracker.ensure_run(new_run())
    await tracker.close()

    assert "s3cret" not in str(caught.value)
