"""What befalls a world beyond its own days: the same each time, rare, and every kind of it."""

from collections import Counter

from simulator import scenario_databases, scenario_machines, scenario_people
from simulator.drawing import draw_all
from simulator.scenario import draw
from simulator.scenario_clocks import CLOCK_SET
from simulator.scenario_databases import (
    BACK_UP,
    READ_ONLY,
    RESTORE,
    ROW_EDITS,
    SIDE_EDITS,
    TRAINING_EDITS,
)
from simulator.scenario_tracker import MAKES_TWICE

ACTIONS = ("Claim", "Bind", "Start")
WORDS = {
    *(BACK_UP, RESTORE, READ_ONLY, *ROW_EDITS, *SIDE_EDITS, *TRAINING_EDITS),
    *scenario_machines.WHY,
    *scenario_people.WORDS,
    scenario_people.ABANDON,
    *(CLOCK_SET, MAKES_TWICE),
}


def test_a_seed_draws_the_same_mishaps_each_time() -> None:
    assert [draw_all(seed, ACTIONS) for seed in range(20)] == [
        draw_all(seed, ACTIONS) for seed in range(20)
    ]


def test_further_mishaps_leave_the_town_and_its_days_as_they_were() -> None:
    for seed in range(50):
        plain, whole = draw(seed, ACTIONS), draw_all(seed, ACTIONS)
        assert set(plain.deeds) <= set(whole.deeds)
        assert (plain.jobs, plain.machines, plain.aims) == (whole.jobs, whole.machines, whole.aims)


def test_deeds_stand_in_the_order_of_their_times() -> None:
    for seed in range(50):
        times = [deed.at for deed in draw_all(seed, ACTIONS).deeds]
        assert times == sorted(times)


def test_the_seeds_between_them_draw_every_kind_of_mishap() -> None:
    found = Counter(deed.what for seed in range(500) for deed in draw_all(seed, ACTIONS).deeds)
    assert {word for word in WORDS if found[word] < 5} == set()


def test_a_kind_of_mishap_stays_rare() -> None:
    modules = scenario_databases, scenario_machines, scenario_people
    assert all(chance <= 0.2 for module in modules for chance in module.CHANCES.values())


def test_what_is_put_back_was_backed_up_before() -> None:
    for seed in range(200):
        deeds = draw_all(seed, ACTIONS).deeds
        backed_up = {deed.who: deed.at for deed in deeds if deed.what == BACK_UP}
        assert all(backed_up[d.who] <= d.at for d in deeds if d.what == RESTORE)
