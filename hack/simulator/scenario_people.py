"""What people write on Machines and Platforms: drawn from a seed, as deeds.

Words for the present claim, for another one, and words that nobody understands. Pure. Not in here:
how each is done (`deeds_people`), force-release (`scenario`), pauses (`scenario_kube`).
"""

from collections.abc import Callable, Iterator
from random import Random

from simulator.scenario import STORM, Deed, Scenario
from simulator.scenario_databases import ROW_TAKEN
from simulator.scenario_machines import BLIND, UNKNOWN

VOUCH, CLAIM_ROW, LEND_AGAIN = "confirm off", "claim a row", "quarantine over"
WORDS = (VOUCH, CLAIM_ROW, LEND_AGAIN)
ABANDON = "abandon database"
RIGHT, OLD, LATER, NONSENSE = "", "of an old claim", "of a later claim", "of no claim"
_WRONG = (OLD, LATER, NONSENSE)

Kind = Callable[[Random, Scenario], Iterator[Deed]]


def deeds(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """Those of one seed: mostly none or one of each kind."""
    for kind, chance in CHANCES.items():
        if rng.random() < chance:
            yield from kind(rng, scenario)


def _vouched(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A machine dies where nobody can see it; a person looks, and says that it is off."""
    machine, at = rng.choice(scenario.machines).name, rng.uniform(10.0, STORM)
    yield Deed(at, BLIND, machine, rng.uniform(20.0, 200.0), where=UNKNOWN)
    if rng.random() < 0.7:
        yield Deed(at + rng.uniform(0.0, 5.0), "machine dies", machine)
    for _ in range(rng.choice((1, 1, 2))):
        yield Deed(at + rng.uniform(5.0, 120.0), VOUCH, machine, where=RIGHT)


def _claimed(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A row that a person took and left so, until another claims it for us."""
    machine, platform = rng.choice(scenario.machines).name, rng.choice(scenario.platforms).name
    at = rng.uniform(10.0, STORM)
    yield Deed(at, ROW_TAKEN, machine, 0.0, where=platform)
    yield Deed(at + rng.uniform(5.0, 120.0), CLAIM_ROW, f"{machine} {platform}", where=RIGHT)


def _spoken(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """Any word at any time, mostly of another claim than the present one."""
    machine, platform = rng.choice(scenario.machines).name, rng.choice(scenario.platforms).name
    what = rng.choice(WORDS)
    who = f"{machine} {platform}" if what == CLAIM_ROW else machine
    where = RIGHT if rng.random() < 0.4 else rng.choice(_WRONG)
    yield Deed(rng.uniform(10.0, STORM), what, who, where=where)


def _abandoned(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A Platform goes while its database is down; a person does not wait, and makes it anew."""
    who, at = rng.choice(scenario.platforms).name, rng.uniform(10.0, STORM - 50.0)
    yield Deed(at, "database down", who, rng.uniform(30.0, 200.0))
    yield Deed(at + rng.uniform(0.1, 10.0), "platform anew", who, rng.choice((5.0, 60.0)))
    yield Deed(at + rng.uniform(10.5, 40.0), ABANDON, who)


CHANCES: dict[Kind, float] = {_vouched: 0.1, _claimed: 0.1, _spoken: 0.15, _abandoned: 0.06}
"""How many of the seeds have it."""
