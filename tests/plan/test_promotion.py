"""Which version becomes Production, and in which words that is said."""

import itertools
import math

import pytest

from trainlease.model.observed import ModelState, ModelVersion
from trainlease.model.training_job import Goal, Promote, PromoteMode
from trainlease.plan.promotion import (
    MLFLOW_INFINITY,
    Promotion,
    PromotionReason,
    decide,
    is_finite,
    without_version,
)

LARGEST = 1.7976931348623157e308


def a_rule(**fields: object) -> Promote:
    return Promote.model_validate({"metric": "f1", **fields})


def a_version(number: int = 14, value: float | None = 0.9, **fields: object) -> ModelVersion:
    made: dict[str, object] = {
        "model": "saturno.caries",
        "version": number,
        "run_id": f"run-{number}",
        "ready": True,
        "metrics": {} if value is None else {"f1": value},
        "eval_data": None,
    }
    return ModelVersion(**{**made, **fields})  # type: ignore[arg-type]


def production(value: float | None = 0.8, number: int = 13, **fields: object) -> ModelState:
    return ModelState(a_version(number, value, **fields), previous=12)


NOTHING = ModelState(None, None)


def test_the_first_version_is_promoted() -> None:
    want = Promotion(True, PromotionReason.FIRST, "promoted: the first version, f1 0.900")

    assert decide(a_rule(), a_version(), NOTHING) == want


def test_where_a_person_removed_the_alias_the_next_fit_version_is_promoted() -> None:
    verdict = decide(a_rule(), a_version(), ModelState(None, previous=12))

    assert verdict.sentence == "promoted: no version was Production, f1 0.900"


@pytest.mark.parametrize(
    ("goal", "ours", "theirs", "min_gain", "sentence"),
    [
        (Goal.MAX, 0.884, 0.871, 0, "promoted over v13: f1 0.884 > 0.871"),
        (Goal.MAX, 0.871, 0.884, 0, "not promoted: f1 0.871 is not above v13's 0.884"),
        (Goal.MAX, 0.9, 0.9, 0, "not promoted: f1 0.900 is not above v13's 0.900"),
        (Goal.MIN, 0.1, 0.2, 0, "promoted over v13: f1 0.100 < 0.200"),
        (Goal.MIN, 0.2, 0.1, 0, "not promoted: f1 0.200 is not below v13's 0.100"),
        (Goal.MIN, 0.1, 0.1, 0, "not promoted: f1 0.100 is not below v13's 0.100"),
        (Goal.MAX, 0.3, 0.2, 0.1, "promoted over v13: f1 0.300 > 0.200"),
        (Goal.MIN, 0.2, 0.3, 0.1, "promoted over v13: f1 0.200 < 0.300"),
        (
            Goal.MAX,
            0.89,
            0.8,
            0.1,
            "not promoted: f1 0.890 is not above v13's 0.800 by at least 0.1",
        ),
        (Goal.MAX, 0.88412, 0.88409, 0, "promoted over v13: f1 0.88412 > 0.88409"),
        (Goal.MAX, 2e-9, 1e-9, 0, "promoted over v13: f1 2e-09 > 1e-09"),
        (Goal.MAX, -1.5, -2.5, 0, "promoted over v13: f1 -1.500 > -2.500"),
    ],
)
def test_the_better_one_wins_by_the_gain_that_people_read(
    goal: Goal, ours: float, theirs: float, min_gain: float, sentence: str
) -> None:
    rule = a_rule(goal=goal, minGain=min_gain)
    verdict = decide(rule, a_version(value=ours), production(theirs))

    assert verdict.sentence == sentence
    assert verdict.promoted == sentence.startswith("promoted")


def test_of_two_versions_exactly_one_order_wins_or_none() -> None:
    values = (-1.0, 0.0, 0.1, 0.1 + 1e-16, 0.2, 0.3, 1e300)
    for goal, one, other in itertools.product(Goal, values, values):
        rule = a_rule(goal=goal)
        forward = decide(rule, a_version(14, one), production(other, 13)).promoted
        back = decide(rule, a_version(13, other), production(one, 14)).promoted
        assert (forward, back).count(True) == (one != other), (goal, one, other)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, LARGEST, -LARGEST])
def test_a_value_that_is_not_finite_neither_wins_nor_is_compared_with(odd: float) -> None:
    for goal in Goal:
        ours = decide(a_rule(goal=goal), a_version(value=odd), production(0.8))
        theirs = decide(a_rule(goal=goal), a_version(value=0.8), production(odd))
        assert (ours.promoted, ours.reason) == (False, PromotionReason.NOT_FINITE)
        assert (theirs.promoted, theirs.reason) == (False, PromotionReason.NOT_COMPARABLE)
        assert "move the alias production" in theirs.sentence


def test_finite_ends_where_mlflow_begins_to_mean_infinity() -> None:
    assert is_finite(1e308)
    assert not is_finite(MLFLOW_INFINITY)


def test_a_missing_metric_lists_some_of_those_that_are_there() -> None:
    names = {f"m{number:02}": 1.0 for number in range(23)}
    many = decide(a_rule(), a_version(metrics=names), NOTHING)
    none = decide(a_rule(), a_version(value=None), NOTHING)

    assert many.reason is PromotionReason.METRIC_MISSING
    assert many.sentence.startswith("not promoted: no metric f1 was logged; logged are: m00, m01")
    assert many.sentence.endswith("m19 and 3 more")
    assert none.sentence.endswith("no metric was logged at all")


@pytest.mark.parametrize(
    ("ours", "theirs", "comparable"),
    [
        (None, None, True),
        ("holdout-3", "holdout-3", True),
        ("holdout-3", "holdout-2", False),
        ("holdout-3", None, False),
        (None, "holdout-3", False),
    ],
)
def test_only_what_was_measured_on_the_same_data_is_compared(
    ours: str | None, theirs: str | None, comparable: bool
) -> None:
    verdict = decide(a_rule(), a_version(eval_data=ours), production(eval_data=theirs))

    assert verdict.promoted == comparable
    if not comparable:
        assert verdict.reason is PromotionReason.NOT_COMPARABLE
        assert "move the alias production" in verdict.sentence


def test_an_incumbent_without_the_metric_is_not_compared() -> None:
    verdict = decide(a_rule(), a_version(), production(None))

    assert verdict.reason is PromotionReason.NOT_COMPARABLE


@pytest.mark.parametrize(
    ("rule", "candidate", "state", "reason"),
    [
        (a_rule(), a_version(ready=False), NOTHING, PromotionReason.NOT_READY),
        (a_rule(), a_version(was_promoted=True), production(), PromotionReason.ROLLED_BACK),
        (a_rule(), a_version(), ModelState(None, None, held=True), PromotionReason.HELD),
        (a_rule(), a_version(held=True), NOTHING, PromotionReason.HELD),
    ],
)
def test_what_stands_above_the_metric(
    rule: Promote, candidate: ModelVersion, state: ModelState, reason: PromotionReason
) -> None:
    verdict = decide(rule, candidate, state)

    assert (verdict.promoted, verdict.reason) == (False, reason)
    assert verdict.sentence.startswith("not promoted: ")


def test_the_most_basic_reason_is_told_first() -> None:
    wrong = a_version(value=None, ready=False, was_promoted=True, held=True)
    held = ModelState(production().production, None, held=True)
    manual = a_rule(mode=PromoteMode.MANUAL)

    assert decide(manual, a_version(value=None), held).reason is PromotionReason.METRIC_MISSING
    assert decide(manual, wrong, held).reason is PromotionReason.METRIC_MISSING
    unready = a_version(ready=False, held=True)
    assert decide(manual, unready, held).reason is PromotionReason.NOT_READY
    rolled_back = a_version(was_promoted=True, held=True)
    assert decide(manual, rolled_back, held).reason is PromotionReason.ROLLED_BACK
    assert decide(manual, a_version(), held).reason is PromotionReason.HELD


def test_in_mode_manual_the_rule_only_says_what_it_would_do() -> None:
    manual = a_rule(mode=PromoteMode.MANUAL)
    better, worse = a_version(value=0.9), a_version(value=0.7)

    assert decide(manual, better, production(0.8)) == Promotion(
        False,
        PromotionReason.MANUAL,
        "not promoted: promote.mode is Manual, and the rule says promoted over v13: "
        "f1 0.900 > 0.800; to use v14, move the alias production to it",
    )
    assert decide(manual, better, NOTHING).reason is PromotionReason.MANUAL
    assert decide(manual, worse, production(0.8)).reason is PromotionReason.NOT_BETTER


def test_a_hold_on_the_incumbent_does_not_keep_it_there() -> None:
    assert decide(a_rule(), a_version(), production(held=True)).promoted


def test_an_older_version_number_wins_if_it_is_better() -> None:
    assert decide(a_rule(), a_version(13, 0.9), production(0.8, 14)).promoted


def test_what_is_production_already_keeps_the_reason_that_was_stored() -> None:
    stored = "promoted over v12: f1 0.900 > 0.800"
    crashed = a_version(13, reason=stored)
    verdict = decide(a_rule(), crashed, ModelState(crashed, 12))
    by_hand = a_version(13, reason="not promoted: a person holds v13", held=True)
    moved = decide(a_rule(), by_hand, ModelState(by_hand, 12))

    assert verdict == Promotion(True, PromotionReason.ALREADY, stored)
    assert moved.sentence == "promoted: v13 is Production already"


def test_a_job_without_a_version_has_a_verdict_too() -> None:
    want = Promotion(False, PromotionReason.NO_MODEL, "not promoted: no model was logged")

    assert without_version(PromotionReason.NO_MODEL, "no model was logged") == want
