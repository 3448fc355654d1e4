"""Who leads: zombies, two at once, and how long it takes until the next one does."""

import os
import time
from collections.abc import Callable

import pytest
from tests.faults.conftest import FIGURES, Figure
from tests.faults.crew import PATIENCE, Crew, Replica
from tests.faults.points import (
    BEFORE,
    Point,
    job_read,
    job_state,
    lease_bound,
    ledger,
    telling,
)
from tests.faults.stage import ROUNDS, Scene, Stage
from tests.wiring.process import lease
from tests.wiring.site import GROUP

from bed.audit import AuditEvent
from bed.waiting import wait_until

PRODUCTION: dict[str, str] = {
    "TRAINLEASE_LEADER_DURATION": "15",
    "TRAINLEASE_LEADER_RENEW": "10",
    "TRAINLEASE_LEADER_RETRY": "2",
    "TRAINLEASE_CALL_TIMEOUT": "5",
}
FOLLOWED = PRODUCTION if FIGURES in os.environ else {}
"""How failover is played: with the defaults where it is measured."""
POINTS = (
    Point("machine-claimed", BEFORE, ledger("Claimed")),
    Point("lease-bound", BEFORE, lease_bound),
    Point("occupied-told", BEFORE, telling(b"Occupied"), by_sql=True),
    Point("start-checked", BEFORE, job_read),
    Point("outcome-stored", BEFORE, job_state("Succeeded"), is_late=True),
)


def effects(scene: Scene, replica: Replica) -> list[AuditEvent]:
    """What this replica wrote and the API server took, of our kinds and in their order."""
    return [
        event
        for event in scene.events()
        if event.is_write
        and replica.group in event.raw["user"]["groups"]
        and GROUP in event.resource
        and event.code < 300
    ]


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_zombie_whose_call_is_delivered_after_all_is_over_changes_nothing(
    stage: Stage, crew: Crew, figure: Figure, point: Point
) -> None:
    zombie = crew.lead()
    scene = stage.scene()
    scene.until_free()
    other = crew.start()
    caught = point.set(scene, zombie)
    title = scene.apply_job()
    if point.is_late:
        scene.until_runs(title)
        scene.open_gates()
    caught.wait(PATIENCE, str(point))
    zombie.part.freeze()
    other.until_leader()
    if not point.is_late:
        scene.until_runs(title)
        scene.open_gates()
    scene.until_rest()
    before, changes = len(effects(scene, zombie)), rows_changed(scene)
    caught.let_go()
    zombie.part.thaw()
    assert zombie.until_ended() == 1
    late = len(effects(scene, zombie)) - before + rows_changed(scene) - changes
    figure("zombie effects that stand", late)
    assert late == 0
    scene.until_rest()
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()


def failover(figure: Figure, how: str, end: Callable[[], None], standby: Replica) -> None:
    """From right after a renewal, which is the worst time, and at no fixed time of the standby's
    own looks at the Lease."""
    renewed = lease(standby.plane)["renewTime"]
    wait_until(lambda: lease(standby.plane)["renewTime"] != renewed, PATIENCE, "a renewal")
    began = time.monotonic()
    end()
    standby.until_leader()
    figure(f"failover after {how}, seconds", time.monotonic() - began)


def one_more(crew: Crew) -> Replica:
    """A replica that stands by."""
    replica = crew.start(**FOLLOWED)
    replica.part.until(lambda: replica.stands_by, PATIENCE, "standing by")
    return replica


def rows_changed(scene: Scene) -> int:
    stage = scene.stage
    return sum(stage.changes(one.platform, scene.machines[0]) for one in stage.databases)


def test_of_two_that_start_together_one_acts_and_the_other_follows_it(
    stage: Stage, crew: Crew, figure: Figure
) -> None:
    scene = stage.scene()
    both = [crew.start(**FOLLOWED), crew.start(**FOLLOWED)]
    first = crew.successor()
    second = next(replica for replica in both if replica is not first)
    title = scene.apply_job()
    scene.until_runs(title)
    assert effects(scene, second) == []

    for _ in range(ROUNDS):
        failover(figure, "SIGKILL", first.kill, second)
        third = one_more(crew)
        failover(figure, "SIGTERM", second.terminate, third)
        assert second.until_ended() == 0
        first, second = third, one_more(crew)
    scene.open_gates()
    scene.until_rest()
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()
