"""What people delete while a training runs: the machine is off and told free, and nothing stays."""

from tests.slots.conftest import SlotSite
from tests.wiring.site import PATIENCE, TRAININGS

from bed import wait_until

FOR_EVER = "exec sleep 1000"


def is_gone(site: SlotSite, *what: str) -> bool:
    return not site.plane.kubectl("get", *what, "--ignore-not-found")


def test_a_job_that_is_deleted_takes_its_pod_with_it(slots: SlotSite) -> None:
    training = TRAININGS[-1]
    slots.train("deleted", FOR_EVER, externalId=training)
    slots.until_state("deleted", "Running")
    slots.plane.kubectl("delete", "tj", "deleted", "-n", "saturno")
    slots.until_free()
    wait_until(lambda: not slots.pods("deleted"), PATIENCE, "its pod gone")
    wait_until(lambda: slots.training(training)["status"] == "fallido", PATIENCE, "its row")


def test_a_machine_that_is_deleted_is_let_go_when_it_is_off_and_told(slots: SlotSite) -> None:
    slots.plane.apply(slots.machine_object("gpu-3", pool="spare"))
    wait_until(lambda: slots.machine("gpu-3").get("why"), PATIENCE, "gpu-3 seen")
    assert "has 2 GPUs, and gpu-1 and gpu-2 come first" in slots.machine("gpu-3")["why"]
    slots.plane.kubectl("delete", "mach", "gpu-3", "--timeout=60s")
    assert is_gone(slots, "mach", "gpu-3")


def test_a_lease_that_is_deleted_cancels_the_training(slots: SlotSite) -> None:
    slots.train("unleased", FOR_EVER)
    slots.until_state("unleased", "Running")
    slots.plane.kubectl("delete", "mlease", "unleased-1", "-n", "saturno")
    status = slots.until_state("unleased", "Failed")
    assert [a["cause"] for a in status["attempts"]] == ["Cancelled"]
    slots.until_free()
