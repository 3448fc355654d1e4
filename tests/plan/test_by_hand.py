"""What people write on a Machine: obeyed for its own generation, and what each word cannot do."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.builders import (
    NOW,
    SETTINGS,
    a_claimed_machine,
    a_fact,
    a_machine,
    an_exit,
    at,
    known,
    off,
    on,
)
from tests.plan.claims import (
    CLAIMED,
    FREE,
    HELD,
    LEASE,
    RUNNING,
    STOPPING,
    TOLD_FREE,
    decided,
    ended,
    stored,
)

from trainlease.model import conditions as cond
from trainlease.model.machine import CLAIM, CONFIRM_OFF, FORCE_RELEASE, QUARANTINE_OVER
from trainlease.model.machine_lease import Ended
from trainlease.model.mode import Mode
from trainlease.model.observed import MachineView, Power, RowState, Told
from trainlease.model.reasons import Blame, Cause, LeaseCondition, MachineState, Outcome
from trainlease.plan import actions as act
from trainlease.plan.machine_facts import MachineFacts
from trainlease.plan.report import report
from trainlease.plan.rows import RowKnowledge

UNKNOWN = MachineView(Power.UNKNOWN)
OVERDUE = at(-76)
FOREIGN = known(FREE.machine, Told.FOREIGN)
TAKEN_FREE = RowKnowledge(15, Told.IN_STEP, is_foreign=True, owner="ANA")
"""A Free machine's row that another program has: the newer free is noted beside it."""


def written(facts: MachineFacts, name: str, value: str) -> MachineFacts:
    """With this annotation on the Machine."""
    words = {**facts.machine.metadata.annotations, name: value}
    meta = facts.machine.metadata.model_copy(update={"annotations": words})
    return replace(facts, machine=facts.machine.model_copy(update={"metadata": meta}))


def noted(facts: MachineFacts, action: act.Action) -> MachineFacts:
    """After the write that the action asks for."""
    return replace(facts, machine=facts.machine.model_copy(update={"status": stored(action)}))


def why(facts: MachineFacts) -> str:
    status = report(
        facts.machine, facts.platforms, facts.rows, facts.telling, facts.view, NOW, SETTINGS
    )
    return status.why or ""


def late(facts: MachineFacts) -> MachineFacts:
    """In Stopping for so long that the alarm is there."""
    status = facts.status.but(since=OVERDUE)
    return replace(facts, machine=facts.machine.model_copy(update={"status": status}))


# --- confirm-off ---------------------------------------------------------------------------------


@pytest.mark.parametrize("view", [None, UNKNOWN])
def test_a_word_that_it_is_off_is_noted_and_frees_it_after_the_cool_down(view: Any) -> None:
    facts = written(replace(STOPPING, view=view, rows=TOLD_FREE), CONFIRM_OFF, "7")
    note = stored(decided(facts))
    assert (note.state, note.history[-1].reason) == (
        MachineState.STOPPING,
        "a person vouches that it is off",
    )
    facts = replace(noted(facts, decided(facts)), stood_for=timedelta(seconds=14))
    assert decided(facts) == act.Wait(timedelta(seconds=1))
    free = stored(decided(replace(facts, stood_for=timedelta(seconds=15))))
    assert (free.state, free.history[-1].reason) == (
        MachineState.FREE,
        "confirmed off by a person",
    )


@pytest.mark.parametrize("view", [on(), MachineView(Power.UNKNOWN, 7, detail="booting")])
def test_a_word_that_it_is_off_ends_no_turning_off_before_the_alarm(view: MachineView) -> None:
    facts = written(replace(STOPPING, view=view), CONFIRM_OFF, "7")
    assert isinstance(decided(facts), act.TurnOff)


def test_a_word_that_it_is_off_counts_over_a_provider_that_is_stuck_in_on() -> None:
    facts = written(late(replace(STOPPING, view=on(), rows=TOLD_FREE)), CONFIRM_OFF, "7")
    facts = noted(facts, decided(facts))
    assert stored(decided(facts, at(15))).state is MachineState.FREE


def test_a_word_that_it_is_off_is_not_about_a_later_claim_that_runs() -> None:
    facts = written(late(replace(STOPPING, view=on(), rows=TOLD_FREE)), CONFIRM_OFF, "7")
    facts = replace(noted(facts, decided(facts)), view=on(8))
    assert isinstance(decided(facts, at(15)), act.TurnOff)


@pytest.mark.parametrize("value", ["6", "8", "yes", ""])
def test_a_word_that_it_is_off_counts_for_its_own_generation_only(value: str) -> None:
    facts = written(late(replace(STOPPING, view=UNKNOWN)), CONFIRM_OFF, value)
    assert decided(facts) == act.Wait()


def test_a_word_that_is_withdrawn_counts_no_more() -> None:
    facts = written(replace(STOPPING, view=UNKNOWN, rows=TOLD_FREE), CONFIRM_OFF, "7")
    facts = written(noted(facts, decided(facts)), CONFIRM_OFF, "")
    assert decided(facts, at(60)) == act.Wait()


def test_what_ran_on_a_machine_that_cannot_be_seen_is_lost_by_a_persons_word() -> None:
    facts = written(replace(RUNNING, view=UNKNOWN), CONFIRM_OFF, "7")
    action = decided(facts)
    assert isinstance(action, act.SetOutcome)
    assert (action.outcome, action.cause) == (Outcome.LOST, Cause.MACHINE_LOST)


@pytest.mark.parametrize(
    ("says", "facts"),
    [
        ("its provider says on", RUNNING),
        ("it was not started yet", replace(CLAIMED, view=UNKNOWN)),
    ],
)
def test_a_word_that_it_is_off_ends_no_attempt_where(says: str, facts: MachineFacts) -> None:
    assert isinstance(decided(written(facts, CONFIRM_OFF, "7")), act.Wait), says


def test_nothing_is_started_on_a_persons_word_that_it_is_off() -> None:
    for view in (None, UNKNOWN):
        action = decided(written(replace(CLAIMED, view=view), CONFIRM_OFF, "7"))
        assert not isinstance(action, act.Start)


# --- force-release -------------------------------------------------------------------------------


def test_a_forced_release_ends_the_attempt_charged_to_nobody_and_says_why() -> None:
    action = decided(written(RUNNING, FORCE_RELEASE, "7 ana: driver  update"))
    assert isinstance(action, act.SetOutcome)
    assert (action.outcome, action.cause) == (Outcome.LOST, Cause.FORCED)
    assert action.message == "released by a person: ana: driver update"
    assert Cause.FORCED.blame is Blame.NOBODY
    assert not Cause.FORCED.blames_machine


def test_a_forced_release_stands_in_the_history_with_its_reason() -> None:
    facts = written(replace(RUNNING, job=ended(Cause.FORCED)), FORCE_RELEASE, "7 ana: driver")
    status = stored(decided(facts))
    assert status.state is MachineState.STOPPING
    assert status.history[-1].reason == "attempt 1 ended: Forced (ana: driver)"


def test_a_forced_release_skips_no_confirmation_of_off() -> None:
    for view in (None, UNKNOWN):
        facts = replace(STOPPING, view=view)
        assert isinstance(decided(written(facts, FORCE_RELEASE, "7 ana")), act.TakeOff)
        assert decided(facts, at(600)) == act.Wait()


def test_a_forced_release_ends_a_hold() -> None:
    action = decided(written(HELD, FORCE_RELEASE, "7 ana: needed"))
    assert isinstance(action, act.WriteLease)
    assert action.status.ended is Ended.FORCED
    released = cond.get(action.status.conditions, LeaseCondition.RELEASED)
    assert released is not None
    assert released.message == "released by a person: ana: needed"


def test_a_training_that_has_ended_already_keeps_its_own_end() -> None:
    action = decided(written(replace(RUNNING, view=off(an_exit())), FORCE_RELEASE, "7 ana"))
    assert isinstance(action, act.SetOutcome)
    assert action.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("value", ["6 ana", "8 ana", "7", "ana 7"])
def test_a_forced_release_counts_for_its_own_generation_and_with_a_reason(value: str) -> None:
    assert isinstance(decided(written(RUNNING, FORCE_RELEASE, value)), act.Wait)


# --- claim ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "facts", "want"),
    [
        (
            "a Free machine's row that another program has",
            replace(FREE, rows={**TOLD_FREE, "latam": TAKEN_FREE}),
            RowState.FREE,
        ),
        (
            "a Free machine's row that another cluster has",
            replace(FREE, rows={**TOLD_FREE, "latam": known(FREE.machine, Told.OTHER_CLUSTER)}),
            RowState.FREE,
        ),
        (
            "a running claim's row",
            replace(RUNNING, rows={**RUNNING.rows, "latam": known(RUNNING.machine, Told.FOREIGN)}),
            RowState.OCCUPIED,
        ),
        (
            "a row that would give the claim back before its start",
            replace(CLAIMED, rows={"saturno": known(CLAIMED.machine, Told.FOREIGN)}),
            RowState.OCCUPIED,
        ),
    ],
)
def test_a_person_may_claim(says: str, facts: MachineFacts, want: RowState) -> None:
    name = "latam" if "latam" in facts.rows else "saturno"
    facts = written(facts, CLAIM, f"{name} 7")
    note = stored(decided(facts))
    assert note.state is facts.status.state
    assert note.history[-1].reason.startswith(f"{name}'s row is taken over from "), says
    action = decided(noted(facts, decided(facts)))
    assert isinstance(action, act.Tell)
    assert action.take_over
    assert [(n, e.state) for n, e in action.entries] == [(name, want)]


def test_a_row_is_not_taken_over_below_a_newer_word_of_ours() -> None:
    fenced = replace(known(STOPPING.machine, Told.FENCED), is_foreign=True, owner="ANA")
    facts = replace(STOPPING, rows={**STOPPING.rows, "latam": fenced})
    action = decided(written(facts, CLAIM, "latam 7"))
    assert not (isinstance(action, act.Tell) and action.take_over)
    assert not isinstance(action, act.WriteMachine)


def test_a_row_that_is_being_taken_over_gives_no_claim_back() -> None:
    rows = {"saturno": known(CLAIMED.machine, Told.FOREIGN)}
    facts = written(replace(CLAIMED, rows=rows, telling={"saturno": 14}), CLAIM, "saturno 7")
    assert isinstance(decided(facts), act.Wait)


@pytest.mark.parametrize("value", ["latam 6", "latam 8", "saturno 7", "bolivia 7", "latam", "7"])
def test_only_the_row_of_that_platform_in_that_generation_is_taken_over(value: str) -> None:
    facts = replace(FREE, rows={**TOLD_FREE, "latam": TAKEN_FREE})
    action = decided(written(facts, CLAIM, value))
    assert not isinstance(action, act.Tell | act.WriteMachine)


@pytest.mark.parametrize(
    ("says", "platform"),
    [
        ("it is observed only", a_fact("latam", mode=Mode.OBSERVE)),
        ("it is paused", a_fact("latam", paused=True)),
        ("its database is down", a_fact("latam", down=True)),
    ],
)
def test_no_row_is_taken_over_while(says: str, platform: Any) -> None:
    facts = replace(
        FREE, platforms=(a_fact("saturno"), platform), rows={**TOLD_FREE, "latam": TAKEN_FREE}
    )
    assert decided(written(facts, CLAIM, "latam 7")) == act.Wait(), says


# --- quarantine-over -----------------------------------------------------------------------------

QUARANTINED = replace(FREE, machine=a_machine(generation=7, quarantined_until=at(2400)))


def test_a_person_ends_a_quarantine() -> None:
    status = stored(decided(written(QUARANTINED, QUARANTINE_OVER, "7")))
    assert status.quarantined_until is None
    assert status.history[-1].reason == "quarantine ended by a person"


def test_a_quarantine_is_ended_for_its_own_generation_only() -> None:
    assert decided(written(QUARANTINED, QUARANTINE_OVER, "6")) == act.Wait()


def test_a_quarantine_says_how_it_is_ended() -> None:
    facts = QUARANTINED
    status = report(
        facts.machine, facts.platforms, facts.rows, facts.telling, facts.view, NOW, SETTINGS
    )
    available = cond.get(status.conditions, "Available")
    assert available is not None
    assert available.reason == "Quarantined"
    assert available.message.endswith(
        "annotate trainlease.dev/quarantine-over=7 to lend it at once"
    )


# --- what was obeyed, and what is ignored --------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "facts", "name", "value"),
    [
        ("it is free", FREE, CONFIRM_OFF, "7"),
        ("it is in Stopping", replace(STOPPING, view=on()), FORCE_RELEASE, "7 ana"),
        ("it is free", FREE, FORCE_RELEASE, "7 ana"),
        ("its row says what the ledger says", FREE, CLAIM, "latam 7"),
        ("its row says what the ledger says", RUNNING, CLAIM, "latam 7"),
        ("there is no quarantine", FREE, QUARANTINE_OVER, "7"),
    ],
)
def test_a_word_that_was_obeyed_is_taken_off(
    says: str, facts: MachineFacts, name: str, value: str
) -> None:
    facts = written(facts, name, value)
    assert decided(facts) == act.TakeOff(facts.machine, (name,)), says


def test_a_claim_stands_until_its_row_was_read_since() -> None:
    platforms = (a_fact("saturno"), a_fact("latam", compared=False))
    facts = written(replace(FREE, platforms=platforms), CLAIM, "latam 7")
    assert decided(facts) == act.Wait()


@pytest.mark.parametrize(
    ("name", "value", "want"),
    [
        (CONFIRM_OFF, "6", "names generation 6, and this is 7: ignored, remove it"),
        (FORCE_RELEASE, "7", "is not understood: write <generation> <reason>"),
        (CLAIM, "7 latam", "is not understood: write <platform> <generation>"),
        (CLAIM, "bolivia 7", "names bolivia, which is no Platform that may be written to: ignored"),
        (QUARANTINE_OVER, "9", "names generation 9, and this is 7: ignored, remove it"),
    ],
)
def test_a_word_that_is_ignored_is_said_to_be(name: str, value: str, want: str) -> None:
    assert why(written(RUNNING, name, value)) == f"{name} {want}"


def test_a_word_that_counts_is_not_called_ignored() -> None:
    assert why(written(RUNNING, CLAIM, "latam 7")) == ""


@pytest.mark.parametrize(("name", "value"), [(CONFIRM_OFF, "7"), (FORCE_RELEASE, "7 ana")])
def test_no_word_is_obeyed_on_a_paused_machine(name: str, value: str) -> None:
    machine = a_claimed_machine(LEASE, state=MachineState.STOPPING, paused=True)
    facts = written(replace(STOPPING, view=UNKNOWN, machine=machine), name, value)
    assert decided(facts) == act.Wait()


# --- a hold's time -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "want", "until"), [("2h", at(7140), "13:59Z"), ("5m", at(240), "12:04Z")]
)
def test_a_holds_time_that_is_changed_moves_its_end(length: str, want: Any, until: str) -> None:
    lease = HELD.lease
    assert lease is not None
    spec = lease.spec.model_copy(update={"for_": length})
    facts = replace(HELD, lease=lease.model_copy(update={"spec": spec}))
    status = stored(decided(facts))
    assert (status.deadline, status.until) == (want, until)
    assert decided(noted(facts, decided(facts))) == act.Wait(want - NOW)
