"""What the tests of the platforms' databases share."""

from tests.faults.crew import PATIENCE
from tests.faults.stage import Scene, Stage

from bed.waiting import wait_until

NEEDED, AWAY = "saturno", "nutresa"
"""Whose jobs run, and who must confirm them; and whose database is not needed for them."""


def running(stage: Stage) -> tuple[Scene, str]:
    scene = stage.scene()
    scene.until_free()
    title = scene.apply_job()
    scene.until_runs(title)
    return scene, title


def until_told(scene: Scene, platform: str, *, occupied: bool) -> None:
    stage, machine = scene.stage, scene.machines[0]
    wait_until(
        lambda: stage.words(machine).get(platform) is occupied, PATIENCE, "its row", every=0.01
    )
