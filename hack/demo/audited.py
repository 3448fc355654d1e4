"""The ledger, the outcomes and the claims' owners as the API server's audit log has them.

Each write that was answered with 200 carries the object as it was stored; one that changed nothing
has the resourceVersion of the write before and is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bed.audit import AuditEvent
from demo.facts import LedgerWrite, OutcomeWrite

_MACHINE = "machines.trainlease.dev"
_JOB = "trainingjobs.trainlease.dev"


def ledger(events: Iterable[AuditEvent]) -> tuple[LedgerWrite, ...]:
    """Every stored change of a Machine's status that gives it a state, in the order of storing."""
    found: dict[int, LedgerWrite] = {}
    for event in _stored(events, _MACHINE):
        write = _ledger_write(event)
        if write.state:
            found.setdefault(write.revision, write)
    return tuple(found[revision] for revision in sorted(found))


def outcomes(events: Iterable[AuditEvent]) -> tuple[OutcomeWrite, ...]:
    """The first stored word on how each attempt ended, and every later one that differs."""
    found: dict[tuple[str, int, str], OutcomeWrite] = {}
    for event in _stored(events, _JOB):
        for write in _outcomes(event):
            key = write.job_uid, write.attempt, write.outcome
            if key not in found or write.revision < found[key].revision:
                found[key] = write
    return tuple(sorted(found.values(), key=lambda write: write.revision))


def _stored(events: Iterable[AuditEvent], resource: str) -> Iterable[AuditEvent]:
    """Answered writes to a kind or its status that carry the object as it was stored."""
    return (
        event
        for event in events
        if event.is_write
        and event.code in (200, 201)
        and event.resource.partition("/")[0] == resource
        and (event.response or {}).get("kind") in ("Machine", "TrainingJob")
    )


def _ledger_write(event: AuditEvent) -> LedgerWrite:
    body, status = _parts(event)
    holder = status.get("holder") or {}
    job = holder.get("job") or holder.get("name", "")
    return LedgerWrite(
        revision=int(body["metadata"]["resourceVersion"]),
        at=event.received_at,
        machine=body["metadata"]["name"],
        state=status.get("state", ""),
        generation=status.get("generation", 0),
        lease_uid=holder.get("uid", ""),
        platform=holder.get("platform", ""),
        job=f"{holder['namespace']}/{job}" if holder else "",
        job_uid=holder.get("jobUid", ""),
        attempt=holder.get("attempt", 0),
        debts=tuple(status.get("debts", ())),
    )


def _outcomes(event: AuditEvent) -> Iterable[OutcomeWrite]:
    body, status = _parts(event)
    meta = body["metadata"]
    for attempt in status.get("attempts", ()):
        if attempt.get("outcome"):
            yield OutcomeWrite(
                revision=int(meta["resourceVersion"]),
                at=event.received_at,
                job=f"{meta['namespace']}/{meta['name']}",
                job_uid=meta["uid"],
                attempt=attempt["number"],
                outcome=attempt["outcome"],
            )


def _parts(event: AuditEvent) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stored object and its status."""
    body = event.response or {}
    return body, body.get("status") or {}
