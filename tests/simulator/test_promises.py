"""Each promise that a single fact may break, by a story that breaks it."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.simulator import bodies
from tests.simulator.bodies import FREE_ROWS, HELD_ROWS, Outside, rows, true

from simulator.facts import By, RunMade, TrainingChanged
from simulator.promise import PROMISES
from trainlease.model.observed import RowState, TrainingWord

Story = Callable[[Outside], None]
OPEN = [{"number": 1}]
DONE = [{"number": 1, "outcome": "Succeeded", "cause": "Completed"}]
LOST = [{"number": 1, "outcome": "Lost", "cause": "MachineLost"}]
CLAIM = {"state": "Claimed", "generation": 1, "fenceBase": 0, "holder": bodies.holder()}
FREE = {"state": "Free", "generation": 1, "fenceBase": 0}


def machine(**status: Any) -> dict[str, Any]:
    return bodies.machine(**status)


def town(outside: Outside, **status: Any) -> None:
    """saturno with its row, gpu-1, and caries with its bound lease and its run."""
    outside.write("platforms", bodies.platform(), By.PERSON)
    outside.write("trainingjobs", bodies.job(attempts=OPEN), By.PERSON)
    bound = bodies.lease(machine="gpu-1", generation=1)
    outside.write("machineleases", bound, By.PERSON)
    outside.write("machines", machine(**(status or CLAIM)), By.PERSON)
    outside.observer.see(RunMade(0.0, "uid-caries", 1))


def two_holders(outside: Outside) -> None:
    town(outside)
    outside.write("machines", machine(**CLAIM | {"holder": bodies.holder("plaque")}))


def a_generation_that_stands_still(outside: Outside) -> None:
    town(outside, **FREE)
    outside.write("machines", machine(**CLAIM))


def free_out_of_nothing(outside: Outside) -> None:
    town(outside, state=None)
    outside.write("machines", machine(**FREE))


def free_while_on(outside: Outside) -> None:
    town(outside)
    outside.power(True)
    outside.write("machines", machine(**FREE))


def given_up_without_an_outcome(outside: Outside) -> None:
    town(outside)
    outside.write("machines", machine(**CLAIM | {"state": "Stopping"}))


def lent_to_one_who_may_not(outside: Outside) -> None:
    town(outside, state="Free", generation=0)
    body = machine(**CLAIM)
    body["spec"]["platforms"] = ["latam"]
    outside.write("machines", body)


def lent_in_quarantine(outside: Outside) -> None:
    until = {"quarantinedUntil": "2026-11-22T13:00:00Z"}
    town(outside, state="Free", generation=0, **until)
    outside.write("machines", machine(**CLAIM, **until, since="2026-11-22T12:00:00Z"))


def granted_without_a_run(outside: Outside) -> None:
    town(outside, state="Free", generation=0)
    outside.observer.book.runs.clear()
    outside.write("machines", machine(**CLAIM))


def free_untold(outside: Outside) -> None:
    town(outside)
    outside.row(HELD_ROWS)
    outside.write("machines", machine(**FREE))


def a_debt_struck_out(outside: Outside) -> None:
    town(outside, **FREE, debts=["saturno"])
    outside.row(HELD_ROWS)
    outside.write("machines", machine(**FREE, debts=[]))


def bound_twice(outside: Outside) -> None:
    town(outside)
    outside.write("machineleases", bodies.lease(machine="gpu-2", generation=5))


def started_unbound(outside: Outside) -> None:
    town(outside)
    outside.write("machineleases", bodies.lease(), By.PERSON)
    outside.power(True)


def started_unoccupied(outside: Outside) -> None:
    town(outside)
    outside.row(FREE_ROWS)
    outside.power(True)


def started_twice(outside: Outside) -> None:
    town(outside)
    outside.row(HELD_ROWS)
    outside.power(True)
    outside.write("trainingjobs", bodies.job(attempts=[{"number": 1, "started": "x"}]))
    outside.power(False, by=By.ITSELF)
    outside.power(True)


def stopped_the_legacy_run(outside: Outside) -> None:
    town(outside, **FREE)
    outside.row(rows(RowState.OCCUPIED, RowState.FREE, 3), By.LEGACY)
    outside.power(True, None, By.LEGACY)
    outside.power(False, None)


def turned_off_while_it_is_held(outside: Outside) -> None:
    town(outside)
    outside.power(True)
    outside.write("trainingjobs", bodies.job(attempts=DONE))
    outside.power(False)


def turned_off_before_its_outcome(outside: Outside) -> None:
    town(outside, state="Stopping", generation=1)
    bound = bodies.lease(machine="gpu-1", machineUid="uid-gpu-1", generation=1)
    outside.write("machineleases", bound, By.PERSON)
    outside.power(True)
    outside.power(False)


def started_after_free_was_told(outside: Outside) -> None:
    town(outside)
    outside.row(HELD_ROWS)
    outside.row(FREE_ROWS)
    outside.power(True)


def a_fence_that_falls(outside: Outside) -> None:
    town(outside)
    outside.row(rows(RowState.FREE, RowState.FREE, 9))
    outside.row(FREE_ROWS)


def free_turned_back(outside: Outside) -> None:
    town(outside)
    outside.row(FREE_ROWS)
    outside.row(rows(RowState.OCCUPIED, RowState.FREE, 3))


def a_foreign_row_wiped(outside: Outside) -> None:
    town(outside, **FREE)
    outside.row(rows(RowState.OCCUPIED, RowState.FREE, 3), By.LEGACY)
    outside.row(rows(RowState.FREE, RowState.FREE, 5))


def a_running_machines_row_set_free(outside: Outside) -> None:
    town(outside)
    outside.row(HELD_ROWS)
    outside.power(True)
    outside.row(FREE_ROWS)


def written_in_observe(outside: Outside) -> None:
    body = bodies.platform()
    body["spec"]["mode"] = "Observe"
    outside.write("platforms", body, By.PERSON)
    outside.row(HELD_ROWS)


def running_after_succeeded(outside: Outside) -> None:
    words = (TrainingWord.SUCCEEDED, TrainingWord.RUNNING)
    outside.observer.see(TrainingChanged(1.0, By.US, "saturno", "t-1", *words))


def a_success_of_nothing(outside: Outside) -> None:
    town(outside)
    outside.write("trainingjobs", bodies.job(attempts=DONE))


def an_outcome_overwritten(outside: Outside) -> None:
    outside.write("trainingjobs", bodies.job(attempts=DONE))
    outside.write("trainingjobs", bodies.job(attempts=[DONE[0] | {"outcome": "Lost"}]))


def a_failed_start_of_what_has_run(outside: Outside) -> None:
    ended = {"number": 1, "started": "2026-11-22T12:00:00Z", "outcome": "StartFailed"}
    outside.write("trainingjobs", bodies.job(attempts=[ended]))


def given_up_too_early(outside: Outside) -> None:
    outside.write("trainingjobs", bodies.job(attempts=LOST, conditions=true("Finished", "Failed")))


def tried_too_often(outside: Outside) -> None:
    outside.write("trainingjobs", bodies.job(attempts=LOST * 3))


def charged_for_nothing(outside: Outside) -> None:
    ended = [LOST[0] | {"cause": "Suspended"}]
    outside.write("trainingjobs", bodies.job(attempts=ended, conditions=true("Finished", "Failed")))


def tried_again_in_vain(outside: Outside) -> None:
    outside.write("trainingjobs", bodies.job(attempts=[LOST[0] | {"cause": "Cancelled"}]))


def finished_and_not(outside: Outside) -> None:
    outside.write("trainingjobs", bodies.job(conditions=true("Finished", "Failed")))
    outside.write("trainingjobs", bodies.job(conditions=true("Finished", "Succeeded")))


def finished_with_an_open_attempt(outside: Outside) -> None:
    ended = true("Finished", "Failed")
    outside.write("trainingjobs", bodies.job(attempts=OPEN, conditions=ended))


def two_open_attempts(outside: Outside) -> None:
    outside.write("trainingjobs", bodies.job(attempts=[{"number": 1}, {"number": 2}]))


def a_lease_too_early(outside: Outside) -> None:
    outside.write("trainingjobs", bodies.job(attempts=OPEN))
    outside.write("machineleases", bodies.lease(attempt=2))


def a_password_in_a_condition(outside: Outside) -> None:
    outside.observer.book.secrets = ("pw-4711",)
    outside.write("platforms", bodies.platform("pw-4711"))


BREAKS: dict[Story, str] = {
    two_holders: "one-holder",
    a_generation_that_stands_still: "generation",
    free_out_of_nothing: "no-status-not-free",
    free_while_on: "off-before-free",
    given_up_without_an_outcome: "outcome-first",
    lent_to_one_who_may_not: "permitted",
    lent_in_quarantine: "permitted",
    granted_without_a_run: "run-before-claim",
    free_untold: "free-told-or-owed",
    a_debt_struck_out: "debts-kept",
    bound_twice: "bound-once",
    started_unbound: "bound-start",
    started_unoccupied: "occupied-before-start",
    started_twice: "one-start",
    stopped_the_legacy_run: "legacy-run-kept",
    turned_off_while_it_is_held: "off-in-stopping",
    turned_off_before_its_outcome: "outcome-first",
    started_after_free_was_told: "free-row-after-off",
    a_fence_that_falls: "fence-grows",
    free_turned_back: "free-stays",
    a_foreign_row_wiped: "foreign-row-kept",
    a_running_machines_row_set_free: "held-row-kept",
    written_in_observe: "observe-writes-nothing",
    running_after_succeeded: "training-forward",
    a_success_of_nothing: "success-ran",
    an_outcome_overwritten: "outcome-once",
    a_failed_start_of_what_has_run: "start-failed-never-ran",
    given_up_too_early: "retries-counted",
    tried_too_often: "retries-counted",
    charged_for_nothing: "retries-counted",
    tried_again_in_vain: "retries-counted",
    finished_and_not: "finished-stays",
    finished_with_an_open_attempt: "finished-after-outcome",
    two_open_attempts: "one-attempt",
    a_lease_too_early: "one-attempt",
    a_password_in_a_condition: "no-secret",
}


@pytest.mark.parametrize("story", BREAKS, ids=lambda story: story.__name__)
def test_a_broken_promise_is_named(story: Story) -> None:
    outside = Outside()
    story(outside)
    assert BREAKS[story] in outside.broken


def test_a_whole_claim_breaks_none() -> None:
    outside = Outside()
    town(outside, state="Free", generation=0)
    outside.write("machines", machine(**CLAIM))
    outside.row(HELD_ROWS)
    outside.power(True)
    outside.write(
        "trainingjobs", bodies.job(attempts=DONE, conditions=true("Finished", "Succeeded"))
    )
    outside.power(False, by=By.ITSELF)
    outside.row(FREE_ROWS)
    outside.write("machines", machine(**FREE))
    assert outside.broken == []


def test_each_promise_about_a_fact_has_its_story() -> None:
    about_facts = {name for name, found in PROMISES.items() if found.judges}
    assert {name for name in about_facts if not name.startswith("rest-")} == set(BREAKS.values())
