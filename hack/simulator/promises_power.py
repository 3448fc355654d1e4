"""The promises about turning off: in Stopping alone, after the outcome, never the legacy run."""

from collections.abc import Iterator
from math import inf

from simulator.book import Book
from simulator.facts import By, Powered
from simulator.fields import attempt_of, is_true, status_of
from simulator.promise import is_in_time, promise


@promise(
    "off-in-stopping",
    Powered,
    "In Stopping, and only there, we turn off (section 3, step 6)",
)
def off_in_stopping(book: Book, fact: Powered) -> Iterator[str]:
    if fact.on or fact.by is not By.US or not is_in_time(book, fact):
        return
    machine = book.machine(fact.machine)
    if machine is None or machine["metadata"]["uid"] != fact.uid:
        return
    state = status_of(machine).get("state")
    if state in ("Free", "Claimed"):
        yield f"{fact.machine}: generation {fact.generation} was turned off in {state}"


@promise(
    "outcome-first",
    Powered,
    "No Machine leaves Claimed for Stopping or Free before the outcome is set, unless the job is "
    "gone (section 3, step 5)",
)
def outcome_before_off(book: Book, fact: Powered) -> Iterator[str]:
    """Of an attempt whose lease names the machine: it is turned off once its outcome is stored."""
    if fact.on or fact.by is not By.US or fact.generation is None or not is_in_time(book, fact):
        return
    present = (book.machine(fact.machine) or {}).get("metadata", {}).get("uid")
    for lease in book.objects["machineleases"].values():
        status, ref = status_of(lease), lease["spec"].get("job") or {}
        bound = status.get("machineUid"), status.get("generation")
        if bound != (present, fact.generation) or book.restored_at > -inf:
            continue  # what a backup has forgotten is nobody's, nor what ran on a Machine before
        if lease["metadata"]["uid"] in book.bound_blindly:
            continue
        job = book.job(lease["metadata"]["namespace"], ref.get("name", ""), ref.get("uid", ""))
        outcome = (attempt_of(job, fact.attempt) or {}).get("outcome")
        if job is not None and not outcome and not is_true(job, "Finished"):
            title = f"attempt {fact.attempt} of {ref['name']}"
            yield f"{fact.machine}: {title} was turned off before its outcome"


@promise(
    "legacy-run-kept",
    Powered,
    "Turned off is what our own start turned on; anything else only if no database says occupied "
    "elsewhere (section 3, step 6)",
)
def legacy_run_kept(book: Book, fact: Powered) -> Iterator[str]:
    if fact.on or fact.generation is not None or fact.by is not By.US or not is_in_time(book, fact):
        return
    ran = book.running[fact.machine]
    # The database of a Platform that is gone is not asked, nor that of one which has just come in
    # its place. Where a Platform is only observed, its row says free throughout our claim: no
    # cool-down keeps the legacy program off before a call in flight has landed that was sent at our
    # own run.
    was_under_way = fact.at - fact.lateness < max(ran.legacy_since, ran.ours_until)
    kept = book.told_platforms() if was_under_way else book.platforms()
    asked = {name for name, _ in kept if not book.is_made_anew(name, fact.at)}
    claims = sorted(ran.claims & asked)
    if claims:
        yield f"{fact.machine}: the legacy program's run was stopped; {claims} said that it has it"
