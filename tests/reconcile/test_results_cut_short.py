"""Many at once, lost answers, and processes that end in between: the results are the same."""

import asyncio
from typing import Any

import pytest
from tests.builders import a_job
from tests.reconcile.tracked import (
    CLUSTER,
    MODEL,
    Bench,
    Stopped,
    a_success,
    in_virtual_time,
    nobody_is_gone,
    sleep,
)

from simulator.loop import VirtualLoop, run
from trainlease.model import tracking as word
from trainlease.model.errors import Unavailable
from trainlease.model.training_job import TrainingJob


@in_virtual_time
async def test_jobs_of_one_model_that_end_together_leave_the_best_in_production(
    bench: Bench,
) -> None:
    values = {"a": 0.7, "b": 0.9, "c": 0.8, "d": 0.6}
    jobs = [await bench.trained(a_success(name), val_f1=value) for name, value in values.items()]
    await asyncio.gather(*(bench.recorded(job) for job in jobs))

    model = bench.server.models[MODEL]
    best = model.versions[model.aliases[word.PRODUCTION]]
    assert best.tags[word.JOB] == "b"
    assert sorted(model.versions) == [1, 2, 3, 4]
    stages = [row.version for row in model.versions.values() if row.stage == word.STAGE]
    assert stages == [best.version]


def outcome_of(stop: dict[str, Any]) -> tuple[Any, int]:
    """What stands at the end when the process ended at this request, and how many there were."""

    async def main(loop: VirtualLoop) -> tuple[Any, int]:
        bench = Bench(loop)
        await bench.recorded(await bench.trained(a_success("before"), val_f1=0.8))
        job = await bench.trained(a_success(), val_f1=0.9)
        bench.start()
        for name, value in stop.items():
            setattr(bench.weather, name, value)
        calls = bench.weather.calls
        try:
            stored = await bench.recorded(job)
        except (Stopped, Unavailable):
            bench.start()
            stored = await _recorded_in_time(bench, job)
        model = bench.server.models[MODEL]
        world = {
            "aliases": dict(model.aliases),
            "versions": {n: (dict(v.tags), v.stage) for n, v in model.versions.items()},
            "runs": [(r.run_id, r.status, dict(r.tags)) for r in bench.server.runs.values()],
            "why": stored.status.why,
            "model": stored.status.model,
            "attempts": stored.status.attempts,
        }
        return world, len(calls)

    return run(main)


async def _recorded_in_time(bench: Bench, job: TrainingJob) -> TrainingJob:
    """As the queue does it: tried again until nothing is in the way."""
    while True:
        try:
            return await bench.recorded(job)
        except Unavailable:
            await sleep(5)


def test_an_end_at_any_request_leads_to_the_same_results() -> None:
    want, requests = outcome_of({})
    assert want["why"] == "promoted over v1: val_f1 0.900 > 0.800"
    for number in range(1, requests + 1):
        for when in ("stop_before", "stop_after"):
            assert outcome_of({when: number})[0] == want, (when, number)


@pytest.mark.parametrize(
    "verb", ["create_version", "set_alias", "tag_version", "set_stage", "end_run", "log"]
)
def test_a_lost_answer_leads_to_the_same_results(verb: str) -> None:
    assert outcome_of({"lose_answer_of": verb})[0] == outcome_of({})[0]


@in_virtual_time
async def test_no_move_of_the_alias_is_sent_while_an_earlier_one_may_land(bench: Bench) -> None:
    jobs = [
        await bench.trained(a_success(name), val_f1=value)
        for name, value in (("first", 0.7), ("better", 0.8), ("best", 0.9))
    ]
    await bench.recorded(jobs[0])
    bench.weather.at["set_alias"] = _stop
    with pytest.raises(Stopped):
        await bench.recorded(jobs[1])
    bench.start()
    with pytest.raises(Unavailable, match="may yet move to v2"):
        await bench.recorded(jobs[2])
    bench.server.move_alias(MODEL, word.PREVIOUS, 1)  # they were under way, and land now
    bench.server.move_alias(MODEL, word.PRODUCTION, 2)
    status = (await bench.recorded(jobs[2])).status

    assert status.why == "promoted over v2: val_f1 0.900 > 0.800"
    assert bench.server.models[MODEL].versions[2].tags[word.PROMOTED] == "over v1"


@in_virtual_time
async def test_a_move_that_never_came_is_sent_again_after_a_while(bench: Bench) -> None:
    await bench.recorded(await bench.trained(a_success("first"), val_f1=0.7))
    job = await bench.trained(a_success("better"), val_f1=0.8)
    bench.weather.at["set_alias"] = _stop
    with pytest.raises(Stopped):
        await bench.recorded(job)
    began = bench.clock.monotonic()
    await _recorded_in_time(bench, job)

    assert bench.server.models[MODEL].aliases[word.PRODUCTION] == 2
    assert bench.clock.monotonic() - began >= 30


def _stop() -> None:
    raise Stopped


@in_virtual_time
async def test_a_new_process_sweeps_the_models_of_jobs_that_it_never_saw(bench: Bench) -> None:
    job = await bench.recorded(await bench.trained(a_success(), val_f1=0.7))
    run = bench.server.runs[job.status.attempts[0].run_id or ""]
    model = bench.server.models[MODEL]
    tags = {word.CLUSTER: CLUSTER, word.JOB_UID: job.uid}
    twin = bench.server.new_version(model, MODEL, run.run_id, tags)
    assert sorted(model.versions) == [1, twin]  # its create has landed late
    await bench.start().sweep(nobody_is_gone)

    assert sorted(model.versions) == [1]


def test_a_lost_answer_to_a_create_leaves_one_run() -> None:
    async def main(loop: VirtualLoop) -> None:
        bench = Bench(loop)
        bench.weather.lose_answer_of = "create_run"
        await bench.run_of(a_job())
        assert len(bench.server.runs) == 1

    run(main)
