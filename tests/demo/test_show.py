"""What people see while the demo runs: tables on a terminal, a line a change elsewhere."""

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from demo.show import live
from demo.view import DatabaseLine, JobLine, MachineLine, View, changes, job_line, machine_line

WAITING = JobLine(
    "nutresa/digits", "Waiting", "", "2nd of 3 in onprem; by 23 Nov 00:27Z", "nutresa.digits", False
)
CLAIMED = MachineLine("gpu-1", "Claimed", "saturno/digits", "23 Nov 00:27Z", "2/3", "latam is down")
SAYS = DatabaseLine("saturno", {"gpu-1": "occupied by trainlease:saturno/digits", "gpu-2": "free"})
DOWN = DatabaseLine("latam", trouble="down: connection refused")
VIEW = View((WAITING,), (CLAIMED,), (SAYS, DOWN))


def drawn(view: View, width: int = 120) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(live(view, ["latam's database was stopped"]))
    return captured.get()


@pytest.mark.parametrize(
    "want",
    [
        "2nd of 3 in onprem; by 23 Nov 00:27Z",
        "saturno/digits",
        "2/3",
        "occupied by trainlease:saturno/digits",
        "down: connection refused",
        "latam's database was stopped",
    ],
)
def test_the_live_tables_say_who_waits_who_holds_and_what_the_databases_say(want: str) -> None:
    assert want in drawn(VIEW)


def test_a_narrow_terminal_folds_the_reason_and_keeps_the_rest() -> None:
    lines = drawn(VIEW, width=80).splitlines()

    assert max(map(len, lines)) <= 80
    assert any("nutresa/digits" in line and "Waiting" in line for line in lines)


def test_a_low_terminal_has_the_same_rows_without_titles_and_blank_lines() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(live(VIEW, ["latam's database was stopped"], height=24))
    low = [line for line in captured.get().splitlines() if line.strip()]

    assert len(captured.get().splitlines()) == len(low)
    assert not any(line.startswith("Machines") for line in low)
    assert "saturno/digits" in captured.get()


def test_nothing_is_said_where_nothing_changed() -> None:
    assert changes(VIEW, VIEW) == []


def test_each_change_is_a_line_of_its_own() -> None:
    running = replace(WAITING, state="Running", machine="gpu-2", why="attempt 1 since 12:27Z")
    free = MachineLine("gpu-1", "Free", "", "", "3/3", "")
    back = DatabaseLine("latam", {"gpu-1": "free"})

    assert changes(VIEW, View((running,), (free,), (SAYS, back))) == [
        "nutresa/digits: Running; on gpu-2; attempt 1 since 12:27Z",
        "gpu-1: Free",
        "latam's database: gpu-1 free",
    ]


def job(state: str, *conditions: str, promote: bool = True) -> dict[str, Any]:
    spec = {"promote": {"metric": "val_f1"}} if promote else {}
    found = [{"type": kind, "status": "True"} for kind in conditions]
    meta = {"namespace": "saturno", "name": "a"}
    return {"metadata": meta, "spec": spec, "status": {"state": state, "conditions": found}}


@pytest.mark.parametrize(
    ("body", "want"),
    [
        (job("Running"), False),
        (job("Succeeded"), False),
        (job("Succeeded", "ResultsRecorded"), False),
        (job("Succeeded", "ResultsRecorded", "Promoted"), True),
        (job("Succeeded", "ResultsRecorded", promote=False), True),
        (job("Failed", "ResultsRecorded"), True),
    ],
)
def test_a_job_is_settled_when_nothing_more_will_be_said_of_it(
    body: dict[str, Any], want: bool
) -> None:
    assert job_line(body).settled is want


def test_a_demo_is_settled_when_its_machines_are_free_too() -> None:
    done = replace(WAITING, settled=True)
    free = machine_line({"metadata": {"name": "gpu-1"}, "status": {"state": "Free"}})

    assert View((done,), (free,)).is_settled
    assert not View((done,), (CLAIMED,)).is_settled
    assert not View((WAITING,), (free,)).is_settled
    assert not View().is_settled


def test_objects_that_nobody_has_looked_at_yet_are_shown_too() -> None:
    meta = {"namespace": "saturno", "name": "a"}

    assert job_line({"metadata": meta}).shown == "new"
    assert machine_line({"metadata": meta}).shown == "new"
