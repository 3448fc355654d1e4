"""When a Machine or a Platform that is being deleted may go."""

from typing import Any

import pytest
from tests.builders import (
    NOW,
    SETTINGS,
    a_claimed_machine,
    a_job,
    a_lease,
    a_machine,
    a_platform,
    at,
    known,
)

from trainlease.model.machine import FINALIZER
from trainlease.model.mode import Mode
from trainlease.model.observed import Told
from trainlease.model.platform import ABANDON_DATABASE
from trainlease.model.reasons import MachineState
from trainlease.plan import actions as act
from trainlease.plan.finalizers import of_machine, of_platform
from trainlease.plan.rows import RowKnowledge

LATER = at(SETTINGS.letting_go_after)
HELD = a_claimed_machine(a_lease(a_job()))
FREE = a_machine(generation=7)


def a_leaving(thing: Any, **annotations: str) -> Any:
    meta = {"deletion_timestamp": NOW, "finalizers": (FINALIZER, "other/one")}
    meta |= {"annotations": annotations}
    return thing.model_copy(update={"metadata": thing.metadata.model_copy(update=meta)})


def lets_go(action: act.Action) -> bool:
    """Whether our finalizer is taken off, and only ours."""
    if isinstance(action, act.Wait):
        return False
    assert isinstance(action, act.SetFinalizer)
    assert action.finalizers == ("other/one",)
    return True


@pytest.mark.parametrize(
    ("thing", "want"),
    [
        (a_machine(), True),
        (a_machine(mode=Mode.OBSERVE), False),
        (a_platform(), True),
        (a_platform(mode=Mode.OBSERVE), False),
    ],
)
def test_it_is_put_on_once_what_is_enforced(thing: Any, want: bool) -> None:
    decide = of_machine if thing.kind_name == "Machine" else _of_free_platform
    action = decide(thing, NOW, SETTINGS)
    assert isinstance(action, act.SetFinalizer) is want
    if isinstance(action, act.SetFinalizer):
        there = thing.model_copy(
            update={"metadata": thing.metadata.model_copy(update={"finalizers": (FINALIZER,)})}
        )
        assert decide(there, NOW, SETTINGS) == act.Wait()


def _of_free_platform(platform: Any, now: Any, settings: Any) -> act.Action:
    return of_platform(platform, [], {}, now, settings)


@pytest.mark.parametrize(
    ("says", "machine", "when", "want"),
    [
        ("it is free and owes nothing", a_machine(), NOW, True),
        ("it is held", HELD, LATER, False),
        ("it is stopping", a_machine(state=MachineState.STOPPING), LATER, False),
        ("it owes a write", a_machine(debts=("latam",)), NOW, False),
        ("it owes a write for too long", a_machine(debts=("latam",)), LATER, True),
        ("it was never used", a_machine(mode=Mode.OBSERVE, state=None), NOW, True),
        ("it was not seen yet", a_machine(state=None), LATER, False),
    ],
)
def test_a_machine_may_go_when(says: str, machine: Any, when: Any, want: bool) -> None:
    assert lets_go(of_machine(a_leaving(machine), when, SETTINGS)) is want, says


@pytest.mark.parametrize(
    ("says", "platform", "machines", "rows", "when", "want"),
    [
        ("all rows are free", a_platform(), [FREE], {FREE.uid: known(FREE)}, NOW, True),
        ("nothing is known of a row", a_platform(), [FREE], {}, NOW, False),
        (
            "a row could not be told",
            a_platform(),
            [FREE],
            {FREE.uid: known(FREE, None)},
            NOW,
            False,
        ),
        (
            "a row was told of a claim",
            a_platform("latam"),
            [HELD],
            {HELD.uid: known(HELD)},
            NOW,
            False,
        ),
        (
            "a row was told of no later claim than the last one's end",
            a_platform("latam"),
            [HELD],
            {HELD.uid: RowKnowledge(HELD.status.occupied_fence - 1, Told.IN_STEP)},
            NOW,
            True,
        ),
        ("its own job holds a machine", a_platform("saturno"), [HELD], {}, LATER, False),
        ("its time is over", a_platform(), [FREE], {}, LATER, True),
        ("it was only observed", a_platform(mode=Mode.OBSERVE), [FREE], {}, NOW, True),
    ],
)
def test_a_platform_may_go_when(
    says: str, platform: Any, machines: Any, rows: Any, when: Any, want: bool
) -> None:
    action = of_platform(a_leaving(platform), machines, rows, when, SETTINGS)
    assert lets_go(action) is want, says


@pytest.mark.parametrize(
    ("says", "platform", "when", "want"),
    [
        ("they may still get it", a_platform(), NOW, False),
        ("its time is over", a_platform(), LATER, True),
        ("it was only observed", a_platform(mode=Mode.OBSERVE), NOW, True),
    ],
)
def test_a_platform_with_trainings_without_a_last_word(
    says: str, platform: Any, when: Any, want: bool
) -> None:
    rows = {FREE.uid: known(FREE)}
    action = of_platform(a_leaving(platform), [FREE], rows, when, SETTINGS, has_open_trainings=True)
    assert lets_go(action) is want, says


def test_a_person_may_abandon_the_database_of_a_platform_that_is_deleted() -> None:
    leaving = a_leaving(a_platform(), **{ABANDON_DATABASE: "true"})
    assert lets_go(of_platform(leaving, [FREE], {}, NOW, SETTINGS))


@pytest.mark.parametrize("thing", [a_machine(), a_platform()])
def test_what_we_let_go_is_left_to_the_others(thing: Any) -> None:
    gone = thing.model_copy(
        update={"metadata": thing.metadata.model_copy(update={"deletion_timestamp": NOW})}
    )
    decide = of_machine if thing.kind_name == "Machine" else _of_free_platform
    assert decide(gone, LATER, SETTINGS) == act.Wait()
