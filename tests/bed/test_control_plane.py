"""A control plane is real: CRDs, RBAC, an audit log that tells who wrote what, restarts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bed import AuditLog, ControlPlane, KubectlFailed, Write, running, wait_until
from bed.cluster_binary import kubernetes_version

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "probes.bed.trainlease.dev"},
    "spec": {
        "group": "bed.trainlease.dev",
        "scope": "Namespaced",
        "names": {"kind": "Probe", "plural": "probes"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"n": {"type": "integer"}}},
                            "status": {"type": "object", "properties": {"n": {"type": "integer"}}},
                        },
                    }
                },
            }
        ],
    },
}
PROBES = "probes.bed.trainlease.dev"


def probe(name: str, n: Any = 1) -> str:
    spec = {"metadata": {"name": name, "namespace": "default"}, "spec": {"n": n}}
    return json.dumps({"apiVersion": "bed.trainlease.dev/v1", "kind": "Probe", **spec})


def pod(name: str) -> str:
    spec = {"containers": [{"name": "main", "image": "none"}]}
    metadata = {"name": name, "namespace": "default"}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


@pytest.fixture(scope="session")
def probes(control_plane: ControlPlane) -> ControlPlane:
    control_plane.apply(CRD)
    control_plane.kubectl("wait", "crd", CRD["metadata"]["name"], "--for=condition=Established")  # type: ignore[index]
    return control_plane


def test_it_is_the_pinned_kubernetes(control_plane: ControlPlane) -> None:
    version = json.loads(control_plane.kubectl("version", "-o", "json"))

    assert version["serverVersion"]["gitVersion"] == kubernetes_version()
    assert version["clientVersion"]["gitVersion"] == kubernetes_version()


def test_the_audit_log_tells_who_wrote_what(probes: ControlPlane) -> None:
    operator = probes.kubeconfig_for("bed-operator", ["system:masters"])
    probes.kubectl("create", "-f", "-", input=probe("counted"))
    for n in (2, 3):
        patch = json.dumps({"status": {"n": n}})
        asked = ("probe", "counted", "--subresource=status", "--type=merge", "-p", patch)
        probes.kubectl("patch", *asked, kubeconfig=operator)
    with pytest.raises(KubectlFailed, match="not found"):
        probes.kubectl("delete", "probe", "never", kubeconfig=operator)

    writes = probes.audit().writes(lambda event: event.name in ("counted", "never"))

    assert writes == {
        Write("admin", "create", PROBES, 201): 1,
        Write("bed-operator", "patch", f"{PROBES}/status", 200): 2,
        Write("bed-operator", "delete", PROBES, 404): 1,
    }


def test_the_audit_log_has_the_bodies_of_pods(control_plane: ControlPlane) -> None:
    control_plane.kubectl("create", "-f", "-", input=pod("seen"))
    control_plane.kubectl("delete", "pod", "seen")

    events = [e for e in control_plane.audit() if e.resource == "pods" and e.name == "seen"]

    created = next(event for event in events if event.verb == "create")
    assert created.request is not None
    assert created.request["spec"]["containers"][0]["image"] == "none"
    assert created.received_at <= created.answered_at


def test_new_events_are_told_once(probes: ControlPlane) -> None:
    log = probes.audit()
    log.skip_to_end()
    probes.kubectl("create", "-f", "-", input=probe("told-once"))
    probes.audit()

    assert "told-once" in [event.name for event in log.new_events() if event.is_write]
    assert "told-once" not in [event.name for event in log.new_events() if event.is_write]


def test_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    log = AuditLog(file)
    assert log.new_events() == []
    file.write_text('{"verb": "create"}\n{"verb": "pat')
    assert [event.verb for event in log.new_events()] == ["create"]
    with file.open("a") as end:
        end.write('ch"}\n')

    assert [event.verb for event in log.new_events()] == ["patch"]
    assert [event.verb for event in log] == ["create", "patch"]


def test_an_account_may_do_what_it_was_given(control_plane: ControlPlane) -> None:
    nobody = control_plane.kubeconfig_for("nobody")
    with pytest.raises(KubectlFailed, match='User "nobody" cannot list'):
        control_plane.kubectl("get", "configmaps", kubeconfig=nobody)

    readers = ("--group=readers", "--clusterrole=view")
    control_plane.kubectl("create", "clusterrolebinding", "readers", *readers)
    reader = control_plane.kubeconfig_for("nobody", ["readers"])

    control_plane.kubectl("get", "configmaps", kubeconfig=reader)


def test_kubectl_is_there_for_people(control_plane: ControlPlane) -> None:
    assert (control_plane.bin / "kubectl").stat().st_mode & 0o111


def test_two_at_once_know_nothing_of_each_other(
    control_plane: ControlPlane, control_plane_factory: Callable[..., ControlPlane]
) -> None:
    other = control_plane_factory(scheduler=True, audit=False)
    control_plane.kubectl("create", "configmap", "only-here")

    with pytest.raises(KubectlFailed, match="not found"):
        other.kubectl("get", "configmap", "only-here")
    uids = {
        plane.get("namespace", "kube-system")["metadata"]["uid"] for plane in (control_plane, other)
    }
    assert len(uids) == 2
    assert not other.audit_log.exists()

    # The scheduler of the other one looks at its pod, and finds no node for it.
    other.kubectl("create", "-f", "-", input=pod("waits"))
    wait_until(lambda: "no nodes available" in str(other.get("pod", "waits")["status"]), 60, "it")


def test_the_api_server_comes_back_with_its_data(
    control_plane_factory: Callable[..., ControlPlane],
) -> None:
    plane = control_plane_factory(controller_manager=False)
    plane.kubectl("create", "configmap", "kept")
    server = plane.server

    for end in (plane.stop_apiserver, plane.kill_apiserver):
        end()
        with pytest.raises(KubectlFailed):
            plane.kubectl("get", "configmap", "kept")
        plane.start_apiserver()
        assert plane.kubectl("get", "configmap", "kept", "-o", "name") == "configmap/kept\n"

    plane.freeze_apiserver()
    with pytest.raises(TimeoutError):
        plane.request("/readyz", timeout=0.2)
    plane.thaw_apiserver()
    assert plane.request("/readyz")[0] == 200
    assert plane.server == server

    plane.stop()
    assert running(plane.folder) == []


def test_what_was_saved_can_be_restored(
    control_plane_factory: Callable[..., ControlPlane], tmp_path: Path
) -> None:
    plane = control_plane_factory(controller_manager=False, audit=False)
    plane.kubectl("create", "configmap", "before")
    plane.save(tmp_path / "saved")
    plane.kubectl("create", "configmap", "after")

    plane.restore(tmp_path / "saved")

    assert plane.kubectl("get", "configmap", "before", "-o", "name") == "configmap/before\n"
    with pytest.raises(KubectlFailed, match="not found"):
        plane.kubectl("get", "configmap", "after")
