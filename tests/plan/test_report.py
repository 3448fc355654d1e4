"""What a Machine says while it stands still, and when it says nothing new."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    NOW,
    SETTINGS,
    a_claimed_machine,
    a_fact,
    a_job,
    a_lease,
    a_machine,
    an_exit,
    at,
    known,
    off,
    on,
)

from trainlease.model import conditions as cond
from trainlease.model.machine import AwsInstance, LocalProcess, Machine, Transition
from trainlease.model.mode import Mode
from trainlease.model.observed import MachineView, Power, Told
from trainlease.model.reasons import MachineCondition, MachineState, UnavailableReason
from trainlease.model.settings import Settings
from trainlease.plan import report as plan

LEASE = a_lease(a_job(), bound_to="gpu-1")
FREE = a_machine(generation=7, dbs="2/2")
CLAIMED = a_claimed_machine(LEASE, dbs="2/2")
PLATFORMS = (a_fact("saturno"), a_fact("latam"))
LATAM_DOWN = (a_fact("saturno"), a_fact("latam", down=True, trouble="it does not answer"))


def rows(machine: Machine, told: Told | None = Told.IN_STEP) -> Any:
    return {"saturno": known(machine), "latam": known(machine, told)}


def said(
    machine: Machine,
    platforms: Any = PLATFORMS,
    rows_: Any = None,
    *,
    view: MachineView | None = None,
    telling: Any = None,
    when: Any = NOW,
    settings: Settings = SETTINGS,
    double: str | None = None,
) -> Any:
    """The status after a report; a second report on it must change nothing."""
    rows_ = rows(machine) if rows_ is None else rows_
    view = view or (on() if machine.status.state is MachineState.CLAIMED else off())
    more = (platforms, rows_, telling or {}, view, when, settings)
    status = plan.report(machine, *more, double=double)
    again = machine.model_copy(update={"status": status})
    assert plan.report(again, *more, double=double) == status
    return status


def condition(status: Any, kind: MachineCondition) -> tuple[str, str]:
    found = cond.get(status.conditions, kind)
    assert found is not None
    return found.status, found.reason


# --- a whole claim costs no write here -----------------------------------------------------------


def test_a_claim_without_trouble_adds_no_report_to_the_ledgers_own_writes() -> None:
    free = a_machine(**said(FREE).model_dump())
    claimed = a_machine(**free.status.but(state=MachineState.CLAIMED, generation=8).model_dump())
    told, fence = rows(claimed), claimed.status.fence
    told_free = {name: known(claimed, free=True) for name in told}
    for rows_, telling in (
        ({}, {}),
        ({}, {"saturno": fence, "latam": fence}),
        ({"saturno": known(claimed)}, {"latam": fence}),
        (told, {}),
        (told, {"saturno": fence + 1, "latam": fence + 1}),
        (told_free, {}),
    ):
        assert said(claimed, rows_=rows_, telling=telling, view=on(8)) == claimed.status
    freed = a_machine(**claimed.status.but(state=MachineState.FREE).model_dump())
    assert said(freed, rows_=told_free) == freed.status


# --- dbs and why ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "machine", "platforms", "rows_", "want_dbs", "want_why"),
    [
        ("all agree", FREE, PLATFORMS, rows(FREE), "2/2", None),
        ("no platform is enforced", FREE, (a_fact(mode=Mode.OBSERVE),), {}, None, None),
        (
            "one is down in a claim",
            CLAIMED,
            LATAM_DOWN,
            {"saturno": known(CLAIMED)},
            "1/2",
            "latam is not told yet: it does not answer",
        ),
        (
            "one owes the free of the last claim",
            a_machine(generation=7, debts=("latam",)),
            LATAM_DOWN,
            {"saturno": known(FREE)},
            "1/2",
            "latam owes 1 write",
        ),
        (
            "one is paused",
            FREE,
            (a_fact("saturno"), a_fact("latam", paused=True)),
            {"saturno": known(FREE)},
            "1/2",
            "latam is not told yet: it is paused",
        ),
        (
            "one is being deleted, and is told of no new claim",
            CLAIMED,
            (a_fact("saturno"), a_fact("latam", deleting=True)),
            {"saturno": known(CLAIMED)},
            "1/1",
            None,
        ),
        (
            "one has no row",
            FREE,
            (a_fact("saturno"), a_fact("latam", names={"gpu-1": "GPU1"})),
            rows(FREE, Told.NO_ROW),
            "1/2",
            "latam has no row for GPU1: add it to its table of machines, "
            "or name it in spec.database.names",
        ),
        (
            "one is occupied elsewhere",
            FREE,
            PLATFORMS,
            rows(FREE, Told.FOREIGN),
            "1/2",
            "occupied elsewhere: latam's row says taken by ANA",
        ),
    ],
)
def test_dbs_and_why(
    says: str, machine: Machine, platforms: Any, rows_: Any, want_dbs: str, want_why: str
) -> None:
    status = said(machine, platforms, rows_)
    assert (status.dbs, status.why) == (want_dbs, want_why), says
    if want_dbs:
        agree = want_dbs in ("1/1", "2/2")
        assert condition(status, MachineCondition.PLATFORMS_IN_SYNC)[0] == str(agree)


def test_stopping_leaves_dbs_as_they_are() -> None:
    stopping = a_claimed_machine(LEASE, state=MachineState.STOPPING, dbs="2/2", generation=8)
    assert said(stopping, rows_=rows(FREE), view=on()).dbs == "2/2"


@pytest.mark.parametrize(
    ("says", "view", "minutes", "want"),
    [
        ("it just began", on(), 0, None),
        ("it stays on", on(), 2, "off is not confirmed since 12:00Z"),
        (
            "nobody knows",
            MachineView(Power.UNKNOWN, detail="the node is gone"),
            2,
            "off is not confirmed since 12:00Z: the node is gone",
        ),
        ("it is off and cools down", off(), 2, None),
    ],
)
def test_a_machine_that_stays_in_stopping_raises_an_alarm(
    says: str, view: MachineView, minutes: int, want: str | None
) -> None:
    stopping = a_claimed_machine(LEASE, state=MachineState.STOPPING, since=NOW)
    assert said(stopping, view=view, when=at(60 * minutes)).why == want, says


# --- debts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "platforms", "told", "want"),
    [
        ("it was told the current fence", PLATFORMS, known(FREE), ()),
        ("it was not told anything", LATAM_DOWN, None, ("latam",)),
        ("it was told an earlier fence", LATAM_DOWN, replace(known(FREE), fence=14), ("latam",)),
        ("telling it failed", PLATFORMS, known(FREE, None), ("latam",)),
        ("its row is another program's now", PLATFORMS, known(FREE, Told.FOREIGN), ()),
        ("its Platform is gone", (a_fact("saturno"),), None, ()),
        (
            "its Platform is only observed now",
            (a_fact("saturno"), a_fact("latam", mode=Mode.OBSERVE)),
            None,
            ("latam",),
        ),
    ],
)
def test_a_debt_stays_until_it_is_paid(says: str, platforms: Any, told: Any, want: Any) -> None:
    owing = a_machine(generation=7, debts=("latam",))
    rows_ = {"saturno": known(FREE)} | ({"latam": told} if told else {})
    assert said(owing, platforms, rows_).debts == want, says


# --- available -----------------------------------------------------------------------------------

AWS = {"aws": AwsInstance(instance_id="i-0abc123def4567890", region="us-east-1")}
QUARANTINED: dict[str, Any] = {"quarantined_until": at(2400)}


@pytest.mark.parametrize(
    ("want", "machine", "more"),
    [
        (UnavailableReason.NOT_ENFORCED, a_machine(mode=Mode.OBSERVE), {}),
        (UnavailableReason.DELETING, a_machine(deleting=True, paused=True), {}),
        (UnavailableReason.PAUSED, a_machine(paused=True, spec={"cordon": True}), {}),
        (UnavailableReason.CORDONED, a_machine(spec={"cordon": True}, **QUARANTINED), {}),
        (
            UnavailableReason.PROVIDER_NOT_ENABLED,
            a_machine(spec={"process": LocalProcess(images={"a": "/a"})}),
            {"settings": Settings()},
        ),
        (
            UnavailableReason.DUPLICATE,
            a_machine(**QUARANTINED),
            {"double": "older ones"},
        ),
        (
            UnavailableReason.OCCUPIED_ELSEWHERE,
            a_machine(**QUARANTINED),
            {"rows_": rows(a_machine(), Told.FOREIGN)},
        ),
        (UnavailableReason.QUARANTINED, a_machine(**QUARANTINED), {"view": on()}),
        (UnavailableReason.UNKNOWN_POWER, a_machine(), {"view": MachineView(Power.UNKNOWN)}),
        (UnavailableReason.UNKNOWN_POWER, a_machine(state=None), {}),
        (
            UnavailableReason.UNKNOWN_POWER,
            a_machine(),
            {"view": replace(off(), exits={99: an_exit()})},
        ),
        (UnavailableReason.ALREADY_ON, a_machine(), {"view": on(None)}),
    ],
)
def test_a_machine_is_not_available_by_its_most_basic_cause(
    want: UnavailableReason, machine: Machine, more: Any
) -> None:
    status = said(machine, **more)
    assert condition(status, MachineCondition.AVAILABLE) == ("False", want)
    assert status.why


@pytest.mark.parametrize(
    ("says", "machine", "view"),
    [
        ("it is free and off", a_machine(), off()),
        ("it is claimed and on", CLAIMED, on()),
        ("its quarantine is over", a_machine(quarantined_until=at(0)), off()),
        ("it is stopping, which its state says", a_machine(state=MachineState.STOPPING), on()),
    ],
)
def test_a_machine_counts_as_available_when(says: str, machine: Machine, view: Any) -> None:
    status = said(machine, view=view)
    assert condition(status, MachineCondition.AVAILABLE) == ("True", "Lendable"), says


def test_a_quarantine_says_until_when_and_after_what() -> None:
    reasons = (
        "attempt 1 ended: StartTimeout",
        "attempt 1 ended: MachineLost",
        "attempt 2 ended: MachineLost",
        "attempt 1 ended: Suspended",
        "attempt 3 ended: StartTimeout",
        "confirmed off",
    )
    history = tuple(
        Transition(at=NOW, state=MachineState.STOPPING, generation=7, reason=reason)
        for reason in reasons
    )
    machine = a_machine(generation=7, history=history, **QUARANTINED)
    assert said(machine).why == (
        "quarantined until 12:40Z after 3 failures in a row: MachineLost, MachineLost, StartTimeout"
    )


def test_powered_on_is_said_of_cloud_machines_alone() -> None:
    assert cond.get(said(FREE).conditions, MachineCondition.POWERED_ON) is None
    cloud = a_machine(spec=AWS)
    assert condition(said(cloud, view=off()), MachineCondition.POWERED_ON) == ("False", "PowerOff")


@pytest.mark.parametrize(
    ("machine", "view", "told", "want"),
    [
        (
            a_machine(mode=Mode.OBSERVE, state=None),
            off(),
            Told.IN_STEP,
            "observed: is off, and would be told free to saturno, latam",
        ),
        (
            a_machine(mode=Mode.OBSERVE, state=None),
            on(None),
            Told.IN_STEP,
            "observed: is on, and would be turned off",
        ),
        (
            a_machine(mode=Mode.OBSERVE, state=None),
            on(None),
            Told.FOREIGN,
            "observed: would be left alone: latam's row says taken by ANA",
        ),
        (
            a_claimed_machine(LEASE, mode=Mode.OBSERVE),
            on(),
            Told.IN_STEP,
            "observed: would go on for saturno/caries",
        ),
    ],
)
def test_an_observed_machine_says_what_would_be_done(
    machine: Machine, view: MachineView, told: Told, want: str
) -> None:
    assert said(machine, rows_=rows(machine, told), view=view).why == want


def test_a_machine_that_is_left_on_because_a_database_is_away_says_so_and_what_to_do() -> None:
    why = said(FREE, LATAM_DOWN, view=on(None)).why
    assert "left on until latam can be asked whose run it is" in why
    assert "turn it off by hand" in why


@pytest.mark.parametrize(
    ("machine", "platforms", "view"),
    [
        pytest.param(FREE, PLATFORMS, on(None), id="every database can be read"),
        pytest.param(FREE, LATAM_DOWN, off(), id="it is off"),
        pytest.param(FREE, LATAM_DOWN, on(7), id="our own start turned it on"),
        pytest.param(CLAIMED, LATAM_DOWN, on(None), id="it is held"),
    ],
)
def test_a_machine_that_is_not_left_on_for_a_database_says_nothing_of_it(
    machine: Machine, platforms: Any, view: MachineView
) -> None:
    assert "left on" not in (said(machine, platforms, view=view).why or "")
