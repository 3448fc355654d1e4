"""A real tracking server: what is logged through it is found in it, also after a crash."""

from __future__ import annotations

import os
import subprocess

import pytest
import requests

from bed import MLflow

TRAIN = """
import mlflow, sys
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import minmax_scale
mlflow.set_experiment(sys.argv[1])
with mlflow.start_run() as run:
    images, digits = load_digits(return_X_y=True)
    images = minmax_scale(images)
    model = LogisticRegression(max_iter=200).fit(images[:500], digits[:500])
    mlflow.log_metric("accuracy", model.score(images[500:], digits[500:]))
    mlflow.log_text("done", "notes/note.txt")
print(run.info.run_id)
"""


def train(server: MLflow, experiment: str) -> str:
    """The id of a run of a real, small training in the server's own environment."""
    trained = subprocess.run(
        [server.python, "-c", TRAIN, experiment],
        env=os.environ | {"MLFLOW_TRACKING_URI": server.url},
        capture_output=True,
        text=True,
    )
    assert trained.returncode == 0, trained.stderr
    return trained.stdout.splitlines()[-1]


def runs(server: MLflow, experiment: str) -> dict[str, dict[str, float]]:
    """The metrics of each run of an experiment, by the server's REST interface."""
    api = f"{server.url}/api/2.0/mlflow"
    asked = {"experiment_name": experiment}
    found = requests.get(f"{api}/experiments/get-by-name", params=asked, timeout=10).json()
    ids = {"experiment_ids": [found["experiment"]["experiment_id"]]}
    answer = requests.post(f"{api}/runs/search", json=ids, timeout=10).json()
    return {
        run["info"]["run_id"]: {m["key"]: m["value"] for m in run["data"].get("metrics", [])}
        for run in answer.get("runs", [])
    }


def test_a_training_is_logged_and_outlives_a_crash(mlflow_server: MLflow) -> None:
    run_id = train(mlflow_server, "bed.digits")
    url = mlflow_server.url
    assert runs(mlflow_server, "bed.digits")[run_id]["accuracy"] > 0.8
    assert list((mlflow_server.folder / "artifacts").rglob("note.txt"))

    mlflow_server.kill()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/health", timeout=5)
    mlflow_server.restart()

    assert mlflow_server.url == url
    assert run_id in runs(mlflow_server, "bed.digits")


def test_a_frozen_server_answers_nothing(mlflow_server: MLflow) -> None:
    mlflow_server.freeze()
    with pytest.raises(requests.Timeout):
        requests.get(f"{mlflow_server.url}/health", timeout=0.5)
    mlflow_server.thaw()

    assert requests.get(f"{mlflow_server.url}/health", timeout=30).text == "OK"
