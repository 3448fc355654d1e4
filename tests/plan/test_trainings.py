"""What a platform's own table says of a training: after what is stored, and never backwards."""

from itertools import pairwise
from typing import Any

import pytest
from tests.builders import NOW, SETTINGS, a_job, a_platform, an_attempt, at

from trainlease.model.observed import OpenTraining, TrainingWord
from trainlease.model.platform import Language
from trainlease.model.reasons import Cause, JobCondition, JobState, Outcome
from trainlease.plan.outcome import with_outcome
from trainlease.plan.trainings import _CAUSES, _SAYS, Rank, entry, gone

SATURNO = a_platform("saturno")
SPANISH = a_platform("saturno", language=Language.ES)
PORTUGUESE = a_platform("saturno", language=Language.PT)


def job(state: JobState | None = None, **fields: Any) -> Any:
    status = {"state": state, **fields.pop("status", {})}
    return a_job(external_id="T-17", status=status, **fields)


WAITING = job()
RUNNING = job(JobState.RUNNING, attempts=[an_attempt(1, machine="gpu-1", started=at(-60))])
AGAIN = job(JobState.WAITING, attempts=[an_attempt(1, Cause.MACHINE_LOST)])
RUNNING_AGAIN = job(
    JobState.RUNNING,
    attempts=[
        an_attempt(1, Cause.MACHINE_LOST),
        an_attempt(2, machine="gpu-2", started=at(-5)),
    ],
)


def finished(cause: Cause) -> Any:
    outcome = Outcome.SUCCEEDED if cause is Cause.COMPLETED else Outcome.FAILED
    open_ = an_attempt(1, machine="gpu-1", started=at(-60))
    status = with_outcome(RUNNING, open_, outcome, cause, "said", NOW, SETTINGS)
    return RUNNING.model_copy(update={"status": status})


def said(found: Any, platform: Any = SATURNO) -> Any:
    return entry(found, "c", platform, NOW)


@pytest.mark.parametrize(
    ("says", "found", "mapped"),
    [
        ("it has no id there", a_job(), True),
        ("the platform's trainings are not mapped", WAITING, False),
        ("it is not accepted yet", job(conditions={}), True),
    ],
)
def test_nothing_is_said_of_a_job_when(says: str, found: Any, mapped: bool) -> None:
    assert entry(found, "c", SATURNO, NOW, mapped=mapped) is None, says


@pytest.mark.parametrize(
    ("found", "word", "attempt", "rank", "message", "when"),
    [
        (WAITING, TrainingWord.WAITING, 1, Rank.WAITING, "waiting for a machine of onprem", NOW),
        (
            job(JobState.STARTING, status={"machine": "gpu-1"}),
            TrainingWord.WAITING,
            1,
            Rank.STARTING,
            "attempt 1: starting on gpu-1",
            NOW,
        ),
        (
            RUNNING,
            TrainingWord.RUNNING,
            1,
            Rank.RUNNING,
            "attempt 1: running on gpu-1",
            at(-60),
        ),
        (
            AGAIN,
            TrainingWord.WAITING,
            2,
            Rank.WAITING,
            "waiting for a machine of onprem for attempt 2; "
            "attempt 1: its machine was lost (MachineLost)",
            NOW,
        ),
        (job(JobState.SUSPENDED), TrainingWord.WAITING, 1, Rank.SUSPENDED, "suspended", NOW),
        (
            finished(Cause.COMPLETED),
            TrainingWord.SUCCEEDED,
            1,
            Rank.FINAL,
            "succeeded in attempt 1",
            NOW,
        ),
        (
            finished(Cause.OUT_OF_MEMORY),
            TrainingWord.FAILED,
            1,
            Rank.FINAL,
            "failed: it needed more memory than it may (OutOfMemory)",
            NOW,
        ),
    ],
)
def test_the_word_follows_what_is_stored(
    found: Any, word: TrainingWord, attempt: int, rank: Rank, message: str, when: Any
) -> None:
    row = said(found)
    assert (row.word, row.attempt, row.rank, row.message, row.at) == (
        word,
        attempt,
        rank,
        message,
        when,
    )


def test_an_end_that_is_only_seen_is_not_said() -> None:
    """Running stays the word until Finished is stored."""
    ended = RUNNING.model_copy(update={"status": RUNNING.status.but(why="its process ended")})
    assert said(ended).word is TrainingWord.RUNNING


def test_each_later_state_may_follow_and_no_earlier_one() -> None:
    life = [WAITING, RUNNING, AGAIN, RUNNING_AGAIN, finished(Cause.COMPLETED)]
    rows = [said(found) for found in life]
    for earlier, later in pairwise(rows):
        assert later.may_follow(earlier.attempt, earlier.rank, earlier.word)
        assert not earlier.may_follow(later.attempt, later.rank, later.word)


def test_a_resumed_job_may_say_waiting_after_suspended() -> None:
    suspended = said(job(JobState.SUSPENDED))
    assert said(WAITING).may_follow(suspended.attempt, suspended.rank, suspended.word)


@pytest.mark.parametrize(
    ("platform", "found", "want"),
    [
        (SPANISH, WAITING, "en espera de una máquina de onprem"),
        (SPANISH, finished(Cause.COMPLETED), "terminado con éxito en el intento 1"),
        (
            SPANISH,
            finished(Cause.EXIT_CODE),
            "falló: el entrenamiento terminó con un error (ExitCode)",
        ),
        (PORTUGUESE, RUNNING, "tentativa 1: em execução em gpu-1"),
    ],
)
def test_the_message_is_in_the_platforms_language(platform: Any, found: Any, want: str) -> None:
    assert said(found, platform).message == want


@pytest.mark.parametrize("language", list(Language))
def test_every_language_has_every_sentence_and_every_cause_that_is_said(language: Language) -> None:
    assert set(_SAYS[language]) == set(_SAYS[Language.EN])
    assert set(_CAUSES[language]) == set(Cause) - {Cause.COMPLETED, Cause.SUSPENDED}


def test_the_last_word_on_a_job_that_is_gone_is_failed() -> None:
    open_ = OpenTraining("u", "saturno", "caries", "T-17", attempt=2, rank=Rank.RUNNING)
    row = gone(open_, "c", SPANISH, NOW)
    assert (row.word, row.attempt) == (TrainingWord.FAILED, 2)
    assert row.may_follow(2, Rank.RUNNING, TrainingWord.RUNNING)
    assert row.message == "cancelado: se eliminó su TrainingJob"


def test_accepted_alone_is_enough_to_say_waiting() -> None:
    assert said(job(conditions={JobCondition.ACCEPTED: True})).word is TrainingWord.WAITING
