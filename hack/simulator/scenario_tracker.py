"""What befalls MLflow beyond being away or late: drawn from a seed, as deeds. Pure."""

from collections.abc import Iterator
from random import Random

from simulator.scenario import STORM, Deed, Scenario

MAKES_TWICE = "tracker makes twice"
CHANCE = 0.1
"""How many of the seeds have it."""


def deeds(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """For a while whatever is to be made (a run, a version) is made once more, a while later.

    So does a proxy that sends a request again whose answer it did not get.
    """
    if rng.random() < CHANCE:
        length = rng.choice((20.0, 100.0, 300.0)) * rng.random()
        yield Deed(rng.uniform(0.0, STORM), MAKES_TWICE, "", length)
