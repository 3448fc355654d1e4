"""What befalls the wall clocks of the operators' hosts: drawn from a seed, as deeds. Pure.

A clock is set by minutes or hours, forward or back, and mostly right again later; a host keeps its
clock over the processes that run there. Monotonic clocks are what they are.
"""

from collections.abc import Iterator
from random import Random

from simulator.scenario import OPERATORS, STORM, Deed, Scenario

CLOCK_SET = "clock set"
CHANCE = 0.12
"""How many of the seeds have it."""
_JUMPS = (30.0, 600.0, 10_000.0)
"""Seconds, at most."""


def deeds(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A jump of `length` seconds, which may be negative."""
    if rng.random() >= CHANCE:
        return
    host = rng.choice(OPERATORS)
    at, jump = rng.uniform(0.0, STORM), rng.choice(_JUMPS) * rng.uniform(-1.0, 1.0)
    yield Deed(at, CLOCK_SET, host, jump)
    if rng.random() < 0.7:
        yield Deed(at + rng.uniform(1.0, 300.0), CLOCK_SET, host, -jump)
