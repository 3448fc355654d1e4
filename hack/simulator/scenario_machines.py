"""What befalls the providers of machines: they cannot say, or refuse; drawn from a seed, as deeds.

Pure. Not in here: how each is done (`deeds_machines`), machines that die (`scenario`).
"""

from collections.abc import Callable, Iterator
from random import Random

from simulator.scenario import STORM, Deed, Scenario

BLIND, NO_START, NO_STOP = "provider cannot say", "provider refuses on", "provider refuses off"
THROTTLED, QUOTA, CAPACITY, WRONG_STATE, AUTH, NOT_FOUND, AWAY, UNKNOWN = (
    "throttled",
    "quota",
    "capacity",
    "wrong state",
    "auth",
    "not found",
    "away",
    "unknown power",
)
WHY = {
    BLIND: (THROTTLED, AUTH, NOT_FOUND, WRONG_STATE, AWAY, UNKNOWN, UNKNOWN),
    NO_START: (CAPACITY, QUOTA, THROTTLED, WRONG_STATE, AUTH, NOT_FOUND, AWAY),
    NO_STOP: (THROTTLED, WRONG_STATE, AUTH, NOT_FOUND, AWAY),
}
"""What each may be answered with: a typed error, or that the power is unknown."""

Kind = Callable[[Random, Scenario], Iterator[Deed]]


def deeds(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """Those of one seed: mostly none or one of each kind."""
    for kind, chance in CHANCES.items():
        if rng.random() < chance:
            yield from kind(rng, scenario)


def _blind(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    yield _trouble(rng, scenario, BLIND)


def _no_start(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    yield _trouble(rng, scenario, NO_START)


def _no_stop(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    yield _trouble(rng, scenario, NO_STOP)


def _trouble(rng: Random, scenario: Scenario, what: str) -> Deed:
    length = rng.choice((5.0, 40.0, 250.0)) * rng.random()
    machine, why = rng.choice(scenario.machines).name, rng.choice(WHY[what])
    return Deed(rng.uniform(0.0, STORM), what, machine, length, where=why)


CHANCES: dict[Kind, float] = {_blind: 0.15, _no_start: 0.1, _no_stop: 0.1}
"""How many of the seeds have it."""
