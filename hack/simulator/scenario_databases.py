"""What befalls the platforms' databases beyond being away: drawn from a seed, as deeds.

Pure. Not in here: how each is done (`deeds_databases`).
"""

from collections.abc import Callable, Iterator
from random import Random

from simulator.scenario import STORM, Deed, Scenario

BACK_UP, RESTORE = "back up database", "restore database"
_AFTER_STORM = 60.0
"""Seconds of calm in which a backup may still be put back."""

Kind = Callable[[Random, Scenario], Iterator[Deed]]


def deeds(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """Those of one seed: mostly none or one of each kind."""
    for kind, chance in CHANCES.items():
        if rng.random() < chance:
            yield from kind(rng, scenario)


def _restored(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A backup is put back, sometimes while the database is down for it."""
    who = rng.choice(scenario.platforms).name
    back = rng.uniform(20.0, STORM + _AFTER_STORM)
    age = rng.choice((10.0, 60.0, 400.0)) * rng.random()
    yield Deed(max(0.0, back - age), BACK_UP, who)
    yield Deed(back, RESTORE, who)
    if rng.random() < 0.5:
        before = rng.uniform(0.5, 30.0)
        length = before + rng.uniform(0.1, 10.0)
        yield Deed(max(0.0, back - before), "database down", who, length)


CHANCES: dict[Kind, float] = {_restored: 0.15}
"""How many of the seeds have it."""
