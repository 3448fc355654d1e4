"""What `kubectl get` shows: stored sentences where the design has them, else blanks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.crds.api import NAMESPACE, OURS, Api
from tests.crds.kinds import AWS, CLAIM, HOLD, JOB, KINDS, NODE, PRESET, Json

from bed.control_plane import ControlPlane
from trainlease.model.base import KubeObject
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob

NOW = "2026-11-24T12:00:00.000000Z"


@pytest.fixture(autouse=True)
def nothing_left(api: Api) -> Iterator[None]:
    """The tables show what a test made, and nothing of it stays."""
    yield
    for kind in KINDS:
        api.delete_all(kind)


def _stored(api: Api, kind: type[KubeObject], name: str, spec: Json, status: Json) -> None:
    created = api.create(kind, name, spec, dry=False)
    assert created.accepted, created.message
    answer = api.set_status(kind, created.body, status, dry=False)
    assert answer.accepted, answer.message


def _table(plane: ControlPlane, *arguments: str) -> tuple[list[str], list[dict[str, str]]]:
    """The titles and the rows of `kubectl get`, cut where the titles stand."""
    first, *lines = plane.kubectl("get", "-l", OURS, *arguments).rstrip("\n").splitlines()
    titles = [title for title in first.split("  ") if title.strip()]
    titles = [title.strip() for title in titles]
    starts = [first.index(title) for title in titles]
    ends = [*starts[1:], None]
    return titles, [
        {t: line[a:b].strip() for t, a, b in zip(titles, starts, ends, strict=True)}
        for line in lines
    ]


def _condition(kind: str, status: str) -> Json:
    return {"type": kind, "status": status, "reason": "Known", "lastTransitionTime": NOW}


def test_jobs_show_state_machine_why_and_model(plane: ControlPlane, api: Api) -> None:
    running = "attempt 1 since 12:27Z, at most until 23 Nov 00:27Z"
    promoted = "promoted over v13: val_f1 0.884 > 0.871"
    status = {"state": "Running", "machine": "gpu-1", "why": running}
    _stored(api, TrainingJob, "caries-001", JOB, status)
    status = {"state": "Succeeded", "why": promoted, "model": "saturno.caries/14"}
    _stored(api, TrainingJob, "caries-000", JOB, status)

    titles, rows = _table(plane, "tj", "-n", NAMESPACE)

    assert titles == ["NAME", "STATE", "MACHINE", "WHY", "MODEL", "AGE"]
    assert [{t: row[t] for t in titles[:-1]} for row in rows] == [
        {
            "NAME": "caries-000",
            "STATE": "Succeeded",
            "MACHINE": "",
            "WHY": promoted,
            "MODEL": "saturno.caries/14",
        },
        {
            "NAME": "caries-001",
            "STATE": "Running",
            "MACHINE": "gpu-1",
            "WHY": running,
            "MODEL": "",
        },
    ]
    assert all(row["AGE"].endswith("s") for row in rows)


def test_machines_show_holder_until_databases_why_and_since(plane: ControlPlane, api: Api) -> None:
    claimed = {
        "state": "Claimed",
        "holderTitle": "saturno/caries-001",
        "until": "23 Nov 00:27Z",
        "dbs": "3/3",
        "since": NOW,
    }
    quarantined = "quarantined: BootTimeout 3 of 3"
    _stored(api, Machine, "gpu-1", NODE, claimed)
    _stored(api, Machine, "cloud-1", AWS, {"state": "Free", "dbs": "3/3", "why": quarantined})
    created = api.create(Machine, "new", NODE, dry=False)

    titles, rows = _table(plane, "mach")

    assert created.accepted
    want = ["NAME", "POOL", "STATE", "HOLDER", "UNTIL", "DBS", "WHY", "SINCE"]
    assert titles == want
    assert [[row[title] for title in want[:-1]] for row in rows] == [
        ["cloud-1", "cloud-gpu", "Free", "", "", "3/3", quarantined],
        ["gpu-1", "onprem", "Claimed", "saturno/caries-001", "23 Nov 00:27Z", "3/3", ""],
        ["new", "onprem", "", "", "", "", ""],
    ]
    assert [bool(row["SINCE"]) for row in rows] == [False, True, False]


def test_leases_show_what_they_claim_and_whether_they_have_it(
    plane: ControlPlane, api: Api
) -> None:
    granted = {"machine": "gpu-1", "conditions": [_condition("Granted", "True")]}
    _stored(api, MachineLease, "caries-001-1", CLAIM, granted)
    _stored(api, MachineLease, "driver-update", HOLD, {})

    titles, rows = _table(plane, "mlease", "-n", NAMESPACE)

    want = ["NAME", "POOL", "MACHINE", "GRANTED", "RELEASED", "JOB", "ATTEMPT", "NOTE", "AGE"]
    assert titles == want
    assert [[row[title] for title in want[:-1]] for row in rows] == [
        ["caries-001-1", "onprem", "gpu-1", "True", "", "caries-001", "1", ""],
        ["driver-update", "", "", "", "", "", "", "ana: driver 570"],
    ]


def test_platforms_show_their_mode_and_whether_their_database_agrees(
    plane: ControlPlane, api: Api
) -> None:
    conditions = [_condition("DatabaseReachable", "True"), _condition("InSync", "False")]
    status = {"conditions": conditions, "debts": 2, "why": "owes 2 writes"}
    _stored(api, Platform, "latam", PRESET, status)

    titles, (row,) = _table(plane, "plat")

    assert titles == [
        "NAME", "NAMESPACE", "MODE", "SHARE", "REACHABLE", "VALID", "IN SYNC", "DEBTS", "WHY", "AGE"
    ]  # fmt: skip
    del row["AGE"]
    assert list(row.values()) == [
        "latam", "latam", "Observe", "1", "True", "", "False", "2", "owes 2 writes"
    ]  # fmt: skip


def test_all_kinds_are_one_category(plane: ControlPlane, api: Api) -> None:
    for kind, spec in ((TrainingJob, JOB), (Machine, NODE), (MachineLease, HOLD)):
        _stored(api, kind, "one", spec, {})

    listed = plane.kubectl("get", "trainlease", "-n", NAMESPACE, "-l", OURS, "-o", "name").split()

    assert listed == [
        "machinelease.trainlease.dev/one",
        "machine.trainlease.dev/one",
        "trainingjob.trainlease.dev/one",
    ]


def test_explain_says_what_a_field_means(plane: ControlPlane) -> None:
    said = plane.kubectl("explain", "tj.spec.promote.minGain")
    assert "a tie never does" in " ".join(said.split())
