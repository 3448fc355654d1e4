"""How a claim ended, in the ledger's words: why, and whether the machine is to blame. Pure.

Not here: when a claim is over (plan.claim), an attempt's causes (plan.outcome).
"""

from trainlease.model.machine_lease import Ended
from trainlease.model.reasons import Cause, Outcome
from trainlease.plan import by_hand, rows
from trainlease.plan.machine_facts import MachineFacts


def why(facts: MachineFacts) -> str:
    """What the machine's history says of this end."""
    attempt = facts.attempt
    if attempt and attempt.outcome:
        # The cause says more (StartTimeout, ExitCode), where it is not the same in other words.
        how = attempt.outcome if attempt.outcome is Outcome.SUCCEEDED else attempt.cause
        return f"attempt {attempt.number} ended: {how or attempt.outcome}{_reason(facts)}"
    if facts.lease is not None and facts.lease.status.ended:
        return f"hold ended: {facts.lease.status.ended}{_reason(facts)}"
    if facts.job is not None:
        return "its TrainingJob is finished"
    return "its holder was deleted"


def blames_machine(facts: MachineFacts) -> bool | None:
    """Only a run clears the machine's count: a claim that was given back shows nothing of it."""
    attempt = facts.attempt
    if attempt is None or attempt.cause is None:
        return None
    if attempt.cause.blames_machine:
        return True
    return False if attempt.started else None


def too_late(facts: MachineFacts) -> tuple[Outcome, Cause, str]:
    """The outcome of an attempt that did not run by its start limit, and what it waited for."""
    if facts.trouble is not None:
        return facts.trouble.cause.outcome, facts.trouble.cause, facts.trouble.message
    if facts.start_issued:
        detail = facts.view.detail if facts.view else ""
        text = f"{facts.machine.name} did not come up in time{': ' if detail else ''}{detail}"
        return Outcome.START_FAILED, Cause.START_TIMEOUT, text
    must = rows.needed(facts.platforms, facts.holder_platform)
    fence = facts.status.occupied_fence
    open_ = [p.name for p in must if not rows.is_confirmed(p, facts.rows, fence)]
    text = f"not started in time: {', '.join(open_) or 'the machine'} did not confirm"
    return Outcome.START_FAILED, Cause.START_REFUSED, text


def _reason(facts: MachineFacts) -> str:
    """What a person wrote who ended it."""
    is_forced = facts.attempt is not None and facts.attempt.cause is Cause.FORCED
    if facts.lease is not None and facts.lease.status.ended is Ended.FORCED:
        is_forced = True
    words = by_hand.forced(facts.machine)
    return f" ({words})" if is_forced and words else ""
