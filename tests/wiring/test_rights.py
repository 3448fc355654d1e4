"""The operator's account may do what it needs, and nothing that it does not, by the real RBAC."""

import json
from typing import Any

from bed.control_plane import ControlPlane

ACCOUNT = "system:serviceaccount:trainlease-system:trainlease-operator"
OWN = "trainlease-system"
KINDS = ("trainingjobs", "machineleases", "machines", "platforms")

Right = tuple[str, str, str, str, str]
"""Verb, group, resource/subresource, namespace, name."""

NEEDED: list[Right] = [
    *(
        (verb, "trainlease.dev", kind, "", "")
        for kind in KINDS
        for verb in ("get", "list", "watch")
    ),
    *(("patch", "trainlease.dev", f"{kind}/status", "", "") for kind in KINDS),
    ("delete", "trainlease.dev", "trainingjobs", "saturno", ""),
    ("create", "trainlease.dev", "machineleases", "saturno", ""),
    ("patch", "trainlease.dev", "machines", "", ""),
    ("patch", "trainlease.dev", "platforms", "", ""),
    *(
        (verb, "", "pods", "saturno", "")
        for verb in ("get", "list", "watch", "create", "patch", "delete")
    ),
    ("get", "", "pods/log", "saturno", ""),
    *(("get", "", "nodes", "", ""), ("list", "", "nodes", "", ""), ("watch", "", "nodes", "", "")),
    ("get", "", "namespaces", "", "kube-system"),
    ("get", "", "namespaces", "", OWN),
    ("get", "", "secrets", OWN, ""),
    ("create", "coordination.k8s.io", "leases", OWN, ""),
    ("get", "coordination.k8s.io", "leases", OWN, "trainlease-operator"),
    ("patch", "coordination.k8s.io", "leases", OWN, "trainlease-operator"),
]
REFUSED: list[Right] = [
    ("get", "", "secrets", "saturno", ""),
    ("list", "", "secrets", OWN, ""),
    ("watch", "", "secrets", OWN, ""),
    ("patch", "", "secrets", OWN, ""),
    ("patch", "trainlease.dev", "trainingjobs", "saturno", ""),
    ("create", "trainlease.dev", "trainingjobs", "saturno", ""),
    ("patch", "trainlease.dev", "machineleases", "saturno", ""),
    ("delete", "trainlease.dev", "machineleases", "saturno", ""),
    ("delete", "trainlease.dev", "machines", "", ""),
    ("create", "trainlease.dev", "machines", "", ""),
    ("delete", "trainlease.dev", "platforms", "", ""),
    ("get", "", "namespaces", "", "saturno"),
    ("list", "", "namespaces", "", ""),
    ("patch", "coordination.k8s.io", "leases", OWN, "another"),
    ("get", "coordination.k8s.io", "leases", "kube-system", "trainlease-operator"),
    ("create", "", "pods/exec", "saturno", ""),
    ("patch", "", "pods/ephemeralcontainers", "saturno", ""),
    ("patch", "", "pods/status", "saturno", ""),
    ("patch", "", "nodes", "", ""),
    ("create", "", "events", "saturno", ""),
    ("get", "", "configmaps", OWN, ""),
    ("*", "*", "*", "", ""),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings", "", ""),
]


def review(right: Right) -> dict[str, Any]:
    verb, group, resource, namespace, name = right
    resource, _, subresource = resource.partition("/")
    about = {
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "resourceAttributes": about},
    }


def allowed(plane: ControlPlane, rights: list[Right]) -> dict[Right, bool]:
    items = {"apiVersion": "v1", "kind": "List", "items": [review(right) for right in rights]}
    asked = plane.kubectl("create", "-f", "-", "-o", "json", input=json.dumps(items))
    decoder = json.JSONDecoder()
    answers: list[dict[str, Any]] = []
    while asked := asked.lstrip():
        answer, end = decoder.raw_decode(asked)
        answers += answer["items"] if answer["kind"] == "List" else [answer]
        asked = asked[end:]
    return {
        right: answer["status"]["allowed"] for right, answer in zip(rights, answers, strict=True)
    }


def test_the_operator_may_do_what_it_needs(installed: ControlPlane) -> None:
    answers = allowed(installed, NEEDED)
    assert [right for right, may in answers.items() if not may] == []


def test_the_operator_may_do_no_more(installed: ControlPlane) -> None:
    answers = allowed(installed, REFUSED)
    assert [right for right, may in answers.items() if may] == []


def test_a_namespace_can_let_it_read_the_secrets_of_its_jobs(
    installed: ControlPlane, name: str
) -> None:
    installed.kubectl("create", "namespace", name)
    installed.kubectl(
        *("-n", name, "create", "rolebinding", "trainlease-job-secrets"),
        "--clusterrole=trainlease-job-secrets",
        "--serviceaccount=trainlease-system:trainlease-operator",
    )
    rights: list[Right] = [("get", "", "secrets", name, ""), ("list", "", "secrets", name, "")]
    assert list(allowed(installed, rights).values()) == [True, False]
