"""The promises about rest, each by a picture that breaks it and one that keeps it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.simulator import bodies
from tests.simulator.bodies import Outside

from simulator.facts import By, Restored, TrainingChanged
from trainlease.model.observed import (
    ModelState,
    ModelVersion,
    RowState,
    RunInfo,
    RunStatus,
    TrainingWord,
)
from trainlease.model.reasons import Cause

FREE = {"state": "Free", "generation": 1, "fenceBase": 0}
CLAIMED = {"state": "Claimed", "generation": 1, "fenceBase": 0, "holder": bodies.holder()}
ENDED = [{"number": 1, "outcome": "Succeeded", "generation": 1, "machine": "gpu-1", "runId": "r1"}]
RUN = RunInfo("r1", "saturno", "uid-caries", 1, RunStatus.FINISHED)


def picture(**machine: Any) -> Outside:
    """One platform, one machine, rows that agree, no job."""
    outside = Outside()
    outside.write("platforms", bodies.platform(), By.PERSON)
    outside.write("machines", bodies.machine(**(machine or FREE)), By.PERSON)
    free = (machine or FREE)["state"] == "Free"
    outside.row(bodies.FREE_ROWS if free else bodies.HELD_ROWS)
    return outside


def test_a_world_in_which_all_is_free_and_off_keeps_every_promise() -> None:
    outside = picture()
    outside.rest()
    assert outside.broken == []


def test_a_world_in_which_a_job_runs_on_keeps_every_promise() -> None:
    outside = picture(**CLAIMED)
    outside.write("trainingjobs", bodies.job(), By.PERSON)
    outside.write("machineleases", bodies.lease(machine="gpu-1"), By.PERSON)
    busy = frozenset({"uid-caries", "uid-caries-1"})
    outside.rest(busy=busy, machine_on={"gpu-1": 1})
    assert outside.broken == []


@pytest.mark.parametrize(
    ("machine", "on"),
    [
        (FREE, {"gpu-1": 1}),
        (FREE, {"gpu-1": None}),
        (CLAIMED, {"gpu-1": 1}),
        ({"state": "Stopping", "generation": 1}, {}),
    ],
    ids=["free and on", "free and on, not by us", "held by one that has ended", "stopping"],
)
def test_a_ledger_that_differs_from_the_provider_is_seen(
    machine: dict[str, Any], on: dict[str, int | None]
) -> None:
    outside = picture(**machine)
    outside.rest(machine_on=on)
    assert "rest-ledger" in outside.broken


@pytest.mark.parametrize(
    "rows",
    [
        bodies.HELD_ROWS,
        bodies.rows(RowState.FREE, RowState.FREE, 1),
        bodies.rows(RowState.FREE, None, 0),
    ],
    ids=["occupied", "free under an old fence", "free and never told"],
)
def test_rows_that_differ_from_the_ledger_are_seen(rows: Any) -> None:
    outside = picture()
    outside.observer.book.rows["saturno", "gpu-1"] = rows
    outside.rest()
    assert set(outside.broken) == {"rest-rows"}


def test_rows_of_a_database_that_is_away_are_not_asked_for() -> None:
    outside = picture()
    outside.observer.book.rows["saturno", "gpu-1"] = bodies.HELD_ROWS
    outside.rest(down=frozenset({"saturno"}))
    assert outside.broken == []


def test_a_debt_to_a_database_that_is_up_is_seen() -> None:
    outside = picture(**FREE, debts=["saturno"])
    outside.rest()
    assert outside.broken == ["rest-rows"]


def test_a_lease_whose_attempt_has_ended_must_be_released() -> None:
    outside = picture()
    conditions = bodies.true("Finished", "Succeeded")
    outside.write("trainingjobs", bodies.job(attempts=ENDED, conditions=conditions), By.PERSON)
    outside.write("machineleases", bodies.lease(machine="gpu-1"), By.PERSON)
    outside.rest(runs=[RUN])
    assert outside.broken == ["rest-leases"]


def test_a_job_that_nothing_hinders_must_not_wait() -> None:
    outside = picture()
    outside.write("trainingjobs", bodies.job(), By.PERSON)
    outside.rest()
    assert outside.broken == ["rest-jobs"]


def test_a_job_may_wait_for_its_own_database() -> None:
    outside = picture()
    outside.write("trainingjobs", bodies.job(), By.PERSON)
    outside.rest(down=frozenset({"saturno"}))
    assert outside.broken == []


@pytest.mark.parametrize("word", [TrainingWord.RUNNING, TrainingWord.WAITING, None])
def test_a_training_row_must_say_how_its_job_ended(word: TrainingWord | None) -> None:
    outside = picture()
    body = bodies.job(attempts=ENDED, conditions=bodies.true("Finished", "Succeeded"))
    body["spec"]["externalId"] = "t-1"
    outside.write("trainingjobs", body, By.PERSON)
    outside.rest(runs=[RUN], trainings={("saturno", "t-1"): word})
    outside.rest(runs=[RUN], trainings={("saturno", "t-1"): TrainingWord.SUCCEEDED})
    assert outside.broken == ["rest-trainings"]


@pytest.mark.parametrize("word", [TrainingWord.RUNNING, TrainingWord.WAITING])
def test_a_training_row_of_a_job_that_is_gone_must_say_a_last_word(word: TrainingWord) -> None:
    outside = picture()
    outside.rest(trainings={("saturno", "t-1"): word})
    assert outside.broken == ["rest-trainings"]


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [RUN, RUN],
        [RunInfo("r1", "saturno", "uid-caries", 1, RunStatus.RUNNING)],
        [RunInfo("r1", "saturno", "uid-caries", 1, RunStatus.FAILED)],
    ],
    ids=["none", "two", "still running", "failed"],
)
def test_an_attempt_has_one_run_with_its_true_end(runs: list[RunInfo]) -> None:
    outside = picture()
    conditions = bodies.true("Finished", "Succeeded")
    outside.write("trainingjobs", bodies.job(attempts=ENDED, conditions=conditions), By.PERSON)
    outside.rest(runs=runs)
    assert set(outside.broken) == {"rest-runs"}


@pytest.mark.parametrize(
    ("attempt", "cause"),
    [
        ({"outcome": "Succeeded", "message": "as drawn"}, Cause.EXIT_CODE),
        ({"outcome": "Lost", "message": "gpu-1 went off in the middle"}, Cause.COMPLETED),
    ],
    ids=["a failure called success", "an end called lost"],
)
def test_what_stands_there_terminated_is_the_outcome(attempt: dict[str, str], cause: Cause) -> None:
    outside = picture()
    attempts = [{**ENDED[0], **attempt}]
    ended = bodies.job(attempts=attempts, conditions=bodies.true("Finished"))
    outside.write("trainingjobs", ended, By.PERSON)
    outside.rest(runs=[RUN], exits={("gpu-1", 1): cause})
    assert "rest-outcomes" in outside.broken


@pytest.mark.parametrize(("generation", "broken"), [(1, True), (5, False)])
def test_an_attempt_is_called_lost_in_the_claim_that_its_lease_is_of_since_a_restore(
    generation: int, *, broken: bool
) -> None:
    outside = picture()
    lost = {**ENDED[0], "outcome": "Lost", "message": "gpu-1 went off in the middle"}
    ended = bodies.job(attempts=[lost], conditions=bodies.true("Finished"))
    lease = bodies.lease(machine="gpu-1", generation=generation)
    objects = [("trainingjobs", ended), ("machineleases", lease)]
    outside.observer.see(Restored(outside.at, objects))
    outside.rest(runs=[RUN], exits={("gpu-1", 1): Cause.COMPLETED})
    assert ("rest-outcomes" in outside.broken) is broken


def test_production_must_be_the_best_by_the_rule() -> None:
    outside = picture()
    body = bodies.job(attempts=ENDED, conditions=bodies.true("Finished", "Succeeded"))
    body["spec"]["promote"] = {"metric": "val_f1"}
    outside.write("trainingjobs", body, By.PERSON)
    worse = ModelVersion("saturno.caries", 1, "r0", True, {"val_f1": 0.7}, None)
    better = ModelVersion(
        "saturno.caries", 2, "r1", True, {"val_f1": 0.8}, None, job_uid="uid-caries"
    )
    for production in (worse, better):
        models = {"saturno.caries": ModelState(production, None)}
        outside.rest(runs=[RUN], versions=[worse, better], models=models)
    assert outside.broken == ["rest-production"]


def test_a_version_of_an_attempt_that_went_with_its_jobs_status_is_judged_no_more() -> None:
    outside = picture()
    body = bodies.job(attempts=ENDED, conditions=bodies.true("Finished", "Succeeded"))
    body["spec"]["promote"] = {"metric": "val_f1"}
    outside.write("trainingjobs", body, By.PERSON)
    lost = ModelVersion(
        "saturno.caries", 1, "r0", True, {"val_f1": 0.7}, None, job_uid="uid-caries"
    )
    outside.rest(runs=[RUN], versions=[lost], models={"saturno.caries": ModelState(None, None)})
    assert outside.broken == []


def test_a_run_has_one_version_at_most() -> None:
    outside = picture()
    twins = [ModelVersion("m", n, "r1", True, {}, None) for n in (1, 2)]
    outside.rest(versions=twins)
    assert outside.broken == ["rest-versions"]


def test_a_machine_that_a_restored_row_gives_to_another_program_may_be_on() -> None:
    outside = picture()
    outside.row(bodies.rows(RowState.OCCUPIED, RowState.FREE, 3), By.BACKUP)
    outside.rest(machine_on={"gpu-1": None})
    assert outside.broken == []


def test_a_side_row_that_a_person_turned_under_our_fence_is_told_to_people_only() -> None:
    outside = picture()
    outside.row(bodies.rows(RowState.FREE, RowState.OCCUPIED, 3), By.PERSON)
    outside.rest()
    assert outside.broken == []


def test_a_row_that_another_cluster_has_is_not_ours_to_put_right() -> None:
    outside = picture()
    theirs = replace(bodies.HELD_ROWS, other_clusters=("another",))
    outside.row(theirs, By.PERSON)
    outside.rest()
    assert outside.broken == []


def test_a_job_may_wait_while_its_database_has_no_place_for_our_word() -> None:
    outside = picture()
    outside.row(replace(bodies.FREE_ROWS, other_clusters=("another",)), By.PERSON)
    outside.write("trainingjobs", bodies.job(), By.PERSON)
    outside.rest()
    assert outside.broken == []


def test_a_persons_word_in_a_trainings_row_stays() -> None:
    outside = picture()
    fact = TrainingChanged(
        1.0, By.PERSON, "saturno", "t-1", TrainingWord.FAILED, TrainingWord.RUNNING
    )
    outside.observer.see(fact)
    outside.rest(trainings={("saturno", "t-1"): TrainingWord.RUNNING})
    assert outside.broken == []


def test_what_was_deleted_must_be_gone() -> None:
    outside = picture()
    body = bodies.machine(state="Free", generation=1)
    body["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:00Z"
    outside.write("machines", body, By.PERSON)
    outside.rest()
    assert outside.broken == ["rest-gone"]
