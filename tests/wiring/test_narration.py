"""One line in the log for each effect."""

from typing import Any

import pytest
import structlog
from tests.builders import NOW, SETTINGS, a_job, a_lease, a_machine

from trainlease.model.errors import Conflict
from trainlease.plan import actions as act
from trainlease.plan import ledger
from trainlease.reconcile.perform import TABLE
from trainlease.wiring.narration import narrated

JOB = a_job()
LEASE = a_lease(JOB)
MACHINE = a_machine(generation=7)
CLAIM = act.Claim(MACHINE, ledger.claimed(MACHINE, LEASE, JOB, "saturno", NOW, SETTINGS), LEASE)


async def done(context: Any, action: Any) -> None:
    return


async def refused(context: Any, action: Any) -> None:
    raise Conflict("it has changed")


async def test_what_was_done_is_told_with_whom_it_concerns() -> None:
    with structlog.testing.capture_logs() as lines:
        await narrated({act.Claim: done})[act.Claim](None, CLAIM)  # type: ignore[arg-type]
    assert [line["event"] for line in lines] == ["Claim"]
    assert (lines[0]["machine"], lines[0]["generation"]) == (MACHINE.name, 8)


async def test_what_was_refused_is_told_with_the_reason_and_still_refused() -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(Conflict):
        await narrated({act.Claim: refused})[act.Claim](None, CLAIM)  # type: ignore[arg-type]
    assert lines[0]["because"] == "it has changed"


async def test_standing_still_is_not_told() -> None:
    with structlog.testing.capture_logs() as lines:
        await narrated({act.Wait: done})[act.Wait](None, act.Wait())  # type: ignore[arg-type]
    assert lines == []


def test_every_action_is_in_the_narrated_table() -> None:
    assert narrated(TABLE).keys() == TABLE.keys()
