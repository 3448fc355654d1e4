"""The example training in its own image, on a real node, recorded by a real MLflow server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.slots.conftest import SlotSite

from bed import MLflow, Node
from bed.base_image import python_base
from bed.images import Image, build
from bed.processes import sweep

TRAINING = Path(__file__).parents[2] / "examples" / "training"


@pytest.fixture(scope="session")
def training_image() -> Image:
    return build("training", TRAINING, bases={"BASE": python_base()})


@pytest.fixture
def recorder(node: Node, tmp_path: Path) -> Iterator[MLflow]:
    """A server that pods can reach."""
    yield MLflow.start(tmp_path / "mlflow", address=node.host)
    sweep(tmp_path)


def test_the_example_trains_in_its_image_and_its_model_is_production(
    slots: SlotSite, training_image: Image, recorder: MLflow, lead: Callable[..., None]
) -> None:
    slots.node.load(training_image)
    lead(TRAINLEASE_TRACKING_URI=recorder.url)
    slots.train(
        "digits",
        "",
        image=training_image.name,
        command=None,
        podTemplate=None,
        tracking="Required",
        params={"epochs": 2, "lr": 0.1},
        data="digits/1-of-3",
        model="digits",
        promote={"metric": "val_f1"},
    )
    slots.until_state("digits", "Succeeded")
    said = slots.until_condition("Promoted", "FirstVersion", "tj", "digits", "-n", "saturno")
    assert "val_f1" in said
    client = MlflowClient(recorder.url)
    version = client.get_model_version_by_alias("saturno.digits", "production")
    run = client.get_run(str(version.run_id))
    assert (run.info.status, run.data.params["epochs"]) == ("FINISHED", "2")
    assert run.data.metrics["val_f1"] > 0
    assert "epoch 1: val_f1" in slots.log("digits")
