"""What befalls the platforms' databases beyond being away: drawn from a seed, as deeds.

Pure. Not in here: how each is done (`deeds_databases`).
"""

from collections.abc import Callable, Iterator
from random import Random

from simulator.scenario import STORM, Deed, Scenario

BACK_UP, RESTORE = "back up database", "restore database"
READ_ONLY = "database read-only"
ROW_FREE, ROW_TAKEN, ROW_ODD, ROW_OWNER, ROW_GONE = (
    "row edited: free",
    "row edited: occupied",
    "row edited: an odd word",
    "row edited: another owner",
    "row deleted",
)
SIDE_GONE, SIDE_TURNED, SIDE_RAISED = (
    "side row deleted",
    "side row edited: the other state",
    "side row edited: a larger fence",
)
OTHER_CLUSTER = "another cluster's side row"
TRAINING_EDITED, TRAINING_GONE = "training edited", "training deleted"
ROW_EDITS = (ROW_FREE, ROW_TAKEN, ROW_ODD, ROW_OWNER, ROW_GONE)
SIDE_EDITS = (SIDE_GONE, SIDE_TURNED, SIDE_RAISED, OTHER_CLUSTER)
TRAINING_EDITS = (TRAINING_EDITED, TRAINING_GONE)
_AFTER_STORM = 60.0
"""Seconds of calm in which it may still happen."""
_FOR_GOOD = 0.0
"""A length: nobody puts it right."""

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


def _read_only(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """What is written is refused, what is read is answered."""
    who = rng.choice(scenario.platforms).name
    length = rng.choice((5.0, 40.0, 200.0)) * rng.random()
    yield Deed(rng.uniform(0.0, STORM), READ_ONLY, who, length)


def _row_edited(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A person writes a machine's own row; mostly it is set free again after a while."""
    yield _edit(rng, scenario, rng.choice(ROW_EDITS))


def _side_edited(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A person writes our side table, or another cluster does."""
    yield _edit(rng, scenario, rng.choice(SIDE_EDITS))


def _edit(rng: Random, scenario: Scenario, what: str) -> Deed:
    at = rng.uniform(5.0, STORM)
    left = STORM + _AFTER_STORM - at
    stays = what != ROW_GONE and rng.random() < 0.3
    length = _FOR_GOOD if stays else min(left, rng.choice((5.0, 60.0, 300.0)) * rng.random())
    machine, platform = rng.choice(scenario.machines), rng.choice(scenario.platforms)
    return Deed(at, what, machine.name, length, where=platform.name)


def _training_edited(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A person writes a training's own row, or takes it away."""
    jobs = [job for job in scenario.jobs if "externalId" in job.spec]
    if not jobs:
        return
    job = rng.choice(jobs)
    at = job.at + rng.uniform(1.0, 200.0)
    yield Deed(at, rng.choice(TRAINING_EDITS), job.spec["externalId"], where=job.namespace)


CHANCES: dict[Kind, float] = {
    _restored: 0.15,
    _read_only: 0.1,
    _row_edited: 0.15,
    _side_edited: 0.15,
    _training_edited: 0.08,
}
"""How many of the seeds have it."""
