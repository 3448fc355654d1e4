"""What is done to machines' providers and written on Machines: each deed does what it says."""

import pytest

from simulator import scenario_machines, scenario_people
from simulator.deeds_machines import MachineDeeds
from simulator.deeds_people import PeopleDeeds
from simulator.drawing import draw_all
from simulator.loop import VirtualLoop, run
from simulator.scenario import Deed
from simulator.world import World
from trainlease.model.errors import Forbidden, NotFound, Refused, Unavailable
from trainlease.model.machine import CLAIM, CONFIRM_OFF, QUARANTINE_OVER


def annotations(deed: Deed, *, on: bool = False) -> dict[str, str]:
    """What stands on gpu-1 after the deed, of a machine that was never claimed."""
    found: dict[str, str] = {}

    async def main(loop: VirtualLoop) -> None:
        world = World(draw_all(3, ()), loop)
        await world.apply_all()
        if on:
            uid = world.uid_of("machines", "", "gpu-1") or ""
            world.provider_of("gpu-1").legacy_on("gpu-1", uid)
        PeopleDeeds(world).acts[deed.what](deed)
        body = world.body_of("machines", "", "gpu-1") or {}
        found.update(body["metadata"].get("annotations") or {})

    run(main)
    return found


@pytest.mark.parametrize(
    ("which", "want"),
    [
        (scenario_people.RIGHT, "0"),
        (scenario_people.LATER, "1"),
        (scenario_people.NONSENSE, "as soon as you can"),
    ],
)
def test_a_person_vouches_for_the_claim_that_the_word_names(which: str, want: str) -> None:
    deed = Deed(0.0, scenario_people.VOUCH, "gpu-1", where=which)
    assert annotations(deed) == {CONFIRM_OFF: want}


def test_nobody_vouches_for_a_machine_that_is_on() -> None:
    assert annotations(Deed(0.0, scenario_people.VOUCH, "gpu-1"), on=True) == {}


def test_a_row_is_claimed_by_platform_and_generation() -> None:
    deed = Deed(0.0, scenario_people.CLAIM_ROW, "gpu-1 latam")
    assert annotations(deed) == {CLAIM: "latam 0"}


def test_a_quarantine_is_ended_by_generation() -> None:
    deed = Deed(0.0, scenario_people.LEND_AGAIN, "gpu-1")
    assert annotations(deed) == {QUARANTINE_OVER: "0"}


@pytest.mark.parametrize(
    ("why", "error"),
    [
        (scenario_machines.THROTTLED, Refused),
        (scenario_machines.AUTH, Forbidden),
        (scenario_machines.NOT_FOUND, NotFound),
        (scenario_machines.AWAY, Unavailable),
    ],
)
def test_a_provider_answers_with_an_error_for_a_while(why: str, error: type[Exception]) -> None:
    answers: list[object] = []

    async def main(loop: VirtualLoop) -> None:
        world = World(draw_all(3, ()), loop)
        deeds = MachineDeeds(world)
        what = scenario_machines.NO_STOP
        deeds.acts[what](Deed(0.0, what, "gpu-1", 5.0, where=why))
        answers.append(world.troubles.get(("ensure_off", "gpu-1")))
        done = loop.create_future()
        world.grounds.later(6.0, done.set_result, None)
        await done
        answers.append(world.troubles.get(("ensure_off", "gpu-1")))

    run(main)
    assert isinstance(answers[0], error)
    assert answers[1] is None


def test_a_power_that_cannot_be_told_is_told_again_after_the_storm() -> None:
    found: list[dict[str, str]] = []

    async def main(loop: VirtualLoop) -> None:
        world = World(draw_all(3, ()), loop)
        deeds = MachineDeeds(world)
        what, where = scenario_machines.BLIND, scenario_machines.UNKNOWN
        deeds.acts[what](Deed(0.0, what, "gpu-1", 50.0, where=where))
        unknown = world.provider_of("gpu-1").unknown
        found.append(dict(unknown))
        deeds.heal()
        found.append(dict(unknown))

    run(main)
    assert found == [{"gpu-1": "its node is not Ready"}, {}]
