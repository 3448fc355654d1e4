"""The rule for one machine's rows, case by case, and what holds whatever stands there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    RowState,
    SideRow,
    Told,
    Verdict,
    Write,
)
from trainlease.plan.platform_rows import (
    heard,
    is_foreign,
    is_ours,
    judge,
    knowledge,
    must_write,
    take_over,
)
from trainlease.plan.rows import RowKnowledge

FREE, OCCUPIED = RowState.FREE, RowState.OCCUPIED
UID = "machine-uid"
OURS = "trainlease:saturno/caries-001"


def entry(state: RowState, generation: int = 5) -> LedgerEntry:
    return LedgerEntry(
        cluster="here",
        machine="gpu-1",
        own_name="GPU1",
        machine_uid=UID,
        fence=2 * generation + (1 if state is FREE else 0),
        generation=generation,
        state=state,
        holder="saturno/caries-001",
        lease_uid="lease",
        who=OURS,
        at=datetime(2026, 11, 22, tzinfo=UTC),
    )


def side(state: RowState, generation: int, uid: str = UID) -> SideRow:
    fence = 2 * generation + (1 if state is FREE else 0)
    return SideRow("here", "gpu-1", uid, fence, generation, state, "", "lease", None)


def rows(
    own: RowState | None,
    stored: SideRow | None = None,
    owner: str | None = None,
    *,
    others: tuple[str, ...] = (),
    known: bool = True,
) -> MachineRows:
    return MachineRows(own, own.value if own else "", owner, stored, others, known)


@dataclass(frozen=True)
class Case:
    what: str
    entry: LedgerEntry
    rows: MachineRows
    want_write: Write
    want_told: Told
    want_foreign: bool = False


OCCUPIED_4, OCCUPIED_5 = side(OCCUPIED, 4), side(OCCUPIED, 5)
FREE_4, FREE_5 = side(FREE, 4), side(FREE, 5)
CASES = [
    Case("first occupied, row free", entry(OCCUPIED), rows(FREE), Write.BOTH, Told.IN_STEP),
    Case(
        "first occupied, row taken",
        entry(OCCUPIED),
        rows(OCCUPIED),
        Write.NOTHING,
        Told.FOREIGN,
        True,
    ),
    Case(
        "occupied over an older free", entry(OCCUPIED), rows(FREE, FREE_4), Write.BOTH, Told.IN_STEP
    ),
    Case(
        "occupied over an older occupied of ours whose free never came",
        entry(OCCUPIED),
        rows(OCCUPIED, OCCUPIED_4),
        Write.BOTH,
        Told.IN_STEP,
    ),
    Case(
        "occupied, but the row was taken since our free",
        entry(OCCUPIED),
        rows(OCCUPIED, FREE_4),
        Write.NOTHING,
        Told.FOREIGN,
        True,
    ),
    Case(
        "occupied again, both say so",
        entry(OCCUPIED),
        rows(OCCUPIED, OCCUPIED_5),
        Write.NOTHING,
        Told.IN_STEP,
    ),
    Case(
        "occupied again, somebody freed the row",
        entry(OCCUPIED),
        rows(FREE, OCCUPIED_5),
        Write.OWN_ONLY,
        Told.IN_STEP,
    ),
    Case(
        "occupied again, somebody else's name stands in the owner column",
        entry(OCCUPIED),
        rows(OCCUPIED, OCCUPIED_5, "ana"),
        Write.NOTHING,
        Told.FOREIGN,
        True,
    ),
    Case(
        "occupied again, the owner column was emptied",
        entry(OCCUPIED),
        rows(OCCUPIED, OCCUPIED_5, ""),
        Write.NOTHING,
        Told.FOREIGN,
        True,
    ),
    Case(
        "occupied again, the row has a word that we never write",
        entry(OCCUPIED),
        rows(OCCUPIED, OCCUPIED_5, known=False),
        Write.NOTHING,
        Told.FOREIGN,
        True,
    ),
    Case(
        "late occupied after its own free",
        entry(OCCUPIED),
        rows(FREE, FREE_5),
        Write.NOTHING,
        Told.FENCED,
    ),
    Case(
        "late occupied after the next claim",
        entry(OCCUPIED, 4),
        rows(OCCUPIED, OCCUPIED_5),
        Write.NOTHING,
        Told.FENCED,
    ),
    Case(
        "free after our occupied",
        entry(FREE),
        rows(OCCUPIED, OCCUPIED_5, OURS),
        Write.BOTH,
        Told.IN_STEP,
    ),
    Case(
        "free to a database that never heard of the claim",
        entry(FREE),
        rows(FREE, FREE_4),
        Write.BOTH,
        Told.IN_STEP,
    ),
    Case(
        "free where somebody took the row from us",
        entry(FREE),
        rows(OCCUPIED, OCCUPIED_5, "ana"),
        Write.SIDE_ONLY,
        Told.IN_STEP,
        True,
    ),
    Case(
        "free where the claim was refused",
        entry(FREE),
        rows(OCCUPIED, FREE_4),
        Write.SIDE_ONLY,
        Told.IN_STEP,
        True,
    ),
    Case(
        "free again, somebody took the row since",
        entry(FREE),
        rows(OCCUPIED, FREE_5),
        Write.NOTHING,
        Told.IN_STEP,
        True,
    ),
    Case("free again", entry(FREE), rows(FREE, FREE_5), Write.NOTHING, Told.IN_STEP),
    Case(
        "late free while the next claim runs",
        entry(FREE, 4),
        rows(OCCUPIED, OCCUPIED_5),
        Write.NOTHING,
        Told.FENCED,
    ),
    Case("no row of the platform", entry(OCCUPIED), rows(None), Write.NOTHING, Told.NO_ROW),
    Case(
        "another cluster's row beside it",
        entry(OCCUPIED),
        rows(FREE, others=("there",)),
        Write.NOTHING,
        Told.OTHER_CLUSTER,
    ),
    Case(
        "another Machine of ours shares the row",
        entry(OCCUPIED),
        rows(OCCUPIED, side(OCCUPIED, 5, "another-uid")),
        Write.NOTHING,
        Told.FENCED,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_case(case: Case) -> None:
    verdict = judge(case.entry, case.rows)
    want = (case.want_write, case.want_told, case.want_foreign)
    assert (verdict.write, verdict.told, verdict.is_foreign) == want


def test_a_foreign_rows_owner_is_named() -> None:
    assert judge(entry(OCCUPIED), rows(OCCUPIED, None, "ana")).owner == "ana"


def test_a_word_that_nobody_mapped_is_shown() -> None:
    lent = MachineRows(OCCUPIED, "prestada", None, None, known=False)
    owner = judge(entry(OCCUPIED), lent).owner
    assert owner is not None
    assert 'says "prestada", which is neither of the mapping' in owner


def test_our_own_name_is_not_a_foreign_owner() -> None:
    assert judge(entry(OCCUPIED), rows(OCCUPIED, OCCUPIED_5, OURS)).owner is None


def test_a_larger_fence_is_told_with_its_value() -> None:
    verdict = judge(entry(OCCUPIED, 5), rows(FREE, side(FREE, 90)))
    assert verdict == Verdict(Write.NOTHING, Told.FENCED, stored_fence=181)


@pytest.mark.parametrize(
    "standing",
    [
        rows(OCCUPIED, None, "ana"),
        rows(OCCUPIED, FREE_4),
        rows(FREE, others=("there",)),
        rows(OCCUPIED, OCCUPIED_5, known=False),
    ],
    ids=["taken by ana", "taken since", "another cluster's", "a word of its own"],
)
def test_a_persons_claim_takes_over(standing: MachineRows) -> None:
    verdict = take_over(entry(OCCUPIED), standing)
    assert (verdict.write, verdict.told) == (Write.TAKE_OVER, Told.IN_STEP)


def test_a_persons_claim_does_not_pass_a_larger_fence_of_ours() -> None:
    verdict = take_over(entry(OCCUPIED, 5), rows(FREE, side(FREE, 90)))
    assert (verdict.write, verdict.told) == (Write.NOTHING, Told.FENCED)


def test_a_persons_claim_makes_no_row() -> None:
    assert take_over(entry(OCCUPIED), rows(None)).told is Told.NO_ROW


def test_rows_in_step_are_known_by_the_entrys_fence() -> None:
    what = entry(OCCUPIED)
    want = RowKnowledge(what.fence, Told.IN_STEP, stored_fence=what.fence)
    assert knowledge(what, rows(OCCUPIED, OCCUPIED_5, OURS)) == want


def test_a_freed_row_of_ours_counts_as_not_told() -> None:
    what = entry(OCCUPIED)
    known = knowledge(what, rows(FREE, OCCUPIED_5))
    assert known.told is None
    assert known.fence < what.fence


def test_a_foreign_row_at_a_free_machine_is_known_as_such() -> None:
    known = knowledge(entry(FREE), rows(OCCUPIED, FREE_5, "ana"))
    assert (known.told, known.is_foreign, known.owner) == (Told.IN_STEP, True, "ana")


# --- whatever stands there -----------------------------------------------------------------------

STATES = st.sampled_from(RowState)
ENTRIES = st.builds(entry, STATES, st.integers(0, 6))
SIDES = st.none() | st.builds(side, STATES, st.integers(0, 6))
ROWS = st.builds(
    rows,
    st.none() | STATES,
    SIDES,
    st.sampled_from([None, "", "ana", OURS]),
    others=st.sampled_from([(), ("there",)]),
    known=st.booleans(),
).map(lambda r: replace(r, known=r.known or r.own is not OCCUPIED))


def written(what: LedgerEntry, before: MachineRows, write: Write) -> MachineRows:
    """What stands there after a verdict was carried out."""
    own = before.own if write in (Write.NOTHING, Write.SIDE_ONLY) else what.state
    changed = own is not before.own or write in (Write.BOTH, Write.TAKE_OVER, Write.OWN_ONLY)
    owner = before.owner
    if changed and before.owner is not None:
        owner = what.who if what.state is OCCUPIED else ""
    stored = before.side
    if write not in (Write.NOTHING, Write.OWN_ONLY):
        stored = side(what.state, what.generation)
    others = () if write is Write.TAKE_OVER else before.other_clusters
    known = before.known or changed
    return MachineRows(own, own.value if own else "", owner, stored, others, known)


@given(ENTRIES, ROWS)
def test_a_stored_fence_never_falls(what: LedgerEntry, before: MachineRows) -> None:
    after = written(what, before, judge(what, before).write)
    old = before.side.fence if before.side else -1
    assert (after.side.fence if after.side else -1) >= old


@given(ENTRIES, ROWS)
def test_a_foreign_word_stays_as_it_is(what: LedgerEntry, before: MachineRows) -> None:
    after = written(what, before, judge(what, before).write)
    if is_foreign(before):
        assert (after.own, after.owner) == (before.own, before.owner)
        assert not is_ours(after)


@given(ENTRIES, ROWS)
def test_what_was_told_is_in_step_and_told_again_changes_nothing(
    what: LedgerEntry, before: MachineRows
) -> None:
    first = judge(what, before)
    after = written(what, before, first.write)
    if first.write is not Write.NOTHING:
        assert not must_write(what, after)
        assert knowledge(what, after).told is first.told
    assert heard(what, first).fence == what.fence


@given(ENTRIES, ROWS)
def test_nothing_is_written_beside_another_clusters_row(
    what: LedgerEntry, before: MachineRows
) -> None:
    if before.other_clusters:
        assert not must_write(what, before)


@given(ENTRIES, ROWS)
def test_an_occupied_in_step_stands_in_both_rows(what: LedgerEntry, before: MachineRows) -> None:
    verdict = judge(what, before)
    if what.state is OCCUPIED and verdict.told is Told.IN_STEP:
        assert is_ours(written(what, before, verdict.write))


def test_a_fence_that_another_claim_of_ours_has_had_is_left_behind() -> None:
    stored = replace(side(OCCUPIED, 5), lease_uid="of a claim that a restored etcd has forgotten")
    verdict = judge(entry(OCCUPIED, 5), rows(OCCUPIED, stored))
    assert (verdict.write, verdict.told) == (Write.NOTHING, Told.FENCED)
    assert verdict.stored_fence == stored.fence + 1  # its free may be on the way
