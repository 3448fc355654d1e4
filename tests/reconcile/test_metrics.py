"""What went wrong shows in the metrics, and how it stands: in a whole town in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.builders import a_job, a_machine, an_attempt
from tests.reconcile.town import SYSTEM, Town, in_town
from tests.reconcile.tracked import Weather

from trainlease.effects.clock import SystemClock
from trainlease.effects.machines.fake_world import Course
from trainlease.effects.metrics import catalog
from trainlease.effects.metrics.base import Metric, Metrics
from trainlease.effects.tracking.fake import FakeTracker
from trainlease.model.errors import Conflict
from trainlease.model.reasons import Cause, JobState
from trainlease.reconcile import metering
from trainlease.reconcile.operator import LEASE_NAME

Scenario = Callable[[Town, Metrics], Coroutine[Any, Any, None]]
FAILS = Course(cause=Cause.EXIT_CODE, code=1, message="exit code 1")
LONG = Course(seconds=36000)


def in_measured_town(scenario: Scenario, weather: Weather | None = None) -> None:
    """As in_town, with the metrics of an operator that leads and has come to rest.

    `weather` is its way to MLflow.
    """

    async def main(town: Town) -> None:
        await town.stop_operators()
        metrics, tracker = Metrics(), FakeTracker(town.mlflow, "two", weather)
        town.start_operator("two", metrics=metrics, tracker=tracker)
        await until(town, metrics, catalog.LEADER, 1)
        await until(town, metrics, catalog.PLATFORM_IN_SYNC, 1, "nutresa")
        await scenario(town, metrics)

    in_town(main)


async def until(
    town: Town, metrics: Metrics, metric: Metric, want: float | None, *labels: str
) -> None:
    async def there() -> bool:
        return metrics.value(metric, *labels) == want

    await town.until(there)


def test_a_debt_shows_while_it_is_owed_and_so_does_the_open_breaker() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        await town.create_job("caries")
        await town.until_state("caries", "Running")
        town.databases["nutresa"].down = True
        await until(town, metrics, catalog.DEBTS, 1, "nutresa")
        assert metrics.value(catalog.DEBTS, "saturno") == 0
        assert metrics.value(catalog.DATABASE_BREAKER_OPEN, "nutresa") == 1
        assert metrics.value(catalog.DATABASE_BREAKER_OPEN, "saturno") == 0
        assert metrics.value(catalog.PLATFORM_IN_SYNC, "nutresa") == 0
        town.databases["nutresa"].down = False
        await until(town, metrics, catalog.DEBTS, 0, "nutresa")
        await until(town, metrics, catalog.PLATFORM_IN_SYNC, 1, "nutresa")
        assert metrics.value(catalog.DATABASE_BREAKER_OPEN, "nutresa") == 0

    in_measured_town(scenario)


def test_a_row_that_another_program_took_is_counted_once_and_shows_until_it_is_free() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        town.databases["saturno"].occupy("gpu-1", "airflow")
        await until(town, metrics, catalog.OCCUPIED_ELSEWHERE, 1, "saturno")
        await asyncio.sleep(1000)
        assert metrics.value(catalog.FOREIGN_WRITES, "saturno", "occupied") == 1
        assert metrics.value(catalog.MACHINE_UNAVAILABLE, "gpu-1", "OccupiedElsewhere") == 1
        town.databases["saturno"].free("gpu-1")
        await until(town, metrics, catalog.OCCUPIED_ELSEWHERE, 0, "saturno")
        await until(town, metrics, catalog.MACHINE_UNAVAILABLE, None, "gpu-1", "OccupiedElsewhere")

    in_measured_town(scenario)


def test_a_held_machines_row_that_somebody_freed_is_counted_as_changed() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        town.courses["caries"] = LONG
        await town.create_job("caries")
        held = (await town.until_state("caries", "Running"))["status"]["machine"]
        town.databases["nutresa"].free(held, by="person")
        await until(town, metrics, catalog.FOREIGN_WRITES, 1, "nutresa", "changed")
        await asyncio.sleep(1000)
        assert metrics.value(catalog.FOREIGN_WRITES, "nutresa", "changed") == 1

    in_measured_town(scenario)


def test_what_only_we_write_is_never_counted_as_anothers() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        for number in range(5):
            await town.create_job(f"caries-{number}")
        await town.until_state("caries-4", "Succeeded")
        town.databases["nutresa"].down = True
        await town.create_job("late")
        await town.until_state("late", "Succeeded")
        town.databases["nutresa"].down = False
        await asyncio.sleep(1000)
        assert [s for s in metrics.samples() if s.metric is catalog.FOREIGN_WRITES] == []

    in_measured_town(scenario)


def test_a_fence_that_is_raised_over_a_databases_is_counted() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        newer = town.databases["nutresa"].snapshot()
        for key, row in newer.ledger.items():
            newer.ledger[key] = replace(row, fence=row.fence + 1000)
        town.databases["nutresa"].restore(newer)
        await until(town, metrics, catalog.FENCES_RAISED, 2)

    in_measured_town(scenario)


def test_mlflow_away_shows_as_an_open_breaker() -> None:
    weather = Weather()

    async def scenario(town: Town, metrics: Metrics) -> None:
        weather.down = True
        await town.create_job("caries", model="caries")
        await until(town, metrics, catalog.TRACKER_BREAKER_OPEN, 1)
        await until(town, metrics, catalog.WAITING_JOBS, 1, "onprem", "TrackingUnavailable")
        weather.down = False
        await town.until_state("caries", "Succeeded")
        assert metrics.value(catalog.TRACKER_BREAKER_OPEN) == 0

    in_measured_town(scenario, weather)


def test_attempts_are_counted_by_outcome_and_those_that_are_repeated_by_cause() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        town.courses["bad"] = FAILS
        await town.create_job("bad", retries={"application": 2})
        await town.until_state("bad", "Failed")
        assert metrics.value(catalog.ATTEMPTS, "Failed", "ExitCode") == 3
        assert metrics.value(catalog.RETRIES, "ExitCode") == 2
        assert metrics.value(catalog.JOBS, "Failed") == 1

    in_measured_town(scenario)


def test_the_leftovers_of_a_deleted_job_are_counted_as_swept() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        town.courses["caries"] = LONG
        await town.create_job("caries", externalId="7")
        job = await town.until_state("caries", "Running")
        await asyncio.sleep(5)
        await town.kube.delete("trainingjobs", "saturno", "caries", job["metadata"]["uid"])
        town.kube.collect_garbage()
        await until(town, metrics, catalog.SWEPT, 1, "row")
        await until(town, metrics, catalog.SWEPT, 1, "run")

    in_measured_town(scenario)


def test_machines_and_those_who_wait_show_since_when() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        for name in ("one", "two", "three"):
            town.courses[name] = LONG
            await town.create_job(name)
        begun = town.clock.now().timestamp()
        await until(town, metrics, catalog.WAITING_JOBS, 1, "onprem", "Queued")
        await asyncio.sleep(600)
        waiting = metrics.value(catalog.OLDEST_WAITING_JOB, "onprem")
        claimed = metrics.value(catalog.MACHINE_STATE_START, "gpu-1", "onprem", "Claimed")
        assert waiting == pytest.approx(begun, abs=5)
        assert claimed == pytest.approx(begun, abs=5)
        assert metrics.value(catalog.MACHINE_STATE_START, "gpu-1", "onprem", "Free") is None
        assert metrics.value(catalog.QUEUE_DEPTH) == 0

    in_measured_town(scenario)


def test_what_a_job_says_makes_no_series() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        for name in ("caries-a", "caries-b"):
            await town.create_job(name, pool=f"pool-of-{name}")
        await until(town, metrics, catalog.WAITING_JOBS, 2, "", "PoolEmpty")
        said = {label for sample in metrics.samples() for label in sample.labels}
        assert not [label for label in said if "caries" in label]

    in_measured_town(scenario)


def test_looks_are_timed_by_kind() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        await town.create_job("caries")
        await town.until_state("caries", "Succeeded")
        looks = metrics.histograms()[catalog.LOOK_DURATION]
        assert {("machine",), ("job",), ("lease",), ("placement",)} <= set(looks)
        assert all(sum(found.counts) > 0 for found in looks.values())

    in_measured_town(scenario)


@pytest.mark.parametrize(
    ("error", "want"), [(Conflict("stale"), "Conflict"), (KeyError("x"), "Defect")]
)
def test_an_error_that_ends_a_look_is_counted_by_its_kind(error: Exception, want: str) -> None:
    ports: Any = SimpleNamespace(clock=SystemClock(), metrics=Metrics())
    with pytest.raises(type(error)), metering.look(ports, "machine"):
        raise error
    assert ports.metrics.value(catalog.LOOK_FAILURES, "machine", want) == 1


def test_a_replica_that_stands_by_says_only_that() -> None:
    async def scenario(town: Town, metrics: Metrics) -> None:
        standby = Metrics()
        town.start_operator("three", metrics=standby)
        await asyncio.sleep(60)
        assert [(s.metric, s.value) for s in standby.samples()] == [(catalog.LEADER, 0)]
        lease = await town.kube.get("leases", SYSTEM, LEASE_NAME)
        assert lease["spec"]["leaseTransitions"] == 1
        assert metrics.value(catalog.LEADER_CHANGES) == 1

    in_measured_town(scenario)


@pytest.mark.parametrize(
    ("state", "cause", "want"),
    [
        (JobState.FAILED, Cause.MACHINE_LOST, None),
        (JobState.WAITING, Cause.MACHINE_LOST, 1),
        (JobState.SUSPENDED, Cause.SUSPENDED, 1),
    ],
)
def test_an_end_that_leaves_its_job_open_is_a_retry(
    state: JobState, cause: Cause, want: float | None
) -> None:
    metrics, before = Metrics(), a_job(attempts=[an_attempt(1)])
    ended = before.status.but(state=state, attempts=(an_attempt(1, cause),))
    metering.count_write(metrics, before, ended)
    metering.count_write(metrics, before.model_copy(update={"status": ended}), ended)
    assert metrics.value(catalog.RETRIES, str(cause)) == want


def test_the_first_fence_of_a_machine_is_no_raise() -> None:
    metrics, new = Metrics(), a_machine(state=None)
    metering.count_write(metrics, new, new.status.but(fence_base=4000))
    assert metrics.value(catalog.FENCES_RAISED) is None
