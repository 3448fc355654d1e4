"""The promises about Machine.status, leases and power: one holder, off before free, one start."""

from collections.abc import Iterator
from typing import Any

from simulator.book import Book
from simulator.facts import Body, By, Powered, Wrote
from simulator.fields import attempt_of, fence, is_true, says_ours, status_of
from simulator.promise import is_in_time, is_right_after_a_restore, promise
from trainlease.model.observed import RowState

_READ_BEFORE = 5.0
"""Seconds that may lie between what a start is decided on and its call: each read has a timeout."""
FREE, CLAIMED, STOPPING = "Free", "Claimed", "Stopping"


def _states(fact: Wrote) -> tuple[dict[str, Any], dict[str, Any]]:
    return status_of(fact.before), status_of(fact.after)


def _is_claim(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return after.get("state") == CLAIMED and before.get("state") != CLAIMED


def _by_us(fact: Wrote) -> bool:
    return fact.by is By.US and fact.before is not None and fact.after is not None


@promise(
    "one-holder", Wrote, "Never two holders of a machine (section 3, rule 1)", plural="machines"
)
def one_holder(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if not _by_us(fact):
        return
    was, now = before.get("holder"), after.get("holder")
    if was and now and was["uid"] != now["uid"] and before.get("state") != FREE:
        yield f"{fact.name}: held by {was['name']}, then by {now['name']} with no Free between"
    if after.get("state") == CLAIMED and before.get("state") == STOPPING:
        yield f"{fact.name}: claimed out of Stopping"
    if after.get("state") == CLAIMED and not now:
        yield f"{fact.name}: Claimed without a holder"


@promise(
    "generation",
    Wrote,
    "Claimed holds generation + 1 at each claim; a Machine without status takes a generation far "
    "above anything ever used (section 3, rules 1 and 4)",
    plural="machines",
)
def generation(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if not _by_us(fact) or fact.after is None:
        return
    old, new = before.get("generation", 0), after.get("generation", 0)
    if _is_claim(before, after) and before.get("state") and new != old + 1:
        yield f"{fact.name}: generation {old} -> {new} when it was claimed"
    if before.get("state") == FREE and after.get("state") == STOPPING and new <= old:
        yield f"{fact.name}: left Free for Stopping under the generation {new} of before"
    if new < old:
        yield f"{fact.name}: generation went down from {old} to {new}"
    if not before.get("state") and after.get("state") == STOPPING:
        highest = book.highest[fact.after["metadata"]["uid"]]
        if new <= highest:
            yield f"{fact.name}: no status, took generation {new}, {highest} had been used"
    if before.get("state") == after.get("state") == CLAIMED and new != old:
        yield f"{fact.name}: generation {old} -> {new} within a claim"


@promise(
    "no-status-not-free",
    Wrote,
    "A Machine without status is never Free: it is observed first (section 3, rule 4)",
    plural="machines",
)
def no_status_not_free(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if not _by_us(fact) or before.get("state"):
        return
    if after.get("state") == FREE:
        yield f"{fact.name}: Free out of nothing"
    if after.get("state") == CLAIMED:
        yield from _adoption(book, fact.name, after)


def _adoption(book: Book, name: str, after: dict[str, Any]) -> Iterator[str]:
    holder = after.get("holder") or {}
    lease = book.lease(holder.get("namespace", ""), holder.get("name", ""), holder.get("uid", ""))
    if status_of(lease).get("machine") != name:
        yield f"{name}: adopted a lease that is not bound to it"
    job = book.job(holder.get("namespace", ""), holder.get("job") or "", holder.get("jobUid") or "")
    if job is None:
        yield f"{name}: adopted the lease of a job that is gone"
    elif (attempt_of(job, holder.get("attempt")) or {}).get("outcome"):
        yield f"{name}: adopted the lease of an attempt that had ended"


@promise(
    "off-before-free",
    Wrote,
    "Free only after confirmed off (section 3, rule 1)",
    plural="machines",
)
def off_before_free(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if fact.by is not By.US or after.get("state") != FREE or before.get("state") == FREE:
        return
    ours = book.holding(fact.name)
    if ours:
        yield f"{fact.name}: written Free while generation {ours} of it runs"


@promise(
    "outcome-first",
    Wrote,
    "No Machine leaves Claimed for Stopping or Free before the outcome is set, unless the job is "
    "gone (section 3, step 5)",
    plural="machines",
)
def outcome_first(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if not _by_us(fact) or before.get("state") != CLAIMED or after.get("state") == CLAIMED:
        return
    if is_right_after_a_restore(book, fact.at):
        return  # the outcome was stored, and went with what the backup had not yet
    holder = before["holder"]
    lease = book.lease(holder["namespace"], holder["name"], holder["uid"])
    if lease is not None and _is_undone(book, fact, lease):
        if after.get("state") == FREE:
            return
    elif not holder.get("job"):
        if lease is not None and not status_of(lease).get("ended"):
            yield f"{fact.name}: the hold {holder['name']} lost its machine before it ended"
        return
    job = book.job(holder["namespace"], holder["job"], holder["jobUid"]) if holder["job"] else None
    attempt = attempt_of(job, holder.get("attempt"))
    if job is not None and not (attempt or {}).get("outcome"):
        yield (
            f"{fact.name}: left Claimed for {after.get('state')} while attempt "
            f"{holder.get('attempt')} of {holder['namespace']}/{holder['job']} has no outcome"
        )


def _is_undone(book: Book, fact: Wrote, lease: Body) -> bool:
    """A half bind whose lease is bound elsewhere or ended: no effect was made for this claim."""
    status, ledger = status_of(lease), status_of(fact.before)
    bound_here = (
        status.get("machine") == fact.name and status.get("generation") == ledger["generation"]
    )
    return not bound_here and (bool(status.get("machine")) or is_true(lease, "Released"))


@promise(
    "permitted",
    Wrote,
    "A machine is lent in its pool, to the platforms that may use it, only in Enforce (section 2), "
    "and not in quarantine (section 3, rule 8)",
    plural="machines",
)
def permitted(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if not _by_us(fact) or not _is_claim(before, after) or fact.after is None:
        return
    spec, holder = fact.after["spec"], after["holder"]
    if spec.get("mode") != "Enforce":
        yield f"{fact.name}: claimed while its mode is Observe"
    lease = book.lease(holder["namespace"], holder["name"], holder["uid"])
    wish = (lease or {}).get("spec", {})
    if wish.get("pool", spec["pool"]) != spec["pool"]:
        yield f"{fact.name}: of pool {spec['pool']}, lent to one who wants {wish['pool']}"
    if wish.get("machine", fact.name) != fact.name:
        yield f"{fact.name}: lent to one who wants {wish['machine']}"
    allowed = spec.get("platforms")
    quarantine = before.get("quarantinedUntil", "")
    if quarantine > after.get("since", quarantine):
        yield f"{fact.name}: lent at {after['since']}, in quarantine until {quarantine}"
    if holder.get("job") and allowed is not None and holder.get("platform") not in allowed:
        yield f"{fact.name}: lent to {holder.get('platform')}, which may not use it"


@promise(
    "run-before-claim",
    Wrote,
    "A job that wants results is not granted a machine without its run (section 4)",
    plural="machines",
)
def run_before_claim(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if not _by_us(fact) or not _is_claim(before, after) or not before.get("state"):
        return
    holder = after["holder"]
    job = book.job(holder["namespace"], holder.get("job") or "", holder.get("jobUid") or "")
    if job is None or job["spec"].get("tracking", "Required") != "Required":
        return
    if (holder["jobUid"], holder["attempt"]) not in book.runs:
        yield f"{fact.name}: granted to {holder['job']} attempt {holder['attempt']} without a run"


@promise(
    "free-told-or-owed",
    Wrote,
    "Each write of Free has told every database or noted a debt (section 6)",
    plural="machines",
)
def free_told_or_owed(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if not _by_us(fact) or after.get("state") != FREE or before.get("state") == FREE:
        return
    want, debts = fence(after, free=True), after.get("debts", ())
    for platform, _ in book.told_platforms():
        rows = book.rows.get((platform, fact.name))
        if rows is None or rows.own is None or platform in debts:
            continue
        if book.is_new(platform, fact.at):
            continue  # at rest its rows are what the ledger says
        if book.is_another_clusters(platform, fact.name, fact.at):
            continue  # a condition, no debt
        told = book.was_told(platform, fact.name, want, fact.at)
        if not told and not book.is_foreign(platform, fact.name):
            yield f"{fact.name}: Free, yet {platform} was not told {want}, and no debt says so"


@promise(
    "debts-kept",
    Wrote,
    "A debt stays until it is paid (section 3, step 7)",
    plural="machines",
)
def debts_kept(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if not _by_us(fact) or after.get("state") != FREE or before.get("state") != FREE:
        return
    told = {name for name, _ in book.told_platforms()}
    for platform in set(before.get("debts", ())) - set(after.get("debts", ())):
        rows = book.rows.get((platform, fact.name))
        if platform not in told or rows is None or book.is_foreign(platform, fact.name):
            continue
        if rows.own is None or book.is_another_clusters(platform, fact.name, fact.at):
            continue  # a condition, no debt
        if book.is_made_anew(platform, fact.at):
            continue  # the debt was that of a Platform that is gone
        if not book.was_told(platform, fact.name, fence(after, free=True), fact.at):
            yield f"{fact.name}: {platform}'s debt was struck out unpaid"


@promise(
    "bound-once",
    Wrote,
    "Never two machines for one lease: a lease is bound once, by compare-and-set (section 3)",
    plural="machineleases",
)
def bound_once(book: Book, fact: Wrote) -> Iterator[str]:
    before, after = _states(fact)
    if not _by_us(fact):
        return
    was = before.get("machine"), before.get("generation")
    now = after.get("machine"), after.get("generation")
    if was[0] and was != now:
        yield f"{fact.namespace}/{fact.name}: bound to {was}, then to {now}"
    if before.get("ended") and before["ended"] != after.get("ended"):
        yield f"{fact.namespace}/{fact.name}: ended {before['ended']}, then {after.get('ended')}"
    if is_true(fact.before, "Released") and not is_true(fact.after, "Released"):
        yield f"{fact.namespace}/{fact.name}: was released, and is no more"


@promise(
    "bound-start",
    Powered,
    "Nothing is started before lease and Machine name each other (section 3, steps 1 and 3)",
)
def bound_start(book: Book, fact: Powered) -> Iterator[str]:
    if not _is_our_start(fact) or not is_in_time(book, fact):
        return
    status = status_of(book.machine(fact.machine))
    if status.get("state") == FREE and status.get("generation", 0) >= (fact.generation or 0):
        yield f"{fact.machine}: generation {fact.generation} was turned on while Free"
        return
    holder = status.get("holder")
    if not holder or status.get("generation") != fact.generation:
        return
    if _decided_at(fact) <= book.restored_at:
        return  # the lease's bind was read, and the backup had it not yet: it is bound again
    lease = book.lease(holder["namespace"], holder["name"], holder["uid"])
    bound = status_of(lease)
    if lease is not None and (bound.get("machine"), bound.get("generation")) != (
        fact.machine,
        fact.generation,
    ):
        yield f"{fact.machine}: started for {holder['name']}, which is not bound to it"


@promise(
    "occupied-before-start",
    Powered,
    "Occupied in all needed databases before start (section 3, rule 1)",
)
def occupied_before_start(book: Book, fact: Powered) -> Iterator[str]:
    if not _is_our_start(fact) or _was_decided_before_a_restore(book, fact):
        return
    holder = status_of(book.machine(fact.machine)).get("holder") or {}
    for platform, body in book.told_platforms():
        confirm = body["spec"]["database"].get("confirm", "Own")
        own = holder.get("jobUid") == fact.job_uid and holder.get("platform") == platform
        if confirm != "All" and not (confirm == "Own" and own):
            continue
        if book.is_new(platform, fact.at):
            continue  # the start was decided by what people had written before
        told = fact.generation in book.told[platform, fact.machine, fact.uid]
        if not told and not _stands_occupied(book, fact, platform):
            yield f"{fact.machine}: generation {fact.generation} started, {platform} not occupied"


@promise(
    "one-start",
    Powered,
    "Once in a claim: a claim starts its workload at most once (section 3, step 3)",
)
def one_start(book: Book, fact: Powered) -> Iterator[str]:
    if not _is_our_start(fact) or not is_in_time(book, fact):
        return
    if book.starts[fact.uid, fact.generation or 0] and _is_known_on(book, fact):
        yield f"{fact.machine}: generation {fact.generation} started a second time"
    others = book.started_on[fact.job_uid, fact.attempt] - {fact.machine}
    if fact.job_uid and others:
        yield f"attempt {fact.attempt} started on {fact.machine} and on {sorted(others)}"


@promise(
    "free-row-after-off",
    Powered,
    "Free in every database only after confirmed off (section 3, rule 1)",
)
def free_row_at_start(book: Book, fact: Powered) -> Iterator[str]:
    if not _is_our_start(fact) or not is_in_time(book, fact):
        return
    status = status_of(book.machine(fact.machine))
    for platform, _ in book.told_platforms():
        rows = book.rows.get((platform, fact.machine))
        side = rows.side if rows and (platform, fact.machine) not in book.edited else None
        if side is None or side.state is not RowState.FREE or side.machine_uid != fact.uid:
            continue
        # By its fence: a restored etcd may give a generation again that was told free before.
        of_now = status.get("generation") == fact.generation
        later = side.fence >= fence(status, free=False) if of_now else True
        if later and side.generation >= (fact.generation or 0):
            yield f"{fact.machine}: turned on while {platform} was told that it is free"


def _is_known_on(book: Book, fact: Powered) -> bool:
    """Whether it is stored that this claim has been on: before that only a record can tell it,

    and a machine that dies before anybody has seen it on leaves none.
    """
    holder = status_of(book.machine(fact.machine)).get("holder") or {}
    job = book.job(holder.get("namespace", ""), holder.get("job") or "", fact.job_uid)
    return bool((attempt_of(job, fact.attempt) or {}).get("started"))


def _is_our_start(fact: Powered) -> bool:
    return fact.on and fact.generation is not None


def _was_decided_before_a_restore(book: Book, fact: Powered) -> bool:
    """What such a call was decided on is no more; that it lands is repaired, as any late call."""
    return _decided_at(fact) <= max(book.restored_at, book.forgot_at)


def _decided_at(fact: Powered) -> float:
    """The earliest moment at which what the call was decided on can have been read."""
    return fact.at - fact.lateness - _READ_BEFORE


def _stands_occupied(book: Book, fact: Powered, platform: str) -> bool:
    """Whether the row says so of this very claim: told in a life that etcd has forgotten."""
    status, rows = status_of(book.machine(fact.machine)), book.rows.get((platform, fact.machine))
    if rows is None or not says_ours(rows, book.limits.cluster) or rows.side is None:
        return False
    side, holder = rows.side, status.get("holder") or {}
    same_fence = side.fence == fence(status, free=False)
    return same_fence and (side.machine_uid, side.lease_uid) == (fact.uid, holder.get("uid"))
