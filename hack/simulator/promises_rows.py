"""The promises about the platforms' databases: fences, foreign rows, training rows."""

from collections.abc import Iterator

from simulator.book import Book
from simulator.facts import By, RowChanged, TrainingChanged
from simulator.fields import fence, is_foreign, says_ours, side_fence, status_of
from simulator.promise import promise
from trainlease.model.observed import RowState

_RANK = {None: 0, "waiting": 1, "running": 2, "succeeded": 3, "failed": 3}


def _at(fact: RowChanged) -> str:
    return f"{fact.platform}'s row of {fact.machine}"


@promise(
    "fence-grows",
    RowChanged,
    "A row changes only if its stored fence is smaller (section 3, rule 2)",
)
def fence_grows(book: Book, fact: RowChanged) -> Iterator[str]:
    if fact.by is not By.US:
        return
    before, after = fact.before.side, fact.after.side
    if side_fence(after) < side_fence(before):
        yield f"{_at(fact)}: the stored fence went from {side_fence(before)} to {side_fence(after)}"
    if before is None or after is None or after.fence > before.fence:
        return
    if before.state is RowState.FREE and after.state is RowState.OCCUPIED:
        yield f"{_at(fact)}: a stored free of fence {before.fence} was turned back"


@promise(
    "free-stays",
    RowChanged,
    "A stored free is never turned back (section 6)",
)
def free_stays(book: Book, fact: RowChanged) -> Iterator[str]:
    """The own row becomes occupied only together with a side row that says so, newer or equal."""
    if fact.by is not By.US or fact.before.own is not RowState.FREE:
        return
    side = fact.after.side
    if fact.after.own is RowState.OCCUPIED and (side is None or side.state is RowState.FREE):
        yield f"{_at(fact)}: occupied again by us, while the side table says free"


@promise(
    "foreign-row-kept",
    RowChanged,
    "A row that says occupied and is not ours is never put right (section 3, rule 3)",
)
def foreign_row_kept(book: Book, fact: RowChanged) -> Iterator[str]:
    if fact.by is not By.US:
        return
    theirs = (fact.platform, fact.machine) in book.legacy_rows
    if not theirs and not is_foreign(fact.before):
        return
    if _is_claimed(book, fact):
        return
    before, after = fact.before, fact.after
    if (before.own, before.raw, before.owner) != (after.own, after.raw, after.owner):
        yield f"{_at(fact)}: said occupied by {before.owner or 'another'}, and we changed it"
    if says_ours(after, book.limits.cluster):
        yield f"{_at(fact)}: {before.owner or 'another'}'s claim was taken over"


def _is_claimed(book: Book, fact: RowChanged) -> bool:
    """Whether a person has claimed this row for the claim that wrote it."""
    side = fact.after.side
    return side is not None and (fact.platform, fact.machine, side.generation) in book.claimed_rows


@promise(
    "held-row-kept",
    RowChanged,
    "A held machine's row is never set free (section 3, rule 2)",
)
def held_row_kept(book: Book, fact: RowChanged) -> Iterator[str]:
    if fact.by is not By.US or fact.after.own is not RowState.FREE:
        return
    if fact.before.own is not RowState.OCCUPIED:
        return
    side = fact.after.side
    ran = book.holding(fact.machine)
    if side and any(generation <= side.generation for generation in ran):
        yield f"{_at(fact)}: set free while generation {ran} runs"
    machine = book.machine(fact.machine)
    status, was = status_of(machine), fact.before.side
    if machine is None or side is None or side.machine_uid != machine["metadata"]["uid"]:
        return
    # An older claim's row may still be set free, until the new one has told occupied (by fences:
    # a generation may be that of a claim which a restored etcd has forgotten).
    told = was is not None and was.fence >= fence(status, free=False)
    if status.get("state") == "Claimed" and told and side.generation < status["generation"]:
        yield f"{_at(fact)}: set free by generation {side.generation}, a later one holds it"


@promise(
    "observe-writes-nothing",
    RowChanged,
    "Observe: read, compare, report; no SQL write, no power call (section 3, Modes)",
)
def observe_writes_nothing(book: Book, fact: RowChanged) -> Iterator[str]:
    if fact.by is not By.US:
        return
    platform = book.objects["platforms"].get(("", fact.platform))
    observed = platform is not None and platform["spec"].get("mode") != "Enforce"
    if observed and not book.is_ruled_anew(fact.platform, fact.at):
        yield f"{_at(fact)}: written while the Platform's mode is Observe"


@promise(
    "training-forward",
    TrainingChanged,
    "Running never follows succeeded in a training's row (section 3, Databases)",
)
def training_forward(book: Book, fact: TrainingChanged) -> Iterator[str]:
    if fact.by is not By.US or fact.before is None or not fact.before.is_final:
        return
    if (fact.platform, fact.training_id) in book.edited_trainings:
        return  # what a person wrote there is no word of ours
    if fact.after is not fact.before and not book.is_asked_anew(fact.platform, fact.training_id):
        yield (
            f"{fact.platform}'s training {fact.training_id}: {fact.after.value} after "
            f"{fact.before.value}"
        )
