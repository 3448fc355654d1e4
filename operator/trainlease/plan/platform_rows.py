"""The rule for one machine's rows in one platform's database: what may be written over what.

Promises (design, section 3, rules 2 and 3): a stored fence never falls, a stored free is never
turned back, a row that says occupied and is not ours is never touched, and no row of another
cluster is, until a person says so. Pure: the same answer serves inside the transaction that
writes (`judge`) and beside a plain read (`knowledge`).
Not in here: whom to tell and when (plan.rows, plan.claim), and how it is written (effects).
"""

from dataclasses import replace

from trainlease.model.observed import (
    OUR_MARK,
    LedgerEntry,
    MachineRows,
    RowState,
    Told,
    Verdict,
    Write,
)
from trainlease.plan.rows import RowKnowledge

NO_FENCE = -1
"""Below every fence: nothing is stored, or nothing was told."""


def judge(entry: LedgerEntry, rows: MachineRows) -> Verdict:
    """What one entry may change, given what stands there now."""
    barrier = _barrier(entry, rows)
    if barrier is not None:
        return _answer(rows, Write.NOTHING, barrier)
    if stored_fence(rows) == entry.fence:
        return _same_fence(entry, rows)
    if not is_foreign(rows):
        return _answer(rows, Write.BOTH, Told.IN_STEP)
    if entry.state is RowState.OCCUPIED:
        # The compare-and-set on the platform's own row: it must say free, or be ours already.
        return _answer(rows, Write.NOTHING, Told.FOREIGN)
    return _answer(rows, Write.SIDE_ONLY, Told.IN_STEP)


def take_over(entry: LedgerEntry, rows: MachineRows) -> Verdict:
    """What one entry may change once a person has claimed the row: all but a larger fence of ours.

    A foreign word goes, and so do other clusters' rows. Whether the person's word speaks of this
    claim is the caller's to check.
    """
    if rows.own is None:
        return _answer(rows, Write.NOTHING, Told.NO_ROW)
    if stored_fence(rows) > entry.fence:
        return _answer(rows, Write.NOTHING, Told.FENCED)
    return Verdict(Write.TAKE_OVER, Told.IN_STEP, rows.side.fence if rows.side else None)


def heard(entry: LedgerEntry, verdict: Verdict) -> RowKnowledge:
    """What is known of the rows after the entry was told with this verdict."""
    return RowKnowledge(
        entry.fence,
        verdict.told,
        stored_fence=verdict.stored_fence,
        is_foreign=verdict.is_foreign,
        owner=verdict.owner,
    )


def knowledge(entry: LedgerEntry, rows: MachineRows) -> RowKnowledge:
    """How rows that were only read stand with the entry.

    Where something is to be written, the knowledge is below the entry's fence, so that it counts
    as not yet told.
    """
    verdict = judge(entry, rows)
    if verdict.write is Write.NOTHING:
        return heard(entry, verdict)
    return RowKnowledge(
        min(stored_fence(rows), entry.fence - 1),
        None,
        trouble="not told yet",
        stored_fence=verdict.stored_fence,
        is_foreign=verdict.is_foreign,
        owner=verdict.owner,
    )


def foreign_hand(before: RowKnowledge | None, now: RowKnowledge) -> str:
    """How another hand shows in a row since it was last known: `occupied`, `changed`, or not."""
    if now.is_foreign:
        return "" if before is not None and before.is_foreign else "occupied"
    # Rows that were in step are so until the ledger has a new word, or somebody writes them.
    was_in_step = before is not None and before.told is Told.IN_STEP and not before.is_foreign
    return "changed" if was_in_step and before and now.fence < before.fence else ""


def must_write(entry: LedgerEntry, rows: MachineRows) -> bool:
    """Whether telling this entry would change anything."""
    return judge(entry, rows).write is not Write.NOTHING


def is_ours(rows: MachineRows) -> bool:
    """Whether the occupied that stands there is by us: the side table says so, nobody else does."""
    side_says_so = rows.side is not None and rows.side.state is RowState.OCCUPIED
    # An owner that is not us, or a word that we never write: somebody took the row after us.
    owned_by_us = rows.owner is None or rows.owner.startswith(OUR_MARK)
    return rows.own is RowState.OCCUPIED and rows.known and side_says_so and owned_by_us


def is_foreign(rows: MachineRows) -> bool:
    """Whether the own row says occupied, and not by us."""
    return rows.own is RowState.OCCUPIED and not is_ours(rows)


def stored_fence(rows: MachineRows) -> int:
    """The fence in the side table; NO_FENCE if there is no row of our cluster."""
    return rows.side.fence if rows.side else NO_FENCE


def _barrier(entry: LedgerEntry, rows: MachineRows) -> Told | None:
    """What forbids any write, in the order in which a person would have to clear it."""
    if rows.own is None:
        return Told.NO_ROW
    if rows.other_clusters:
        return Told.OTHER_CLUSTER
    if stored_fence(rows) > entry.fence:
        return Told.FENCED
    return None


def _same_fence(entry: LedgerEntry, rows: MachineRows) -> Verdict:
    """The entry was told before: a freed row of ours is put right, and nothing else."""
    side = rows.side
    assert side is not None
    if (side.state, side.machine_uid) != (entry.state, entry.machine_uid):
        # Two Machines share this row, or somebody edited the side table: neither may win silently.
        return _answer(rows, Write.NOTHING, Told.FENCED)
    if entry.state is RowState.FREE:
        return _answer(rows, Write.NOTHING, Told.IN_STEP)
    if side.lease_uid != entry.lease_uid:
        # A claim that a restored etcd has forgotten had this fence, and the *free* of it may be on
        # its way: ours must be above that.
        return replace(_answer(rows, Write.NOTHING, Told.FENCED), stored_fence=side.fence + 1)
    if is_foreign(rows):
        return _answer(rows, Write.NOTHING, Told.FOREIGN)
    freed = rows.own is RowState.FREE
    return _answer(rows, Write.OWN_ONLY if freed else Write.NOTHING, Told.IN_STEP)


def _answer(rows: MachineRows, write: Write, told: Told) -> Verdict:
    foreign = is_foreign(rows)
    stored = rows.side.fence if rows.side else None
    owner = _taker(rows) if foreign else None
    return Verdict(write, told, stored, owner, foreign)


def _taker(rows: MachineRows) -> str | None:
    """Who took the row, as far as it tells; a word that nobody mapped is shown to the person."""
    if rows.known:
        return rows.owner or None
    who = rows.owner or "another program"
    return f'{who} (it says "{rows.raw}", which is neither of the mapping\'s words)'
