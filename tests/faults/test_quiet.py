"""Five hundred objects and nothing to do: nothing is written but the leader's Lease."""

import json
import os

from tests.faults.conftest import Figure
from tests.faults.crew import PATIENCE, Crew
from tests.faults.stage import Stage
from tests.wiring.site import thing

from bed.waiting import wait_until

JOBS = 500
LISTS = int(os.environ.get("TRAINLEASE_QUIET_LISTS", "5"))
"""How many full looks at everything are awaited, one each 2 s; 60 make two minutes."""
PERIODS = {
    "TRAINLEASE_RESYNC_EVERY": "2",
    "TRAINLEASE_COMPARE_EVERY": "2",
    "TRAINLEASE_OBSERVE_EVERY": "2",
}
"""Everything that is done at intervals happens many times in the test."""
SLEEPERS = "/apis/trainlease.dev/v1alpha1/namespaces/saturno/trainingjobs?labelSelector=quiet"


def test_nothing_is_written_while_nothing_changes(stage: Stage, crew: Crew, figure: Figure) -> None:
    leader = crew.lead(**PERIODS)
    scene = stage.scene(machines=3)
    jobs = [sleeper(number, scene.pool) for number in range(JOBS)]
    items = {"apiVersion": "v1", "kind": "List", "items": jobs}
    stage.plane.kubectl("create", "-f", "-", input=json.dumps(items))
    scene.until_free()
    scene.until(lambda: sum("status" in job for job in listed(stage)) == JOBS)
    events = [event for event in scene.events() if leader.group in event.raw["user"]["groups"]]
    known = len(scene.events())

    def lists() -> int:
        return sum(
            event.verb == "list" and event.resource == "trainingjobs.trainlease.dev"
            for event in scene.events()[known:]
        )

    assert events
    wait_until(lambda: lists() >= LISTS, 20 * PATIENCE, f"{LISTS} looks at everything", every=1)
    writes = [
        (event.verb, event.resource, event.name)
        for event in scene.events()[known:]
        if event.is_write
        and leader.group in event.raw["user"]["groups"]
        and event.resource != "leases.coordination.k8s.io"
    ]
    figure(f"writes with {JOBS} objects in {LISTS} full looks", len(writes))
    assert writes == []
    stage.plane.kubectl("delete", "--raw", SLEEPERS)


def sleeper(number: int, pool: str) -> dict[str, object]:
    meta = {"name": f"sleeper-{number}", "namespace": "saturno", "labels": {"quiet": "yes"}}
    return thing("TrainingJob", meta, {"pool": pool, "image": "train:1", "suspend": True})


def listed(stage: Stage) -> list[dict[str, object]]:
    found: list[dict[str, object]] = stage.get(SLEEPERS.partition("v1alpha1/")[2])["items"]
    return found
