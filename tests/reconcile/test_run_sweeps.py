"""Runs of jobs that are gone are ended, and no others."""

from tests.builders import a_job
from tests.reconcile.tracked import (
    Bench,
    a_success,
    in_virtual_time,
    nobody_is_gone,
)

from trainlease.model.observed import RunStatus


@in_virtual_time
async def test_the_sweep_ends_open_runs_of_jobs_that_are_gone_and_no_others(bench: Bench) -> None:
    here, gone = a_job("here"), a_job("gone")
    here_id, gone_id = await bench.run_of(here), await bench.run_of(gone)
    asked: list[tuple[str, str, str]] = []

    async def is_gone(namespace: str, name: str, uid: str) -> bool:
        asked.append((namespace, name, uid))
        return uid == gone.uid

    await bench.results.sweep(is_gone)

    assert ("saturno", "gone", gone.uid) in asked
    assert bench.server.runs[gone_id].status is RunStatus.KILLED
    assert bench.server.runs[here_id].status is RunStatus.RUNNING
    assert bench.results.run_id(gone, 1) is None
    assert bench.results.run_id(here, 1) == here_id


@in_virtual_time
async def test_the_sweep_leaves_a_run_alone_that_was_ended_since_it_was_listed(
    bench: Bench,
) -> None:
    job = await bench.trained(a_success(), val_f1=0.9)

    async def is_recorded_meanwhile(namespace: str, name: str, uid: str) -> bool:
        await bench.recorded(job)
        return True

    await bench.results.sweep(is_recorded_meanwhile)

    (found,) = bench.server.runs.values()
    assert found.status is RunStatus.FINISHED


@in_virtual_time
async def test_the_sweep_leaves_other_clusters_runs_alone(bench: Bench) -> None:
    run_id = await bench.run_of(a_job())
    bench.results.cluster = "another-cluster"

    async def all_are_gone(namespace: str, name: str, uid: str) -> bool:
        return True

    await bench.results.sweep(all_are_gone)

    assert bench.server.runs[run_id].status is RunStatus.RUNNING


@in_virtual_time
async def test_the_sweep_ends_again_what_a_client_opened_after_its_end(bench: Bench) -> None:
    job = a_success()
    run_id = await bench.run_of(job)
    await bench.recorded(job)
    bench.server.begin_again(run_id)
    await bench.results.sweep(nobody_is_gone)

    assert bench.server.runs[run_id].status is RunStatus.FINISHED
