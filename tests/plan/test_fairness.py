"""The queue is fair over ten thousand grants: each platform gets its share while it has work."""

import pytest
from bench.fairness import LONGEST, Case, Figures, play

PLATFORMS = tuple(Case().shares)


@pytest.fixture(scope="module", params=PLATFORMS)
def figures(request: pytest.FixtureRequest) -> Figures:
    """Ten thousand grants on four machines; one of the platforms is away for half of them."""
    return play(Case(absent=request.param))


def test_each_platforms_machine_time_is_within_five_percent_of_its_share(figures: Figures) -> None:
    assert {name: figures.deviation(name) for name in PLATFORMS} == pytest.approx(
        dict.fromkeys(PLATFORMS, 0.0), abs=0.05
    )


def test_a_newcomer_gets_the_first_machine_that_is_free(figures: Figures) -> None:
    [(waited, first_free)] = figures.waits
    assert waited == first_free <= LONGEST


@pytest.mark.parametrize("absent", PLATFORMS)
def test_who_is_back_after_a_week_gets_the_first_machine_that_is_free(absent: str) -> None:
    waits = play(Case(absent=absent, away_hours=24 * 7, grants=3000)).waits
    assert len(waits) >= 3
    assert all(waited == first_free <= LONGEST for waited, first_free in waits)
