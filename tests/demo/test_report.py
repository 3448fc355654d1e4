"""The end that people read: every section, and a verdict that cannot be overlooked."""

import pytest
from rich.console import Console

from demo.report import Ending, report
from demo.tracked import TrackedRun, TrackedVersion
from demo.verdict import Verdict
from demo.view import DatabaseLine

JOB = {
    "metadata": {"namespace": "saturno", "name": "digits"},
    "spec": {"promote": {"metric": "val_f1"}},
    "status": {
        "state": "Succeeded",
        "why": "promoted over v1: val_f1 0.967 > 0.936",
        "model": "saturno.digits/2",
        "attempts": [
            {"number": 1, "outcome": "Lost", "machine": "gpu-1"},
            {"number": 2, "outcome": "Succeeded", "machine": "gpu-2"},
        ],
    },
}
MACHINE = {
    "metadata": {"name": "gpu-1"},
    "status": {
        "usage": [{"platform": "saturno", "seconds": 59.6, "cost": "0.014870"}],
        "history": [
            {
                "at": "2026-11-24T18:36:19.894Z",
                "state": "Claimed",
                "generation": 8,
                "holder": "saturno/digits",
                "reason": "granted to saturno/digits-1",
            }
        ],
    },
}
FIRST = {"machine": "gpu-1", "who": "trainlease:saturno/digits"}
ENDING = Ending(
    jobs=[JOB],
    machines=[MACHINE],
    databases=[DatabaseLine("saturno", {"gpu-1": "free (libre)"})],
    trainings={"saturno": [{"training": 101, "status": "terminado", "message": None}]},
    starts={
        "saturno": [
            {**FIRST, "started": "2026-11-24 18:36:19", "ended": "2026-11-24 18:36:51"},
            {**FIRST, "started": "2026-11-24 18:40:00", "ended": None},
        ],
        "latam": [{**FIRST, "started": "2026-11-24 18:36:20.123", "ended": "2026-11-24 18:36:52"}],
    },
    runs=[
        TrackedRun("r1", "saturno.digits", "x", "FAILED", {"trainlease.job": "digits"}, {}),
        TrackedRun("r2", "saturno.digits", "x", "FINISHED", {}, {"val_f1": 0.9674}),
    ],
    versions=[
        TrackedVersion(
            "saturno.digits",
            2,
            "r2",
            True,
            "Production",
            "promoted",
            "val_f1",
            0.9674,
            ("production",),
        )
    ],
)
KEPT = Verdict("never two holders", "2 claims")
BROKEN = Verdict("the outcome before free", "2 outcomes", ("saturno was told free before",))


def drawn(*verdicts: Verdict) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(report(ENDING, verdicts))
    return captured.get()


@pytest.mark.parametrize(
    "want",
    [
        "promoted over v1: val_f1 0.967 > 0.936",
        "1 Lost on gpu-1",
        "2 Succeeded on gpu-2",
        "History of gpu-1: used by saturno 60 s for 0.0149",
        "18:36:19.894",
        "granted to saturno/digits-1",
        "free (libre)",
        "terminado",
        "18:36:19 to 18:36:51   18:36:20 to 18:36:52",
        "18:40:00 to now        no line",
        "val_f1 0.967",
        "production",
    ],
)
def test_the_end_tells_jobs_histories_rows_runs_and_versions(want: str) -> None:
    assert want in drawn(KEPT)


def test_kept_promises_are_counted() -> None:
    words = drawn(KEPT, KEPT)

    assert words.count("  kept    never two holders: 2 claims") == 2
    assert "2 promises: each of them was kept" in words


def test_a_broken_promise_says_what_broke_it() -> None:
    words = drawn(KEPT, BROKEN)

    assert "  BROKEN  the outcome before free: saturno was told free before" in words
    assert "2 promises: 1 of them broke" in words


def test_a_promise_that_broke_often_shows_the_first_breaches_and_counts_the_rest() -> None:
    verdict = Verdict("p", "", tuple(f"breach {n}" for n in range(5)))

    assert verdict.line == "p: breach 0; breach 1; breach 2; and 2 more"
