"""What the audit log tells of the ledger and of outcomes: what was stored, once, in its order."""

from typing import Any

from bed import AuditEvent
from demo import audited

TIME = "2026-11-24T12:00:01.500000Z"


def event(plural: str, kind: str, revision: int, status: dict[str, Any], **more: Any) -> AuditEvent:
    """A status write as the API server logs it."""
    meta = {"name": "x", "namespace": "saturno", "uid": "uid-x", "resourceVersion": str(revision)}
    raw: dict[str, Any] = {
        "verb": "patch",
        "user": {"username": "trainlease"},
        "objectRef": {"apiGroup": "trainlease.dev", "resource": plural, "subresource": "status"},
        "responseStatus": {"code": 200},
        "responseObject": {"kind": kind, "metadata": meta, "status": status},
        "requestReceivedTimestamp": TIME,
    }
    return AuditEvent(raw | more)


def machine(revision: int, state: str, **more: Any) -> AuditEvent:
    holder = {
        "namespace": "saturno",
        "name": "a-1",
        "uid": "lease",
        "platform": "saturno",
        "job": "a",
        "jobUid": "uid-a",
        "attempt": 1,
    }
    status = {"state": state, "generation": 7, "holder": holder, "debts": ["latam"]}
    return event("machines", "Machine", revision, status, **more)


def job(revision: int, *outcomes: str) -> AuditEvent:
    attempts = [{"number": n, "outcome": word} for n, word in enumerate(outcomes, 1) if word]
    return event("trainingjobs", "TrainingJob", revision, {"attempts": attempts})


def test_a_write_of_the_ledger_tells_who_holds_the_machine_and_what_is_owed() -> None:
    (write,) = audited.ledger([machine(5, "Claimed")])

    assert (write.revision, write.machine, write.state, write.generation) == (5, "x", "Claimed", 7)
    assert (write.job, write.platform, write.lease_uid) == ("saturno/a", "saturno", "lease")
    assert write.attempt_id == ("uid-a", 1)
    assert write.debts == ("latam",)
    assert write.at.isoformat() == "2026-11-24T12:00:01.500000+00:00"


def test_the_ledger_is_in_the_order_of_storing_and_each_write_is_in_it_once() -> None:
    events = [machine(9, "Free"), machine(5, "Claimed"), machine(5, "Claimed")]

    assert [write.revision for write in audited.ledger(events)] == [5, 9]


def test_a_refused_write_and_a_read_are_no_part_of_the_ledger() -> None:
    refused = machine(5, "Free", responseStatus={"code": 409})
    read = machine(6, "Free", verb="get")
    status = {"kind": "Status", "metadata": {}, "status": "Failure"}
    deleted = machine(7, "Free", verb="delete", responseObject=status)

    assert audited.ledger([refused, read, deleted]) == ()


def test_a_machine_that_nobody_has_looked_at_has_no_ledger_yet() -> None:
    assert audited.ledger([event("machines", "Machine", 3, {})]) == ()


def test_an_outcome_counts_from_the_write_that_first_had_it() -> None:
    events = [job(3, ""), job(8, "Lost"), job(9, "Lost", ""), job(12, "Lost", "Succeeded")]

    found = audited.outcomes(events)

    assert [(o.revision, o.attempt, o.outcome) for o in found] == [
        (8, 1, "Lost"),
        (12, 2, "Succeeded"),
    ]


def test_an_outcome_that_is_overwritten_is_seen_twice() -> None:
    found = audited.outcomes([job(8, "Lost"), job(9, "Succeeded")])

    assert [outcome.outcome for outcome in found] == ["Lost", "Succeeded"]
