"""What people say on a job about its version: hold it, take it back; once, never against them."""

from typing import Any

import pytest
from tests.reconcile.tracked import MODEL, Bench, a_success, in_virtual_time, said, sleep

from trainlease.model import tracking as word
from trainlease.model.errors import TrainleaseError
from trainlease.model.reasons import JobCondition
from trainlease.model.training_job import HOLD_PROMOTION, ROLLBACK, TrainingJob

GOOD, BETTER = 0.8, 0.9


def annotated(job: TrainingJob, **words: str) -> TrainingJob:
    names = {"hold": HOLD_PROMOTION, "rollback": ROLLBACK}
    annotations = {names[key]: value for key, value in words.items()}
    return job.model_copy(update={"metadata": job.metadata.but(annotations=annotations)})


async def promoted_twice(bench: Bench, **spec: Any) -> TrainingJob:
    """The job whose v2 is Production over another's v1."""
    await bench.recorded(await bench.trained(a_success("first"), val_f1=GOOD))
    return await bench.recorded(await bench.trained(a_success("second", **spec), val_f1=BETTER))


def production(bench: Bench) -> int | None:
    return bench.server.models[MODEL].aliases.get(word.PRODUCTION)


@pytest.mark.parametrize("value", ["1", "previous", " 1 "])
def test_a_rollback_is_obeyed_once_and_said(value: str) -> None:
    @in_virtual_time
    async def obeyed(bench: Bench) -> None:
        job = annotated(await promoted_twice(bench), rollback=value)
        assert bench.results.is_due(job)
        job = await bench.recorded(job)

        text = f'rolled back to v1 by trainlease.dev/rollback="{value.strip()}"'
        assert said(job.status, JobCondition.PROMOTED) == ("False", "RolledBack", text)
        assert (job.status.why, production(bench)) == (text, 1)
        assert bench.server.models[MODEL].versions[2].tags[word.REASON] == text
        bench.server.move_alias(MODEL, word.PRODUCTION, 2)
        assert not bench.start().is_due(job)
        assert production(bench) == 2

    obeyed()


@in_virtual_time
async def test_a_rollback_whose_status_was_not_stored_does_not_fight_with_a_person(
    bench: Bench,
) -> None:
    job = annotated(await promoted_twice(bench), rollback="1")
    await bench.recorded(job)
    bench.server.move_alias(MODEL, word.PRODUCTION, 2)
    bench.start()
    job = await bench.recorded(job)

    assert production(bench) == 2
    assert said(job.status, JobCondition.PROMOTED)[1] == "RolledBack"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("7", f"{MODEL} has no version 7"),
        ("2", "v2 is the job's own version"),
        ("v1", "write the number of a version, or previous"),
        ("0", "write the number of a version, or previous"),
        ("", "write the number of a version, or previous"),
        ("x" * 5000, "write the number of a version, or previous"),
    ],
)
def test_a_word_that_cannot_be_obeyed_is_ignored_and_said_once(value: str, says: str) -> None:
    @in_virtual_time
    async def ignored(bench: Bench) -> None:
        job = annotated(await promoted_twice(bench), rollback=value)
        before = said(job.status, JobCondition.PROMOTED)
        job = await bench.recorded(job)

        want = f'trainlease.dev/rollback="{value[:40]}" is ignored: {says}; {before[2]}'
        assert said(job.status, JobCondition.PROMOTED) == (*before[:2], want)
        assert production(bench) == 2
        assert not bench.results.is_due(job)

    ignored()


@in_virtual_time
async def test_where_a_person_moved_the_alias_the_word_is_ignored(bench: Bench) -> None:
    job = annotated(await promoted_twice(bench), rollback="1")
    await bench.recorded(await bench.trained(a_success("third"), val_f1=0.1))
    bench.server.move_alias(MODEL, word.PRODUCTION, 3)
    job = await bench.recorded(job)

    assert "ignored: v3 is Production, not v2" in said(job.status, JobCondition.PROMOTED)[2]
    assert production(bench) == 3


@in_virtual_time
async def test_a_job_without_a_rule_or_a_version_is_answered_too(bench: Bench) -> None:
    job = await bench.recorded(a_success(model=None, promote=None))
    job = await bench.recorded(annotated(job, rollback="1"))

    value, _, text = said(job.status, JobCondition.RESULTS_RECORDED)
    assert value == "True"
    assert "is ignored: the job has no version; attempt 1" in text
    assert not bench.results.is_due(job)


@in_virtual_time
async def test_previous_needs_a_version_before(bench: Bench) -> None:
    job = await bench.recorded(await bench.trained(a_success(), val_f1=GOOD))
    job = await bench.recorded(annotated(job, rollback="previous"))

    assert "no version with the alias previous" in said(job.status, JobCondition.PROMOTED)[2]
    assert production(bench) == 1


@in_virtual_time
async def test_a_second_word_is_another_one(bench: Bench) -> None:
    job = await bench.recorded(annotated(await promoted_twice(bench), rollback="7"))
    job = await bench.recorded(annotated(job, rollback="1"))

    assert production(bench) == 1
    assert said(job.status, JobCondition.PROMOTED)[1] == "RolledBack"


@in_virtual_time
async def test_what_was_taken_back_does_not_win_again_and_a_better_one_does(bench: Bench) -> None:
    await bench.recorded(annotated(await promoted_twice(bench), rollback="previous"))
    job = await bench.recorded(await bench.trained(a_success("third"), val_f1=0.85))

    assert said(job.status, JobCondition.PROMOTED)[1] == "Better"
    assert production(bench) == 3


@in_virtual_time
async def test_a_rollback_waits_for_mlflow_and_is_obeyed_when_it_is_back(bench: Bench) -> None:
    job = annotated(await promoted_twice(bench), rollback="1")
    bench.weather.lose_answer_of = "set_alias"
    with pytest.raises(TrainleaseError):
        await bench.results.record(job, {})
    await sleep(60)
    job = await bench.recorded(job)

    assert said(job.status, JobCondition.PROMOTED)[1] == "RolledBack"
    assert production(bench) == 1


@in_virtual_time
async def test_a_job_that_is_held_is_registered_and_not_promoted(bench: Bench) -> None:
    job = annotated(a_success(), hold="true")
    job = await bench.recorded(await bench.trained(job, val_f1=GOOD))

    assert said(job.status, JobCondition.PROMOTED) == (
        "False",
        "Held",
        "not promoted: a person holds v1",
    )
    assert (job.status.model, production(bench)) == ("saturno.caries/1", None)
    assert bench.server.models[MODEL].versions[1].tags[word.HOLD] == "true"


@in_virtual_time
async def test_any_other_word_of_hold_holds_nothing(bench: Bench) -> None:
    job = annotated(a_success(), hold="false")
    await bench.recorded(await bench.trained(job, val_f1=GOOD))

    assert production(bench) == 1
