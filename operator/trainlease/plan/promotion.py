"""Whether a new version becomes Production: a pure rule, with its reason as a word and a sentence.

Each candidate is judged alone, against the version that is Production when it is judged. When
attempts finish out of order nothing special happens: an older version number that is better wins
over a younger one that is worse, and the other way round. Of two that are equal the one that was
there first stays. A version wins once at most: one that was Production and is no more was
replaced or taken back by a person, and judging it again (after a crash, for instance) must not
undo that.

Not in here: reading and writing the registry (effects.tracking), and when to ask.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trainlease.model import tracking as word
from trainlease.model.observed import ModelState, ModelVersion
from trainlease.model.training_job import Goal, Promote, PromoteMode

MLFLOW_INFINITY = 1.797e308
"""MLflow stores inf as the largest double, which would win for ever."""
_NAMES_SHOWN = 20


class PromotionReason(StrEnum):
    """The reason word of the job's Promoted condition, in the order in which they are told."""

    NOT_SUCCEEDED = "NotSucceeded"
    RUN_DELETED = "RunDeleted"
    NO_MODEL = "NoModel"
    SEVERAL_MODELS = "SeveralModels"
    NOT_REGISTERED = "NotRegistered"
    ALREADY = "AlreadyProduction"
    METRIC_MISSING = "MetricMissing"
    NOT_FINITE = "MetricNotFinite"
    NOT_READY = "NotReady"
    ROLLED_BACK = "RolledBack"
    HELD = "Held"
    MANUAL = "Manual"
    FIRST = "FirstVersion"
    NOT_COMPARABLE = "NotComparable"
    BETTER = "Better"
    NOT_BETTER = "NotBetter"


@dataclass(frozen=True)
class Promotion:
    """The verdict on one candidate."""

    promoted: bool
    reason: PromotionReason
    sentence: str


def decide(rule: Promote, candidate: ModelVersion, state: ModelState) -> Promotion:
    """Judge a candidate; the most basic reason against it is the one that is told."""
    incumbent = state.production
    if incumbent is not None and incumbent.version == candidate.version:
        return _already(candidate)
    refused = _unfit(rule, candidate) or _by_a_person(candidate, state)
    if refused:
        return refused
    if incumbent is None:
        return _with_mode(rule, candidate, _first(rule, candidate, state))
    compared = _incomparable(rule, candidate, incumbent) or _compared(rule, candidate, incumbent)
    return _with_mode(rule, candidate, compared)


def without_version(reason: PromotionReason, text: str) -> Promotion:
    """The verdict on a job that has no version to judge."""
    return _no(reason, text)


def is_finite(value: float) -> bool:
    """Whether a metric is a real number; MLflow's stand-in for inf is none."""
    return math.isfinite(value) and abs(value) < MLFLOW_INFINITY


def _already(candidate: ModelVersion) -> Promotion:
    """Promoted before the operator could say so, then it keeps its reason; or by a person."""
    sentence = candidate.reason
    if not sentence.startswith(word.PROMOTES):
        sentence = f"{word.PROMOTES}: v{candidate.version} is Production already"
    return Promotion(True, PromotionReason.ALREADY, sentence)


def _unfit(rule: Promote, candidate: ModelVersion) -> Promotion | None:
    """What the training itself got wrong."""
    value = candidate.metrics.get(rule.metric)
    if value is None:
        there = _listed(candidate.metrics)
        return _no(PromotionReason.METRIC_MISSING, f"no metric {rule.metric} was logged; {there}")
    if not is_finite(value):
        text = f"{rule.metric} is {_word(value)}, not a finite number"
        return _no(PromotionReason.NOT_FINITE, text)
    if not candidate.ready:
        return _no(PromotionReason.NOT_READY, f"v{candidate.version} is not READY in the registry")
    return None


def _by_a_person(candidate: ModelVersion, state: ModelState) -> Promotion | None:
    """What a person decided stands above the metric."""
    name = f"v{candidate.version}"
    if candidate.was_promoted:
        text = f"{name} was Production before and is no more; a version wins only once"
        return _no(PromotionReason.ROLLED_BACK, text)
    if state.held:
        return _no(PromotionReason.HELD, f"a person holds the model {candidate.model}")
    if candidate.held:
        return _no(PromotionReason.HELD, f"a person holds {name}")
    return None


def _with_mode(rule: Promote, candidate: ModelVersion, verdict: Promotion) -> Promotion:
    """In mode Manual the rule only says what it would do."""
    if rule.mode is not PromoteMode.MANUAL or not verdict.promoted:
        return verdict
    text = (
        f"promote.mode is Manual, and the rule says {verdict.sentence}; "
        f"to use v{candidate.version}, move the alias production to it"
    )
    return _no(PromotionReason.MANUAL, text)


def _first(rule: Promote, candidate: ModelVersion, state: ModelState) -> Promotion:
    value = _shown(candidate.metrics[rule.metric])[0]
    why = "the first version" if state.previous is None else "no version was Production"
    return Promotion(True, PromotionReason.FIRST, f"{word.PROMOTES}: {why}, {rule.metric} {value}")


def _incomparable(
    rule: Promote, candidate: ModelVersion, incumbent: ModelVersion
) -> Promotion | None:
    """Why the two values say nothing about each other; a person's move of the alias ends it."""
    theirs = f"v{incumbent.version}"
    way_out = f"to use v{candidate.version}, move the alias production to it"
    if candidate.eval_data != incumbent.eval_data:
        text = (
            f"not comparable: evaluated on {candidate.eval_data or 'unnamed data'}, "
            f"{theirs} on {incumbent.eval_data or 'unnamed data'}; {way_out}"
        )
        return _no(PromotionReason.NOT_COMPARABLE, text)
    value = incumbent.metrics.get(rule.metric)
    if value is None:
        text = f"not comparable: {theirs} has no {rule.metric}; {way_out}"
        return _no(PromotionReason.NOT_COMPARABLE, text)
    if not is_finite(value):
        text = f"not comparable: {theirs}'s {rule.metric} is {_word(value)}; {way_out}"
        return _no(PromotionReason.NOT_COMPARABLE, text)
    return None


def _compared(rule: Promote, candidate: ModelVersion, incumbent: ModelVersion) -> Promotion:
    ours, theirs = candidate.metrics[rule.metric], incumbent.metrics[rule.metric]
    new, old = _shown(ours, theirs)
    higher = rule.goal is Goal.MAX
    gain = _exact(ours) - _exact(theirs) if higher else _exact(theirs) - _exact(ours)
    if gain > 0 and gain >= _exact(rule.min_gain):
        sign = ">" if higher else "<"
        sentence = f"{word.PROMOTES} over v{incumbent.version}: {rule.metric} {new} {sign} {old}"
        return Promotion(True, PromotionReason.BETTER, sentence)
    text = (
        f"{rule.metric} {new} is not {'above' if higher else 'below'} v{incumbent.version}'s {old}"
    )
    if rule.min_gain > 0:
        text += f" by at least {rule.min_gain:g}"
    return _no(PromotionReason.NOT_BETTER, text)


def _no(reason: PromotionReason, text: str) -> Promotion:
    return Promotion(False, reason, f"not promoted: {text}")


def _exact(value: float) -> Decimal:
    """The number as people read it: 0.3 - 0.2 is a gain of 0.1, which binary floats deny."""
    return Decimal(repr(float(value)))


def _shown(*values: float) -> list[str]:
    """Three decimals, and as many more as it takes to tell different values apart."""
    short = [_rounded(value, 3) for value in values]
    for decimals in range(4, 18):
        if len(set(short)) == len(set(values)):
            break
        short = [_rounded(value, decimals) for value in values]
    return short if len(set(short)) == len(set(values)) else [repr(value) for value in values]


def _rounded(value: float, decimals: int) -> str:
    if value == 0 or 0.001 <= abs(value) < 1e9:
        return f"{value:.{decimals}f}"
    return f"{value:.{decimals}g}"


def _word(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "infinite"


def _listed(names: Iterable[str]) -> str:
    """`logged are: a, b and 3 more`: a run may have thousands of metrics."""
    everything = sorted(names)
    if not everything:
        return "no metric was logged at all"
    shown, more = everything[:_NAMES_SHOWN], len(everything) - _NAMES_SHOWN
    tail = f" and {more} more" if more > 0 else ""
    return f"logged are: {', '.join(shown)}{tail}"
