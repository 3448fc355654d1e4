"""Judges of who held a machine, and in which order it was told, started, ended and freed. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from demo.facts import (
    CLAIMED,
    FREE,
    STOPPING,
    AttemptId,
    Claim,
    Facts,
    Flip,
    LedgerWrite,
    Process,
    by_machine,
    claims,
    milliseconds,
    needed,
    occupied_at,
)
from demo.verdict import Verdict, verdict

TICK = timedelta(milliseconds=10)
"""/proc tells a start in whole clock ticks, rounded down."""
TRIGGER = timedelta(milliseconds=1)
"""A trigger in SQLite tells whole milliseconds, rounded down."""


def one_holder(facts: Facts) -> Verdict:
    """Never two holders of a machine, by the ledger's writes and by the processes themselves."""
    against = [
        problem
        for writes in by_machine(facts).values()
        for before, after in pairwise(writes)
        if (problem := _wrong_step(before, after))
    ]
    known = claims(facts)
    against += _overlaps(facts, known)
    machines = {claim.machine for claim in known}
    evidence = f"{len(known)} claims of {len(machines)} machines, one after the other"
    return verdict("never two holders of a machine", len(known), evidence, against)


def one_machine(facts: Facts) -> Verdict:
    """Never two machines for one lease."""
    held: dict[str, set[tuple[str, int]]] = {}
    for claim in claims(facts):
        held.setdefault(claim.begin.lease_uid, set()).add((claim.machine, claim.generation))
    against = [
        f"lease {uid} held {' and '.join(f'{m} ({g})' for m, g in sorted(taken))}"
        for uid, taken in held.items()
        if len(taken) > 1
    ]
    evidence = f"{len(held)} leases, {len(held)} claims"
    return verdict("never two machines for one lease", len(held), evidence, against)


def occupied_before_start(facts: Facts) -> Verdict:
    """Every database that must confirm says occupied before the training's process starts."""
    against, margins = [], []
    for claim, process in _started(facts):
        for platform in needed(facts, claim.begin.platform):
            told = _told(facts, claim, platform, process.started + TICK)
            if told is None:
                against.append(f"{_title(claim)} started while {platform} did not say occupied")
            else:
                margins.append(process.started - told)
    least = f", at the least {milliseconds(min(margins))} before" if margins else ""
    evidence = f"{len(margins)} rows that had to say so did{least}"
    return verdict("occupied before the start", len(margins), evidence, against)


def free_after_end(facts: Facts) -> Verdict:
    """No database is told free of a machine on which a training's process lives."""
    against, looked_at = [], 0
    for flip in facts.flips:
        if flip.occupied:
            continue
        looked_at += 1
        for claim, process in _started(facts):
            if (
                claim.machine == flip.machine
                and process.started < flip.at + TRIGGER < process.last_seen
            ):
                early = milliseconds(process.last_seen - flip.at)
                against.append(
                    f"{flip.platform} was told free {early} before {_title(claim)} ended"
                )
    evidence = f"free was told {looked_at} times, each after the processes had ended"
    return verdict("free only once it is off", looked_at, evidence, against)


def outcome_before_free(facts: Facts) -> Verdict:
    """The attempt's outcome is stored once, and before anybody hears of free."""
    against, looked_at = [], 0
    for claim in claims(facts):
        stored = [o for o in facts.outcomes if o.attempt_id == claim.attempt_id]
        if not stored:
            if claim.free:
                against.append(f"{_title(claim)} was freed without an outcome")
            continue
        looked_at += 1
        if len(stored) > 1:
            words = " and then ".join(outcome.outcome for outcome in stored)
            against.append(f"{_title(claim)} was {words}")
        first = min(stored, key=lambda outcome: outcome.revision)
        early = [flip.platform for flip in _freed(facts, claim) if flip.at < first.at]
        if early:
            against.append(f"{early[0]} was told free before {_title(claim)} had its outcome")
        if claim.free and claim.free.revision < first.revision:
            against.append(f"{claim.machine} was Free before {_title(claim)} had its outcome")
    evidence = f"{looked_at} outcomes, each stored once and before its machine was freed"
    return verdict("the outcome before free", looked_at, evidence, against)


def free_told_or_owed(facts: Facts) -> Verdict:
    """When the ledger says Free, every database says so too or is noted as a debt."""
    against, told, owed = [], 0, 0
    for claim in claims(facts):
        if claim.free is None:
            against.append(f"{claim.machine} was never freed after {_title(claim)}")
            continue
        for platform in facts.platforms:
            if platform in claim.free.debts:
                owed += 1
            elif occupied_at(facts, platform, claim.machine, claim.free.at):
                against.append(f"{platform} was not told that {claim.machine} is free, and no debt")
            else:
                told += 1
    evidence = f"{told} told, {owed} noted as a debt while a database was down"
    return verdict("free told everywhere or owed", told, evidence, against)


def dead_database_holds_back_its_own(facts: Facts) -> Verdict:
    """While a platform's database is down nothing of that platform starts, and others go on."""
    against, others = [], 0
    for outage in facts.outages:
        for claim, process in _started(facts):
            if not outage.begin <= process.started < outage.end:
                continue
            if claim.begin.platform != outage.platform:
                others += 1
            elif claim.begin.at >= outage.begin:  # one told before may start a moment later
                against.append(f"{_title(claim)} started while its database was down")
    evidence = f"nothing of its platform started meanwhile, {others} of the others did"
    return verdict("a dead database holds back its own platform only", others, evidence, against)


def lost_and_retried(facts: Facts) -> Verdict:
    """A killed attempt is Lost, and the next one ends well on another machine."""
    against = []
    machine_of = {claim.attempt_id: claim.machine for claim in claims(facts)}
    ended = {outcome.attempt_id: outcome.outcome for outcome in facts.outcomes}
    evidence = ""
    for kill in facts.kills:
        first, second = (kill.job_uid, kill.attempt), (kill.job_uid, kill.attempt + 1)
        if ended.get(first) != "Lost":
            against.append(f"{kill.job} was killed, and its outcome is {ended.get(first)}")
        elif ended.get(second) != "Succeeded":
            against.append(f"{kill.job}'s next attempt ended {ended.get(second)}")
        elif machine_of.get(first) == machine_of.get(second):
            against.append(f"{kill.job} was tried again on {machine_of.get(first)}")
        evidence = (
            f"{kill.job} was Lost on {machine_of.get(first)} and succeeded on "
            f"{machine_of.get(second)}"
        )
    return verdict(
        "a lost machine costs an attempt, not a job", len(facts.kills), evidence, against
    )


def _wrong_step(before: LedgerWrite, after: LedgerWrite) -> str:
    """What is wrong with two writes of one machine's ledger in a row; empty if nothing."""
    if after.generation < before.generation:
        return f"{after.machine} went back to generation {after.generation}"
    if after.generation > before.generation:
        if before.state == CLAIMED and after.state == CLAIMED:
            return f"{after.machine} went from {before.job} to {after.job} without being freed"
        return ""
    if before.state in (CLAIMED, STOPPING) and after.state == CLAIMED:
        if after.lease_uid != before.lease_uid:
            return f"{after.machine} changed hands in generation {after.generation}"
        if before.state == STOPPING:
            return f"{after.machine} went back from Stopping to Claimed"
    if before.state == FREE and after.state != FREE:
        return f"{after.machine} was taken without a new generation"
    return ""


def _overlaps(facts: Facts, known: list[Claim]) -> list[str]:
    """Trainings that ran at the same time on one machine."""
    machine_of = {claim.attempt_id: claim.machine for claim in known}
    runs: dict[str, list[Process]] = {}
    for process in sorted(facts.processes, key=lambda p: p.started):
        machine = machine_of.get(process.attempt_id)
        if machine is None:
            return [f"attempt {process.attempt} of job {process.job_uid} ran without a claim"]
        runs.setdefault(machine, []).append(process)
    return [
        f"two trainings ran on {machine} at {after.started:%H:%M:%S}"
        for machine, trainings in runs.items()
        for before, after in pairwise(trainings)
        if after.started + TICK < before.last_seen
    ]


def _started(facts: Facts) -> list[tuple[Claim, Process]]:
    """The claims whose training was seen to run."""
    seen: dict[AttemptId, Process] = {p.attempt_id: p for p in facts.processes}
    return [(c, seen[c.attempt_id]) for c in claims(facts) if c.attempt_id in seen]


def _told(facts: Facts, claim: Claim, platform: str, by: datetime) -> datetime | None:
    """Since when the platform's row says occupied, at the time `by`; None if it does not."""
    of_row = [
        flip
        for flip in facts.flips
        if (flip.platform, flip.machine) == (platform, claim.machine) and flip.at <= by
    ]
    last = max(of_row, key=lambda flip: flip.at, default=None)
    return last.at if last and last.occupied else None


def _freed(facts: Facts, claim: Claim) -> list[Flip]:
    """The rows that this claim had set to occupied and that were set to free before its end."""
    ours: dict[str, bool] = {}
    freed = []
    for flip in sorted(facts.flips, key=lambda flip: flip.at):
        if flip.machine != claim.machine or not claim.covers(flip.at):
            continue
        if not flip.occupied and ours.get(flip.platform):
            freed.append(flip)
        ours[flip.platform] = flip.occupied
    return freed


def _title(claim: Claim) -> str:
    return f"{claim.begin.job} (attempt {claim.begin.attempt})"
