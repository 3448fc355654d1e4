"""Which databases must say what of a machine, and whether a claim may be begun at all."""

from typing import Any

import pytest
from tests.builders import (
    NOW,
    a_claimed_machine,
    a_fact,
    a_job,
    a_lease,
    a_machine,
    a_platform,
    known,
)

from trainlease.model.mode import Mode
from trainlease.model.observed import OUR_MARK, RowState, Told
from trainlease.model.platform import Confirm
from trainlease.plan import rows

MACHINE = a_claimed_machine(a_lease(a_job()))


@pytest.mark.parametrize(
    ("says", "facts", "want"),
    [
        ("all is well", (a_fact("saturno"), a_fact("latam")), None),
        (
            "its own database is down",
            (a_fact("saturno", down=True, trouble="refused"),),
            "saturno's database is down: refused",
        ),
        (
            "another's is down, which it need not wait for",
            (a_fact("saturno"), a_fact("latam", down=True)),
            None,
        ),
        (
            "another's is down that confirms all",
            (a_fact("saturno"), a_fact("latam", down=True, confirm=Confirm.ALL)),
            "latam's database is down",
        ),
        ("its own platform is paused", (a_fact("saturno", paused=True),), "saturno is paused"),
        (
            "its own platform is observed",
            (a_fact("saturno", mode=Mode.OBSERVE),),
            "saturno is observed only",
        ),
        (
            "its own database never confirms",
            (a_fact("saturno", down=True, confirm=Confirm.NEVER),),
            None,
        ),
        (
            "another that is observed confirms all",
            (a_fact("saturno"), a_fact("latam", mode=Mode.OBSERVE, confirm=Confirm.ALL)),
            None,
        ),
        (
            "another that leaves confirms all",
            (a_fact("saturno"), a_fact("latam", deleting=True, down=True, confirm=Confirm.ALL)),
            None,
        ),
    ],
)
def test_the_obstacle_to_a_claim(says: str, facts: Any, want: str | None) -> None:
    found = rows.obstacle(facts, "saturno")
    assert (found is None) is (want is None), says
    assert (found or "").startswith(want or "")


@pytest.mark.parametrize(
    ("state", "want_fence", "want_who"),
    [
        (RowState.OCCUPIED, 14, f"{OUR_MARK}:saturno/caries"),
        (RowState.FREE, 15, ""),
    ],
)
def test_an_entry_speaks_of_the_claim_in_the_platforms_own_words(
    state: RowState, want_fence: int, want_who: str
) -> None:
    platform = a_platform("latam", names={"gpu-1": "GPU1"})
    entry = rows.entry("c", MACHINE, platform, state, NOW)
    assert (entry.own_name, entry.fence, entry.generation) == ("GPU1", want_fence, 7)
    assert entry.who == want_who


def test_a_row_of_an_observed_platform_can_say_occupied_elsewhere_too() -> None:
    machine = a_machine()
    foreign = {"latam": known(machine, Told.FOREIGN), "saturno": known(machine)}
    assert rows.foreign_owner(foreign) == ("latam", "ANA")


@pytest.mark.parametrize(
    ("says", "facts", "heard", "telling", "want"),
    [
        ("one that is up and has not heard", (a_fact(),), {}, {}, ["saturno"]),
        ("not one that has heard", (a_fact(),), {"saturno": known(MACHINE)}, {}, []),
        ("not one that failed to be told", (a_fact(),), {"saturno": known(MACHINE, None)}, {}, []),
        ("not one that is being told", (a_fact(),), {}, {"saturno": 14}, []),
        (
            "but one that is being told an earlier word",
            (a_fact(),),
            {},
            {"saturno": 13},
            ["saturno"],
        ),
        ("not one that is down", (a_fact(down=True),), {}, {}, []),
        ("not one that is paused", (a_fact(paused=True),), {}, {}, []),
        ("not one that is observed", (a_fact(mode=Mode.OBSERVE),), {}, {}, []),
    ],
)
def test_who_is_told_now(says: str, facts: Any, heard: Any, telling: Any, want: list[str]) -> None:
    assert [p.name for p in rows.untold(facts, heard, telling, 14)] == want, says
