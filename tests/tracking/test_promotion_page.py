"""What docs/promotion.md tells people to type does what the page says."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from tests.tracking.world import MlflowWorld, new_run

from bed import MLflow
from trainlease.effects.tracking.base import Tracker
from trainlease.model import tracking as word
from trainlease.model.training_job import Promote
from trainlease.plan.promotion import Promotion, PromotionReason, decide

PAGE = Path(__file__).parents[2] / "docs" / "promotion.md"
RULE = Promote(metric="f1")
CONNECT, GO_BACK, HOLD_MODEL, LET_GO, HOLD_VERSION, USE = re.findall(
    r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL
)


def typed(code: str, model: str, version: int = 0) -> None:
    """Run a piece of the page, with this test's model and version put in."""
    own = code.replace("saturno.caries", model).replace('"14"', f'"{version}"')
    exec(CONNECT + own, {})


async def a_version(world: MlflowWorld, model: str, value: float) -> str:
    """Registers a version with this metric; its run."""
    run_id = (await world.tracker.ensure_run(new_run(model))).run_id
    await world.log_metrics(run_id, {"f1": value})
    await world.log_model(run_id)
    await world.tracker.ensure_version(model, run_id, {word.JOB_UID: run_id})
    return run_id


async def judged(tracker: Tracker, model: str, run_id: str) -> Promotion:
    version = await tracker.ensure_version(model, run_id, {})
    state = await tracker.model_state(model)
    assert version is not None
    verdict = decide(RULE, version, state)
    if verdict.promoted:
        over = state.production.version if state.production else None
        await tracker.promote(model, version.version, over, verdict.sentence)
    return verdict


async def test_the_page_is_true(mlflow_server: MLflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.url)
    world = MlflowWorld(mlflow_server.url)
    tracker, model = world.tracker, f"saturno.page-{uuid4().hex[:8]}"
    runs = [await a_version(world, model, value) for value in (0.7, 0.8, 0.9)]
    assert (await judged(tracker, model, runs[0])).reason is PromotionReason.FIRST
    assert (await judged(tracker, model, runs[1])).reason is PromotionReason.BETTER

    typed(GO_BACK, model)
    assert (await world.aliases(model))[word.PRODUCTION] == 1
    assert (await judged(tracker, model, runs[1])).reason is PromotionReason.ROLLED_BACK

    typed(HOLD_MODEL, model)
    assert (await judged(tracker, model, runs[2])).reason is PromotionReason.HELD
    typed(LET_GO, model)
    typed(HOLD_VERSION, model, 3)
    assert (await judged(tracker, model, runs[2])).reason is PromotionReason.HELD

    typed(USE, model, 3)
    assert (await judged(tracker, model, runs[2])).reason is PromotionReason.ALREADY
    assert (await world.stages(model))[3] == word.STAGE
    await tracker.close()


def test_the_page_names_every_reason_in_the_order_of_the_rule() -> None:
    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)

    assert named == [reason.value for reason in PromotionReason]
