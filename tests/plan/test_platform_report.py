"""What a Platform says: the most basic trouble first, nothing where nothing is known."""

from typing import Any

import pytest
from tests.builders import NOW, a_machine, a_platform, known

from trainlease.model import conditions as cond
from trainlease.model.mode import Mode
from trainlease.model.observed import SchemaReport, Told
from trainlease.model.reasons import PlatformCondition
from trainlease.plan.platform_report import platform_report, would_write
from trainlease.plan.rows import RowKnowledge

VALID = SchemaReport()
BROKEN = SchemaReport(("no table equipos: CREATE TABLE equipos (...)", "no grant: GRANT ..."))


def said(platform: Any, **facts: Any) -> Any:
    """The status after a report; a second report on it must change nothing."""
    known = {
        "reachable": True,
        "trouble": "",
        "schema": VALID,
        "debts": 0,
        "in_sync": True,
        "now": NOW,
        **facts,
    }
    status = platform_report(platform, **known)
    again = platform.model_copy(update={"status": status})
    assert platform_report(again, **known) == status
    return status


def words(status: Any) -> dict[str, tuple[str, str]]:
    return {c.type: (c.status, c.reason) for c in status.conditions}


@pytest.mark.parametrize(
    ("platform", "facts", "want"),
    [
        (a_platform(), {}, None),
        (
            a_platform(),
            {"namespace_owner": "latam", "reachable": False},
            "NamespaceTaken: latam owns saturno: a namespace has one Platform",
        ),
        (
            a_platform(paused=True),
            {"reachable": False, "trouble": "refused"},
            "DatabaseDown: refused",
        ),
        (a_platform(paused=True), {"schema": BROKEN}, f"SchemaInvalid: {BROKEN.problems[0]}"),
        (
            a_platform(paused=True),
            {"debts": 2},
            "paused: remove the annotation trainlease.dev/paused",
        ),
        (
            a_platform(mode=Mode.OBSERVE),
            {"debts": 2},
            "observed only: set spec.mode to Enforce to have its database told",
        ),
        (
            a_platform(mode=Mode.OBSERVE),
            {"would": "would write gpu-1 Free"},
            "observed only: set spec.mode to Enforce to have its database told; "
            "would write gpu-1 Free",
        ),
        (a_platform(), {"would": "would write gpu-1 Free"}, None),
        (a_platform(), {"debts": 1}, "owes 1 write"),
        (a_platform(), {"debts": 2}, "owes 2 writes"),
    ],
)
def test_why_is_the_most_basic_trouble(platform: Any, facts: Any, want: str | None) -> None:
    assert said(platform, **facts).why == want


@pytest.mark.parametrize(
    ("says", "facts", "want"),
    [
        (
            "all is well",
            {},
            {
                "DatabaseReachable": ("True", "Answers"),
                "SchemaValid": ("True", "Valid"),
                "InSync": ("True", "Compared"),
            },
        ),
        ("nothing is known yet", {"reachable": None, "schema": None, "in_sync": None}, {}),
        (
            "it is down: whether it is in step is not known",
            {"reachable": False, "schema": None},
            {"DatabaseReachable": ("False", "Down"), "InSync": ("Unknown", "DatabaseDown")},
        ),
        (
            "its schema lacks something",
            {"schema": BROKEN, "in_sync": None},
            {"DatabaseReachable": ("True", "Answers"), "SchemaValid": ("False", "Invalid")},
        ),
        (
            "a row differs",
            {"in_sync": False},
            {
                "DatabaseReachable": ("True", "Answers"),
                "SchemaValid": ("True", "Valid"),
                "InSync": ("False", "OutOfStep"),
            },
        ),
        (
            "it owes a write, so it is not in step",
            {"debts": 1},
            {
                "DatabaseReachable": ("True", "Answers"),
                "SchemaValid": ("True", "Valid"),
                "InSync": ("False", "Debts"),
            },
        ),
        (
            "another Platform has its namespace",
            {"namespace_owner": "latam"},
            {
                "DatabaseReachable": ("True", "Answers"),
                "SchemaValid": ("True", "Valid"),
                "InSync": ("False", "NamespaceTaken"),
            },
        ),
    ],
)
def test_the_conditions(says: str, facts: Any, want: dict[str, tuple[str, str]]) -> None:
    assert words(said(a_platform(), **facts)) == want, says


def test_every_statement_for_a_dba_is_in_the_condition() -> None:
    valid = cond.get(said(a_platform(), schema=BROKEN).conditions, PlatformCondition.SCHEMA_VALID)
    assert valid is not None
    for problem in BROKEN.problems:
        assert problem in valid.message


def test_what_was_said_stands_while_nothing_is_known() -> None:
    before = said(a_platform())
    platform = a_platform().model_copy(update={"status": before})
    assert said(platform, reachable=None, schema=None, in_sync=None) == before


def test_the_time_of_a_compare_is_no_reason_to_write() -> None:
    before = said(a_platform(), compared=NOW)
    platform = a_platform().model_copy(update={"status": before})
    assert said(platform, compared=NOW.replace(hour=13)) == before
    assert said(platform, compared=NOW.replace(hour=13), debts=1).compared.hour == 13


MACHINES = [a_machine(f"gpu-{n}") for n in range(1, 4)]
UNTOLD = RowKnowledge(2, None, trouble="not told yet")


@pytest.mark.parametrize(
    ("heard", "want"),
    [
        ([], ""),
        ([known(m) for m in MACHINES], "would write nothing: each row says what the ledger says"),
        ([UNTOLD, known(MACHINES[1]), UNTOLD], "would write gpu-1 Free and gpu-3 Free"),
        (
            [UNTOLD, known(MACHINES[1], Told.FOREIGN), known(MACHINES[2], Told.NO_ROW)],
            "would write gpu-1 Free, and leave gpu-2 (taken by ANA) and gpu-3 (no row) alone",
        ),
        (
            [known(MACHINES[0], Told.OTHER_CLUSTER)],
            "would write nothing, and leave gpu-1 (taken by another program) alone",
        ),
    ],
)
def test_what_would_be_written_to_a_database_that_is_only_observed(heard: Any, want: str) -> None:
    rows = {m.uid: row for m, row in zip(MACHINES, heard, strict=False)}
    assert would_write(MACHINES, rows) == want


def test_of_many_rows_that_would_be_written_the_first_are_named() -> None:
    many = [a_machine(f"gpu-{n}") for n in range(1, 10)]
    text = would_write(many, {m.uid: UNTOLD for m in many})
    assert text.endswith("gpu-5 Free and 4 more")
