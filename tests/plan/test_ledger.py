"""The next status of a Machine: fences only grow, usage and cost are counted, arrows are obeyed."""

from decimal import Decimal
from itertools import product

import pytest
from tests.builders import (
    NOW,
    SETTINGS,
    a_claimed_machine,
    a_hold,
    a_job,
    a_lease,
    a_machine,
    at,
)

from trainlease.model.machine import Transition, Usage
from trainlease.model.reasons import MachineState
from trainlease.plan import ledger
from trainlease.plan.states import TRANSITIONS, allowed

JOB = a_job(limits={"start": "5m", "running": "1h"})
LEASE = a_lease(JOB)


def test_a_claim_has_a_holder_a_new_generation_and_a_deadline() -> None:
    status = ledger.claimed(a_machine(generation=3), LEASE, JOB, "saturno", NOW, SETTINGS)
    assert (status.state, status.generation) == (MachineState.CLAIMED, 4)
    assert status.holder is not None
    assert (status.holder.uid, status.holder.job_uid) == (LEASE.uid, JOB.uid)
    assert (status.deadline, status.until) == (at(3900), "13:05Z")
    assert status.holder_title == "saturno/caries"


def test_a_claim_is_never_longer_than_the_machine_may_be_on() -> None:
    machine = a_machine(spec={"max_on": "30m"})
    assert ledger.claim_length(machine, LEASE, JOB, SETTINGS) == at(1800) - NOW


@pytest.mark.parametrize(("length", "want"), [("4h", 4 * 3600), (None, 8 * 3600)])
def test_a_hold_is_as_long_as_it_says_or_eight_hours(length: str | None, want: int) -> None:
    hold = a_hold(for_=length)
    assert ledger.claim_length(a_machine(), hold, None, SETTINGS) == at(want) - NOW


@pytest.mark.parametrize(("before", "after"), list(product([None, *MachineState], MachineState)))
def test_only_the_arrows_of_the_table_can_be_written(
    before: MachineState | None, after: MachineState
) -> None:
    drawn = {(a.before, a.after) for a in TRANSITIONS}
    assert allowed(before, after) is (before is after or (before, after) in drawn)


def test_an_arrow_that_is_not_drawn_is_a_defect() -> None:
    stopping = a_claimed_machine(LEASE, state=MachineState.STOPPING)
    with pytest.raises(ledger.ForbiddenArrow):
        ledger.claimed(stopping, LEASE, JOB, "saturno", NOW, SETTINGS)


def test_fences_grow_with_every_step_of_a_machines_life() -> None:
    machine = a_machine(generation=3)
    fences = [machine.status.fence]
    for _ in range(3):
        claim = ledger.claimed(machine, LEASE, JOB, "saturno", NOW, SETTINGS)
        machine = a_machine(**claim.model_dump())
        fences.append(machine.status.fence)
        free = ledger.freed(machine, (), "ended", NOW, SETTINGS, blames_machine=False)
        machine = a_machine(**free.model_dump())
        fences.append(machine.status.fence)
    assert fences == list(range(fences[0], fences[0] + 7))


def test_a_later_life_writes_above_every_fence_of_an_earlier_one() -> None:
    """Even one that claimed once a second since it was first seen."""
    first = ledger.first_seen(a_machine(state=None), NOW)
    a_year = 365 * 86400
    highest = first.but(generation=first.generation + a_year).fence + 1
    later = ledger.first_seen(a_machine(state=None), at(a_year))
    assert later.occupied_fence > highest


def test_usage_and_cost_count_from_the_claim_to_free_stopping_included() -> None:
    history = (
        Transition(at=at(-7200), state=MachineState.CLAIMED, generation=7, reason="granted"),
        Transition(at=at(-600), state=MachineState.STOPPING, generation=7, reason="ended"),
    )
    machine = a_claimed_machine(
        LEASE,
        state=MachineState.STOPPING,
        since=at(-600),
        history=history,
        spec={"price_per_hour": "3.06"},
        usage=(Usage(platform="saturno", seconds=10, decayed=10, decayed_at=at(-86400), cost="1"),),
    )
    status = ledger.freed(machine, (), "off", NOW, SETTINGS, blames_machine=False)
    usage = status.usage_of("saturno")
    assert usage is not None
    assert (usage.seconds, Decimal(usage.cost)) == (7210, Decimal("7.12"))
    assert usage.decayed == 7205


def test_history_keeps_the_last_twenty_lines() -> None:
    lines = tuple(
        Transition(at=NOW, state=MachineState.FREE, generation=n, reason=str(n)) for n in range(20)
    )
    machine = a_machine(history=lines, generation=20)
    status = ledger.claimed(machine, LEASE, JOB, "saturno", NOW, SETTINGS)
    assert len(status.history) == 20
    assert (status.history[0].reason, status.history[-1].generation) == ("1", 21)


@pytest.mark.parametrize(
    ("when", "want"),
    [(at(1620), "12:27Z"), (at(43200), "23 Nov 00:00Z"), (at(-86400), "21 Nov 12:00Z")],
)
def test_a_time_has_its_date_where_it_is_not_today(when: object, want: str) -> None:
    assert ledger.show_time(when, NOW) == want  # type: ignore[arg-type]
