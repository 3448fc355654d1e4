"""Trainings as pods on GPU slots: what a person sees of each that goes well, or badly."""

import pytest
from bench.side_by_side.stories import Ears, bill
from tests.slots.conftest import GATE, SlotSite
from tests.wiring.site import PATIENCE

from bed import wait_until


def test_a_training_runs_as_a_pod_and_its_log_stays(slots: SlotSite) -> None:
    slots.train("good", f"{GATE}; cat /etc/trainlease/params.json; id -u", params={"epochs": 3})
    slots.until_state("good", "Running")
    assert slots.is_told("ocupada")
    slots.let_go("good")
    slots.until_state("good", "Succeeded")
    slots.until_free()
    assert slots.log("good") == '{"epochs": 3}1000\n'
    (pod,) = slots.pods("good")
    assert pod["spec"]["nodeName"] == slots.node.name
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}


OWN_WRITES = {
    "a person: create trainingjobs": 1,
    "operator: create machineleases": 1,
    "operator: create pods": 1,
    "operator: patch trainingjobs/status": 3,
    "operator: patch machineleases/status": 2,
    "operator: patch machines/status": 2,
}


def test_what_costs_no_wait_costs_few_writes(slots: SlotSite) -> None:
    """The budget of the design: 21 writes for a job on a node slot, the kubelet's among them."""
    ears = Ears(slots.plane)
    slots.train("budget", GATE)
    slots.until_state("budget", "Running")
    slots.let_go("budget")
    slots.until_state("budget", "Succeeded")
    slots.until_free()

    def released() -> bool:
        lease = slots.plane.get("mlease", "budget-1", "-n", "saturno").get("status", {})
        return any(c["type"] == "Released" for c in lease.get("conditions", ()))

    wait_until(released, PATIENCE, "its lease released")
    pod = slots.pod_name("budget")
    slots.plane.audit()  # all that was answered by now is in the log
    whole = bill(
        (
            event
            for event in ears.until(bool, "the audit log")
            if event.name in ("budget", "budget-1", "gpu-1", pod)
            or event.name.startswith(f"{pod}.")
        ),
        "saturno",
    )
    del whole["a person: create pods/exec"]  # how the gate was opened
    own = {what: n for what, n in whole.items() if what.startswith(("a person", "operator"))}
    assert own == OWN_WRITES
    assert whole.total() <= 21, whole


@pytest.mark.parametrize(
    ("job", "script", "spec", "reason", "text"),
    [
        ("failing", "echo no such data >&2; exit 3", {}, "ExitCode", "exit code 3: no such data"),
        (
            "hungry",
            "head -c 200m /dev/zero | tail",
            {"resources": {"memory": "32Mi"}},
            "OutOfMemory",
            "over its limit of 32Mi: raise resources.memory",
        ),
        ("killed", "sh -c 'kill -9 $$'; exit $?", {}, "KilledBySignal", "killed by SIGKILL"),
        (
            "mistyped",
            "",
            {"command": ["pyton", "train.py"]},
            "CannotStart",
            "Correct spec.command or the image",
        ),
        (
            "rootly",
            "true",
            {"podTemplate": None},
            "CannotStart",
            "its image runs as root, and a training may not",
        ),
        (
            "keyless",
            "true",
            {"secrets": ["keys"]},
            "SecretMissing",
            'secret "keys" not found in its namespace: create it',
        ),
        (
            "imageless",
            "true",
            {"image": "nowhere.invalid/none:1", "limits": {"start": "5s"}},
            "ImageMissing",
            "its image cannot be had",
        ),
        (
            "never-there",
            "true",
            {
                "image": "none:1",
                "podTemplate": {
                    "spec": {"containers": [{"name": "training", "imagePullPolicy": "Never"}]}
                },
            },
            "ImageMissing",
            "ErrImageNeverPull",
        ),
    ],
)
def test_each_failure_says_what_it_was_and_what_to_do(
    slots: SlotSite, job: str, script: str, spec: dict[str, object], reason: str, text: str
) -> None:
    slots.train(job, script, retries={"infrastructure": 0}, **spec)
    status = slots.until_state(job, "Failed")
    failed = next(c for c in status["conditions"] if c["type"] == "Failed")
    assert failed["reason"] == reason
    assert text in failed["message"]
    slots.until_free()


def test_two_slots_take_two_trainings_and_the_third_waits(slots: SlotSite) -> None:
    for name in ("first", "second", "third"):
        slots.train(name, GATE, machine=None, pool="onprem")
    slots.until_state("first", "Running")
    slots.until_state("second", "Running")
    assert slots.job("third")["state"] == "Waiting"
    slots.let_go("first")
    slots.until_state("third", "Running")
    slots.let_go("second")
    slots.let_go("third")
    for name in ("first", "second", "third"):
        slots.until_state(name, "Succeeded")


def test_a_suspended_training_that_ignores_the_polite_end_is_killed_and_keeps_its_log(
    slots: SlotSite,
) -> None:
    slots.train("stubborn", "trap '' TERM; echo deaf; while :; do sleep 1; done")
    slots.until_state("stubborn", "Running")
    slots.plane.kubectl(
        *("patch", "tj", "stubborn", "-n", "saturno", "--type=merge", "-p"),
        '{"spec": {"suspend": true}}',
    )
    slots.until_state("stubborn", "Suspended")
    slots.until_free()
    assert slots.log("stubborn") == "deaf\n"
    slots.plane.kubectl("delete", "tj", "stubborn", "-n", "saturno")
    wait_until(lambda: not slots.pods("stubborn"), PATIENCE, "its pod gone with it")


def test_what_prints_a_hundred_megabytes_ends_as_any_other(slots: SlotSite) -> None:
    slots.train("loud", "yes 0123456789012345678901234567890123456789 | head -c 100m; echo; echo e")
    slots.until_state("loud", "Succeeded")
    slots.until_free()
