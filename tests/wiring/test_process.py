"""The operator's process: starts or says why not, hands over, outlives an API server's restart."""

import json
import os
import signal
import socket

import pytest
from tests.wiring.conftest import ROOT, Start, install
from tests.wiring.process import holder, lease, log_lines

from bed.control_plane import ControlPlane
from bed.fixtures import MakeControlPlane
from bed.waiting import wait_until

SYSTEM = "trainlease-system"


def test_a_replica_leads_and_says_so(installed: ControlPlane, start: Start) -> None:
    replica = start(installed).until_leader()
    replica.part.until(lambda: bool(replica.health()), 60, "healthy")
    assert replica.health() == '{"role": "leader"}'
    assert replica.terminate() == 0


def test_sigterm_gives_the_lease_back_and_the_next_replica_need_not_wait(
    installed: ControlPlane, start: Start
) -> None:
    first = start(installed).until_leader()
    second = start(installed)
    second.part.until(lambda: '"standing by"' in second.health(), 60, "standing by")
    os.kill(first.part.pid, signal.SIGTERM)
    renewed = lease(installed)["leaseDurationSeconds"]
    # Not a matter of luck: without the release it would take the Lease's whole duration.
    second.part.until(lambda: holder(installed) == second.identity, renewed - 5, "the leader")
    assert first.wait() == 0
    assert second.terminate() == 0


def test_each_line_of_the_log_is_json(installed: ControlPlane, start: Start) -> None:
    replica = start(installed, "--log-format", "json").until_leader()
    assert replica.terminate() == 0
    lines = log_lines(replica)
    assert any("leader" in line["event"] for line in lines)
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)


def test_without_a_server_it_says_so_and_ends(
    control_plane_factory: MakeControlPlane, start: Start
) -> None:
    plane = control_plane_factory(controller_manager=False, audit=False)
    plane.stop()
    replica = start(plane)
    assert replica.wait() == 1
    assert "the API server cannot be reached" in replica.log
    assert "Traceback" not in replica.log


def test_without_namespace_crds_or_rights_it_says_what_to_do(
    control_plane_factory: MakeControlPlane, start: Start
) -> None:
    plane = control_plane_factory(controller_manager=False, audit=False)

    def refusal() -> str:
        replica = start(plane)
        assert replica.wait() == 1
        assert "Traceback" not in replica.log
        return replica.log

    assert "lacks a right" in refusal()
    plane.kubectl("apply", "-f", ROOT / "manifests")
    assert "install the CRDs" in refusal()
    plane.kubectl("delete", "namespace", SYSTEM, "--wait=false")
    plane.kubectl(
        *("replace", "--raw", f"/api/v1/namespaces/{SYSTEM}/finalize", "-f", "-"),
        input=json.dumps({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": SYSTEM}}),
    )
    assert "create it" in refusal()


@pytest.mark.parametrize(
    ("name", "value", "want"),
    [
        ("TRAINLEASE_CALL_TIMEOUT", "60", "call_timeout: Input should be less than or equal to 5"),
        ("TRAINLEASE_LEADER_RENEW", "11", "leader_duration must be at least leader_renew"),
        ("TRAINLEASE_METRICS", "9090", "metrics: Value error, write an address and a port"),
    ],
)
def test_a_setting_that_is_wrong_is_named(
    installed: ControlPlane, start: Start, name: str, value: str, want: str
) -> None:
    replica = start(installed, **{name: value})
    assert replica.wait() == 1
    assert want in replica.log
    assert "Traceback" not in replica.log


def test_metrics_at_an_address_that_is_taken_are_refused(
    installed: ControlPlane, start: Start
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        replica = start(installed, "--metrics", f"127.0.0.1:{taken.getsockname()[1]}")
        assert replica.wait() == 1
    assert "metrics cannot be served at 127.0.0.1:" in replica.log


def test_a_tracker_that_is_no_address_is_refused(installed: ControlPlane, start: Start) -> None:
    replica = start(installed, "--tracking-uri", "file:///tmp/runs")
    assert replica.wait() == 1
    assert "must be the http or https address of an MLflow server" in replica.log


def test_it_outlives_a_restart_of_the_api_server(
    control_plane_factory: MakeControlPlane, start: Start
) -> None:
    plane = control_plane_factory(controller_manager=False, audit=False)
    install(plane)
    replica = start(plane).until_leader()
    plane.kill_apiserver()
    plane.start_apiserver()
    renewed = lease(plane)["renewTime"]
    replica.part.until(lambda: lease(plane)["renewTime"] > renewed, 60, "the leader still")
    plane.apply(_machine("after"))
    wait_until(lambda: "status" in plane.get("machine", "after"), 60, "the watch")
    assert replica.terminate() == 0


def test_a_watch_that_brings_nothing_ends_the_process(
    control_plane_factory: MakeControlPlane, start: Start
) -> None:
    """An account that may list but not watch: kopf tries on and on, and the process looks alive."""
    plane = control_plane_factory(controller_manager=False, audit=False)
    install(plane)
    role = plane.get("clusterrole", "trainlease-operator")
    role["rules"] = [rule | {"verbs": _without_watch(rule["verbs"])} for rule in role["rules"]]
    plane.kubectl("replace", "-f", "-", input=json.dumps(role))
    plane.apply(_machine("unseen"))
    replica = start(plane, TRAINLEASE_RESYNC_EVERY="1", TRAINLEASE_WATCH_GRACE="2")
    assert replica.until_leader().wait() == 1
    assert "the watch has not brought machines unseen" in replica.log
    assert holder(plane) == ""


def _without_watch(verbs: list[str]) -> list[str]:
    return [verb for verb in verbs if verb != "watch"]


def _machine(name: str) -> dict[str, object]:
    return {
        "apiVersion": "trainlease.dev/v1alpha1",
        "kind": "Machine",
        "metadata": {"name": name},
        "spec": {"pool": "test", "node": {"name": "srv-1"}},
    }
