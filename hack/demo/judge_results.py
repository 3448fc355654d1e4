"""Judges of what is left at the end: rows, runs, versions, jobs, processes, secrets. Pure."""

from __future__ import annotations

from collections import Counter

from demo.facts import FREE, Facts, Version, by_machine
from demo.verdict import Verdict, verdict

_WORDS = {"Succeeded": "succeeded", "Failed": "failed"}


def all_rows_agree(facts: Facts) -> Verdict:
    """At the end every database says what the ledger says, and no debt is left."""
    last = {machine: writes[-1] for machine, writes in by_machine(facts).items()}
    said = {(row.platform, row.machine): row.occupied for row in facts.rows}
    against = []
    for machine, write in last.items():
        if write.debts:
            against.append(f"{' and '.join(write.debts)} still owed a write for {machine}")
        for platform in facts.platforms:
            word = said.get((platform, machine))
            if word is None:
                against.append(f"{platform} has no row for {machine}")
            elif word == (write.state == FREE):
                wrong = "occupied" if word else "free"
                against.append(f"{platform} says {wrong} of {machine}, which is {write.state}")
    count = len(facts.rows)
    evidence = f"{count} rows in {len(facts.platforms)} databases, no debt left"
    return verdict("all databases agree with the ledger", count, evidence, against)


def one_run_an_attempt(facts: Facts) -> Verdict:
    """Each attempt has exactly one MLflow run, and each run has ended."""
    attempts = {
        (job.uid, number): job for job in facts.jobs for number in range(1, len(job.attempts) + 1)
    }
    runs = Counter(run.attempt_id for run in facts.runs)
    against = [
        f"{job.title} attempt {number} has {runs[uid, number]} runs"
        for (uid, number), job in attempts.items()
        if runs[uid, number] != 1
    ]
    against += [
        f"run {run.run_id} is of no attempt" for run in facts.runs if run.attempt_id not in attempts
    ]
    against += [
        f"run {run.run_id} still says RUNNING" for run in facts.runs if run.status == "RUNNING"
    ]
    evidence = f"{len(attempts)} attempts, {len(facts.runs)} runs, all ended"
    return verdict("one MLflow run an attempt", len(attempts), evidence, against)


def best_is_production(facts: Facts) -> Verdict:
    """Of each model, the best of the versions that have their job's metric is Production."""
    against, winners = [], []
    for model in sorted({version.model for version in facts.versions}):
        theirs = [version for version in facts.versions if version.model == model]
        fit = [version for version in theirs if version.ready and version.value is not None]
        best = max(fit, key=lambda version: version.value or 0.0, default=None)
        chosen = [version for version in theirs if version.production]
        if len(chosen) != 1:
            against.append(f"{model} has {len(chosen)} Production versions")
        elif best is None or chosen[0].value is None or chosen[0].value < (best.value or 0.0):
            better = f", not {_shown(best)}" if best else ""
            against.append(f"{_shown(chosen[0])} is Production{better}")
        else:
            winners.append(f"{_shown(chosen[0])} of {len(theirs)}")
    return verdict("the best version is Production", len(winners), ", ".join(winners), against)


def jobs_ended_as_wanted(facts: Facts) -> Verdict:
    """Every job came to the end that its manifest deserves."""
    against = [
        f"{job.title} is {job.state or 'without a state'}, not {job.wanted}"
        for job in facts.jobs
        if job.state != job.wanted
    ]
    states = Counter(job.state for job in facts.jobs)
    evidence = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return verdict("every job came to its right end", len(facts.jobs), evidence, against)


def training_rows_tell(facts: Facts) -> Verdict:
    """Each platform's own row of a training says how it ended."""
    said = {row.job: row.word for row in facts.training_rows}
    against = [
        f"the row of {job.title} says {said.get(job.title, 'nothing')}, the job is {job.state}"
        for job in facts.jobs
        if said.get(job.title) != _WORDS.get(job.state)
    ]
    evidence = f"{len(said)} rows of trainings"
    return verdict("the platforms' trainings tell how they ended", len(said), evidence, against)


def nothing_left_running(facts: Facts) -> Verdict:
    """No process of any training lives on, and every machine is Free."""
    against = [f"{process} still runs" for process in facts.left_running]
    against += [
        f"{machine} is {writes[-1].state}"
        for machine, writes in by_machine(facts).items()
        if writes[-1].state != FREE
    ]
    evidence = f"{len(facts.processes)} trainings ran, none does now"
    return verdict("nothing is left running", len(facts.processes), evidence, against)


def no_secret_told(facts: Facts) -> Verdict:
    """No password of a database stands in any place that people read."""
    evidence = f"looked in {', '.join(facts.searched)}"
    return verdict("no secret is told", len(facts.searched), evidence, facts.leaks)


def _shown(version: Version) -> str:
    value = "no value" if version.value is None else f"{version.value:.3f}"
    return f"{version.model}/{version.number} ({version.metric} {value})"
