"""Machines that share hardware: two on one cloud instance, or more slots than a node has GPUs.

The older one keeps it: the younger takes no claim, and says why. Pure.
"""

from collections.abc import Iterable
from datetime import datetime

from trainlease.model.base import joined
from trainlease.model.machine import Machine
from trainlease.model.observed import MachineView
from trainlease.model.reasons import MachineState


def double(machine: Machine, machines: Iterable[Machine], view: MachineView | None) -> str | None:
    """Why this one has no hardware of its own, in a sentence; None if it has.

    How many GPUs a node has, its view says; while that is not known nothing is said.
    """
    if machine.spec.node is not None:
        return _crowded_out(machine, machines, view.gpus if view else None)
    twin = older_twin(machine, machines)
    return None if twin is None else f"the same hardware as {twin}, which is older"


def older_twin(machine: Machine, machines: Iterable[Machine]) -> str | None:
    """The older Machine on the same cloud instance: only one of the two may be lent."""
    aws = machine.spec.aws
    if aws is None:
        return None
    older = [_age(m) for m in machines if m.uid != machine.uid and m.spec.aws == aws]
    return min((o for o in older if o < _age(machine)), default=(None, None))[1]


def may_be_a_twins(machine: Machine, machines: Iterable[Machine]) -> bool:
    """Whether what is on there may be by another Machine on the same instance.

    The older one looks after what is nobody's; the younger has an eye for its own claims only.
    """
    aws = machine.spec.aws
    if aws is None:
        return False
    twins = [m for m in machines if m.uid != machine.uid and m.spec.aws == aws]
    if older_twin(machine, twins) is not None:
        return True
    return any(m.status.state in (MachineState.CLAIMED, MachineState.STOPPING) for m in twins)


def _crowded_out(machine: Machine, machines: Iterable[Machine], gpus: int | None) -> str | None:
    slot = machine.spec.node
    if slot is None or gpus is None or slot.gpus == 0:
        return None
    older = [
        (m.spec.node.gpus, m.name)
        for m in sorted(machines, key=_age)
        if m.spec.node is not None and m.spec.node.name == slot.name and _age(m) < _age(machine)
    ]
    if sum(count for count, _ in older) + slot.gpus <= gpus:
        return None
    names = joined(name for count, name in older if count)
    taken = f", and {names} come first" if names else ""
    has = "1 GPU" if gpus == 1 else f"{gpus} GPUs"
    return f"its node {slot.name} has {has}{taken}: it needs {slot.gpus} more"


def _age(machine: Machine) -> tuple[datetime, str]:
    return machine.created, machine.name
