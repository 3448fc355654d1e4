"""What seeds draw: the same each time, rich enough, and valid objects."""

from simulator.scenario import draw

ACTIONS = ("Claim", "Bind", "Start")


def test_a_seed_draws_the_same_scenario_each_time() -> None:
    assert [draw(seed, ACTIONS) for seed in range(20)] == [
        draw(seed, ACTIONS) for seed in range(20)
    ]


def test_every_seed_has_three_platforms_three_machines_and_six_jobs() -> None:
    for seed in range(200):
        scenario = draw(seed, ACTIONS)
        sizes = len(scenario.platforms), len(scenario.machines), len(scenario.jobs)
        assert all(has >= least for has, least in zip(sizes, (3, 3, 6), strict=True)), seed


def test_the_seeds_between_them_draw_every_kind_of_thing() -> None:
    scenarios = [draw(seed, ACTIONS) for seed in range(300)]
    deeds = {deed.what for scenario in scenarios for deed in scenario.deeds}
    confirms = {p.confirm for scenario in scenarios for p in scenario.platforms}
    assert {"Own", "All", "Never"} == confirms
    assert deeds >= {
        "suspend",
        "resume",
        "delete job",
        "delete lease",
        "delete hold",
        "priority",
        "database down",
        "database frozen",
        "tracker down",
        "kube down",
        "kill",
        "freeze",
        "deaf",
        "machine dies",
        "force release",
        "legacy run",
        "legacy leaves it on",
        "legacy frees",
    }
    assert any(s.down_at_rest for s in scenarios)
    assert any(job.is_long for s in scenarios for job in s.jobs)
    assert any(hold.length is None for s in scenarios for hold in s.holds)
