"""What a restored etcd has forgotten may come again; what machines and rows have is promised on."""

from typing import Any

import pytest
from tests.simulator import bodies
from tests.simulator.bodies import HELD_ROWS, Outside

from simulator.facts import Body, By, Restored, RunMade
from trainlease.model.observed import RowState

CLAIM: dict[str, Any] = {
    "state": "Claimed",
    "generation": 1,
    "fenceBase": 0,
    "holder": bodies.holder(),
}
FREE: dict[str, Any] = {"state": "Free", "generation": 0, "fenceBase": 0}
STARTED = [{"number": 1, "started": "2026-11-22T12:00:00Z"}]


def objects(
    machine: dict[str, Any], lease: dict[str, Any], job: dict[str, Any]
) -> list[tuple[str, Body]]:
    return [
        ("platforms", bodies.platform()),
        ("machines", bodies.machine(**machine)),
        ("machineleases", bodies.lease(**lease)),
        ("trainingjobs", bodies.job(**job)),
    ]


BOUND: dict[str, Any] = {"machine": "gpu-1", "generation": 1, "machineUid": "uid-gpu-1"}
BEFORE_THE_GRANT = objects(FREE, {}, {})
IN_THE_CLAIM = objects(CLAIM, BOUND, {"attempts": STARTED})


def running() -> Outside:
    outside = Outside()
    for plural, body in IN_THE_CLAIM:
        outside.write(plural, body, By.PERSON)
    outside.observer.see(RunMade(0.0, "uid-caries", 1))
    outside.row(HELD_ROWS)
    outside.power(True)
    return outside


def test_a_start_that_no_object_knows_any_more_may_come_again() -> None:
    outside = running()
    outside.observer.see(Restored(outside.at, BEFORE_THE_GRANT))
    outside.power(False, by=By.ITSELF)
    outside.write("machines", bodies.machine(**CLAIM))
    outside.write("machineleases", bodies.lease(**BOUND))
    outside.row(bodies.rows(RowState.OCCUPIED, RowState.OCCUPIED, 4))
    outside.power(True)
    assert outside.broken == []


@pytest.mark.parametrize(("lateness", "broken"), [(3.0, []), (0.0, ["one-start"])])
def test_nor_does_one_count_that_lands_after_a_backup_which_does_not_know_its_attempt(
    lateness: float, broken: list[str]
) -> None:
    outside = running()
    outside.power(False, by=By.ITSELF)
    outside.observer.see(Restored(outside.at, BEFORE_THE_GRANT))
    outside.power(True, lateness=lateness)
    outside.at += 10
    for plural, body in objects(
        CLAIM, BOUND | {"machine": "gpu-2", "machineUid": "uid-gpu-2"}, {"attempts": STARTED}
    ):
        outside.write(plural, body, By.PERSON)
    outside.power(True, name="gpu-2")
    assert [name for name in outside.broken if name == "one-start"] == broken


def test_a_start_that_an_object_still_knows_may_not() -> None:
    outside = running()
    outside.observer.see(Restored(outside.at, IN_THE_CLAIM))
    outside.power(False, by=By.ITSELF)
    outside.power(True)
    assert "one-start" in outside.broken


def bound_no_more() -> Outside:
    """A backup came back that was made between the two compare-and-sets of a grant."""
    outside = Outside()
    for plural, body in IN_THE_CLAIM:
        outside.write(plural, body, By.PERSON)
    outside.row(HELD_ROWS)
    outside.observer.see(Restored(outside.at, objects(CLAIM, {}, {})))
    return outside


def test_a_start_decided_on_a_bind_that_the_backup_had_not_yet_may_land() -> None:
    outside = bound_no_more()
    outside.power(True)
    assert outside.broken == []


def test_a_start_decided_since_may_not() -> None:
    outside = bound_no_more()
    outside.at += 10
    outside.power(True)
    assert outside.broken == ["bound-start"]


def test_what_was_told_in_a_life_that_is_forgotten_must_be_told_again() -> None:
    outside = running()
    outside.observer.see(Restored(outside.at, BEFORE_THE_GRANT))
    outside.power(False, by=By.ITSELF)
    outside.write("machines", bodies.machine(**CLAIM))
    outside.write("machineleases", bodies.lease(**BOUND))
    outside.at += 10  # it was not decided before
    outside.power(True)
    assert outside.broken == ["occupied-before-start"]


def test_what_runs_unknown_to_the_backup_must_still_be_off_before_free() -> None:
    outside = running()
    stopping: dict[str, Any] = {"state": "Stopping", "generation": 1, "fenceBase": 0}
    outside.observer.see(Restored(outside.at, objects(stopping, BOUND, {})))
    outside.row(bodies.FREE_ROWS)
    outside.write("machines", bodies.machine(**stopping | {"state": "Free"}))
    assert "off-before-free" in outside.broken


def test_an_object_that_lost_its_status_is_forgotten_as_by_a_backup() -> None:
    outside = running()
    outside.power(False, by=By.ITSELF)
    for plural, body in objects({}, {}, {}):
        outside.write(plural, body, By.PERSON)
    assert not outside.observer.book.started_on
    assert outside.observer.book.highest["uid-gpu-1"] == 1


@pytest.mark.parametrize(("after", "broken"), [(1.0, []), (20.0, ["one-attempt"])])
def test_the_next_lease_may_land_right_after_a_backup_in_which_the_attempt_is_open(
    after: float, broken: list[str]
) -> None:
    outside = Outside()
    outside.observer.see(Restored(outside.at, IN_THE_CLAIM))
    outside.at += after - 1
    outside.write("machineleases", bodies.lease(attempt=2))
    assert outside.broken == broken


@pytest.mark.parametrize(("after", "broken"), [(1.0, []), (20.0, ["outcome-first"])])
def test_a_machine_may_leave_its_claim_right_after_a_backup_without_the_outcome(
    after: float, broken: list[str]
) -> None:
    outside = running()
    outside.observer.see(Restored(outside.at, IN_THE_CLAIM))
    outside.at += after - 1
    outside.write("machines", bodies.machine(**CLAIM | {"state": "Stopping"}))
    assert outside.broken == broken
