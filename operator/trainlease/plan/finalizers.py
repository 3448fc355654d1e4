"""When a Machine or a Platform that is being deleted may go: off, free, and every database told.

Pure. Jobs and leases have no finalizer; these two have one from the first time they are enforced,
with a deadline (`letting_go_after`) for what only a dead database holds back, and a person's way
out. Not in here: how a claim on a machine that is deleted ends (plan.claim).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from trainlease.model.machine import FINALIZER, Machine
from trainlease.model.platform import ABANDON_DATABASE, Platform
from trainlease.model.reasons import MachineState
from trainlease.model.settings import Settings
from trainlease.plan import actions as act
from trainlease.plan.rows import RowKnowledge


def of_machine(machine: Machine, now: datetime, settings: Settings) -> act.Action:
    """Put it on before the first claim; take it off once the machine is free and owes nothing."""
    if not machine.deleting:
        return _put_on(machine) if machine.is_enforced else act.Wait()
    if FINALIZER not in machine.metadata.finalizers:
        return act.Wait()
    state = machine.status.state
    if state is None and not machine.is_enforced:
        return _take_off(machine)
    if state is MachineState.FREE and (
        not machine.status.debts or _is_overdue(machine, now, settings)
    ):
        return _take_off(machine)
    return act.Wait()


def of_platform(
    platform: Platform,
    machines: Iterable[Machine],
    known: Mapping[str, RowKnowledge],
    now: datetime,
    settings: Settings,
    *,
    has_open_trainings: bool = False,
) -> act.Action:
    """Take it off once all there is said, it was abandoned, or its time is over.

    All is said once every machine's row is free and every training has its last word: once it has
    gone nobody knows the database any more. `known`: what was last heard of each machine's row
    there, by machine uid. A leaving platform is told of no new claim, so each row becomes free as
    the claims that it was told of end. `has_open_trainings`: also where that is not known.
    """
    if not platform.deleting:
        return _put_on(platform) if platform.is_enforced else act.Wait()
    if FINALIZER not in platform.metadata.finalizers:
        return act.Wait()
    abandoned = platform.metadata.annotations.get(ABANDON_DATABASE) == "true"
    machines = list(machines)
    is_used = any(
        m.status.holder is not None and m.status.holder.platform == platform.name for m in machines
    )
    if is_used:
        return act.Wait()
    is_said = all(_is_row_free(m, known.get(m.uid)) for m in machines) and not has_open_trainings
    if is_said or abandoned or not platform.is_enforced or _is_overdue(platform, now, settings):
        return _take_off(platform)
    return act.Wait()


def _is_row_free(machine: Machine, known: RowKnowledge | None) -> bool:
    """Whether the last word there is *free*: that of this claim, or of the one before it."""
    status = machine.status
    if status.state is None:
        return True
    if known is None:
        return False
    if status.state is MachineState.FREE:
        return known.fence >= status.fence and known.told is not None
    return known.fence < status.occupied_fence


def _is_overdue(thing: Machine | Platform, now: datetime, settings: Settings) -> bool:
    since = thing.metadata.deletion_timestamp
    return since is not None and now >= since + timedelta(seconds=settings.letting_go_after)


def _put_on(thing: Machine | Platform) -> act.Action:
    there = thing.metadata.finalizers
    return act.Wait() if FINALIZER in there else _set(thing, (*there, FINALIZER))


def _take_off(thing: Machine | Platform) -> act.Action:
    return _set(thing, tuple(f for f in thing.metadata.finalizers if f != FINALIZER))


def _set(thing: Machine | Platform, finalizers: tuple[str, ...]) -> act.Action:
    return act.SetFinalizer(thing.plural, thing.name, thing.metadata.resource_version, finalizers)
