"""Train a classifier of handwritten digits: the example to copy for a training of your own.

trainlease starts a training inside the MLflow run of its attempt: MLFLOW_TRACKING_URI and
MLFLOW_RUN_ID are set, and `mlflow.start_run()` goes on with that run. Log metrics and one model
in it. The operator logs the parameters, registers the version, promotes it and ends the run.

Needs scikit-learn and mlflow.
"""

import json
import os

import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split


def main() -> None:
    params = json.loads(os.environ["TRAINLEASE_PARAMS"])
    images, digits = load(os.environ["TRAINLEASE_DATA"])
    x_train, x_val, y_train, y_val = train_test_split(
        images, digits, test_size=0.3, stratify=digits, random_state=7
    )
    model = SGDClassifier(
        loss="log_loss", learning_rate="constant", eta0=params["lr"], random_state=0
    )
    with mlflow.start_run():
        for epoch in range(params["epochs"]):
            model.partial_fit(x_train, y_train, classes=np.unique(digits))
            predicted = model.predict(x_val)
            metrics = {
                "val_loss": log_loss(y_val, model.predict_proba(x_val)),
                "val_accuracy": accuracy_score(y_val, predicted),
                "val_f1": f1_score(y_val, predicted, average="macro"),
            }
            mlflow.log_metrics(metrics, step=epoch)
            print(f"epoch {epoch}: val_f1 {metrics['val_f1']:.3f}", flush=True)
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(x_val, predicted),
            input_example=x_val[:2],
        )


def load(data: str) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of `digits/PART-of-PARTS`: every PARTS-th of scikit-learn's 1,797.

    A real training fetches its data from the URI here.
    """
    part, parts = map(int, data.removeprefix("digits/").split("-of-"))
    if not 1 <= part <= parts:
        raise SystemExit(f"no data at {data}: the parts are 1-of-{parts} to {parts}-of-{parts}")
    images, digits = load_digits(return_X_y=True)
    return images[part - 1 :: parts] / 16, digits[part - 1 :: parts]


if __name__ == "__main__":
    main()
