"""The example training, run as a machine runs it, in a run of a real MLflow server."""

import json
import subprocess
import urllib.request
import uuid
from typing import Any

import pytest

from bed import MLflow
from demo.parts import EXAMPLES
from demo.tracked import Tracked


def ask(server: MLflow, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A GET, or a POST of a body."""
    data = json.dumps(body).encode() if body is not None else None
    address = f"{server.url}/api/2.0/mlflow/{path}"
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


@pytest.fixture
def run_id(mlflow_server: MLflow) -> str:
    """A new run, in an experiment of its own."""
    name = f"training-{uuid.uuid4()}"
    experiment = ask(mlflow_server, "experiments/create", {"name": name})["experiment_id"]
    run = ask(mlflow_server, "runs/create", {"experiment_id": experiment})
    return str(run["run"]["info"]["run_id"])


def train(server: MLflow, run_id: str, data: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [server.python, "train.py"],
        cwd=EXAMPLES / "training",
        env={
            "PATH": "/usr/bin:/bin",
            "MLFLOW_TRACKING_URI": server.url,
            "MLFLOW_RUN_ID": run_id,
            "TRAINLEASE_PARAMS": json.dumps({"epochs": 3, "lr": 0.1}),
            "TRAINLEASE_DATA": data,
        },
        capture_output=True,
        text=True,
    )


def test_a_training_logs_metrics_and_one_model_with_a_signature_in_the_run_that_it_was_given(
    mlflow_server: MLflow, run_id: str
) -> None:
    done = train(mlflow_server, run_id, "digits/2-of-3")
    assert done.returncode == 0, done.stderr

    (run,) = (run for run in Tracked(mlflow_server.url).runs() if run.run_id == run_id)
    assert set(run.metrics) == {"val_accuracy", "val_f1", "val_loss"}
    assert 0.5 < run.metrics["val_f1"] <= 1

    found = ask(mlflow_server, f"runs/get?run_id={run_id}")["run"]
    (output,) = found["outputs"]["model_outputs"]
    model = ask(mlflow_server, f"logged-models/{output['model_id']}")["model"]
    assert model["info"]["status"] == "LOGGED_MODEL_READY"
    files = mlflow_server.folder / "artifacts"
    (described,) = files.rglob(f"{output['model_id']}/artifacts/MLmodel")
    assert "signature:" in described.read_text()
    assert "saved_input_example_info:" in described.read_text()


def test_a_training_without_its_data_says_which_there_are(
    mlflow_server: MLflow, run_id: str
) -> None:
    done = train(mlflow_server, run_id, "digits/4-of-3")

    assert done.returncode == 1
    assert done.stderr.strip() == "no data at digits/4-of-3: the parts are 1-of-3 to 3-of-3"
