"""Who gets which machine next, and what each of the others is told."""

from typing import Any

import pytest
from tests.builders import (
    NOW,
    SETTINGS,
    a_claimed_machine,
    a_fact,
    a_hold,
    a_job,
    a_lease,
    a_machine,
    an_attempt,
    at,
    known,
)

from trainlease.model.machine import Holder, Usage
from trainlease.model.observed import Told
from trainlease.model.platform import Confirm
from trainlease.model.reasons import Cause, MachineState, UnavailableReason, WaitReason
from trainlease.plan.placement import Candidate, Placement, Slot, place, place_all, rowless


def a_candidate(name: str, platform: str = "saturno", **job: Any) -> Candidate:
    trouble = job.pop("trouble", None)
    found = a_job(name, namespace=platform, **job)
    number = len(found.status.attempts) + 1
    return Candidate(a_lease(found, number), found, platform, trouble)


def slots(*machines: Any) -> list[Slot]:
    return [m if isinstance(m, Slot) else Slot(m) for m in machines]


def placed(candidates: list[Candidate], *machines: Any, shares: Any = None) -> Placement:
    return place(candidates, slots(*machines), shares or {}, NOW, SETTINGS)


def granted(placement: Placement) -> list[tuple[str, str]]:
    return [(g.candidate.lease.name, g.machine.name) for g in placement.grants]


def used(platform: str, seconds: float, ago: float = 0) -> Usage:
    return Usage(platform=platform, seconds=seconds, decayed=seconds, decayed_at=at(-ago))


BUSY = a_claimed_machine(a_lease(a_job("other", namespace="latam")))


# --- the queue's order ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "candidates", "usage", "shares", "want"),
    [
        (
            "the older of one platform",
            [a_candidate("young", created=at(-10)), a_candidate("old", created=at(-20))],
            (),
            {},
            "old-1",
        ),
        (
            "the higher priority of one platform",
            [a_candidate("old", created=at(-20)), a_candidate("urgent", priority=5)],
            (),
            {},
            "urgent-1",
        ),
        (
            "the platform that used less, whatever the other's priority",
            [a_candidate("mine", priority=9), a_candidate("theirs", "latam")],
            (used("saturno", 100),),
            {},
            "theirs-1",
        ),
        (
            "the platform with the larger share, after the same use",
            [a_candidate("mine"), a_candidate("theirs", "latam")],
            (used("saturno", 100), used("latam", 100)),
            {"saturno": 2},
            "mine-1",
        ),
        (
            "the platform whose use is longer ago",
            [a_candidate("mine"), a_candidate("theirs", "latam")],
            (used("saturno", 100, ago=86400), used("latam", 60)),
            {},
            "mine-1",
        ),
        (
            "a retry, which keeps the age of its job",
            [
                a_candidate("new", created=at(-10)),
                a_candidate("retried", created=at(-20), attempts=[an_attempt(1, Cause.SUSPENDED)]),
            ],
            (),
            {},
            "retried-2",
        ),
    ],
)
def test_the_machine_goes_to(
    says: str, candidates: Any, usage: Any, shares: Any, want: str
) -> None:
    machine = a_machine(usage=usage)
    assert granted(placed(candidates, machine, shares=shares)) == [(want, "gpu-1")], says


def test_a_machine_held_now_counts_like_an_hour_of_use() -> None:
    candidates = [a_candidate("mine"), a_candidate("theirs", "latam")]
    holder = Holder(namespace="latam", name="other-1", uid="u", platform="latam")
    busy = a_machine(state=MachineState.CLAIMED, holder=holder)
    free = a_machine("gpu-2", usage=(used("saturno", 3500),))
    assert granted(placed(candidates, busy, free)) == [("mine-1", "gpu-2")]


def test_a_claim_that_runs_counts_as_long_as_it_runs() -> None:
    holder = Holder(namespace="latam", name="other-1", uid="u", platform="latam")
    busy = a_machine(state=MachineState.CLAIMED, holder=holder, since=at(-7200))
    free = a_machine("gpu-2", usage=(used("saturno", 10700),))
    candidates = [a_candidate("mine"), a_candidate("theirs", "latam")]
    assert granted(placed(candidates, busy, free)) == [("mine-1", "gpu-2")]


def test_the_machine_to_be_had_counts_as_held_so_that_a_small_share_waits_for_its_part() -> None:
    candidates = [a_candidate("mine"), a_candidate("theirs", "latam")]
    machine = a_machine(usage=(used("saturno", 1000), used("latam", 5000)))
    assert granted(placed(candidates, machine, shares={"latam": 4})) == [("theirs-1", "gpu-1")]


def test_platforms_take_turns_when_several_machines_are_free() -> None:
    candidates = [a_candidate("a1"), a_candidate("a2"), a_candidate("b1", "latam")]
    result = placed(candidates, a_machine("gpu-1"), a_machine("gpu-2"))
    assert {name for name, _ in granted(result)} == {"a1-1", "b1-1"}


def test_a_hold_goes_before_every_job() -> None:
    hold = Candidate(a_hold(), None, "")
    assert granted(placed([a_candidate("old", created=at(-999)), hold], a_machine())) == [
        ("driver-update", "gpu-1")
    ]


def test_one_machine_is_granted_once_and_one_lease_gets_one_machine() -> None:
    candidates = [a_candidate("a"), a_candidate("b"), a_candidate("c")]
    result = placed(candidates, a_machine("gpu-1"), a_machine("gpu-2"))
    names = granted(result)
    assert len({lease for lease, _ in names}) == len({m for _, m in names}) == len(names) == 2
    assert len(result.waits) == 1


# --- which machine -------------------------------------------------------------------------------

RETRY = a_candidate("again", attempts=[an_attempt(1, Cause.MACHINE_LOST, machine="gpu-1")])


@pytest.mark.parametrize(
    ("says", "machines", "want"),
    [
        ("another is free", [a_machine("gpu-1"), a_machine("gpu-2")], "gpu-2"),
        ("there is no other", [a_machine("gpu-1")], "gpu-1"),
        (
            "the only other one is not permitted",
            [a_machine("gpu-1"), a_machine("gpu-2", platforms=("latam",))],
            "gpu-1",
        ),
        (
            "the only other one is not available",
            [a_machine("gpu-1"), Slot(a_machine("gpu-2"), UnavailableReason.CORDONED, "cordoned")],
            "gpu-1",
        ),
        (
            "another is busy, which it waits for",
            [a_machine("gpu-1"), Slot(a_claimed_machine(a_lease(a_job("x")), "gpu-2"))],
            None,
        ),
    ],
)
def test_the_machine_of_the_last_failure_is_avoided(
    says: str, machines: list[Any], want: str | None
) -> None:
    names = [machine for _, machine in granted(placed([RETRY], *machines))]
    assert names == ([want] if want else []), says


@pytest.mark.parametrize(
    "slot",
    [
        pytest.param(Slot(BUSY), id="claimed"),
        pytest.param(Slot(a_machine(state=MachineState.STOPPING)), id="stopping"),
        pytest.param(Slot(a_machine(state=None)), id="without a status"),
        pytest.param(Slot(a_machine(), UnavailableReason.QUARANTINED, "q"), id="quarantined"),
    ],
)
def test_no_machine_is_granted_that_is(slot: Slot) -> None:
    assert placed([a_candidate("a")], slot).grants == ()


# --- what the others are told --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "candidate", "machines", "want_reason", "want_word"),
    [
        (
            "the pool has no machine",
            a_candidate("a", pool="gold"),
            [a_machine()],
            WaitReason.POOL_EMPTY,
            "gold",
        ),
        (
            "the machine does not exist",
            a_candidate("a", machine="gpu-9"),
            [a_machine()],
            WaitReason.POOL_EMPTY,
            "gpu-9",
        ),
        (
            "its platform may use none",
            a_candidate("a"),
            [a_machine(platforms=("latam",))],
            WaitReason.NOT_ALLOWED,
            "spec.platforms",
        ),
        (
            "its platform's database has no row for it",
            a_candidate("a"),
            [Slot(a_machine(), rowless={"saturno": "saturno has no row for gpu-1"})],
            WaitReason.NOT_ALLOWED,
            "no row",
        ),
        (
            "all are occupied elsewhere",
            a_candidate("a"),
            [Slot(a_machine(), UnavailableReason.OCCUPIED_ELSEWHERE, "saturno's row says ANA")],
            WaitReason.OCCUPIED_ELSEWHERE,
            "ANA",
        ),
        (
            "a trouble of its own",
            a_candidate("a", trouble=(WaitReason.TRACKING_UNAVAILABLE, "x")),
            [a_machine()],
            WaitReason.TRACKING_UNAVAILABLE,
            "x",
        ),
        (
            "none is available",
            a_candidate("a"),
            [Slot(a_machine(), UnavailableReason.CORDONED, "cordoned")],
            WaitReason.CAPACITY_UNAVAILABLE,
            "cordoned",
        ),
        (
            "occupied elsewhere is more basic than its own trouble",
            a_candidate("a", trouble=(WaitReason.PLATFORM_DATABASE_DOWN, "x")),
            [Slot(a_machine(), UnavailableReason.OCCUPIED_ELSEWHERE, "ANA")],
            WaitReason.OCCUPIED_ELSEWHERE,
            "ANA",
        ),
    ],
)
def test_a_job_that_cannot_be_granted_is_told(
    says: str, candidate: Candidate, machines: Any, want_reason: WaitReason, want_word: str
) -> None:
    result = placed([candidate], *machines)
    wait = result.waits[candidate.lease.uid]
    assert (result.grants, wait.reason, wait.place) == ((), want_reason, None), says
    assert want_word in wait.message


def test_who_is_blocked_does_not_hold_back_the_others() -> None:
    blocked = a_candidate("a", created=at(-99), trouble=(WaitReason.TRACKING_UNAVAILABLE, "x"))
    assert granted(placed([blocked, a_candidate("b", "latam")], a_machine())) == [("b-1", "gpu-1")]


def waits_in_line(*machines: Any, limits: Any = None) -> list[str]:
    candidates = [
        a_candidate(f"j{n}", created=at(n), limits=limits or {"start": "10m", "running": "50m"})
        for n in range(5)
    ]
    result = placed(candidates, *machines)
    return [result.waits[c.lease.uid].message for c in candidates if c.lease.uid in result.waits]


def test_the_line_says_places_up_to_three_who_is_in_front_and_by_when() -> None:
    busy = a_claimed_machine(a_lease(a_job("x")), deadline=at(3600))
    assert waits_in_line(busy) == [
        "1st of 5 in onprem; by 13:00Z",
        "2nd of 5 in onprem, after saturno/j0; by 14:00Z",
        "3rd of 5 in onprem, after saturno/j1; by 15:00Z",
        "queued in onprem, behind 3 or more",
        "queued in onprem, behind 3 or more",
    ]


def test_the_first_in_line_gets_the_earliest_deadline_of_the_pool() -> None:
    first = a_claimed_machine(a_lease(a_job("x")), deadline=at(7200))
    second = a_claimed_machine(a_lease(a_job("y")), "gpu-2", deadline=at(3600))
    assert waits_in_line(first, second)[:2] == [
        "1st of 5 in onprem; by 13:00Z",
        "2nd of 5 in onprem, after saturno/j0; by 14:00Z",
    ]


def test_a_machine_granted_now_counts_until_its_new_claim_ends() -> None:
    assert waits_in_line(a_machine())[0] == "1st of 4 in onprem; by 13:00Z"


def test_no_time_is_said_while_a_machine_of_the_pool_is_stopping() -> None:
    stopping = a_machine("gpu-2", state=MachineState.STOPPING)
    assert waits_in_line(BUSY, stopping)[0] == "1st of 5 in onprem"


def test_who_avoids_a_free_machine_is_told_the_time_of_the_other() -> None:
    busy = a_claimed_machine(a_lease(a_job("x")), "gpu-2", deadline=at(3600))
    wait = placed([RETRY], a_machine("gpu-1"), busy).waits[RETRY.lease.uid]
    assert wait.message == "1st of 1 in onprem; by 13:00Z"


# --- pools, rows ---------------------------------------------------------------------------------


def test_each_pool_has_its_own_queue() -> None:
    gold = a_candidate("g", "latam", pool="gold")
    candidates = [a_candidate("a"), a_candidate("b"), gold]
    machines = slots(a_machine("gpu-1"), a_machine("gold-1", pool="gold"))
    result = place_all(candidates, machines, {}, NOW, SETTINGS)
    assert granted(result) == [("a-1", "gpu-1"), ("g-1", "gold-1")]
    assert result.waits[candidates[1].lease.uid].place == 1


def test_who_names_a_machine_waits_in_the_queue_of_its_pool() -> None:
    named = a_candidate("n", machine="gpu-1", created=at(5))
    result = place_all([named, a_candidate("a")], slots(a_machine("gpu-1")), {}, NOW, SETTINGS)
    assert granted(result) == [("a-1", "gpu-1")]
    assert result.waits[named.lease.uid].place == 1


@pytest.mark.parametrize(
    ("told", "confirm", "want"),
    [
        (Told.NO_ROW, Confirm.OWN, {"latam"}),
        (Told.NO_ROW, Confirm.ALL, {"latam", "saturno"}),
        (Told.NO_ROW, Confirm.NEVER, set()),
        (Told.OTHER_CLUSTER, Confirm.OWN, {"latam"}),
        (Told.IN_STEP, Confirm.ALL, set()),
        (Told.FOREIGN, Confirm.ALL, set()),
    ],
)
def test_a_machine_is_closed_to_those_whose_needed_row_is_missing_or_another_clusters(
    told: Told, confirm: Confirm, want: set[str]
) -> None:
    machine = a_machine()
    facts = (a_fact("saturno"), a_fact("latam", confirm=confirm))
    rows = {"saturno": known(machine), "latam": known(machine, told)}
    assert set(rowless(machine, facts, rows)) == want
