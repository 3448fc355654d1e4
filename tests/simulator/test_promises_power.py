"""What may run, and what may be turned off, when a machine is more than one program's."""

from typing import Any

from tests.simulator import bodies
from tests.simulator.bodies import FREE_ROWS, HELD_ROWS, Outside

from simulator.facts import Body, By
from trainlease.model.observed import MachineRows, RowState

TAKEN = MachineRows(RowState.OCCUPIED, "ana", "ana", None)


def another(**status: Any) -> Body:
    """The Machine that came in the place of the one that turned the instance on."""
    body = bodies.machine(uid="uid-of-another", **status)
    body["spec"]["aws"] = {"instanceId": "i-1", "region": "r"}
    return body


def replaced_while_it_was_on() -> Outside:
    """The Machine that turned it on went, and another of its name came."""
    outside = Outside()
    for name in ("saturno", "nutresa"):
        outside.write("platforms", bodies.platform(name), By.PERSON)
    outside.write("machines", bodies.machine(state="Claimed", generation=1), By.PERSON)
    outside.row(HELD_ROWS)
    outside.power(True)
    outside.write("machines", another(state="Stopping", generation=9), By.PERSON)
    outside.observer.breaches.clear()
    return outside


def set_free(outside: Outside) -> list[str]:
    outside.row(bodies.rows(RowState.FREE, RowState.FREE, 19, generation=9))
    outside.write("machines", another(state="Free", generation=9, debts=["nutresa"]))
    return outside.broken


def test_what_a_replaced_machine_had_turned_on_holds_back_free() -> None:
    outside = replaced_while_it_was_on()

    assert set_free(outside) == ["held-row-kept", "off-before-free"]


def test_it_does_not_once_a_database_says_that_the_machine_is_anothers() -> None:
    outside = replaced_while_it_was_on()
    outside.row(TAKEN, By.PERSON, "nutresa")

    assert set_free(outside) == []


def test_nor_does_it_where_another_machine_on_the_instance_may_have_it() -> None:
    outside = replaced_while_it_was_on()
    twin = another(state="Stopping") | {"metadata": bodies.made("twin")}
    outside.write("machines", twin, By.PERSON)

    assert set_free(outside) == []


def test_nor_does_a_process_of_which_the_machine_that_came_since_knows_nothing() -> None:
    outside = replaced_while_it_was_on()
    process = bodies.machine(uid="uid-of-another", state="Stopping", generation=9)
    outside.write("machines", process, By.PERSON)
    outside.write("machines", process | {"status": {"state": "Free", "generation": 9}})

    assert "off-before-free" not in outside.broken


def test_what_the_present_machine_turned_on_holds_it_back_whatever_a_database_says() -> None:
    outside = replaced_while_it_was_on()
    outside.write("machines", bodies.machine(state="Stopping", generation=1), By.PERSON)
    outside.row(TAKEN, By.PERSON, "nutresa")
    outside.write("machines", bodies.machine(state="Free", generation=1, debts=["nutresa"]))

    assert "off-before-free" in outside.broken


def test_the_word_of_a_platform_that_went_and_came_again_may_not_be_heard_yet() -> None:
    outside = Outside()
    outside.write("platforms", bodies.platform(), By.PERSON)
    outside.write("machines", bodies.machine(state="Stopping", generation=1), By.PERSON)
    outside.row(TAKEN, By.LEGACY)
    outside.power(True, None, By.LEGACY)
    outside.remove("platforms", "saturno")
    outside.write("platforms", bodies.platform(), By.PERSON)
    outside.power(False, None)

    assert outside.broken == []


def stopped(*, mode: str, lateness: float) -> list[str]:
    """The legacy program takes the machine by this platform's row, and a call of ours lands."""
    outside, platform = Outside(), bodies.platform("nutresa")
    platform["spec"]["mode"] = mode
    outside.write("platforms", platform, By.PERSON)
    outside.write("machines", bodies.machine(state="Stopping", generation=1), By.PERSON)
    outside.row(FREE_ROWS, By.PERSON, "nutresa")
    outside.row(TAKEN, By.LEGACY, "nutresa")
    outside.power(True, None, By.LEGACY)
    outside.power(False, None, lateness=lateness)
    return outside.broken


def test_a_call_under_way_may_stop_a_run_that_began_where_we_only_observe() -> None:
    assert stopped(mode="Observe", lateness=3.0) == []


def test_a_call_that_was_sent_at_such_a_run_may_not() -> None:
    assert stopped(mode="Observe", lateness=0.5) == ["legacy-run-kept"]


def test_a_call_that_was_sent_at_our_own_run_beside_it_may() -> None:
    outside = Outside()
    platform = bodies.platform()
    platform["spec"]["mode"] = "Observe"
    outside.write("platforms", platform, By.PERSON)
    outside.write("machines", bodies.machine(state="Stopping", generation=1), By.PERSON)
    outside.power(True)
    outside.row(TAKEN, By.LEGACY)
    outside.power(True, None, By.LEGACY)
    outside.power(False, by=By.ITSELF)
    outside.power(False, None, lateness=1.5)

    assert "legacy-run-kept" not in outside.broken


def test_nor_may_a_call_under_way_where_the_row_is_told() -> None:
    assert stopped(mode="Enforce", lateness=3.0) == ["legacy-run-kept"]
