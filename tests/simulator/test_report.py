"""What a campaign must have tried before it may be called complete."""

import json
from collections import Counter

from simulator.campaign import Report, cells
from simulator.runner import Result


def result(deeds: dict[str, int]) -> Result:
    hits = Counter(cells())
    return Result(1, (), "", hits, seconds=1.0, steps=1, writes=1, deeds=Counter(deeds))


def test_a_kind_of_deed_that_no_seed_has_done_is_named() -> None:
    report = Report()
    report.add(result({"kill": 1, "deaf": 0}), 0.1)
    assert (report.undone, report.is_complete) == (["deaf"], False)
    report.add(result({"kill": 0, "deaf": 2}), 0.1)
    assert (report.undone, report.is_complete) == ([], True)


def test_reports_that_are_joined_or_read_back_count_the_deeds_of_all() -> None:
    whole = Report()
    for deeds in ({"kill": 1, "deaf": 0}, {"kill": 2, "deaf": 0}):
        part = Report()
        part.add(result(deeds), 0.1)
        whole.join(Report.of_json(json.loads(json.dumps(part.to_json()))))
    assert (whole.deeds["kill"], whole.undone) == (3, ["deaf"])
