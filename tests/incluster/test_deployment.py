"""The operator runs in the cluster that it serves: from its image, by its manifests, restricted."""

from pathlib import Path

import pytest
from tests.incluster.conftest import DEPLOYMENT, leader, replicas
from tests.incluster.rights import granted, used, without
from tests.slots.conftest import MACHINES, SlotSite
from tests.wiring.process import ACCOUNT, Replica
from tests.wiring.site import PATIENCE, SYSTEM

from bed import pods, wait_until
from bed.platform_schemas import platform_manifest
from trainlease.model.pods import pod_name


def test_its_deployment_trains_a_job(led: SlotSite) -> None:
    led.train("first", "true")
    led.until_state("first", "Succeeded")
    led.until_free()


def test_the_one_that_leads_and_the_one_that_stands_by_are_ready(led: SlotSite) -> None:
    assert led.plane.get(DEPLOYMENT, "-n", SYSTEM)["status"]["readyReplicas"] == 2


def test_it_is_not_root_writes_nothing_and_has_nothing_of_its_build(led: SlotSite) -> None:
    look = "id -u; ls -d /src /wheels /build /opt/trainlease/bin/pip; touch /x && echo written"
    command = ("sh", "-c", f"({look}) 2>/dev/null; true")
    said = led.plane.kubectl("exec", leader(led), "-n", SYSTEM, "--", *command)
    assert said == "65532\n"


def test_when_the_leader_is_killed_the_other_one_leads_and_trains(led: SlotSite) -> None:
    first = leader(led)
    (other,) = replicas(led).keys() - {first}
    led.node.containerd.ctr("tasks", "kill", "--signal", "SIGKILL", replicas(led)[first])
    wait_until(lambda: leader(led) == other, PATIENCE, "the other one leads")
    led.train("second", "true")
    led.until_state("second", "Succeeded")
    led.until_free()


def test_each_right_of_its_account_is_used_and_none_is_missed(led: SlotSite) -> None:
    end_in_many_ways(led)
    rights, events = granted(), list(led.plane.audit())
    refused = {(e.verb, e.resource) for e in events if e.user == ACCOUNT and e.code == 403}
    assert refused == set()
    assert used(events, rights) == rights


def end_in_many_ways(site: SlotSite) -> None:
    """A job is suspended, one finds another's pod in its place, one no place at all, and one's
    time to live passes."""
    site.train("stopped", "exec sleep 1000")
    site.until_state("stopped", "Running")
    suspend = '{"spec": {"suspend": true}}'
    site.plane.kubectl("patch", "tj", "stopped", "-n", "saturno", "--type=merge", "-p", suspend)
    site.until_state("stopped", "Suspended")
    site.until_free()
    machine = site.plane.get("machine", "gpu-2")
    claim = machine["metadata"]["uid"], machine["status"]["generation"] + 1
    taken = pod_name("blocked", 1, *claim)
    site.plane.apply(pods.shell_pod(site.node, "saturno", taken, "true"))
    no_retry = {"infrastructure": 0}
    site.train("blocked", "true", machine="gpu-2", retries=no_retry)
    huge = {"resources": {"cpu": "1000"}, "limits": {"start": "1s"}, "retries": no_retry}
    site.train("huge", "true", **huge)
    site.until_state("blocked", "Failed")
    site.until_state("huge", "Failed")
    site.train("brief", "true", ttl="1s")
    wait_until(lambda: not jobs(site, "brief"), PATIENCE, "the job's time to live")


def jobs(site: SlotSite, name: str) -> list[str]:
    found = site.plane.get("tj", "-n", "saturno", f"--field-selector=metadata.name={name}")
    return [job["metadata"]["name"] for job in found["items"]]


def test_without_the_right_to_create_pods_a_job_says_so(led: SlotSite) -> None:
    with without(led.plane, "create", "pods"):
        led.train("podless", "true", retries={"infrastructure": 0})
        status = led.until_state("podless", "Failed")
    failed = next(c for c in status["conditions"] if c["type"] == "Failed")
    assert 'cannot create resource "pods"' in failed["message"]


def test_without_the_right_to_read_secrets_a_platform_says_so(led: SlotSite) -> None:
    with without(led.plane, "get", "secrets"):
        led.plane.apply(platform_manifest("latam", "latam-db", MACHINES))
        said = led.until_condition("DatabaseReachable", "Down", "plat", "latam")
    assert "Secret trainlease-system/latam-db may not be read by the operator: grant it get" in said


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "namespaces"),
        ("list", "trainingjobs.trainlease.dev"),
        ("list", "machines.trainlease.dev"),
    ],
)
def test_without_a_right_that_it_starts_with_it_ends_and_says_which(
    led: SlotSite, tmp_path: Path, verb: str, resource: str
) -> None:
    with without(led.plane, verb, resource):
        replica = Replica(led.plane, tmp_path)
        assert replica.wait() == 1
    plural = resource.partition(".")[0]
    assert f'cannot {verb} resource "{plural}"' in replica.log
    assert "kubectl apply -f manifests/" in replica.log
