"""The promises about rest: databases = ledger = provider, all that ended is closed everywhere.

A rest is read when nothing has moved for longer than any timer of the operator. What may still
be held then is what the world itself keeps going (`Rest.busy`), and what may still wait is what
the world's own facts hinder: a job that nothing hinders would wait for a deadline only.
"""

from collections import Counter
from collections.abc import Iterator
from math import inf
from typing import Any

from simulator.book import Book
from simulator.facts import Body, Rest
from simulator.fields import (
    attempt_of,
    fence,
    has_place_for_us,
    is_foreign,
    is_true,
    side_fence,
    status_of,
)
from simulator.promise import announce, promise
from trainlease.model.observed import ModelVersion, RowState, RunStatus, TrainingWord
from trainlease.model.reasons import Cause

QUIET = "second-plan-empty"
_BY_ITSELF = (Cause.COMPLETED, Cause.EXIT_CODE, Cause.OUT_OF_MEMORY)
COMES_TO_REST = "comes-to-rest"

announce(QUIET, "At rest a second plan is empty: nothing is written (section 6)")
announce(COMES_TO_REST, "Every wait has a deadline and a way out (section 3, rule 8)")


@promise("rest-ledger", Rest, "At rest, ledger = provider (section 6)")
def ledger_is_provider(book: Book, rest: Rest) -> Iterator[str]:
    for name, machine in _enforced_machines(book):
        status = status_of(machine)
        state, holder = status.get("state"), status.get("holder") or {}
        on = name in rest.machine_on
        generation = rest.machine_on.get(name)
        if state == "Free" and on and generation is not None:
            yield f"{name}: Free, and on by generation {generation}"
        elif _is_unreadable(rest, name, machine):
            continue
        elif state == "Free" and on and not _is_anothers(book, rest, name):
            yield f"{name}: Free, and on though no database says that another program has it"
        elif state == "Claimed" and not _is_busy(rest, holder):
            yield f"{name}: still held by {holder.get('namespace')}/{holder.get('name')}"
        elif state == "Claimed" and holder.get("job") and generation != status["generation"]:
            yield f"{name}: Claimed, and not on by generation {status['generation']}"
        elif state not in ("Free", "Claimed"):
            yield f"{name}: stands in {state}"


@promise(
    "rest-rows",
    Rest,
    "At rest, databases = ledger, and so while a job runs at rest (section 6)",
)
def rows_are_ledger(book: Book, rest: Rest) -> Iterator[str]:
    for platform, _ in book.told_platforms():
        if platform in rest.down:
            continue
        for name, machine in _enforced_machines(book):
            yield from _row_is_ledger(book, platform, name, machine)


def _row_is_ledger(book: Book, platform: str, name: str, machine: Body) -> Iterator[str]:
    rows, status = book.rows.get((platform, name)), status_of(machine)
    if rows is None or rows.own is None or status.get("state") not in ("Free", "Claimed"):
        return  # Stopping leaves the rows as they are
    if _is_turned_by_hand(book, platform, name, status):
        return
    title = f"{platform}'s row of {name}"
    if platform in status.get("debts", ()):
        yield f"{title}: still owed, though the database is up"
    if (platform, name) in book.legacy_rows or is_foreign(rows) or rows.other_clusters:
        return  # theirs: it is told to people, and is written only by a person's word
    free = status["state"] == "Free"
    want = RowState.FREE if free else RowState.OCCUPIED
    if rows.own is not want:
        yield f"{title}: says {rows.own}, the ledger {status['state']}"
    side = rows.side
    if side is None or side.state is not want or side_fence(side) != fence(status, free=free):
        yield (
            f"{title}: the side row has {side and (side.state.value, side.fence)}, the ledger "
            + (f"{status['state']} with {fence(status, free=free)}")
        )


def _is_turned_by_hand(book: Book, platform: str, name: str, status: Body) -> bool:
    """A person wrote the other state under the ledger's own fence: neither may win silently."""
    rows, free = book.rows[platform, name], status["state"] == "Free"
    same = side_fence(rows.side) == fence(status, free=free)
    return same and (platform, name) in book.edited


@promise(
    "rest-leases",
    Rest,
    "Every lease ends: released when its machine no longer holds it (section 3, rule 8)",
)
def leases_are_released(book: Book, rest: Rest) -> Iterator[str]:
    for (namespace, name), lease in book.objects["machineleases"].items():
        if is_true(lease, "Released") or lease["metadata"]["uid"] in rest.busy:
            continue
        ref, title = lease["spec"].get("job"), f"{namespace}/{name}"
        if ref is None:
            if status_of(lease).get("machine"):
                yield f"{title}: a hold that was granted and whose time is over is not released"
            continue
        job = book.job(namespace, ref["name"], ref["uid"])
        if job is None:
            yield f"{title}: its job is gone and it is neither released nor gone"
        elif (attempt_of(job, lease["spec"]["attempt"]) or {}).get("outcome"):
            name = status_of(lease).get("machine", "")
            if not _is_unreadable(rest, name, book.machine(name)):
                yield f"{title}: its attempt has ended and it is not released"
        elif status_of(lease).get("machine") and ref["uid"] not in rest.busy:
            yield f"{title}: bound to {status_of(lease)['machine']}, which comes to no end"


@promise(
    "rest-jobs",
    Rest,
    "Nothing waits only for a deadline or a dead database (section 6)",
)
def jobs_are_finished(book: Book, rest: Rest) -> Iterator[str]:
    for (namespace, name), job in book.objects["trainingjobs"].items():
        if is_true(job, "Finished") or job["metadata"]["uid"] in rest.busy:
            continue
        if job["spec"].get("suspend") or _is_hindered(book, rest, namespace, job):
            continue
        why = status_of(job).get("why")
        yield f"{namespace}/{name}: not finished, and nothing hinders it (it says: {why})"


def _is_hindered(book: Book, rest: Rest, namespace: str, job: Body) -> bool:
    """Whether a job that waits at rest has a reason in the outside."""
    platform = _platform_of(book, namespace)
    if platform is None:
        return True
    if rest.tracker_down and job["spec"].get("tracking", "Required") == "Required":
        return True
    needed = tuple(_needed(book, platform))
    if any(name in rest.down for name in needed):
        return True
    usable = {
        name: machine
        for name, machine in _usable(book, platform, job)
        if all(has_place_for_us(book.rows.get((each, name))) for each in needed)
    }
    avoided = _lost_on(job)
    if avoided in usable and len(usable) > 1:
        del usable[avoided]
    return all(_is_taken(book, rest, name, machine) for name, machine in usable.items())


def _needed(book: Book, platform: str) -> Iterator[str]:
    """The databases that must say occupied before a machine starts for this platform."""
    for name, body in book.told_platforms():
        confirm = body["spec"]["database"].get("confirm", "Own")
        if confirm == "All" or (confirm == "Own" and name == platform):
            yield name


def _lost_on(job: Body) -> str:
    """The machine of the last failure that was not the training's own: the next attempt avoids it,

    while another permitted one exists (section 3, Queue).
    """
    causes = ("MachineLost", "NotHeld", "StartTimeout", "StartRefused")
    attempts = reversed(status_of(job).get("attempts", ()))
    found = (str(a.get("machine")) for a in attempts if a.get("cause") in causes)
    return next(found, "")


def _usable(book: Book, platform: str, job: Body) -> Iterator[tuple[str, Body]]:
    """The machines that the job may ever get."""
    for name, machine in _enforced_machines(book):
        spec = machine["spec"]
        allowed = spec.get("platforms")
        if job["spec"].get("machine", name) != name or spec.get("cordon"):
            continue
        if job["spec"].get("pool", spec["pool"]) != spec["pool"]:
            continue
        if allowed is None or platform in allowed:
            yield name, machine


def _is_taken(book: Book, rest: Rest, name: str, machine: Body) -> bool:
    """Held by what the world keeps going, or by another program's word in any database."""
    if status_of(machine).get("state") == "Claimed":
        return _is_busy(rest, status_of(machine)["holder"])
    if _is_unreadable(rest, name, machine) or name in rest.quarantined:
        return True
    if any((platform, name) in book.once_taken for platform in rest.down):
        return True  # the last that was read of it may be that it is taken
    return _is_anothers(book, rest, name)


@promise(
    "rest-gone",
    Rest,
    "Deleting anything in any phase comes to an end (section 3, rule 9)",
)
def deleted_is_gone(book: Book, rest: Rest) -> Iterator[str]:
    for (plural, namespace, name), since in book.going.items():
        # A Platform waits for what was told to it, and its jobs, up to its deadline.
        waits = plural == "platforms" and (rest.busy or rest.at - since < book.limits.letting_go)
        if not waits and not rest.down:
            yield f"{plural} {namespace}/{name}: deleted, and still there"


@promise(
    "rest-outcomes",
    Rest,
    "What stands there terminated is the outcome of its attempt (section 3, step 5)",
)
def outcomes_are_true(book: Book, rest: Rest) -> Iterator[str]:
    for (namespace, name), job in book.objects["trainingjobs"].items():
        for attempt in status_of(job).get("attempts", ()):
            where = attempt.get("machine"), attempt.get("generation")
            if where not in rest.exits:
                continue
            title, cause = f"{namespace}/{name} attempt {attempt['number']}", rest.exits[where]
            if attempt.get("outcome") == "Succeeded" and cause is not Cause.COMPLETED:
                yield f"{title}: Succeeded, and it ended by {cause}"
            if where[0] in book.blanked or _is_bound_anew(book, job, attempt):
                continue  # the claim that it is called lost in may be a later one of the attempt
            if cause in _BY_ITSELF and f"{where[0]} went off" in attempt.get("message", ""):
                yield f"{title}: called lost, and it ended by {cause}"


def _is_bound_anew(book: Book, job: Body, attempt: dict[str, Any]) -> bool:
    """Whether its lease is of a later claim than the one it began in: a backup had that not yet."""
    meta = job["metadata"]
    key = meta["namespace"], f"{meta['name']}-{attempt['number']}"
    bound = status_of(book.objects["machineleases"].get(key)).get("generation")
    return book.restored_at > -inf and bound not in (None, attempt.get("generation"))


@promise(
    "rest-trainings",
    Rest,
    "Everything ends with the training's row in a final state (section 3, rule 9)",
)
def trainings_are_final(book: Book, rest: Rest) -> Iterator[str]:
    owners = {name: spec["spec"]["namespace"] for name, spec in book.told_platforms()}
    live: set[tuple[str, str]] = set()
    for platform, namespace in owners.items():
        for (place, name), job in book.objects["trainingjobs"].items():
            training = job["spec"].get("externalId")
            if place != namespace or training is None or (platform, training) not in rest.trainings:
                continue
            live.add((platform, training))
            if (namespace, training) in book.said_before:
                continue
            word = rest.trainings[platform, training]
            if (platform, training) in book.edited_trainings:
                continue  # their own row: a person's word stays until there is a newer one of ours
            if platform not in rest.down and is_true(job, "Finished") and word is not _want(job):
                yield f"{platform}'s training {training}: says {word}, {place}/{name} has ended"
    for (platform, training), word in rest.trainings.items():
        if (platform, training) in book.edited_trainings:
            continue
        if platform not in owners or platform in rest.down or (platform, training) in live:
            continue
        if word is not None and not word.is_final:
            yield f"{platform}'s training {training}: says {word}, and its job is gone"


def _want(job: Body) -> TrainingWord:
    return TrainingWord.SUCCEEDED if is_true(job, "Succeeded") else TrainingWord.FAILED


@promise(
    "rest-runs",
    Rest,
    "Exactly one MLflow run for each attempt, ended with the attempt's true status (section 4)",
)
def runs_are_ended(book: Book, rest: Rest) -> Iterator[str]:
    if rest.tracker_down:
        return
    counts = Counter((run.job_uid, run.attempt) for run in rest.runs)
    yield from (f"attempt {key} has {n} runs" for key, n in sorted(counts.items()) if n > 1)
    jobs = {job["metadata"]["uid"]: job for job in book.objects["trainingjobs"].values()}
    for run in rest.runs:
        job = jobs.get(run.job_uid)
        outcome = (attempt_of(job, run.attempt) or {}).get("outcome")
        title = f"run of attempt {run.attempt} of {run.namespace}/{run.job_name}"
        if run.status is RunStatus.RUNNING and (job is None or outcome or is_true(job, "Finished")):
            yield f"{title}: RUNNING, though {outcome or 'its job is over'}"
        if outcome and (run.status is RunStatus.FINISHED) != (outcome == "Succeeded"):
            yield f"{title}: {run.status}, though the outcome is {outcome}"
    for uid, job in jobs.items():
        if job["spec"].get("tracking", "Required") != "Required":
            continue
        for attempt in status_of(job).get("attempts", ()):
            if attempt.get("generation") and not counts[uid, attempt["number"]]:
                yield f"{job['metadata']['name']}: attempt {attempt['number']} has no run"


@promise("rest-versions", Rest, "The version is registered once (section 4)")
def one_version(book: Book, rest: Rest) -> Iterator[str]:
    counts = Counter((v.model, v.run_id) for v in rest.versions)
    yield from (f"run {run} has {n} versions of {m}" for (m, run), n in counts.items() if n > 1)


@promise(
    "rest-production",
    Rest,
    "The best version is promoted by the rule that was written down (section 4)",
)
def production_is_best(book: Book, rest: Rest) -> Iterator[str]:
    if rest.tracker_down:
        return
    jobs = {job["metadata"]["uid"]: job for job in book.objects["trainingjobs"].values()}
    for version in rest.versions:
        job = jobs.get(version.job_uid)
        rule = (job or {}).get("spec", {}).get("promote")
        state = rest.models.get(version.model)
        if job is None or not rule or not is_true(job, "Succeeded") or not version.ready:
            continue
        if not _is_of_its_success(version, job):
            continue
        value = version.metrics.get(rule["metric"])
        if value is None or rule.get("mode", "Auto") != "Auto" or (state and state.held):
            continue
        best = state.production if state else None
        if best is None:
            yield f"{version.model}: v{version.version} may be Production, and none is"
            continue
        theirs = best.metrics.get(rule["metric"])
        if theirs is None or best.eval_data != version.eval_data:
            continue
        gain = value - theirs if rule.get("goal", "Max") == "Max" else theirs - value
        if gain > 0 and gain >= rule.get("minGain", 0):
            yield f"{version.model}: v{best.version} is Production, v{version.version} is better"


def _is_of_its_success(version: ModelVersion, job: Body) -> bool:
    """Not of an attempt that went with the job's status: what that had logged is judged no more."""
    succeeded = (a for a in status_of(job).get("attempts", ()) if a.get("outcome") == "Succeeded")
    return any(attempt.get("runId") == version.run_id for attempt in succeeded)


def _enforced_machines(book: Book) -> Iterator[tuple[str, Body]]:
    return (
        (name, machine)
        for name, machine in book.machines()
        if machine["spec"].get("mode") == "Enforce"
        and not machine["metadata"].get("deletionTimestamp")
    )


def _platform_of(book: Book, namespace: str) -> str | None:
    """The platform in Enforce that owns the namespace."""
    found = (n for n, body in book.told_platforms() if body["spec"]["namespace"] == namespace)
    return next(found, None)


def _is_unreadable(rest: Rest, name: str, machine: Body | None) -> bool:
    """Not held, on by nobody's claim, while a database is away that may say whose it is."""
    ours = rest.machine_on.get(name, 0) is not None
    return bool(rest.down) and not ours and status_of(machine).get("state") != "Claimed"


def _is_busy(rest: Rest, holder: Body) -> bool:
    return holder.get("uid") in rest.busy or holder.get("jobUid") in rest.busy


def _is_anothers(book: Book, rest: Rest, machine: str) -> bool:
    """Whether another program has it: by its own word, or by that of any database."""
    if any(name == machine for _, name in rest.claimed_by_legacy):
        return True
    return book.is_anothers(machine)
