"""What a seed draws: who there is, what people do and when, and what goes wrong.

Pure: the same seed gives the same scenario, whatever else was drawn before. Times are seconds of
virtual time since the start. Everything here is what happens *to* the operators; the small faults
of single calls are drawn on the way (`weather`), from the rates that stand here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulator.weather import BY_RATE, Aim, Fault
from trainlease.model.reasons import Cause

STORM = 500.0
"""Seconds until the faults stop."""
LAST_APPLY = 250.0
OPERATORS = ("north", "south")
_PLATFORMS = ("saturno", "nutresa", "latam", "andina")
_POOLS = ("onprem", "cloud")
_IMAGE = "registry/train:1"
HOLDS = "ops"
_RARE = ("TakeOff", "DeleteJob", "TurnOff", "set_alias", "set_stage")
"""Where a call is made in few worlds only, so that more aims are needed for a hit."""


@dataclass(frozen=True)
class PlatformPlan:
    """A business platform and its database."""

    name: str
    share: int
    confirm: str
    mode: str
    has_owner: bool
    """Whether its table of machines has an owner column."""
    has_trainings: bool


@dataclass(frozen=True)
class MachinePlan:
    """A machine; `leaves_record`: what ended stands there terminated (a process, a pod)."""

    name: str
    pool: str
    leaves_record: bool
    price: str
    max_on: str | None
    platforms: tuple[str, ...] | None


@dataclass(frozen=True)
class Behaviour:
    """How one attempt goes. `length` None: until the world ends it, after the first rest."""

    length: float | None
    cause: Cause
    score: float | None
    """The metric that it logs, together with a model; None logs nothing."""


@dataclass(frozen=True)
class JobPlan:
    """A job, and how its attempts go (the last behaviour serves for all further ones)."""

    at: float
    namespace: str
    name: str
    spec: dict[str, Any]
    attempts: tuple[Behaviour, ...]

    def behaviour(self, attempt: int) -> Behaviour:
        return self.attempts[min(attempt, len(self.attempts)) - 1]

    @property
    def is_long(self) -> bool:
        return any(b.length is None for b in self.attempts)


@dataclass(frozen=True)
class HoldPlan:
    """A person's hold. `length` None: it is deleted after the first rest."""

    at: float
    name: str
    machine: str
    length: int | None


@dataclass(frozen=True)
class Deed:
    """What a person does to an object, or what befalls a server, at one time.

    `what` is a word that `world` knows; `who` the object, server or operator; `length` how long.
    """

    at: float
    what: str
    who: str
    length: float = 0.0
    where: str = ""


@dataclass(frozen=True)
class Scenario:
    """All that a seed says."""

    seed: int
    platforms: tuple[PlatformPlan, ...]
    machines: tuple[MachinePlan, ...]
    jobs: tuple[JobPlan, ...]
    holds: tuple[HoldPlan, ...]
    deeds: tuple[Deed, ...]
    rates: dict[Fault, float] = field(default_factory=dict)
    aims: tuple[Aim, ...] = ()
    down_at_rest: str = ""
    """The platform whose database stays away over the first rest, if there is one."""


def draw(seed: int, actions: Sequence[str]) -> Scenario:
    """The scenario of this seed; `actions` are those at which faults may be aimed."""
    rng = Random(f"scenario {seed}")
    platforms = _platforms(rng)
    machines = _machines(rng, platforms)
    jobs = _jobs(rng, platforms, machines)
    holds = _holds(rng, machines)
    return Scenario(
        seed=seed,
        platforms=platforms,
        machines=machines,
        jobs=jobs,
        holds=holds,
        deeds=_deeds(rng, platforms, machines, jobs, holds),
        rates=_rates(rng),
        aims=_aims(rng, actions),
        down_at_rest=rng.choice(platforms).name if rng.random() < 0.2 else "",
    )


def _platforms(rng: Random) -> tuple[PlatformPlan, ...]:
    return tuple(
        PlatformPlan(
            name=name,
            share=rng.randint(1, 4),
            confirm=rng.choice(("Own", "Own", "All", "Never")),
            mode="Observe" if name == _PLATFORMS[3] else "Enforce",
            has_owner=rng.random() < 0.6,
            has_trainings=rng.random() < 0.8,
        )
        for name in _PLATFORMS[: 3 + (rng.random() < 0.3)]
    )


def _machines(rng: Random, platforms: Sequence[PlatformPlan]) -> tuple[MachinePlan, ...]:
    two_pools = rng.random() < 0.5
    machines = []
    for number in range(1, rng.choice((3, 3, 3, 4)) + 1):
        pool = _POOLS[number % 2] if two_pools else _POOLS[0]
        chosen = tuple(p.name for p in rng.sample(platforms, 2)) if rng.random() < 0.2 else None
        machines.append(
            MachinePlan(
                name=f"gpu-{number}",
                pool=pool,
                leaves_record=rng.random() < 0.6,
                price=rng.choice(("0", "0.90", "3.06")),
                max_on=rng.choice((None, None, "3h")),
                platforms=chosen,
            )
        )
    return tuple(machines)


def _jobs(
    rng: Random, platforms: Sequence[PlatformPlan], machines: Sequence[MachinePlan]
) -> tuple[JobPlan, ...]:
    acting = [p for p in platforms if p.mode == "Enforce"]
    long_one = rng.randrange(6) if rng.random() < 0.4 else -1
    return tuple(
        _job(rng, number, rng.choice(acting), machines, is_long=number == long_one)
        for number in range(rng.randint(6, 8))
    )


def _job(
    rng: Random,
    number: int,
    platform: PlatformPlan,
    machines: Sequence[MachinePlan],
    *,
    is_long: bool,
) -> JobPlan:
    spec: dict[str, Any] = {"image": _IMAGE, "params": {"epochs": rng.randint(1, 9)}}
    if rng.random() < 0.1:
        spec["machine"] = rng.choice(machines).name
    else:
        spec["pool"] = rng.choice(machines).pool
    if rng.random() < 0.6:
        spec["model"] = rng.choice(("caries", "plaque"))
        if rng.random() < 0.8:
            spec["promote"] = {"metric": "val_f1", "evalData": "holdout-3"}
    if rng.random() < 0.2:
        spec["tracking"] = "BestEffort"
    if rng.random() < 0.6:
        spec["externalId"] = f"t-{number}"
    if rng.random() < 0.3:
        spec["priority"] = rng.randint(-3, 3)
    if rng.random() < 0.4:
        spec["retries"] = {"application": rng.randint(0, 2)}
    if rng.random() < 0.15 and not is_long:
        spec["limits"] = {rng.choice(("running", "waiting", "total")): f"{rng.randint(20, 200)}s"}
    if rng.random() < 0.15:
        spec["ttl"] = f"{rng.randint(5, 100)}s"
    if rng.random() < 0.1:
        spec["suspend"] = True
    attempts = tuple(_behaviour(rng) for _ in range(3))
    if is_long:
        attempts = (Behaviour(None, Cause.COMPLETED, None), Behaviour(20.0, Cause.COMPLETED, 0.9))
    name = f"{spec.get('model', 'plain')}-{number}"
    return JobPlan(rng.uniform(0, LAST_APPLY), platform.name, name, spec, attempts)


def _behaviour(rng: Random) -> Behaviour:
    cause = rng.choice(
        (*(Cause.COMPLETED,) * 5, Cause.EXIT_CODE, Cause.OUT_OF_MEMORY, Cause.MACHINE_LOST)
    )
    score = round(rng.random(), 3) if rng.random() < 0.8 else None
    return Behaviour(rng.choice((3.0, 20.0, 60.0, 150.0)) * rng.uniform(0.5, 1.2), cause, score)


def _holds(rng: Random, machines: Sequence[MachinePlan]) -> tuple[HoldPlan, ...]:
    return tuple(
        HoldPlan(
            at=rng.uniform(0, LAST_APPLY),
            name=f"hold-{number}",
            machine=rng.choice(machines).name,
            length=rng.choice((None, 30, 120)),
        )
        for number in range(rng.choice((0, 0, 1, 2)))
    )


def _deeds(
    rng: Random,
    platforms: Sequence[PlatformPlan],
    machines: Sequence[MachinePlan],
    jobs: Sequence[JobPlan],
    holds: Sequence[HoldPlan],
) -> tuple[Deed, ...]:
    deeds: list[Deed] = []
    for job in jobs:
        deeds += _deeds_on(rng, job)
    deeds += [
        Deed(hold.at + rng.uniform(5, 200), "delete hold", hold.name)
        for hold in holds
        if rng.random() < 0.3
    ]
    for _ in range(rng.choice((0, 1, 2, 3))):
        who = rng.choice(platforms).name
        length = rng.choice((5.0, 40.0, 200.0)) * rng.random()
        what = rng.choice(("database down", "database frozen"))
        deeds.append(Deed(rng.uniform(0, STORM), what, who, length))
    if rng.random() < 0.4:
        deeds.append(Deed(rng.uniform(0, STORM), "tracker down", "", rng.uniform(5, 200)))
    if rng.random() < 0.3:
        deeds.append(Deed(rng.uniform(0, STORM), "kube down", "", rng.uniform(1, 40)))
    for _ in range(rng.choice((0, 1, 2, 3))):
        what, length = rng.choice((("kill", 0.0), ("freeze", rng.uniform(1, 60))))
        deeds.append(Deed(rng.uniform(0, STORM), what, rng.choice(OPERATORS), length))
    for _ in range(rng.choice((0, 0, 1, 2))):
        length = rng.uniform(1, 100)
        deeds.append(Deed(rng.uniform(0, STORM), "deaf", rng.choice(OPERATORS), length))
    if rng.random() < 0.3:
        deeds.append(Deed(rng.uniform(0, STORM), "machine dies", rng.choice(machines).name))
    if rng.random() < 0.4:
        deeds.append(Deed(rng.uniform(50, STORM), "force release", rng.choice(machines).name))
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        deeds.append(_legacy(rng, platforms, machines))
    return tuple(sorted(deeds, key=lambda deed: (deed.at, deed.what, deed.who)))


def _legacy(
    rng: Random, platforms: Sequence[PlatformPlan], machines: Sequence[MachinePlan]
) -> Deed:
    """The legacy program takes a machine by one platform's table, or frees a row that is ours."""
    what = rng.choice(("legacy run", "legacy run", "legacy leaves it on", "legacy frees"))
    return Deed(
        rng.uniform(0, STORM),
        what,
        rng.choice(machines).name,
        rng.uniform(5, 200),
        where=rng.choice(platforms).name,
    )


def _deeds_on(rng: Random, job: JobPlan) -> list[Deed]:
    title = f"{job.namespace}/{job.name}"
    deeds: list[Deed] = []
    at = job.at + rng.uniform(1, 200)
    chance = rng.random()
    if job.spec.get("suspend"):
        deeds.append(Deed(at, "resume", title))
    elif chance < 0.1:
        deeds += [Deed(at, "suspend", title), Deed(at + rng.uniform(1, 100), "resume", title)]
    elif chance < 0.2:
        deeds.append(Deed(at, "delete job", title))
    elif chance < 0.25:
        deeds.append(Deed(at, "delete lease", title))
    elif chance < 0.35:
        deeds.append(Deed(at, "priority", title))
    return deeds


def _rates(rng: Random) -> dict[Fault, float]:
    return {fault: rng.choice((0.0, 0.0, 0.01, 0.04)) for fault in BY_RATE}


def _aims(rng: Random, actions: Sequence[str]) -> tuple[Aim, ...]:
    if not actions:
        return ()
    rare = [action for action in _RARE if action in actions]
    return tuple(
        Aim(
            rng.choice(rare if rare and rng.random() < 0.3 else actions),
            rng.choice(tuple(Fault)),
            rng.choice((0, 0, 0, 1, 3)),
        )
        for _ in range(rng.randint(0, 4))
    )
