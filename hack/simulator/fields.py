"""Questions asked of single bodies and rows: what a status, a row or a fence says. Pure."""

from collections.abc import Iterable
from typing import Any

from simulator.facts import Body, By, RowChanged
from trainlease.model.observed import OUR_MARK, MachineRows, RowState, SideRow


def has_place_for_us(rows: MachineRows | None) -> bool:
    """Whether a machine's rows may be written at all: one is there, and no other cluster's."""
    return rows is not None and rows.own is not None and not rows.other_clusters


def has_twin(machine: Body, machines: Iterable[tuple[str, Body]]) -> bool:
    """Whether another of these, which are given with their names, is on the same instance."""
    aws = machine["spec"].get("aws")
    return aws is not None and any(
        other is not machine and other["spec"].get("aws") == aws for _, other in machines
    )


def is_foreign(rows: MachineRows | None) -> bool:
    """Occupied, and not by us: the side table does not say occupied."""
    if rows is None or rows.own is not RowState.OCCUPIED:
        return False
    return rows.side is None or rows.side.state is not RowState.OCCUPIED


def says_ours(rows: MachineRows, cluster: str) -> bool:
    """Both rows say occupied, by us."""
    side = rows.side
    return (
        rows.own is RowState.OCCUPIED
        and side is not None
        and side.cluster == cluster
        and side.state is RowState.OCCUPIED
    )


def is_by_another_hand(fact: RowChanged) -> bool:
    """Whether another hand has now occupied the row.

    The legacy program's own hand is known. What a backup or a person wrote is told by what stands
    there: an owner that is not us, or a side row that does not say occupied.
    """
    after = fact.after
    if after.own is not RowState.OCCUPIED or fact.by is By.US:
        return False
    theirs = after.owner is not None and not after.owner.startswith(OUR_MARK)
    return fact.by is By.LEGACY or theirs or not after.known or is_foreign(after)


def status_of(body: Body | None) -> dict[str, Any]:
    """The status of an object; empty if there is none."""
    return (body or {}).get("status") or {}


def side_fence(side: SideRow | None) -> int:
    """The fence that is stored; below any other if there is none."""
    return side.fence if side else -1


def fence(status: dict[str, Any], *, free: bool) -> int:
    """fenceBase + 2 x generation + (1 if free), counted anew from the stored fields."""
    base = int(status.get("fenceBase", 0)) + 2 * int(status.get("generation", 0))
    return base + (1 if free else 0)


def condition(body: Body | None, kind: str) -> dict[str, Any] | None:
    """One condition of an object."""
    found = (c for c in status_of(body).get("conditions", ()) if c["type"] == kind)
    return next(found, None)


def is_true(body: Body | None, kind: str) -> bool:
    found = condition(body, kind)
    return found is not None and found["status"] == "True"


def attempt_of(job: Body | None, number: int | None) -> dict[str, Any] | None:
    """The record of one attempt in the job's status."""
    found = (a for a in status_of(job).get("attempts", ()) if a["number"] == number)
    return next(found, None)


def mode_of(body: Body | None) -> str | None:
    return body["spec"].get("mode") if body else None
