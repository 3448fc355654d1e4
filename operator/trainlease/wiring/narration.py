"""One log line for each effect: what was done, to what, and why; or on what it was refused.

Laid over the table of performers in production only. Nothing secret is in an action but by name.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from trainlease.model.base import KubeObject
from trainlease.model.errors import NotLeader, TrainleaseError
from trainlease.plan import actions as act
from trainlease.reconcile.context import Context
from trainlease.reconcile.perform import Performer

_SILENT = (act.Wait,)
_PARTS = ("machine", "lease", "job", "platform")

log = structlog.get_logger("trainlease")


def narrated(table: Mapping[type, Performer]) -> dict[type, Performer]:
    """The same table, each performer with its line in the log."""
    return {
        kind: performer if kind in _SILENT else _told(kind.__name__, performer)
        for kind, performer in table.items()
    }


def about(action: act.Action) -> dict[str, Any]:
    """What people want to know of an action: whom it concerns, and what is new."""
    said: dict[str, Any] = {}
    for part in _PARTS:
        found = getattr(action, part, None)
        if isinstance(found, KubeObject):
            said[part] = found.title
    if isinstance(action, act.SetOutcome):
        said |= {"attempt": action.number, "outcome": str(action.outcome), "why": action.message}
    elif isinstance(action, act.Claim | act.WriteMachine):
        said |= {"state": str(action.status.state or ""), "generation": action.status.generation}
        said |= {"why": action.status.why} if action.status.why else {}
    elif isinstance(action, act.WriteJob):
        said |= {"state": str(action.status.state or ""), "why": action.status.why or ""}
    elif isinstance(action, act.Tell):
        said["entries"] = [f"{name}: {entry.state}" for name, entry in action.entries]
    elif isinstance(action, act.CreateLease):
        said["attempt"] = action.number
    elif isinstance(action, act.SetFinalizer):
        said["object"] = f"{action.plural}/{action.name}"
    return said


def _told(name: str, performer: Performer) -> Performer:
    async def tell(context: Context, action: Any) -> None:
        try:
            await performer(context, action)
        except NotLeader:
            raise
        except TrainleaseError as error:
            log.info(f"{name} was not done", because=str(error), **about(action))
            raise
        log.info(name, **about(action))

    return tell
