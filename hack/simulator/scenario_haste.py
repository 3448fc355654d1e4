"""What happens at the worst moment, around a claim and its start: drawn from a seed, as deeds.

A job is often granted its machine within a second or two after it was applied, and started soon
after; what is drawn over the whole storm seldom meets that. Pure. Not in here: how each is done
(`deeds`).
"""

from collections.abc import Callable, Iterator
from random import Random

from simulator.scenario import LAST_APPLY, OPERATORS, Deed, JobPlan, MachinePlan, Scenario

EVERY = 10
_FOR_GOOD = 1e6
SLOW_STOP, HANGING_BOOT = "stops slowly", "boot hangs"

Kind = Callable[[Random, Scenario], Iterator[Deed]]


def deeds(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """Those of one seed: mostly one or two kinds, in every tenth seed; mutants are caught there."""
    if scenario.seed % EVERY:
        return
    for kind, chance in CHANCES.items():
        if rng.random() < chance:
            yield from kind(rng, scenario)


def _legacy_race(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """The legacy program takes a machine, or frees a row, as we claim and start."""
    for job in rng.sample(scenario.jobs, 2):
        yield Deed(
            max(0.0, job.at + rng.uniform(-0.5, 4.0)),
            rng.choice(("legacy run", "legacy run", "legacy leaves it on", "legacy frees")),
            _wanted(rng, scenario, job).name,
            rng.uniform(5.0, 200.0),
            where=rng.choice(scenario.platforms).name,
        )


def _legacy_stays(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """The legacy program takes a machine as we first see it, and keeps it to the end."""
    yield Deed(
        rng.uniform(0.0, 5.0),
        "legacy run",
        rng.choice(scenario.machines).name,
        _FOR_GOOD,
        where=rng.choice(scenario.platforms).name,
    )


def _impatience(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A person takes the job, its lease or its machine away as it is started."""
    for job in rng.sample(scenario.jobs, 2):
        title, at = f"{job.namespace}/{job.name}", job.at + rng.uniform(0.0, 6.0)
        way = rng.choice(("suspend", "delete job", "delete lease", "force release"))
        if way == "force release":
            yield Deed(at, way, _wanted(rng, scenario, job).name)
        else:
            yield Deed(at, way, title)
        if way == "suspend":
            yield Deed(at + rng.uniform(1.0, 40.0), "resume", title)


def _handover(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """The leader dies, or stands still for longer than its Lease, in the middle of a claim."""
    job = rng.choice(scenario.jobs)
    what, length = rng.choice((("kill", 0.0), ("freeze", rng.uniform(10.0, 40.0))))
    for who in OPERATORS:
        yield Deed(job.at + rng.uniform(0.0, 4.0), what, who, length)


def _slow_stop(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """From now on what is turned off on this machine takes a while."""
    who = rng.choice(scenario.machines).name
    yield Deed(rng.uniform(0.0, LAST_APPLY), SLOW_STOP, who, rng.uniform(2.0, 40.0))


def _hanging_boot(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """The next start on this machine never comes up."""
    for _ in range(rng.randint(1, 3)):
        yield Deed(rng.uniform(0.0, LAST_APPLY), HANGING_BOOT, rng.choice(scenario.machines).name)


def _early_death(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A machine dies soon after a start."""
    job = rng.choice(scenario.jobs)
    at = job.at + rng.uniform(1.0, 30.0)
    yield Deed(at, "machine dies", _wanted(rng, scenario, job).name)


def _wanted(rng: Random, scenario: Scenario, job: JobPlan) -> MachinePlan:
    """A machine that the job may get."""
    pool = job.spec.get("pool")
    return rng.choice(
        [m for m in scenario.machines if m.pool == pool or m.name == job.spec.get("machine")]
    )


CHANCES: dict[Kind, float] = {
    _legacy_race: 0.3,
    _legacy_stays: 0.08,
    _impatience: 0.3,
    _handover: 0.2,
    _slow_stop: 0.25,
    _hanging_boot: 0.2,
    _early_death: 0.2,
}
"""How many of the seeds have it."""
