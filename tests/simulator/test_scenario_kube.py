"""What befalls Kubernetes in a seed: drawn from its own stream, all kinds of it, seldom many."""

from collections import Counter

from simulator.deeds import Deeds
from simulator.deeds_kube import KubeDeeds
from simulator.drawing import draw_all
from simulator.loop import VirtualLoop
from simulator.loop import run as run_loop
from simulator.runner import spots
from simulator.scenario import Scenario, draw
from simulator.world import World

SEEDS = range(400)


def kinds() -> tuple[str, ...]:
    """The words that the table of acts has."""
    words: list[str] = []

    async def build(loop: VirtualLoop) -> None:
        world = World(draw(0, ()), loop)
        words.extend(KubeDeeds(world).acts)
        assert set(words) <= set(Deeds(world).done)

    run_loop(build)
    return tuple(words)


def drawn(scenario: Scenario) -> list[str]:
    words = kinds()
    return [deed.what for deed in scenario.deeds if deed.what in words]


def test_the_seeds_between_them_draw_every_kind_of_deed_that_can_be_done() -> None:
    counts = Counter(word for seed in SEEDS for word in drawn(draw_all(seed, spots())))
    assert set(counts) == set(kinds())


def test_nothing_else_of_a_seed_is_moved_by_it() -> None:
    words = kinds()
    for seed in SEEDS:
        before, after = draw(seed, spots()), draw_all(seed, spots())
        assert set(before.deeds) <= set(after.deeds)
        assert {deed.what for deed in before.deeds}.isdisjoint(words)
        assert before.jobs == after.jobs


def test_half_of_the_seeds_meet_none_of_it() -> None:
    quiet = sum(not drawn(draw_all(seed, spots())) for seed in SEEDS)
    assert len(SEEDS) * 0.3 < quiet < len(SEEDS) * 0.7
