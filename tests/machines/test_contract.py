"""What every provider keeps: the process provider with real processes, and the fake."""

import asyncio

import pytest
from tests.machines.benches import Bench, Ending, Watcher, eventually, soon_over

from trainlease.model.errors import Refused
from trainlease.model.observed import Power
from trainlease.model.reasons import Cause


async def test_a_machine_that_was_never_used_is_off(bench: Bench) -> None:
    view = await bench.provider().observe(bench.machine)
    assert (view.power, view.generation, view.exits) == (Power.OFF, None, {})


async def test_what_was_started_is_on_by_its_generation(bench: Bench) -> None:
    provider = bench.provider()
    await provider.ensure_on(bench.machine, bench.workload(bench.machine, Ending.RUNS_ON, 7))
    await bench.running()
    view = await provider.observe(bench.machine)
    assert (view.power, view.generation, view.exits) == (Power.ON, 7, {})


async def test_a_start_that_is_repeated_starts_once(bench: Bench) -> None:
    provider, work = bench.provider(), bench.workload(bench.machine, Ending.RUNS_ON)
    await asyncio.gather(*(provider.ensure_on(bench.machine, work) for _ in range(3)))
    await bench.running()
    await bench.provider().ensure_on(bench.machine, work)
    await provider.ensure_off(bench.machine)
    await Watcher(provider).off(bench.machine)
    assert bench.starts() == 1


async def test_a_success_is_told_with_its_log(bench: Bench) -> None:
    provider = bench.provider()
    watcher = Watcher(provider)
    await provider.ensure_on(bench.machine, bench.workload(bench.machine, Ending.SUCCEEDS, 2))
    ended = (await watcher.off(bench.machine)).exits[2]
    assert (ended.generation, ended.cause, ended.code) == (2, Cause.COMPLETED, 0)
    assert "trained" in ended.log_tail


async def test_a_failure_is_told_with_its_exit_code_and_its_last_line(bench: Bench) -> None:
    provider = bench.provider()
    watcher = Watcher(provider)
    await provider.ensure_on(bench.machine, bench.workload(bench.machine, Ending.FAILS))
    ended = (await watcher.off(bench.machine)).exits[1]
    assert (ended.cause, ended.code) == (Cause.EXIT_CODE, 3)
    assert ended.message == "exit code 3: no such data"


async def test_a_late_start_of_a_claim_that_stands_terminated_cannot_land(bench: Bench) -> None:
    provider, work = bench.provider(), bench.workload(bench.machine, Ending.SUCCEEDS)
    await provider.ensure_on(bench.machine, work)
    ended = await Watcher(provider).off(bench.machine)
    await bench.provider().ensure_on(bench.machine, work)
    assert await provider.observe(bench.machine) == ended
    assert bench.starts() == 1


async def test_a_late_start_of_another_claim_lands_and_the_oldest_is_named(bench: Bench) -> None:
    provider = bench.provider()
    watcher = Watcher(provider)
    for generation in (2, 1):
        work = bench.workload(bench.machine, Ending.RUNS_ON, generation)
        await provider.ensure_on(bench.machine, work)
    view = await watcher.until(bench.machine, lambda view: view.power is Power.ON)
    assert view.generation == 1


async def test_turned_off_is_off_and_leaves_its_record(bench: Bench) -> None:
    provider = bench.provider()
    await provider.ensure_on(bench.machine, bench.workload(bench.machine, Ending.RUNS_ON))
    await bench.running()
    await provider.ensure_off(bench.machine)
    view = await Watcher(provider).off(bench.machine)
    assert view.exits[1].cause is Cause.CANCELLED


async def test_turning_off_ends_claims_of_every_generation(bench: Bench) -> None:
    provider = bench.provider()
    for generation in (1, 2, 3):
        work = bench.workload(bench.machine, Ending.RUNS_ON, generation)
        await provider.ensure_on(bench.machine, work)
    await eventually(lambda: bench.starts() == 3)
    await provider.ensure_off(bench.machine)
    view = await Watcher(provider).off(bench.machine)
    assert sorted(view.exits) == [1, 2, 3]


async def test_turning_off_leaves_other_machines_alone(bench: Bench) -> None:
    provider = bench.provider()
    for one in (bench.machine, bench.other):
        await provider.ensure_on(one, bench.workload(one, Ending.RUNS_ON))
    await provider.ensure_off(bench.machine)
    await Watcher(provider).off(bench.machine)
    assert (await provider.observe(bench.other)).power is Power.ON


async def test_turning_off_what_is_off_changes_nothing(bench: Bench) -> None:
    provider = bench.provider()
    await provider.ensure_off(bench.machine)
    await provider.ensure_on(bench.machine, bench.workload(bench.machine, Ending.SUCCEEDS))
    ended = await Watcher(provider).off(bench.machine)
    await provider.ensure_off(bench.machine)
    assert await provider.observe(bench.machine) == ended


async def test_what_ignores_a_polite_end_stays_on_until_it_has_ended(bench: Bench) -> None:
    provider = bench.provider()
    watcher = Watcher(provider)
    await provider.ensure_on(bench.machine, bench.workload(bench.machine, Ending.IGNORES_TERM))
    await bench.running()
    await provider.ensure_off(bench.machine)
    await provider.ensure_off(bench.machine)
    assert (await provider.observe(bench.machine)).power is Power.ON
    await watcher.off(bench.machine)


async def test_what_dies_without_a_word_is_lost(bench: Bench) -> None:
    provider = bench.provider()
    watcher = Watcher(provider)
    await provider.ensure_on(bench.machine, bench.workload(bench.machine, Ending.RUNS_ON))
    await bench.running()
    await provider.observe(bench.machine)
    bench.lose()
    view = await watcher.off(bench.machine)
    assert view.exits[1].cause is Cause.MACHINE_LOST
    assert await bench.provider().observe(bench.machine) == view


async def test_the_deadline_ends_it_without_the_operator(bench: Bench) -> None:
    provider = bench.provider()
    watcher = Watcher(provider)
    work = soon_over(bench.workload(bench.machine, Ending.IGNORES_TERM))
    await provider.ensure_on(bench.machine, work)
    view = await watcher.off(bench.machine)
    assert view.exits[1].cause is Cause.MACHINE_LIMIT


async def test_an_operator_that_is_started_again_sees_the_run_and_is_rung(bench: Bench) -> None:
    work = bench.workload(bench.machine, Ending.IGNORES_TERM, 4)
    await bench.provider().ensure_on(bench.machine, work)
    await bench.running()
    again = bench.provider()
    watcher = Watcher(again)
    assert (await again.observe(bench.machine)).generation == 4
    await bench.provider().ensure_off(bench.machine)
    view = await watcher.off(bench.machine)
    assert set(watcher.rings) == {bench.machine.name}
    assert view.exits[4].cause is Cause.CANCELLED


async def test_a_running_claim_is_not_forgotten(bench: Bench) -> None:
    provider = bench.provider()
    await provider.ensure_on(bench.machine, bench.workload(bench.machine, Ending.RUNS_ON))
    with pytest.raises(Refused):
        await provider.forget(bench.machine.uid, 1)
    await Watcher(provider).until(bench.machine, lambda view: view.power is Power.ON)


async def test_an_ended_claim_is_forgotten_and_the_next_one_is_kept(bench: Bench) -> None:
    provider = bench.provider()
    watcher = Watcher(provider)
    for generation in (1, 2):
        work = bench.workload(bench.machine, Ending.SUCCEEDS, generation)
        await provider.ensure_on(bench.machine, work)
        await watcher.off(bench.machine)
    await provider.forget(bench.machine.uid, 1)
    await provider.forget(bench.machine.uid, 1)
    assert sorted((await provider.observe(bench.machine)).exits) == [2]
