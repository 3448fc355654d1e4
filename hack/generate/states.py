"""docs/states.md: the picture of a machine's states, drawn from the table that the code obeys."""

from __future__ import annotations

from generate.markdown import page, table
from trainlease.model.reasons import MachineState
from trainlease.plan.states import TRANSITIONS, Arrow

_INTRODUCTION = """# The states of a machine

`Machine.status` is the ledger: the one truth about who holds a machine. These arrows, and no
others, are ever written (`trainlease.plan.states` holds the table; a write beside it is a bug)."""

_STANDING = """A state may also be written anew without leaving it: debts are paid, rows are
compared, a condition changes. Where a claim stands *within* Claimed (bound, told, started,
running) is derived from the facts each time and is not stored."""


def text() -> str:
    """The whole page."""
    return page([_INTRODUCTION, _picture(), _table(), _STANDING])


def _picture() -> str:
    lines = [
        f"    {_end(arrow.before)} --> {arrow.after}: {_label(arrow)}" for arrow in TRANSITIONS
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _table() -> str:
    rows = ((arrow.before or "no status", arrow.after, arrow.when) for arrow in TRANSITIONS)
    return table(["From", "To", "When"], rows)


def _end(state: MachineState | None) -> str:
    return "[*]" if state is None else state.value


def _label(arrow: Arrow) -> str:
    """Without a colon, which would end it."""
    return arrow.when.replace(":", ",")
