"""Which of the Machines that share hardware is lent."""

import pytest
from tests.builders import a_machine, at

from trainlease.model.machine import AwsInstance, Machine, NodeSlot
from trainlease.model.observed import MachineView, Power
from trainlease.model.reasons import MachineState
from trainlease.plan import twins

AWS = {"aws": AwsInstance(instance_id="i-0abc123def4567890", region="us-east-1")}


@pytest.mark.parametrize(
    ("says", "others", "want"),
    [
        ("an older one is the same instance", [a_machine("old", created=at(-9), spec=AWS)], "old"),
        ("a younger one is the same instance", [a_machine("new", created=at(9), spec=AWS)], None),
        ("of two made at once the first by name", [a_machine("a", spec=AWS)], "a"),
        (
            "another instance",
            [
                a_machine(
                    "old",
                    created=at(-9),
                    spec={"aws": AwsInstance(instance_id="i-12345678", region="us-east-1")},
                )
            ],
            None,
        ),
        ("no cloud machine", [a_machine("old", created=at(-9))], None),
    ],
)
def test_the_older_of_two_machines_on_one_instance_is_the_one(
    says: str, others: list[Machine], want: str | None
) -> None:
    mine = a_machine("mine", spec=AWS)
    assert twins.older_twin(mine, [mine, *others]) == want, says


@pytest.mark.parametrize(
    ("says", "other", "want"),
    [
        ("the older one looks after it", a_machine("old", created=at(-9), spec=AWS), True),
        ("the younger one is at rest", a_machine("new", created=at(9), spec=AWS), False),
        (
            "the younger one has a claim of its own",
            a_machine("new", created=at(9), spec=AWS, state=MachineState.CLAIMED),
            True,
        ),
        (
            "the younger one is being turned off",
            a_machine("new", created=at(9), spec=AWS, state=MachineState.STOPPING),
            True,
        ),
        ("another machine", a_machine("old", created=at(-9)), False),
    ],
)
def test_what_is_on_there_may_be_by_a_twin_when(says: str, other: Machine, want: bool) -> None:
    mine = a_machine("mine", spec=AWS)
    assert twins.may_be_a_twins(mine, [mine, other]) is want, says


def a_slot(name: str, age: float = 0, gpus: int = 1, node: str = "srv-1") -> Machine:
    return a_machine(name, created=at(-age), spec={"node": NodeSlot(name=node, gpus=gpus)})


@pytest.mark.parametrize(
    ("says", "others", "gpus", "want"),
    [
        ("there is room", [a_slot("a", 9)], 2, None),
        ("an older one takes the last", [a_slot("a", 9)], 1, "has 1 GPU, and a come first"),
        ("a younger one has to wait itself", [a_slot("z", -9)], 1, None),
        ("of two made at once the first by name", [a_slot("a")], 1, "and a come first"),
        ("older ones take two", [a_slot("a", 9, 2), a_slot("b", 8)], 3, "a and b come first"),
        ("another node's", [a_slot("a", 9, node="srv-2")], 1, None),
        ("slots without a GPU take none", [a_slot("a", 9, 0)], 1, None),
        ("a node without GPUs", [], 0, "has 0 GPUs: it needs 1 more"),
        ("it is not known yet", [a_slot("a", 9)], None, None),
    ],
)
def test_a_node_lends_as_many_slots_as_it_has_gpus(
    says: str, others: list[Machine], gpus: int | None, want: str | None
) -> None:
    mine = a_slot("mine")
    found = twins.double(mine, [mine, *others], MachineView(Power.OFF, gpus=gpus))
    assert want in found if want and found else found == want, says


def test_a_slot_without_a_gpu_is_never_crowded_out() -> None:
    mine = a_slot("mine", gpus=0)
    assert twins.double(mine, [mine, a_slot("a", 9)], MachineView(Power.OFF, gpus=1)) is None


def test_a_cloud_machines_twin_is_named() -> None:
    mine, old = a_machine("mine", spec=AWS), a_machine("old", created=at(-9), spec=AWS)
    said = twins.double(mine, [mine, old], None)
    assert said == "the same hardware as old, which is older"
