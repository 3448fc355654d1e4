"""What a Platform says: the most basic trouble first, nothing where nothing is known."""

from typing import Any

import pytest
from tests.builders import NOW, a_platform

from trainlease.model import conditions as cond
from trainlease.model.machine import Mode
from trainlease.model.observed import SchemaReport
from trainlease.model.reasons import PlatformCondition
from trainlease.plan.platform_report import platform_report

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
