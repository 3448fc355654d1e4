"""The steps of a machine that only a person's word takes, each for the generation that it names.

Promises: no word skips the confirmation of off unless it is that confirmation, the cool-down or the
stored outcome; what is done by a word stands in the history before it is done; a word that was
obeyed is taken off, so that it cannot speak twice. Pure. Not in here: how a word is read
(plan.words), and the steps that need nobody (plan.claim).
"""

from datetime import datetime

from trainlease.model.machine import (
    CLAIM,
    CONFIRM_OFF,
    FORCE_RELEASE,
    QUARANTINE_OVER,
    Machine,
    MachineStatus,
    Transition,
)
from trainlease.model.machine_lease import Ended
from trainlease.model.observed import Told
from trainlease.model.reasons import Cause, MachineState, Outcome
from trainlease.model.settings import Settings
from trainlease.plan import actions as act
from trainlease.plan import leases, rows, words
from trainlease.plan.machine_facts import MachineFacts
from trainlease.plan.report import is_overdue
from trainlease.plan.rows import RowKnowledge

_VOUCHED = "a person vouches that it is off"
_LINES = 20


def take_off(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """A word that was obeyed, or has nothing left to do in its generation, is taken off."""
    spent = tuple(name for name in words.WORDS if _is_spent(facts, name))
    return act.TakeOff(facts.machine, spent) if spent else None


def force(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Ends the claim: charged to nobody, and the machine goes the way of every end."""
    word, holder = words.spoken(facts.machine, FORCE_RELEASE), facts.status.holder
    if word is None or holder is None:
        return None
    text = f"released by a person: {word.rest}"
    if facts.job is None:
        assert facts.lease is not None
        return act.WriteLease(facts.lease, leases.ended(facts.lease, Ended.FORCED, text, now))
    number = holder.attempt or 0
    return act.SetOutcome(facts.job, number, Outcome.LOST, Cause.FORCED, text, facts.machine)


def forced(machine: Machine) -> str:
    """The reason that a person gave for the end of this claim; empty if none did."""
    word = words.spoken(machine, FORCE_RELEASE)
    return word.rest if word else ""


def lost(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """It has been on, its provider cannot say, and a person vouches that it is off: Lost.

    Where the provider does say, it is believed; before the first start the start limit decides.
    """
    if not facts.has_been_on or facts.is_on or facts.is_off:
        return None
    if words.spoken(facts.machine, CONFIRM_OFF) is None:
        return None
    assert facts.job is not None
    number = facts.status.holder.attempt if facts.status.holder else None
    text = f"{facts.machine.name} is lost: {_VOUCHED}"
    return act.SetOutcome(
        facts.job, number or 0, Outcome.LOST, Cause.MACHINE_LOST, text, facts.machine
    )


def vouch(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Notes in the history that off was confirmed by a person: the cool-down counts from there."""
    if not _counts(facts, now, settings) or _noted(facts.machine, _VOUCHED):
        return None
    return act.WriteMachine(facts.machine, _with_note(facts.machine, _VOUCHED, now))


def is_vouched(facts: MachineFacts, now: datetime, settings: Settings) -> bool:
    """Whether a person's word that it is off was noted, and stands and counts."""
    return _noted(facts.machine, _VOUCHED) is not None and _counts(facts, now, settings)


def take_over(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Takes over the row that the word names, if it is another program's or another cluster's.

    Only once the row was told the ledger's word in the usual way, and refused it.
    """
    machine, word = facts.machine, words.spoken(facts.machine, CLAIM)
    told = rows.told_platforms(facts.platforms)
    fact = next((p for p in told if word and p.name == word.rest), None)
    if fact is None or fact.is_down:
        return None
    known, fence = facts.rows.get(fact.name), facts.status.fence
    if known is None or known.fence != fence or not _is_anothers(known):
        return None
    if facts.telling.get(fact.name, -1) >= fence:
        return act.Wait()
    line = f"{fact.name}'s row is taken over from {_taker(known)}, by a person's word"
    if _noted(machine, line) is None:
        return act.WriteMachine(machine, _with_note(machine, line, now))
    state = rows.desired(machine, ending=False)
    entry = rows.entry(facts.cluster, machine, fact.platform, state, now)
    return act.Tell(machine, ((fact.name, entry),), take_over=True)


def lift(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Ends the quarantine before its time."""
    until = facts.status.quarantined_until
    if until is None or words.spoken(facts.machine, QUARANTINE_OVER) is None:
        return None
    status = _with_note(facts.machine, "quarantine ended by a person", now)
    return act.WriteMachine(facts.machine, status.but(quarantined_until=None))


def _is_spent(facts: MachineFacts, name: str) -> bool:
    word, state = words.spoken(facts.machine, name), facts.status.state
    if word is None:
        return False
    if name == CLAIM:
        return _is_ours(facts, word.rest)
    if name == QUARANTINE_OVER:
        return state is MachineState.FREE and facts.status.quarantined_until is None
    if name == CONFIRM_OFF:
        return state is MachineState.FREE
    return state is not MachineState.CLAIMED


def _is_ours(facts: MachineFacts, platform: str) -> bool:
    """Whether this platform's row, read since the word was heard, says what the ledger says."""
    fact = next((p for p in facts.platforms if p.name == platform), None)
    known = facts.rows.get(platform)
    if fact is None or not fact.compared or known is None:
        return False
    in_step = rows.is_confirmed(fact, facts.rows, facts.status.fence)
    return in_step and not known.is_foreign


def _counts(facts: MachineFacts, now: datetime, settings: Settings) -> bool:
    """A provider that says on, or booting, is believed until the alarm: it is being turned off.

    The word is about its own claim: where a later one runs, as after a restore, it says nothing.
    """
    if words.spoken(facts.machine, CONFIRM_OFF) is None or facts.is_off:
        return False
    if facts.is_on_by_us and facts.is_overtaken:
        return False
    is_seen = facts.is_on or facts.is_on_by_us
    return not is_seen or is_overdue(facts.machine, now, settings)


def _is_anothers(known: RowKnowledge) -> bool:
    """Where a newer word of ours stands, it is not the other's word that refuses the ledger's."""
    if known.told is Told.FENCED:
        return False
    return known.is_foreign or known.told is Told.OTHER_CLUSTER


def _taker(known: RowKnowledge) -> str:
    if known.told is Told.OTHER_CLUSTER:
        return "another cluster"
    return known.owner or "another program"


def _noted(machine: Machine, reason: str) -> Transition | None:
    """The line of this generation's history with this reason."""
    status = machine.status
    found = (x for x in status.history if x.generation == status.generation and x.reason == reason)
    return next(found, None)


def _with_note(machine: Machine, reason: str, now: datetime) -> MachineStatus:
    """A line of history while the machine stands still."""
    status = machine.status
    assert status.state is not None
    line = Transition(
        at=now,
        state=status.state,
        generation=status.generation,
        holder=status.holder.title if status.holder else None,
        reason=reason[:1024],
    )
    return status.but(history=(*status.history, line)[-_LINES:])
