"""All that a seed says: the town and its days (`scenario`), and each further kind of mishap.

Every kind has a stream of its own, so that what is added to one changes none of the others.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from simulator import (
    scenario_clocks,
    scenario_databases,
    scenario_haste,
    scenario_kube,
    scenario_machines,
    scenario_people,
    scenario_tracker,
)
from simulator.scenario import Scenario, draw

_KINDS = {
    "clocks": scenario_clocks.deeds,
    "databases": scenario_databases.deeds,
    "haste": scenario_haste.deeds,
    "kube": scenario_kube.deeds,
    "machines": scenario_machines.deeds,
    "people": scenario_people.deeds,
    "tracker": scenario_tracker.deeds,
}


def draw_all(seed: int, actions: Sequence[str]) -> Scenario:
    """The whole scenario of this seed; `actions` are those at which faults may be aimed."""
    scenario = draw(seed, actions)
    more = [
        deed for name, deeds in _KINDS.items() for deed in deeds(Random(f"{name} {seed}"), scenario)
    ]
    ordered = sorted((*scenario.deeds, *more), key=lambda deed: (deed.at, deed.what, deed.who))
    return replace(scenario, deeds=tuple(ordered))
