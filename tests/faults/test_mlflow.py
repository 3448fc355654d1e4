"""MLflow killed; MLflow whose answers never come, or which does late what it was asked."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.crew import Crew
from tests.faults.stage import Scene, Stage

from bed.mlflow_server import MLflow
from bed.processes import sweep
from bed.proxy import Moment, Proxy, Said
from demo.judge_results import one_run_an_attempt
from demo.tracked import Tracked, TrackedVersion

TRAIN = Path(__file__).parent / "train.py"
CREATES = (
    "experiments/create",
    "runs/create",
    "registered-models/create",
    "model-versions/create",
    "registered-models/alias",
)


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MLflow, Proxy]]:
    """A server, and a proxy before it through which operator and trainings reach it."""
    folder = tmp_path_factory.mktemp("mlflow")
    server = MLflow.start(folder)
    with Proxy(server.port, http=True) as door:
        yield server, door
    sweep(folder)


def apply_job(scene: Scene, model: str) -> str:
    """A job that is promoted by its metric."""
    return scene.apply_job(
        tracking="Required",
        model=model,
        promote={"metric": "val_f1"},
        program=[sys.executable, str(TRAIN)],
        arguments=["0.9"],
    )


def versions(server: MLflow, model: str) -> list[TrackedVersion]:
    return [v for v in Tracked(server.url).versions({}) if v.model == f"saturno.{model}"]


def test_each_create_answered_to_nobody_happens_once(
    stage: Stage, crew: Crew, tracking: tuple[MLflow, Proxy]
) -> None:
    server, door = tracking
    crew.lead(TRAINLEASE_TRACKING_URI=door.url)
    scene = stage.scene()
    scene.until_free()
    lost = [door.drop(posted(path), Moment.AFTER) for path in CREATES]
    title = apply_job(scene, "unanswered")
    scene.until_runs(title)
    scene.open_gates()
    scene.until_rest()
    assert [len(rule.caught) for rule in lost] == [1] * len(CREATES)
    must_be_once(scene, title, server, "unanswered")


@pytest.mark.parametrize("moment", Moment)
def test_each_create_that_lands_after_the_operator_gave_up_happens_once(
    stage: Stage, crew: Crew, tracking: tuple[MLflow, Proxy], moment: Moment
) -> None:
    """BEFORE: the request itself is late; AFTER: it was done in time, and answered late."""
    server, door = tracking
    crew.lead(TRAINLEASE_TRACKING_URI=door.url, TRAINLEASE_TRACKING_TIMEOUT="2")
    scene = stage.scene()
    scene.until_free()
    late = [door.late(posted(path), moment) for path in CREATES]
    model = f"late-{moment.name.lower()}"
    title = apply_job(scene, model)
    scene.until_runs(title)
    scene.open_gates()
    scene.until_rest()
    scene.until(lambda: all(rule.landed for rule in late))
    must_be_once(scene, title, server, model)


def test_killed_it_delays_no_release_and_gets_all_when_it_is_back(
    stage: Stage, crew: Crew, tracking: tuple[MLflow, Proxy]
) -> None:
    server, door = tracking
    crew.lead(TRAINLEASE_TRACKING_URI=door.url)
    scene = stage.scene()
    scene.until_free()
    title = apply_job(scene, "away")
    scene.until_runs(title)
    scene.until(lambda: Tracked(server.url).runs()[-1].metrics)
    server.kill()
    scene.open_gates()
    scene.until_state(title, "Succeeded")
    scene.until_free()
    server.restart()
    scene.until_rest()
    must_be_once(scene, title, server, "away")


def must_be_once(scene: Scene, title: str, server: MLflow, model: str) -> None:
    """One run for the one attempt, one version of the model, and that is Production."""
    runs = tuple(run.fact for run in Tracked(server.url).runs())
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()
    scene.must_keep_of_runs(one_run_an_attempt, runs)
    assert [(v.number, v.aliases) for v in versions(server, model)] == [(1, ("production",))]
    assert scene.condition_of(title, "Promoted")["status"] == "True"


def posted(path: str) -> Callable[[Said], bool]:
    return lambda said: said.method == "POST" and said.path.endswith(f"/mlflow/{path}")
