"""What befalls the objects and the API server of a world, drawn from the seed.

Most worlds meet none or one of these, so that what follows from it can be told. Not in here: how it
is done (`deeds_kube`).
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from simulator.scenario import OPERATORS, STORM, Deed, Scenario

Draw = Callable[[Random, Scenario], Iterator[Deed]]


def deeds(rng: Random, scenario: Scenario) -> tuple[Deed, ...]:
    """What this seed draws of them."""
    kinds = tuple(_KINDS)
    drawn = rng.choices(kinds, [_KINDS[kind] for kind in kinds], k=rng.choice((0, 0, 1, 1, 2)))
    return tuple(deed for draw in drawn for deed in draw(rng, scenario))


# --- objects that go and come back ---------------------------------------------------------------


def _status_lost(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """One Machine is restored as it was applied: its status is gone."""
    yield Deed(_at(rng), "machine without status", rng.choice(scenario.machines).name)


def _machine_anew(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A Machine is deleted, and made again under its name some time after it has gone."""
    yield Deed(_at(rng), "machine anew", rng.choice(scenario.machines).name, _pause(rng))


def _machine_replaced(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """The same in a hurry: without its finalizer, so at once, whatever runs there."""
    yield Deed(_at(rng), "machine replaced", rng.choice(scenario.machines).name)


def _machine_twice(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A second Machine is applied for one cloud instance, and taken away again after a while."""
    at, length = _while(rng)
    names = [m.name for m in scenario.machines if not m.leaves_record]
    for name in names[:1]:
        yield Deed(at, "machine twice", name, length)


def _all_anew(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """All objects are deleted and applied again from their files, whatever runs."""
    yield Deed(_at(rng), "all anew", "")


def _platform_anew(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    yield Deed(_at(rng), "platform anew", rng.choice(scenario.platforms).name, _pause(rng))


def _job_anew(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    job = rng.choice(scenario.jobs)
    at = job.at + rng.uniform(0.1, 200.0)
    yield Deed(at, "job anew", f"{job.namespace}/{job.name}", _pause(rng))


def _lease_anew(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A lease of an attempt is replaced by one of the same name, which is bound to nothing."""
    job = rng.choice(scenario.jobs)
    at = job.at + rng.uniform(0.1, 200.0)
    yield Deed(at, "lease anew", f"{job.namespace}/{job.name}", _pause(rng))


def _hold_anew(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    for hold in scenario.holds[:1]:
        yield Deed(hold.at + rng.uniform(1.0, 150.0), "hold anew", hold.name, _pause(rng))


def _namespace_anew(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A platform's namespace is deleted with all that is in it."""
    yield Deed(_at(rng), "namespace anew", rng.choice(scenario.platforms).name, _pause(rng))


# --- backups -------------------------------------------------------------------------------------


def _etcd_restored(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """What was stored since the backup is forgotten; the operators go on."""
    at = rng.uniform(30.0, STORM - 30.0)
    age = rng.choice((3.0, 30.0, 300.0)) * rng.random()
    yield Deed(max(0.0, at - age), "etcd saved", "")
    yield Deed(at, "etcd restored", "", rng.uniform(1.0, 30.0), where=_bump(rng))


def _etcd_before_grant(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """The backup is the last thing before a grant, and is put back in the claim or after it."""
    age = rng.choice((0.5, 15.0, 100.0)) * rng.random()
    what = "etcd restored from before a grant"
    away = rng.uniform(1.0, 30.0)
    yield Deed(rng.uniform(10.0, 300.0), what, "", away, where=f"{age:.3f} {_bump(rng)}")


def _bump(rng: Random) -> str:
    """Whether the versions go on from the newest ever given, or are given twice."""
    return rng.choice(("bump", "back"))


def _all_wiped(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """All objects are restored as they were applied, while machines are on."""
    yield Deed(_at(rng), "all without status", "")


# --- people's words, taken back after a while ----------------------------------------------------


def _machine_changed(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    name = rng.choice(scenario.machines).name
    some = [p.name for p in rng.sample(scenario.platforms, 2)]
    word, spec = rng.choice(
        (
            ("cordon", {"cordon": True}),
            ("mode", {"mode": "Observe"}),
            ("pool", {"pool": rng.choice(("onprem", "cloud", "attic"))}),
            ("platforms", {"platforms": some}),
            ("price", {"pricePerHour": "12.50", "maxOn": "2h"}),
        )
    )
    yield _changed(rng, f"machine's {word}", name, spec)


def _platform_changed(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    name = rng.choice([p.name for p in scenario.platforms if p.mode == "Enforce"])
    word, spec = rng.choice(
        (
            ("mode", {"mode": "Observe"}),
            ("share", {"share": rng.randint(1, 9)}),
            ("confirm", {"database": {"confirm": rng.choice(("Own", "All", "Never"))}}),
        )
    )
    yield _changed(rng, f"platform's {word}", name, spec)


def _paused(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    at, length = _while(rng)
    what, who = rng.choice(
        (
            ("machine paused", rng.choice(scenario.machines).name),
            ("platform paused", rng.choice(scenario.platforms).name),
        )
    )
    yield Deed(at, what, who, length)


def _changed(rng: Random, what: str, who: str, spec: dict[str, Any]) -> Deed:
    at, length = _while(rng)
    return Deed(at, what, who, length, where=json.dumps(spec))


# --- LISTs and watches ---------------------------------------------------------------------------


def _lists_fail(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """The API server answers everything but LISTs."""
    at, length = _while(rng)
    yield Deed(at, "lists fail", "", length)


def _watch_lags(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A watch goes on delivering what was long ago."""
    at, length = _while(rng)
    yield Deed(at, "watch lags", rng.choice(OPERATORS), length, where=f"{rng.uniform(2, 60):.3f}")


def _watch_ends(rng: Random, scenario: Scenario) -> Iterator[Deed]:
    """A watch ends, and another one begins a moment later: what was between is not told."""
    yield Deed(_at(rng), "watch ends", rng.choice(OPERATORS), rng.uniform(0.0, 3.0))


# --- times ---------------------------------------------------------------------------------------


def _at(rng: Random) -> float:
    return rng.uniform(10.0, STORM)


def _pause(rng: Random) -> float:
    """Seconds between what is gone and what comes in its place."""
    return rng.choice((0.0, 5.0, 60.0))


def _while(rng: Random) -> tuple[float, float]:
    """A time, and a length that ends with the storm at the latest."""
    at = rng.uniform(10.0, STORM - 10.0)
    return at, min(rng.choice((2.0, 20.0, 200.0)) * rng.uniform(0.5, 1.0), STORM - at)


_KINDS: dict[Draw, int] = {
    _status_lost: 4,
    _machine_anew: 4,
    _machine_replaced: 3,
    _machine_twice: 4,
    _all_anew: 2,
    _platform_anew: 3,
    _job_anew: 3,
    _lease_anew: 3,
    _hold_anew: 3,
    _namespace_anew: 2,
    _etcd_restored: 5,
    _etcd_before_grant: 5,
    _all_wiped: 3,
    _machine_changed: 8,
    _platform_changed: 6,
    _paused: 4,
    _lists_fail: 3,
    _watch_lags: 3,
    _watch_ends: 3,
}
"""Each kind, and how often it comes beside the others."""
