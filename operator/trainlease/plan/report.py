"""What a Machine says of itself while it stands still. Pure.

`report` gives the status that people read: dbs, why, conditions, debts that were paid. It is equal
to the stored one where nothing changed, so that nothing is written, and while a database is being
told nothing new is said. Not here: the arrows of the ledger (plan.ledger).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from trainlease.model import conditions as cond
from trainlease.model.machine import CLAIM, QUARANTINE_OVER, Machine, MachineStatus
from trainlease.model.mode import PAUSED
from trainlease.model.observed import MachineView, Power
from trainlease.model.reasons import (
    Cause,
    MachineCondition,
    MachineState,
    UnavailableReason,
)
from trainlease.model.settings import Settings
from trainlease.plan import rows, words
from trainlease.plan.ledger import show_time
from trainlease.plan.rows import PlatformFact, Rows

_TOLD_IN = (MachineState.FREE, MachineState.CLAIMED)
"""The states in which the rows are compared with the ledger; Stopping leaves them as they are."""


def report(
    machine: Machine,
    platforms: tuple[PlatformFact, ...],
    rows_: Rows,
    telling: Mapping[str, int],
    view: MachineView | None,
    now: datetime,
    settings: Settings,
    *,
    double: str | None = None,
) -> MachineStatus:
    """The status with what people read brought up to date; equal to the stored one if it is.

    `double`: why it has no hardware of its own, in a sentence (plan.twins).
    """
    if _is_being_told(machine, platforms, rows_, telling):
        return machine.status
    status = machine.status.but(debts=paid(machine, platforms, rows_))
    machine = machine.model_copy(update={"status": status})
    barred = unavailable(machine, view, rows_, now, settings, double=double)
    return status.but(
        dbs=_dbs(machine, platforms, rows_),
        why=_why(machine, platforms, rows_, view, barred, now, settings),
        conditions=_conditions(machine, platforms, rows_, view, barred, now),
    )


def paid(machine: Machine, platforms: Iterable[PlatformFact], rows_: Rows) -> tuple[str, ...]:
    """The debts that are left: a database that was told the current fence owes nothing more.

    A platform that is gone owes nothing either; one that is observed only goes on owing.
    """
    platforms = tuple(platforms)
    owing = rows.owing(platforms, rows_, machine.status.fence)
    observed = {p.name for p in platforms if not p.platform.is_enforced}
    return tuple(d for d in machine.status.debts if d in observed or d in owing)


def unavailable(
    machine: Machine,
    view: MachineView | None,
    rows_: Rows,
    now: datetime,
    settings: Settings,
    *,
    double: str | None = None,
) -> tuple[UnavailableReason, str] | None:
    """Why this machine takes no new claim, the most basic cause first; None if it takes one."""
    status, spec = machine.status, machine.spec
    foreign = rows.foreign_owner(rows_)
    if not machine.is_enforced:
        return UnavailableReason.NOT_ENFORCED, "observed only: set spec.mode to Enforce to lend it"
    if machine.deleting:
        return UnavailableReason.DELETING, "it is being deleted"
    if machine.is_paused:
        return UnavailableReason.PAUSED, f"paused: remove the annotation {PAUSED}"
    if spec.cordon:
        return UnavailableReason.CORDONED, "cordoned: set spec.cordon to false to lend it"
    if spec.process is not None and not settings.allow_process_machines:
        text = "process machines need an operator started with --allow-process-machines"
        return UnavailableReason.PROVIDER_NOT_ENABLED, text
    if double is not None:
        return UnavailableReason.DUPLICATE, double
    if foreign is not None:
        text = f"occupied elsewhere: {foreign[0]}'s row says taken by {foreign[1]}"
        return UnavailableReason.OCCUPIED_ELSEWHERE, text
    if status.quarantined_until is not None and now < status.quarantined_until:
        return UnavailableReason.QUARANTINED, _quarantined(status, now, settings)
    if status.state is None:
        return UnavailableReason.UNKNOWN_POWER, "it was not seen yet"
    if status.state is not MachineState.FREE:
        return None
    if view is None or view.power is Power.UNKNOWN:
        detail = f": {view.detail}" if view and view.detail else ""
        return UnavailableReason.UNKNOWN_POWER, f"its provider cannot say that it is off{detail}"
    if view.newest > status.generation:
        return UnavailableReason.UNKNOWN_POWER, "its provider knows a later claim than its status"
    if view.power is Power.ON:
        return UnavailableReason.ALREADY_ON, "it is on, and not by a claim of ours"
    return None


def is_overdue(machine: Machine, now: datetime, settings: Settings) -> bool:
    """Whether off should have been confirmed long ago: from then on its WHY says so."""
    late = timedelta(seconds=settings.cooldown + settings.wait_reason_every)
    return machine.status.since is not None and now >= machine.status.since + late


def _is_being_told(
    machine: Machine, platforms: Iterable[PlatformFact], rows_: Rows, telling: Mapping[str, int]
) -> bool:
    """Whether a database is on its way to the ledger's word: what it said before still stands."""
    if any(fence >= machine.status.occupied_fence for fence in telling.values()):
        return True
    acts = machine.is_enforced and not machine.is_paused and machine.status.state in _TOLD_IN
    staying = [p for p in platforms if not p.platform.deleting]
    return acts and bool(rows.untold(staying, rows_, telling, machine.status.fence))


def _dbs(machine: Machine, platforms: Iterable[PlatformFact], rows_: Rows) -> str | None:
    """`2/3`: how many of the enforced platforms' databases say what the ledger says."""
    if machine.status.state not in _TOLD_IN:
        return machine.status.dbs
    enforced = _enforced(platforms)
    if not enforced:
        return None
    agree = sum(rows.is_confirmed(p, rows_, machine.status.fence) for p in enforced)
    return f"{agree}/{len(enforced)}"


def _enforced(platforms: Iterable[PlatformFact]) -> tuple[PlatformFact, ...]:
    """Those that are to agree. A paused one is among them, and does not while it owes; one that is
    being deleted is told of no new claim."""
    return tuple(p for p in platforms if p.platform.is_enforced and not p.platform.deleting)


def _why(
    machine: Machine,
    platforms: tuple[PlatformFact, ...],
    rows_: Rows,
    view: MachineView | None,
    barred: tuple[UnavailableReason, str] | None,
    now: datetime,
    settings: Settings,
) -> str | None:
    sentences: list[str | None] = []
    if not machine.is_enforced:
        sentences.append(_would(machine, platforms, rows_, view))
    if machine.is_enforced and barred:
        sentences.append(barred[1])
    sentences.append(_still_on(machine, rows_, view, now, settings))
    sentences.append(_left_on(machine, platforms, rows_, view))
    sentences += [f"{name} owes 1 write" for name in machine.status.debts]
    said = set(machine.status.debts)
    if barred and barred[0] is UnavailableReason.OCCUPIED_ELSEWHERE:
        said |= {name for name, known in rows_.items() if known.is_foreign}
    sentences += [t for name, t in _disagreeing(machine, platforms, rows_) if name not in said]
    sentences += words.ignored(machine, platforms)
    return "; ".join(s for s in sentences if s)[:1024] or None


def _disagreeing(
    machine: Machine, platforms: Iterable[PlatformFact], rows_: Rows
) -> list[tuple[str, str]]:
    """Each database that does not say what the ledger says, with the sentence why."""
    if machine.status.state not in _TOLD_IN:
        return []
    fence = machine.status.fence
    told = _enforced(platforms)
    return [
        (p.name, rows.disagreement(machine, p, rows_))
        for p in told
        if not rows.is_confirmed(p, rows_, fence)
    ]


def _still_on(
    machine: Machine,
    rows_: Rows,
    view: MachineView | None,
    now: datetime,
    settings: Settings,
) -> str | None:
    """The alarm of a machine that stays in Stopping: never given up, and never silent."""
    status = machine.status
    if status.state is not MachineState.STOPPING or status.since is None:
        return None
    if not is_overdue(machine, now, settings) or (view and view.power is Power.OFF):
        return None
    detail = f": {view.detail}" if view and view.detail else ""
    return f"off is not confirmed since {show_time(status.since, now)}{detail}"


def _left_on(
    machine: Machine, platforms: Iterable[PlatformFact], rows_: Rows, view: MachineView | None
) -> str | None:
    """The alarm of a machine that burns money because nobody can say whose it is (plan.claim)."""
    is_on = view is not None and view.power is Power.ON and view.generation is None
    acts = machine.is_enforced and not machine.is_paused
    if not is_on or not acts or machine.status.state in (None, MachineState.CLAIMED):
        return None
    unread = [p.name for p in platforms if p.is_down or not p.compared]
    if not unread or rows.foreign_owner(rows_) is not None:
        return None
    return (
        f"left on until {' and '.join(unread)} can be asked whose run it is: "
        "if it is nobody's, turn it off by hand"
    )


def _would(
    machine: Machine,
    platforms: tuple[PlatformFact, ...],
    rows_: Rows,
    view: MachineView | None,
) -> str:
    """What Enforce would do with it."""
    foreign = rows.foreign_owner(rows_)
    power = view.power if view else Power.UNKNOWN
    if foreign is not None:
        would = f"would be left alone: {foreign[0]}'s row says taken by {foreign[1]}"
    elif machine.status.state is MachineState.CLAIMED:
        would = f"would go on for {machine.status.holder_title}"
    elif power is Power.UNKNOWN:
        would = "would wait until its provider says off"
    elif power is Power.ON:
        would = "is on, and would be turned off"
    else:
        told = rows.told_platforms(platforms)
        would = f"is off, and would be told free to {', '.join(p.name for p in told) or 'nobody'}"
    return f"observed: {would}"


def _quarantined(status: MachineStatus, now: datetime, settings: Settings) -> str:
    """Until when, and the causes of its last failures in their order."""
    assert status.quarantined_until is not None
    blamed = [cause for cause in Cause if cause.blames_machine]
    found = [c for line in status.history for c in blamed if line.reason.endswith(f": {c}")]
    causes = ", ".join(found[-settings.quarantine_after :])
    until = show_time(status.quarantined_until, now)
    text = f"quarantined until {until} after {settings.quarantine_after} failures in a row"
    return f"{text}: {causes}" if causes else text


def _advice(reason: UnavailableReason, machine: Machine, rows_: Rows) -> str:
    """What a person may do about it, where the sentence does not say so already."""
    generation = machine.status.generation
    if reason is UnavailableReason.QUARANTINED:
        return f"; once it is mended, annotate {QUARANTINE_OVER}={generation} to lend it at once"
    foreign = rows.foreign_owner(rows_)
    if reason is UnavailableReason.OCCUPIED_ELSEWHERE and foreign:
        return (
            "; let it finish, or clear the row there, or take it over: "
            f'annotate {CLAIM}="{foreign[0]} {generation}"'
        )
    return ""


def _conditions(
    machine: Machine,
    platforms: tuple[PlatformFact, ...],
    rows_: Rows,
    view: MachineView | None,
    barred: tuple[UnavailableReason, str] | None,
    now: datetime,
) -> tuple[cond.Condition, ...]:
    said: list[tuple[MachineCondition, bool | None, str, str]] = []
    if machine.spec.aws is not None and view is not None:
        said.append(_powered_on(view))
    if machine.status.state in _TOLD_IN and _enforced(platforms):
        said.append(_platforms_in_sync(machine, platforms, rows_))
    reason, message = "Lendable", ""
    if barred:
        reason, message = barred[0], barred[1] + _advice(barred[0], machine, rows_)
    said.append((MachineCondition.AVAILABLE, barred is None, reason, message))
    conditions = machine.status.conditions
    for kind, value, word, text in said:
        conditions = cond.with_condition(
            conditions, kind, value, word, text, now=now, generation=machine.metadata.generation
        )
    return conditions


def _powered_on(view: MachineView) -> tuple[MachineCondition, bool | None, str, str]:
    value = {Power.ON: True, Power.OFF: False}.get(view.power)
    return MachineCondition.POWERED_ON, value, f"Power{view.power}", view.detail


def _platforms_in_sync(
    machine: Machine, platforms: tuple[PlatformFact, ...], rows_: Rows
) -> tuple[MachineCondition, bool | None, str, str]:
    kind = MachineCondition.PLATFORMS_IN_SYNC
    wrong = _disagreeing(machine, platforms, rows_)
    if not wrong:
        return kind, True, "InSync", ""
    return kind, False, "OutOfStep", "; ".join(text for _, text in wrong)
