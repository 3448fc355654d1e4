"""An attempt has its MLflow run before it has a machine, exactly one, whatever happens."""

import asyncio

import pytest
from tests.builders import SETTINGS, a_job, an_attempt
from tests.reconcile.tracked import (
    Bench,
    a_success,
    in_virtual_time,
    said,
    sleep,
)

from simulator.loop import VirtualClock, VirtualLoop, run
from trainlease.model import tracking as word
from trainlease.model.errors import BadSpec, Forbidden, Unavailable
from trainlease.model.reasons import Cause, JobCondition
from trainlease.plan import results as plan
from trainlease.reconcile.results import Results


@in_virtual_time
async def test_a_prepared_attempt_has_its_run_and_placement_is_rung(bench: Bench) -> None:
    job = a_job(params={"lr": 0.5})
    assert bench.results.run_id(job, 1) is None
    run_id = await bench.run_of(job)

    assert bench.server.runs[run_id].tags[word.JOB_UID] == job.uid
    assert bench.server.params[run_id] == {"lr": "0.5"}
    assert ("placement", "") in bench.rung
    assert ("job", "saturno/caries") in bench.rung
    assert bench.results.trouble is None


@in_virtual_time
async def test_preparing_often_makes_one_run(bench: Bench) -> None:
    job = a_job()
    for _ in range(3):
        bench.results.prepare(job, 1)
    await sleep()
    bench.results.prepare(job, 1)
    await sleep()

    assert len(bench.server.runs) == 1
    assert bench.weather.calls.count("log") == bench.weather.calls.count("create_run") == 1
    assert bench.weather.calls.count("search_runs") == 2


@in_virtual_time
async def test_while_mlflow_is_away_the_job_says_so_and_its_run_follows(bench: Bench) -> None:
    job = a_job()
    bench.weather.down = True
    bench.results.prepare(job, 1)
    await sleep(5)
    assert bench.results.trouble == "MLflow cannot be reached"
    assert ("placement", "") in bench.rung

    bench.weather.down = False
    bench.rung.clear()
    await sleep(60)
    assert bench.results.trouble is None
    assert bench.results.run_id(job, 1) is not None
    assert ("placement", "") in bench.rung


@in_virtual_time
async def test_a_dead_server_is_asked_less_and_less_however_many_jobs_wait(bench: Bench) -> None:
    bench.weather.down = True
    for number in range(50):
        bench.results.prepare(a_job(f"job-{number}"), 1)
    await sleep(300)
    first_minutes = len(bench.weather.calls)
    await sleep(300)
    later = len(bench.weather.calls) - first_minutes

    assert later <= 300 / SETTINGS.breaker_most_tracker + 1
    bench.weather.down = False
    await sleep(60)
    assert len(bench.server.runs) == 50


@in_virtual_time
async def test_a_server_that_is_away_and_slow_is_asked_by_one_call_at_a_time(bench: Bench) -> None:
    bench.weather.down = True
    bench.results.prepare(a_job("first"), 1)
    await sleep(1)
    bench.weather.slow = 10
    for number in range(20):
        bench.results.prepare(a_job(f"job-{number}"), 1)
    await sleep(300)

    assert bench.weather.most_under_way == 1


@in_virtual_time
async def test_a_wrong_password_is_every_jobs_trouble_until_it_is_right(bench: Bench) -> None:
    def forbid() -> None:
        raise Forbidden("the password is wrong")

    bench.weather.at["experiment_id"] = forbid
    bench.results.prepare(a_job(), 1)
    await sleep(1)
    assert bench.results.trouble == "the password is wrong"

    await sleep(120)
    assert bench.results.trouble is None
    assert len(bench.server.runs) == 1


@in_virtual_time
async def test_what_only_a_person_can_mend_is_this_jobs_trouble_alone(bench: Bench) -> None:
    odd, good = a_job("odd"), a_job("good")
    bench.weather.at["create_run"] = _refuse
    bench.results.prepare(odd, 1)
    await bench.run_of(good)

    assert bench.results.trouble is None
    assert bench.results.trouble_of(good) is None
    assert bench.results.trouble_of(odd) == "MLflow refuses the name"
    await sleep(120)
    assert bench.results.trouble_of(odd) is None
    assert bench.results.run_id(odd, 1) is not None


def _refuse() -> None:
    raise BadSpec("MLflow refuses the name")


@in_virtual_time
async def test_nothing_is_asked_by_a_process_that_does_not_lead(bench: Bench) -> None:
    bench.leads = False
    bench.results.prepare(a_job(), 1)
    await sleep(10)

    assert bench.weather.calls == []


@in_virtual_time
async def test_closing_ends_what_is_under_way(bench: Bench) -> None:
    bench.weather.down = True
    bench.results.prepare(a_job(), 1)
    await sleep(5)
    await bench.results.close()

    assert asyncio.all_tasks() == {asyncio.current_task()}


@in_virtual_time
async def test_a_start_after_a_restart_finds_the_run_again(bench: Bench) -> None:
    job = a_job()
    run_id = await bench.run_of(job)
    results = bench.start()
    assert results.run_id(job, 1) is None

    assert await results.ensure(job, 1) == run_id
    assert results.run_id(job, 1) == run_id


@in_virtual_time
async def test_only_a_job_that_wants_results_does_not_start_without_its_run(bench: Bench) -> None:
    bench.weather.down = True

    assert await bench.results.ensure(a_job("easy", tracking="BestEffort"), 1) is None
    with pytest.raises(Unavailable):
        await bench.results.ensure(a_job("strict"), 1)


@in_virtual_time
async def test_a_start_beside_the_preparation_makes_no_second_run(bench: Bench) -> None:
    job = a_job()
    bench.weather.slow = 0.1
    bench.results.prepare(job, 1)
    await asyncio.gather(*(bench.results.ensure(job, 1) for _ in range(3)))
    await sleep(5)

    assert bench.weather.calls.count("create_run") == 1


def test_without_a_server_a_job_waits_and_a_finished_one_says_why_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        results = Results(None, VirtualClock(loop), SETTINGS, lambda: None, lambda *_: None)
        job = a_success()
        results.prepare(job, 1)
        assert results.trouble == plan.NOT_CONFIGURED_SAYS
        assert not results.is_due(a_job(attempts=[an_attempt(1, Cause.MACHINE_LOST)]))

        status = await results.record(job, {})
        assert status is not None
        want = ("False", "NotConfigured", plan.NOT_CONFIGURED_SAYS)
        assert said(status, JobCondition.RESULTS_RECORDED) == want
        assert not results.is_due(job.model_copy(update={"status": status}))

    run(main)
