"""A small demo as the observer may have seen it, every promise kept: tests break one thing in it.

Two machines, two platforms, three attempts: saturno/a ends well on gpu-1; nutresa/b is lost on
gpu-2 and ends well on gpu-1, while nutresa's database is away and owed a write.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from demo.facts import (
    CLAIMED,
    FREE,
    STOPPING,
    Facts,
    Flip,
    Job,
    Kill,
    LedgerWrite,
    Outage,
    OutcomeWrite,
    Process,
    Row,
    Run,
    TrainingRow,
    Version,
)

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
A, B = "uid-a", "uid-b"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def story() -> Facts:
    """The facts of a demo in which nothing went wrong."""
    return Facts(
        platforms=("saturno", "nutresa", "latam"),
        ledger=_LEDGER,
        outcomes=_OUTCOMES,
        flips=_FLIPS,
        processes=(
            Process(A, 1, at(1.3), at(5)),
            Process(B, 1, at(1.3), at(3)),
            Process(B, 2, at(7.3), at(10)),
        ),
        runs=(Run("r1", A, 1, "FINISHED"), Run("r2", B, 1, "FAILED"), Run("r3", B, 2, "FINISHED")),
        versions=(
            Version("saturno.digits", 1, True, "val_f1", 0.93, production=True),
            Version("nutresa.digits", 1, True, "val_auc", None),
            Version("nutresa.digits", 2, True, "val_f1", 0.91, production=True),
        ),
        jobs=(
            Job(A, "saturno/a", "Succeeded", "Succeeded", ("Succeeded",)),
            Job(B, "nutresa/b", "Succeeded", "Succeeded", ("Lost", "Succeeded")),
        ),
        rows=tuple(
            Row(platform, machine, occupied=False)
            for platform in ("saturno", "nutresa", "latam")
            for machine in ("gpu-1", "gpu-2")
        ),
        training_rows=(
            TrainingRow("saturno/a", "succeeded"),
            TrainingRow("nutresa/b", "succeeded"),
        ),
        outages=(Outage("latam", at(5.3), at(9)),),
        kills=(Kill("nutresa/b", B, 1),),
        searched=("the audit log",),
    )


def without(facts: Facts, *gone: object) -> Facts:
    """The facts without some of the ledger's writes, flips or outcomes."""
    return replace(
        facts,
        ledger=tuple(write for write in facts.ledger if write not in gone),
        flips=tuple(flip for flip in facts.flips if flip not in gone),
        outcomes=tuple(outcome for outcome in facts.outcomes if outcome not in gone),
    )


def _write(
    revision: int, seconds: float, machine: str, state: str, generation: int, **more: object
) -> LedgerWrite:
    return replace(LedgerWrite(revision, at(seconds), machine, state, generation), **more)  # type: ignore[arg-type]


def _held(job: str, uid: str, attempt: int) -> dict[str, object]:
    return {
        "lease_uid": f"lease-{uid}-{attempt}",
        "platform": job.partition("/")[0],
        "job": job,
        "job_uid": uid,
        "attempt": attempt,
    }


A1, B1, B2 = _held("saturno/a", A, 1), _held("nutresa/b", B, 1), _held("nutresa/b", B, 2)

_LEDGER = (
    _write(1, 0, "gpu-1", FREE, 0),
    _write(2, 0, "gpu-2", FREE, 0),
    _write(10, 1, "gpu-1", CLAIMED, 1, **A1),
    _write(11, 1, "gpu-2", CLAIMED, 1, **B1),
    _write(16, 3.3, "gpu-2", STOPPING, 1, **B1),
    _write(18, 3.6, "gpu-2", FREE, 1),
    _write(21, 5.5, "gpu-1", FREE, 1, debts=("latam",)),
    _write(30, 7, "gpu-1", CLAIMED, 2, debts=("latam",), **B2),
    _write(33, 9.2, "gpu-1", CLAIMED, 2, **B2),
    _write(41, 10.5, "gpu-1", FREE, 2),
)
_OUTCOMES = (
    OutcomeWrite(15, at(3.2), "nutresa/b", B, 1, "Lost"),
    OutcomeWrite(20, at(5.2), "saturno/a", A, 1, "Succeeded"),
    OutcomeWrite(40, at(10.2), "nutresa/b", B, 2, "Succeeded"),
)
_FLIPS = (
    Flip(at(1.1), "saturno", "gpu-1", occupied=True),
    Flip(at(1.15), "nutresa", "gpu-1", occupied=True),
    Flip(at(1.15), "latam", "gpu-1", occupied=True),
    Flip(at(1.1), "nutresa", "gpu-2", occupied=True),
    Flip(at(1.12), "saturno", "gpu-2", occupied=True),
    Flip(at(1.12), "latam", "gpu-2", occupied=True),
    Flip(at(3.5), "saturno", "gpu-2", occupied=False),
    Flip(at(3.5), "nutresa", "gpu-2", occupied=False),
    Flip(at(3.5), "latam", "gpu-2", occupied=False),
    Flip(at(5.4), "saturno", "gpu-1", occupied=False),
    Flip(at(5.4), "nutresa", "gpu-1", occupied=False),
    Flip(at(7.1), "saturno", "gpu-1", occupied=True),
    Flip(at(7.1), "nutresa", "gpu-1", occupied=True),
    Flip(at(10.4), "saturno", "gpu-1", occupied=False),
    Flip(at(10.4), "nutresa", "gpu-1", occupied=False),
    Flip(at(10.4), "latam", "gpu-1", occupied=False),
)
