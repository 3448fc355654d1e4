"""Every judge keeps silent over a demo that went well, and names the breach in one that did not."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from tests.demo.story import A, B, at, story, without

from demo import judge_claims, judge_results
from demo.facts import Facts, Flip, LedgerWrite, Outage, OutcomeWrite, Process, Row, Run, Version
from demo.judges import JUDGES, Judge, judge


def ledger(revision: int) -> LedgerWrite:
    return next(write for write in story().ledger if write.revision == revision)


def flip(seconds: float, platform: str) -> Flip:
    return next(f for f in story().flips if (f.at, f.platform) == (at(seconds), platform))


def rewritten(revision: int, /, **changes: Any) -> Facts:
    """The story with one write of the ledger changed."""
    old = ledger(revision)
    return replace(
        without(story(), old), ledger=(*without(story(), old).ledger, replace(old, **changes))
    )


def with_flip(when: datetime, platform: str, machine: str, *, occupied: bool) -> Facts:
    """The story with one more row told."""
    flips = (*story().flips, Flip(when, platform, machine, occupied))
    return replace(story(), flips=tuple(sorted(flips, key=lambda f: f.at)))


def with_process(index: int, **changes: Any) -> Facts:
    """The story with one attempt's processes changed."""
    processes = list(story().processes)
    processes[index] = replace(processes[index], **changes)
    return replace(story(), processes=tuple(processes))


def with_version(index: int, **changes: Any) -> Facts:
    """The story with one registered version changed."""
    versions = list(story().versions)
    versions[index] = replace(versions[index], **changes)
    return replace(story(), versions=tuple(versions))


def with_job(index: int, **changes: Any) -> Facts:
    """The story with one job changed."""
    jobs = list(story().jobs)
    jobs[index] = replace(jobs[index], **changes)
    return replace(story(), jobs=tuple(jobs))


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.__name__)
def test_a_demo_that_went_well_keeps_every_promise(judge: Judge) -> None:
    assert judge(story()).against == ()


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.__name__)
def test_a_promise_that_nothing_put_to_the_test_is_not_kept(judge: Judge) -> None:
    assert not judge(Facts(platforms=())).kept


BREACHES: dict[str, tuple[Judge, Facts, str]] = {
    "a claim that overwrites a holder": (
        judge_claims.one_holder,
        without(story(), ledger(21)),
        "gpu-1 went from saturno/a to nutresa/b without being freed",
    ),
    "a holder that changes within a generation": (
        judge_claims.one_holder,
        rewritten(33, lease_uid="lease-x"),
        "gpu-1 changed hands in generation 2",
    ),
    "a machine that is taken again from Stopping": (
        judge_claims.one_holder,
        rewritten(18, state="Claimed", lease_uid="lease-uid-b-1"),
        "gpu-2 went back from Stopping to Claimed",
    ),
    "a claim of the generation before": (
        judge_claims.one_holder,
        rewritten(41, generation=1),
        "gpu-1 went back to generation 1",
    ),
    "a Free machine that is held again without a new generation": (
        judge_claims.one_holder,
        rewritten(30, generation=1),
        "gpu-1 was taken without a new generation",
    ),
    "two trainings on one machine at a time": (
        judge_claims.one_holder,
        with_process(0, last_seen=at(8)),
        "two trainings ran on gpu-1",
    ),
    "a start before a database that confirms every lease was told": (
        judge_claims.occupied_before_start,
        replace(without(story(), flip(1.12, "latam")), confirm={"latam": "All"}),
        "nutresa/b (attempt 1) started while latam did not say occupied",
    ),
    "a training that nobody claimed a machine for": (
        judge_claims.one_holder,
        replace(story(), processes=(Process("uid-x", 1, at(1), at(2)),)),
        "ran without a claim",
    ),
    "a lease that holds two machines": (
        judge_claims.one_machine,
        rewritten(10, lease_uid="lease-uid-b-1"),
        "held gpu-1 (1) and gpu-2 (1)",
    ),
    "a start before its platform was told": (
        judge_claims.occupied_before_start,
        without(story(), flip(7.1, "nutresa")),
        "nutresa/b (attempt 2) started while nutresa did not say occupied",
    ),
    "a start after the row was freed again": (
        judge_claims.occupied_before_start,
        with_flip(at(7.2), "nutresa", "gpu-1", occupied=False),
        "nutresa/b (attempt 2) started while nutresa did not say occupied",
    ),
    "a release that is told while the training runs": (
        judge_claims.free_after_end,
        with_process(2, last_seen=at(10.45)),
        "saturno was told free 50 ms before nutresa/b (attempt 2) ended",
    ),
    "a held machine's row that is set free": (
        judge_claims.free_after_end,
        with_flip(at(9.1), "latam", "gpu-1", occupied=False),
        "latam was told free 900 ms before nutresa/b (attempt 2) ended",
    ),
    "a release that is told before the outcome is stored": (
        judge_claims.outcome_before_free,
        replace(story(), outcomes=tuple(replace(o, at=at(20)) for o in story().outcomes)),
        "was told free before saturno/a (attempt 1) had its outcome",
    ),
    "a machine that is Free before the outcome is stored": (
        judge_claims.outcome_before_free,
        rewritten(21, revision=19),
        "gpu-1 was Free before saturno/a (attempt 1) had its outcome",
    ),
    "a machine that is given up without an outcome": (
        judge_claims.outcome_before_free,
        replace(story(), outcomes=story().outcomes[:1]),
        "saturno/a (attempt 1) was freed without an outcome",
    ),
    "an outcome that is overwritten": (
        judge_claims.outcome_before_free,
        replace(
            story(), outcomes=(*story().outcomes, OutcomeWrite(45, at(11), "", B, 1, "Succeeded"))
        ),
        "nutresa/b (attempt 1) was Lost and then Succeeded",
    ),
    "a database that was neither told free nor noted": (
        judge_claims.free_told_or_owed,
        rewritten(21, debts=()),
        "latam was not told that gpu-1 is free, and no debt",
    ),
    "a machine that is never freed": (
        judge_claims.free_told_or_owed,
        without(story(), ledger(41)),
        "gpu-1 was never freed after nutresa/b (attempt 2)",
    ),
    "a start of a platform whose database is down": (
        judge_claims.dead_database_holds_back_its_own,
        replace(story(), outages=(Outage("nutresa", at(5.3), at(9)),)),
        "nutresa/b (attempt 2) started while its database was down",
    ),
    "a killed attempt that is not Lost": (
        judge_claims.lost_and_retried,
        replace(story(), outcomes=tuple(replace(o, outcome="Failed") for o in story().outcomes)),
        "nutresa/b was killed, and its outcome is Failed",
    ),
    "a lost job that is not tried again": (
        judge_claims.lost_and_retried,
        replace(story(), outcomes=story().outcomes[:2]),
        "nutresa/b's next attempt ended None",
    ),
    "a lost job that is tried again on the same machine": (
        judge_claims.lost_and_retried,
        replace(
            story(),
            ledger=tuple(
                replace(write, machine="gpu-2") if write.revision >= 30 else write
                for write in story().ledger
            ),
        ),
        "nutresa/b was tried again on gpu-2",
    ),
    "a row that differs at the end": (
        judge_results.all_rows_agree,
        replace(story(), rows=(*story().rows, Row("latam", "gpu-1", occupied=True))),
        "latam says occupied of gpu-1, which is Free",
    ),
    "a row that is missing at the end": (
        judge_results.all_rows_agree,
        replace(story(), rows=story().rows[1:]),
        "saturno has no row for gpu-1",
    ),
    "a debt that is never paid": (
        judge_results.all_rows_agree,
        rewritten(41, debts=("latam",)),
        "latam still owed a write for gpu-1",
    ),
    "a training's row that says something else": (
        judge_results.training_rows_tell,
        with_job(0, state="Failed"),
        "the row of saturno/a says succeeded, the job is Failed",
    ),
    "an attempt with two runs": (
        judge_results.one_run_an_attempt,
        replace(story(), runs=(*story().runs, Run("r4", A, 1, "FINISHED"))),
        "saturno/a attempt 1 has 2 runs",
    ),
    "an attempt without a run": (
        judge_results.one_run_an_attempt,
        replace(story(), runs=story().runs[1:]),
        "saturno/a attempt 1 has 0 runs",
    ),
    "a run of no attempt": (
        judge_results.one_run_an_attempt,
        replace(story(), runs=(*story().runs, Run("r4", B, 3, "FINISHED"))),
        "run r4 is of no attempt",
    ),
    "a run that never ended": (
        judge_results.one_run_an_attempt,
        replace(story(), runs=(*story().runs[1:], Run("r1", A, 1, "RUNNING"))),
        "run r1 still says RUNNING",
    ),
    "a worse version in Production": (
        judge_results.best_is_production,
        replace(
            story(),
            versions=(*story().versions, Version("nutresa.digits", 3, True, "val_f1", 0.95)),
        ),
        "nutresa.digits/2 (val_f1 0.910) is Production, not nutresa.digits/3 (val_f1 0.950)",
    ),
    "a version without its metric in Production": (
        judge_results.best_is_production,
        with_version(2, value=None),
        "nutresa.digits/2 (val_f1 no value) is Production",
    ),
    "a model without a Production version": (
        judge_results.best_is_production,
        with_version(0, production=False),
        "saturno.digits has 0 Production versions",
    ),
    "a job that ends in another way than it deserves": (
        judge_results.jobs_ended_as_wanted,
        with_job(1, wanted="Failed"),
        "nutresa/b is Succeeded, not Failed",
    ),
    "a process that lives on": (
        judge_results.nothing_left_running,
        replace(story(), left_running=("process 4711 of saturno/a",)),
        "process 4711 of saturno/a still runs",
    ),
    "a machine that is not Free at the end": (
        judge_results.nothing_left_running,
        rewritten(41, state="Stopping"),
        "gpu-1 is Stopping",
    ),
    "a password in a log": (
        judge_results.no_secret_told,
        replace(story(), leaks=("saturno's password stands in the audit log",)),
        "saturno's password stands in the audit log",
    ),
}


@pytest.mark.parametrize(("judge", "facts", "want"), BREACHES.values(), ids=BREACHES)
def test_a_broken_promise_is_named(judge: Judge, facts: Facts, want: str) -> None:
    verdict = judge(facts)

    assert not verdict.kept
    assert want in verdict.line


def test_every_judge_has_a_breach_that_it_must_name() -> None:
    assert {judge for judge, _, _ in BREACHES.values()} == set(JUDGES)


def test_judging_gives_a_verdict_for_each_promise_and_no_two_alike() -> None:
    verdicts = judge(story())

    assert len({verdict.promise for verdict in verdicts}) == len(JUDGES)


def test_a_late_free_of_the_claim_before_is_no_breach_of_the_next_one() -> None:
    facts = with_flip(at(7.05), "latam", "gpu-1", occupied=False)

    assert judge_claims.outcome_before_free(facts).kept
    assert judge_claims.free_after_end(facts).kept
