"""What the bench reads out of an audit log, and how it tells it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bench.side_by_side.figures import Figure, Report
from bench.side_by_side.stories import bill, stories, who, words_of_waiting

from bed import AuditEvent

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
KUBELET = "system:node:bed-node"
OPERATOR = "system:serviceaccount:trainlease-system:trainlease-operator"
CONTROLLER = "system:serviceaccount:kube-system:job-controller"
COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
RUNS = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}
OVER = {"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}
ENDED = {"state": "Succeeded", "attempts": [{"machine": "gpu-1", "outcome": "Succeeded"}]}


def event(at: float, user: str, verb: str, what: str, name: str, **more: Any) -> AuditEvent:
    """Received at this second and answered a tenth later; `more`: code, labels, status."""
    resource, _, sub = what.partition("/")
    resource, _, group = resource.partition(".")
    received = BEGIN + timedelta(seconds=at)
    about = {"resource": resource, "apiGroup": group, "subresource": sub, "name": name}
    if resource not in ("machines", "nodes"):
        about["namespace"] = "side"
    return AuditEvent(
        {
            "stage": "ResponseComplete",
            "user": {"username": user},
            "verb": verb,
            "objectRef": about,
            "responseStatus": {"code": more.get("code", 200)},
            "requestReceivedTimestamp": received.isoformat(),
            "stageTimestamp": (received + timedelta(seconds=0.1)).isoformat(),
            "requestObject": {"metadata": {"labels": more.get("labels", {})}},
            "responseObject": {"status": more.get("status", {})},
        }
    )


def after(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - BEGIN).total_seconds()


OURS = [
    event(0, "admin", "create", "trainingjobs.trainlease.dev", "one"),
    event(1, OPERATOR, "create", "pods", "one-1-x", labels={"trainlease.dev/job": "one"}),
    event(2, KUBELET, "patch", "pods/status", "one-1-x", status=RUNS),
    event(3, KUBELET, "patch", "pods/status", "one-1-x", status=OVER),
    event(4, OPERATOR, "patch", "trainingjobs.trainlease.dev/status", "one", code=409),
    event(5, OPERATOR, "patch", "trainingjobs.trainlease.dev/status", "one", status=ENDED),
    event(
        6, OPERATOR, "patch", "machines.trainlease.dev/status", "gpu-2", status={"state": "Free"}
    ),
    event(
        7, OPERATOR, "patch", "machines.trainlease.dev/status", "gpu-1", status={"state": "Free"}
    ),
]
PLAIN = [
    event(0, "admin", "create", "jobs.batch", "one"),
    event(1, CONTROLLER, "create", "pods", "one-y", labels={"batch.kubernetes.io/job-name": "one"}),
    event(3, KUBELET, "patch", "pods/status", "one-y", status=OVER),
    event(4, CONTROLLER, "update", "jobs.batch/status", "one", status={"active": 0}),
    event(5, CONTROLLER, "update", "jobs.batch/status", "one", status=COMPLETE),
]


def test_a_training_is_free_when_its_own_machine_says_so() -> None:
    told = stories(OURS, ["one"])["one"]
    moments = (told.created, told.pod_asked, told.pod_ended, told.stored, told.free)
    assert list(map(after, moments)) == [0.1, 1.0, 3.1, 5.1, 7.1]


def test_a_plain_job_is_told_by_the_same_moments_and_has_no_slot() -> None:
    told = stories(PLAIN, ["one"])["one"]
    moments = (told.created, told.pod_asked, told.pod_ended, told.stored)
    assert list(map(after, moments)) == [0.1, 1.0, 3.1, 5.1]
    assert told.free is None


def test_what_another_job_did_is_not_told_of_this_one() -> None:
    assert stories(OURS, ["two"])["two"] == stories([], ["two"])["two"]


def test_refused_writes_and_those_to_machines_are_on_the_bill_and_nodes_are_not() -> None:
    beat = event(8, KUBELET, "patch", "nodes/status", "bed-node")
    counted = bill([*OURS, beat], "side")
    assert counted.total() == len(OURS)
    assert counted["operator: patch trainingjobs/status"] == 2
    assert bill(OURS, "elsewhere").total() == 2


def test_the_first_word_that_a_job_waits_is_no_word_of_waiting_anew() -> None:
    what = "trainingjobs.trainlease.dev/status"
    waits = [
        event(at, OPERATOR, "patch", what, name, status={"state": "Waiting"})
        for at, name in enumerate(["one", "two", "one"])
    ]
    assert words_of_waiting(waits) == 1


def test_users_are_named_as_readers_know_them() -> None:
    users = ("admin", KUBELET, OPERATOR, CONTROLLER, "somebody")
    want = ["a person", "kubelet", "operator", "job controller", "somebody"]
    assert list(map(who, users)) == want


def test_a_row_has_the_medians_their_ratio_and_the_spread() -> None:
    report = Report({"cores": "2"}, [Figure("seconds", [3.0, 1.0, 2.0], [4.0], "<= 1")])
    assert report.lines()[-1].split() == ["seconds", "3", "2", "[1-3]", "4", "0.50", "<=", "1"]
    (figure,) = report.wire()["figures"]
    assert (figure["ours"], figure["batch/v1"], figure["ratio"]) == ([3.0, 1.0, 2.0], [4.0], 0.5)
