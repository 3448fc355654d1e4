"""The API server restarted in the middle, and slow to answer."""

from tests.faults.crew import Crew
from tests.faults.stage import Stage


def test_restarted_while_the_training_runs(stage: Stage, crew: Crew) -> None:
    crew.lead()
    scene = stage.scene()
    title = scene.apply_job()
    scene.until_runs(title)
    stage.plane.kill_apiserver()
    scene.open_gates()
    stage.plane.start_apiserver()
    crew.leader()  # one that could not renew in time has ended, as it must
    scene.until_rest()
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()


def test_slow_to_answer_each_call(stage: Stage, crew: Crew) -> None:
    leader = crew.lead()
    scene = stage.scene()
    scene.until_free()
    leader.api.delay = 0.5
    title = scene.apply_job()
    scene.until_runs(title)
    scene.open_gates()
    scene.until_rest()
    assert leader.leads
    assert scene.outcomes(title) == ["Succeeded"]
    scene.must_keep()
