"""What the observer keeps of rows that another hand has changed."""

from dataclasses import replace

import pytest
from tests.simulator import bodies
from tests.simulator.bodies import Outside

from simulator.facts import By, TrainingChanged, Wrote
from trainlease.model.observed import MachineRows, RowState, TrainingWord

KEY = ("saturno", "gpu-1")
OLDER = bodies.rows(RowState.FREE, RowState.FREE, 1, generation=0)
OURS_BY_OWNER = MachineRows(RowState.OCCUPIED, "occupied", "trainlease:x", bodies.HELD_ROWS.side)
ANAS = MachineRows(RowState.OCCUPIED, "occupied", "ana", bodies.HELD_ROWS.side)
TAKEN = bodies.rows(RowState.OCCUPIED, RowState.FREE, 3)


def test_a_fence_that_stands_there_counts_as_told() -> None:
    outside = Outside()
    outside.row(bodies.FREE_ROWS)
    assert outside.observer.book.was_told(*KEY, 3, 10.0)
    assert not outside.observer.book.was_told(*KEY, 4, 10.0)


def test_a_fence_that_a_backup_took_away_counts_until_the_next_compare() -> None:
    outside = Outside()
    outside.row(bodies.FREE_ROWS)
    outside.row(OLDER, By.BACKUP)
    book = outside.observer.book
    assert book.was_told(*KEY, 3, outside.at + 99)
    assert not book.was_told(*KEY, 3, outside.at + 101)
    assert not book.was_told(*KEY, 4, outside.at + 1)


def test_a_row_counts_as_another_clusters_until_the_compare_after_it_let_go() -> None:
    outside = Outside()
    outside.row(replace(bodies.HELD_ROWS, other_clusters=("another",)), By.PERSON)
    book = outside.observer.book
    assert book.is_another_clusters(*KEY, outside.at + 1000)
    outside.row(bodies.HELD_ROWS, By.PERSON)
    assert book.is_another_clusters(*KEY, outside.at + 99)
    assert not book.is_another_clusters(*KEY, outside.at + 101)


@pytest.mark.parametrize("by", [By.BACKUP, By.PERSON])
@pytest.mark.parametrize(
    ("after", "anothers"),
    [(OURS_BY_OWNER, False), (bodies.HELD_ROWS, False), (ANAS, True), (TAKEN, True)],
    ids=["ours by its owner", "ours by the side row", "another owner", "our side row says free"],
)
def test_what_a_hand_wrote_is_told_by_what_stands_there(
    by: By, after: MachineRows, *, anothers: bool
) -> None:
    outside = Outside()
    outside.row(after, by)
    assert (KEY in outside.observer.book.legacy_rows) is anothers


def test_a_row_that_a_person_has_claimed_may_be_taken_in_that_generation() -> None:
    outside = Outside()
    body = bodies.machine(state="Free", generation=1)
    body["metadata"]["annotations"] = {"trainlease.dev/claim": "saturno 1"}
    outside.write("machines", body, By.PERSON)
    outside.row(TAKEN, By.PERSON)
    outside.row(bodies.FREE_ROWS)
    assert outside.broken == []
    outside.row(TAKEN, By.PERSON)
    outside.row(bodies.rows(RowState.FREE, RowState.FREE, 5, generation=2))
    assert outside.broken == ["foreign-row-kept"]


def test_a_row_that_came_back_counts_as_told_until_the_next_compare() -> None:
    outside = Outside()
    outside.row(replace(OLDER, own=None), By.PERSON)
    outside.row(OLDER, By.PERSON)
    book = outside.observer.book
    assert book.was_told(*KEY, 3, outside.at + 99)
    assert not book.was_told(*KEY, 3, outside.at + 101)


def test_a_last_word_of_a_training_asked_twice_is_the_earlier_jobs_until_the_later_ends() -> None:
    outside = Outside()
    outside.write("platforms", bodies.platform(), By.PERSON)
    book = outside.observer.book
    for name, want in (("caries", False), ("caries-again", True)):
        body = bodies.job(name)
        body["spec"]["externalId"] = "7"
        outside.write("trainingjobs", body, By.PERSON)
        assert book.is_asked_anew("saturno", "7")
        for by in (By.US, By.BACKUP):
            outside.observer.see(
                TrainingChanged(outside.at, by, "saturno", "7", None, TrainingWord.FAILED)
            )
            assert book.is_asked_anew("saturno", "7") is want
    ended = bodies.job("caries-again", conditions=bodies.true("Finished"))
    ended["spec"]["externalId"] = "7"
    outside.write("trainingjobs", ended)
    outside.observer.see(
        TrainingChanged(outside.at, By.US, "saturno", "7", None, TrainingWord.FAILED)
    )
    assert not book.is_asked_anew("saturno", "7")


def test_a_platform_that_was_made_anew_owes_nothing_from_before() -> None:
    outside = Outside()
    outside.write("platforms", bodies.platform(), By.PERSON)
    book = outside.observer.book
    assert not book.is_made_anew("saturno", outside.at)
    body = bodies.platform()
    outside.observer.see(Wrote(2.0, By.US, "platforms", "", "saturno", body, None))
    assert book.is_made_anew("saturno", 101.0)
    assert not book.is_made_anew("saturno", 103.0)


def test_a_lease_is_bound_blindly_where_its_machine_has_no_status_any_more() -> None:
    outside = Outside()
    for state, want in (("Claimed", set()), (None, {"uid-caries-1"})):
        status = {"state": state} if state else {}
        outside.write("machines", bodies.machine(**status), By.PERSON)
        outside.write("machineleases", bodies.lease(), By.PERSON)
        outside.write("machineleases", bodies.lease(machine="gpu-1"))
        assert outside.observer.book.bound_blindly == want
    outside.write("machineleases", bodies.lease(), By.PERSON)
    assert outside.observer.book.bound_blindly == set()
