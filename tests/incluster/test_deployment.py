"""The operator runs in the cluster that it serves: from its image, by its manifests, restricted."""

from pathlib import Path

import pytest
from tests.incluster.conftest import DEPLOYMENT, leader, replicas
from tests.incluster.rights import without
from tests.slots.conftest import MACHINES, SlotSite
from tests.wiring.process import Replica
from tests.wiring.site import PATIENCE, SYSTEM

from bed import wait_until
from bed.platform_schemas import platform_manifest


def test_its_deployment_trains_a_job(led: SlotSite) -> None:
    led.train("first", "true")
    led.until_state("first", "Succeeded")
    led.until_free()


def test_the_one_that_leads_and_the_one_that_stands_by_are_ready_and_not_root(
    led: SlotSite,
) -> None:
    found = led.plane.get(DEPLOYMENT, "-n", SYSTEM)
    assert found["status"]["readyReplicas"] == 2
    said = led.plane.kubectl("exec", leader(led), "-n", SYSTEM, "--", "sh", "-c", "id -u; ! >/x")
    assert said == "65532\n"


def test_when_the_leader_is_killed_the_other_one_leads_and_trains(led: SlotSite) -> None:
    first = leader(led)
    (other,) = replicas(led).keys() - {first}
    led.node.containerd.ctr("tasks", "kill", "--signal", "SIGKILL", replicas(led)[first])
    wait_until(lambda: leader(led) == other, PATIENCE, "the other one leads")
    led.train("second", "true")
    led.until_state("second", "Succeeded")
    led.until_free()


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
