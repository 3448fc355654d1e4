"""What a Platform says of itself: whether its database answers, fits, and is in step. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from trainlease.model import conditions as cond
from trainlease.model.base import joined
from trainlease.model.machine import Machine
from trainlease.model.mode import PAUSED
from trainlease.model.observed import SchemaReport, Told
from trainlease.model.platform import Platform, PlatformStatus
from trainlease.model.reasons import PlatformCondition
from trainlease.plan import rows
from trainlease.plan.rows import RowKnowledge

_SHOWN = 5

Said = tuple[PlatformCondition, bool | None, str, str]


def platform_report(
    platform: Platform,
    reachable: bool | None,
    trouble: str,
    schema: SchemaReport | None,
    debts: int,
    in_sync: bool | None,
    now: datetime,
    *,
    namespace_owner: str | None = None,
    compared: datetime | None = None,
    would: str = "",
) -> PlatformStatus:
    """The Platform's status; equal to the stored one if there is nothing new to say.

    None for `reachable`, `schema` or `in_sync` is "not known yet": what was said stands.
    `namespace_owner`: another, older Platform that has the namespace. `compared`, the time of the
    last full compare, is stored only along with something else. `would`: what Enforce would do.
    """
    status = platform.status
    problem = _platform_problem(platform, reachable, trouble, schema, debts, namespace_owner)
    if would and not platform.is_enforced and reachable is not False:
        problem = "; ".join(filter(None, (problem, would)))[:1024]
    conditions = status.conditions
    said = (
        _reachable(reachable, trouble),
        _schema_valid(schema),
        _in_sync(platform, in_sync, reachable, debts, namespace_owner),
    )
    for kind, value, reason, message in filter(None, said):
        conditions = cond.with_condition(
            conditions,
            kind,
            value,
            reason,
            message,
            now=now,
            generation=platform.metadata.generation,
        )
    new = status.but(why=problem, debts=debts, conditions=conditions)
    return new.but(compared=compared or status.compared) if new != status else status


def would_write(machines: Iterable[Machine], known: Mapping[str, RowKnowledge]) -> str:
    """What would be written to a database that is only observed, as its rows were last read.

    `known`: what was heard of each machine's row there, by machine uid. Empty where nothing was.
    """
    writes, leaves = [], []
    for machine in machines:
        heard = known.get(machine.uid)
        if heard is None:
            continue
        if heard.is_foreign or heard.told is Told.OTHER_CLUSTER:
            leaves.append(f"{machine.name} (taken by {heard.owner or 'another program'})")
        elif heard.told is Told.NO_ROW:
            leaves.append(f"{machine.name} (no row)")
        elif heard.told is None:
            writes.append(f"{machine.name} {rows.desired(machine, ending=False)}")
    if not writes and not leaves:
        return "would write nothing: each row says what the ledger says" if known else ""
    told = f"would write {_few(writes)}" if writes else "would write nothing"
    return told + (f", and leave {_few(leaves)} alone" if leaves else "")


def _few(names: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - _SHOWN
    return joined(names if more <= 0 else [*names[:_SHOWN], f"{more} more"])


def _platform_problem(
    platform: Platform,
    reachable: bool | None,
    trouble: str,
    schema: SchemaReport | None,
    debts: int,
    namespace_owner: str | None,
) -> str | None:
    """The most basic thing that a person should know, if there is one."""
    if namespace_owner is not None:
        return (
            f"NamespaceTaken: {namespace_owner} owns {platform.spec.namespace}: "
            "a namespace has one Platform"
        )
    if reachable is False:
        return f"DatabaseDown: {trouble}"[:1024]
    if schema is not None and not schema.is_valid:
        return f"SchemaInvalid: {schema.problems[0]}"[:1024]
    if platform.is_paused:
        return f"paused: remove the annotation {PAUSED}"
    if not platform.is_enforced:
        return "observed only: set spec.mode to Enforce to have its database told"
    if debts:
        return f"owes {debts} write{'s' if debts > 1 else ''}"
    return None


def _reachable(reachable: bool | None, trouble: str) -> Said | None:
    kind = PlatformCondition.DATABASE_REACHABLE
    if reachable is None:
        return None
    return kind, reachable, "Answers" if reachable else "Down", "" if reachable else trouble


def _schema_valid(schema: SchemaReport | None) -> Said | None:
    kind = PlatformCondition.SCHEMA_VALID
    if schema is None:
        return None
    if schema.is_valid:
        return kind, True, "Valid", ""
    return kind, False, "Invalid", "\n".join(schema.problems)


def _in_sync(
    platform: Platform,
    in_sync: bool | None,
    reachable: bool | None,
    debts: int,
    namespace_owner: str | None,
) -> Said | None:
    kind = PlatformCondition.IN_SYNC
    if namespace_owner is not None:
        return kind, False, "NamespaceTaken", f"{namespace_owner} owns {platform.spec.namespace}"
    if reachable is False:
        return kind, None, "DatabaseDown", "what it says cannot be read"
    if debts:
        return kind, False, "Debts", f"{debts} of its rows could not be written yet"
    if in_sync is None:
        return None
    if in_sync:
        return kind, True, "Compared", "every row was read and says what the ledger says"
    return kind, False, "OutOfStep", "a row does not say what the ledger says: see the Machines"
