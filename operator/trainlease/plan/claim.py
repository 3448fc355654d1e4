"""What to do next for one machine: the steps bind, tell, start, run, outcome, stop, free.

Pure. The ledger stores only Free, Claimed and Stopping; where a claim stands is derived here from
the facts, each time anew, so every step may be repeated after a crash. Each guard is named in
docs/protocol.md with what breaks without it. Not here: who gets which machine (plan.placement),
what a person's word does (plan.by_hand).
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from trainlease.model.machine_lease import Ended
from trainlease.model.observed import Exit, Power, RowState, Told
from trainlease.model.reasons import Cause, MachineState, Outcome
from trainlease.model.settings import Settings
from trainlease.plan import actions as act
from trainlease.plan import by_hand, ends, leases, ledger, rows
from trainlease.plan.machine_facts import MachineFacts

Step = Callable[[MachineFacts, datetime, Settings], act.Action | None]


def decide(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action:
    """The one next action for this machine; Wait when it stands still."""
    if not facts.machine.is_enforced or facts.machine.is_paused:
        return act.Wait()
    for step in _STEPS[facts.status.state]:
        action = step(facts, now, settings)
        if action is not None:
            return action
    return act.Wait()


# --- no status: observed first -------------------------------------------------------------------


def _first_seen(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """A new or restored Machine is never Free: only a bound lease of a live job is adopted."""
    if facts.view is None:
        return act.Wait()
    if facts.adoptable:
        lease, job, platform = facts.adoptable
        status = ledger.adopted(facts.machine, lease, job, platform, now, settings)
    else:
        status = ledger.first_seen(facts.machine, now)
    return act.WriteMachine(facts.machine, status)


# --- Claimed -------------------------------------------------------------------------------------


def _bind(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """A half bind is completed, not undone: undoing could free a machine that is about to be on."""
    lease = facts.lease
    if lease is None or lease.is_bound or lease.is_released or lease.status.ended:
        return None
    return act.Bind(lease, leases.bound(lease, facts.machine, now))


def _undo(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Undone is only a claim whose lease is bound elsewhere, or ended without naming it."""
    lease = facts.lease
    if lease is None or lease.is_bound_to(facts.machine.uid, facts.generation):
        return None
    return _free(facts, now, settings, "undone: its lease is bound elsewhere or ended")


def _gone(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """A lease that is gone may have been bound: the outcome first, then the way of every end."""
    if facts.lease is not None or facts.job is None or facts.is_over:
        return None
    return _outcome(facts, Outcome.CANCELLED, Cause.CANCELLED, "its MachineLease was deleted")


def _end(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Claimed is left only once the outcome is stored, or the job (or the hold) is gone."""
    holder = facts.status.holder
    lives = facts.job is not None if holder and holder.job else facts.lease is not None
    ended = facts.lease is not None and facts.lease.status.ended is not None
    if lives and not facts.is_over and not ended:
        return None
    is_hold = holder is not None and holder.job is None
    record = facts.exit if facts.is_off else None
    stands_there = record is not None and record.cause is not Cause.MACHINE_LOST
    is_straight = is_hold or facts.never_started or stands_there
    if is_straight and not facts.is_overtaken and not facts.is_on_by_us:
        return _free(facts, now, settings, ends.why(facts))
    return act.WriteMachine(facts.machine, ledger.stopping(facts.machine, ends.why(facts), now))


def _hold(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """A person's hold starts nothing: it keeps the rows occupied until its time is over."""
    lease, status = facts.lease, facts.status
    if lease is None or not lease.is_hold:
        return None
    if facts.machine.deleting:
        text = "its Machine is being deleted"
        return act.WriteLease(lease, leases.ended(lease, Ended.FORCED, text, now))
    due = (status.since or now) + ledger.claim_length(facts.machine, lease, None, settings)
    if now >= due:
        text = f"its time was over at {ledger.show_time(due, now)}"
        return act.WriteLease(lease, leases.ended(lease, Ended.EXPIRED, text, now))
    if due != status.deadline:  # `for` was changed
        until = ledger.show_time(due, now)
        return act.WriteMachine(facts.machine, status.but(deadline=due, until=until))
    return _tell(facts, now, RowState.OCCUPIED) or act.Wait(due - now)


def _ended(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """What was started stands there terminated: that is the outcome."""
    record = facts.exit
    if record is None:
        return None
    if record.cause is Cause.CANCELLED:
        # By a call of an earlier claim, or in a life that etcd has forgotten: not the job's fault.
        text = "it was turned off, though its end was not decided"
        return _outcome(facts, Outcome.LOST, Cause.NOT_HELD, text, record)
    return _outcome(facts, record.cause.outcome, record.cause, record.message, record)


def _troubled(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """No more will come of what was started, whether or not the machine is known to be off."""
    trouble = facts.trouble
    if trouble is None or not trouble.final or facts.job is None:
        return None
    return _outcome(facts, trouble.cause.outcome, trouble.cause, trouble.message)


def _limits(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    job, status = facts.job, facts.status
    assert job is not None
    if facts.machine.deleting:
        return _outcome(facts, Outcome.LOST, Cause.MACHINE_LOST, "its Machine is being deleted")
    if job.spec.suspend:
        return _outcome(facts, Outcome.SUSPENDED, Cause.SUSPENDED, "suspended")
    for due, cause, what in leases.limits(job, facts.attempt, status.deadline, settings):
        if now >= due:
            return _outcome(facts, Outcome.LIMIT_EXCEEDED, cause, what)
    return None


def _tell_occupied(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Occupied goes to every platform at once, and in needed ones it stands before the start."""
    return _tell(facts, now, RowState.OCCUPIED)


def _fence(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """A larger fence of our own stands there (a restored etcd): ours is raised above it.

    In Claimed even the *free* of this very generation is of an earlier life: no free is told
    before the outcome is stored, and then this step is not reached.
    """
    stored = [r.stored_fence for r in facts.rows.values() if r.told is Told.FENCED]
    highest = max((f for f in stored if f is not None), default=0)
    if highest <= facts.status.fence:
        return None
    return act.WriteMachine(facts.machine, ledger.fence_raised(facts.machine, highest))


def _give_back(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Not ours to occupy in a needed database, before the start: the claim is given back."""
    if facts.has_been_on or facts.start_issued or facts.is_on:
        return None
    fence = facts.status.occupied_fence
    for fact in rows.needed(facts.platforms, facts.holder_platform):
        known = facts.rows.get(fact.name)
        if known and known.fence >= fence and known.told in _NOT_OURS:
            text = rows.disagreement(facts.machine, fact, facts.rows)
            return _outcome(facts, Outcome.START_FAILED, _NOT_OURS[known.told], text)
    return None


def _lost(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Once it has been on: off is Lost; on, but not by this generation, is Lost too."""
    if facts.view is None or facts.runs or facts.view.power is Power.UNKNOWN:
        return None
    if facts.is_on:
        text = f"{facts.machine.name} is on, but not by this attempt"
        return _outcome(facts, Outcome.LOST, Cause.MACHINE_LOST, text)
    if facts.has_been_on:
        text = f"{facts.machine.name} went off in the middle"
        return _outcome(facts, Outcome.LOST, Cause.MACHINE_LOST, text)
    return None


def _start(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Start at most once, if the provider says off and all needed databases say occupied.

    The start limit counts where the provider cannot say, too; of what has been on it says nothing.
    It is counted from what is stored, or from when this process first saw the claim so: a clock
    that ran ahead when `since` was stored prolongs nothing.
    """
    if facts.runs or facts.has_been_on:
        return None
    assert facts.job is not None
    assert facts.lease is not None
    most = ledger.claim_times(facts.job, settings).start
    left = min((facts.status.since or now) + most - now, most - facts.stood_for)
    if left <= timedelta(0):
        return _outcome(facts, *ends.too_late(facts))
    fence = facts.status.occupied_fence
    must = rows.needed(facts.platforms, facts.holder_platform)
    confirmed = all(rows.is_confirmed(p, facts.rows, fence) for p in must)
    if facts.start_issued or not facts.is_off or not confirmed:
        return act.Wait(left)
    return act.Start(facts.machine, facts.lease, facts.job)


def _run(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    assert facts.job is not None
    due = min(
        leases.limits(facts.job, facts.attempt, facts.status.deadline, settings), default=None
    )
    return act.Wait(max(timedelta(0), due[0] - now) if due else None)


# --- Stopping ------------------------------------------------------------------------------------


def _turn_off(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """There, and only there, we turn off: what our own start turned on, or what is nobody's.

    What is nobody's is occupied in every database first, so that nobody takes the machine by its
    row while the call is under way.
    """
    view = facts.view
    if view is None or (not facts.is_on and view.generation is None):
        return None
    if by_hand.is_vouched(facts, now, settings):
        return None
    if view.generation is not None:  # on, or on its way there: a boot that hangs is ended too
        return act.TurnOff(facts.machine)
    if facts.is_twins or rows.foreign_owner(facts.rows):
        return None
    telling = _tell(facts, now, RowState.OCCUPIED)
    if telling is not None:
        return telling
    fence, told = facts.status.occupied_fence, rows.told_platforms(facts.platforms)
    staying = (p for p in told if not p.platform.deleting)
    settled = all(rows.is_settled(p, facts.rows, fence) for p in staying)
    return act.TurnOff(facts.machine) if settled and _is_nobodys(facts) else act.Wait()


def _cool_down(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Off, and off for longer than any call in flight can last, before free is told.

    Counted anew by each process: what another one stored, it stored by another clock.
    """
    theirs = facts.is_twins or rows.foreign_owner(facts.rows) is not None
    elsewhere = facts.is_on and theirs
    vouched = by_hand.is_vouched(facts, now, settings)
    if not facts.is_off and not elsewhere and not vouched:
        return act.Wait()
    past = facts.stood_for
    if not elsewhere and not vouched:
        past = min(past, facts.off_for or timedelta(0))
    left = timedelta(seconds=settings.cooldown) - past
    return act.Wait(left) if left > timedelta(0) else None


def _free_at_last(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    vouched = by_hand.is_vouched(facts, now, settings)
    return _free(facts, now, settings, "confirmed off" + (" by a person" if vouched else ""))


# --- Free ----------------------------------------------------------------------------------------


def _overtaken(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Its provider knows a later claim: the ledger was restored, and what it says is old."""
    if facts.view is None or not facts.is_overtaken:
        return None
    status = ledger.overtaken(facts.machine, facts.view.newest, now)
    return act.WriteMachine(facts.machine, status)


def _reap(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    """Free but on: Stopping under a new generation, and never a call to the provider from here."""
    if not facts.is_on or facts.view is None:
        return None
    if facts.view.generation is None and not _is_nobodys(facts):
        return None
    text = "it is on, and nobody holds it"
    return act.WriteMachine(facts.machine, ledger.reaped(facts.machine, text, now))


def _tell_free(facts: MachineFacts, now: datetime, settings: Settings) -> act.Action | None:
    return _tell(facts, now, RowState.FREE)


# --- shared --------------------------------------------------------------------------------------


def _tell(facts: MachineFacts, now: datetime, state: RowState) -> act.Action | None:
    fence = rows.fence_of(facts.machine, state)
    whom = rows.untold(facts.platforms, facts.rows, facts.telling, fence)
    if state is RowState.OCCUPIED:  # a platform that leaves is told of no new claim
        whom = tuple(p for p in whom if not p.platform.deleting)
    if not whom:
        return None
    return act.Tell(
        facts.machine,
        tuple(
            (p.name, rows.entry(facts.cluster, facts.machine, p.platform, state, now)) for p in whom
        ),
    )


def _free(facts: MachineFacts, now: datetime, settings: Settings, why: str) -> act.Action:
    """Free goes to every database; a dead one is noted as a debt and holds nothing back."""
    telling = _tell(facts, now, RowState.FREE)
    if telling is not None:
        return telling
    fence = facts.status.occupied_fence + 1
    told = rows.told_platforms(facts.platforms)
    if not all(rows.is_settled(p, facts.rows, fence) for p in told):
        return act.Wait()
    status = ledger.freed(
        facts.machine,
        rows.owing(facts.platforms, facts.rows, fence),
        why,
        now,
        settings,
        blames_machine=ends.blames_machine(facts),
    )
    return act.WriteMachine(facts.machine, status)


def _is_nobodys(facts: MachineFacts) -> bool:
    """Every database was read since it was seen on, and none says that another program has it."""
    known = all(p.compared and not p.is_down for p in facts.platforms)
    return known and rows.foreign_owner(facts.rows) is None and not facts.is_twins


def _outcome(
    facts: MachineFacts, outcome: Outcome, cause: Cause, message: str, ended: Exit | None = None
) -> act.Action:
    holder = facts.status.holder
    assert facts.job is not None
    assert holder is not None
    return act.SetOutcome(
        facts.job, holder.attempt or 0, outcome, cause, message, facts.machine, ended
    )


_NOT_OURS = {
    Told.FOREIGN: Cause.OCCUPIED_ELSEWHERE,
    Told.OTHER_CLUSTER: Cause.OCCUPIED_ELSEWHERE,
    Told.NO_ROW: Cause.START_REFUSED,
}

_STEPS: dict[MachineState | None, tuple[Step, ...]] = {
    None: (_first_seen,),
    MachineState.CLAIMED: (
        _bind,
        _undo,
        _gone,
        _end,
        _fence,
        _ended,
        _troubled,
        by_hand.take_off,
        by_hand.force,
        by_hand.take_over,
        _hold,
        _limits,
        _tell_occupied,
        _give_back,
        by_hand.lost,
        _lost,
        _start,
        _run,
    ),
    MachineState.STOPPING: (
        by_hand.take_off,
        by_hand.vouch,
        by_hand.take_over,
        _turn_off,
        _cool_down,
        _free_at_last,
    ),
    MachineState.FREE: (
        _overtaken,
        _fence,
        by_hand.take_off,
        by_hand.take_over,
        by_hand.lift,
        _reap,
        _tell_free,
    ),
}
