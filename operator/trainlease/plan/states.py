"""The arrows of the ledger: the one table that the code obeys and docs/states.md is drawn from."""

from dataclasses import dataclass

from trainlease.model.reasons import MachineState


@dataclass(frozen=True)
class Arrow:
    """A change of a Machine's state that may be written; `before` None is a Machine without one."""

    before: MachineState | None
    after: MachineState
    when: str


TRANSITIONS = (
    Arrow(MachineState.FREE, MachineState.CLAIMED, "claim"),
    Arrow(MachineState.CLAIMED, MachineState.FREE, "off already known"),
    Arrow(MachineState.CLAIMED, MachineState.STOPPING, "end decided, off not confirmed"),
    Arrow(MachineState.STOPPING, MachineState.FREE, "confirmed off, cooled down"),
    Arrow(MachineState.FREE, MachineState.STOPPING, "found on (the reaper)"),
    Arrow(None, MachineState.CLAIMED, "no status: a running claim adopted"),
    Arrow(None, MachineState.STOPPING, "no status: observed first"),
)


def allowed(before: MachineState | None, after: MachineState) -> bool:
    """Whether the ledger may be written from one state to the other (standing still may)."""
    return before is after or any(a.before is before and a.after is after for a in TRANSITIONS)
