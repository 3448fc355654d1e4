"""A person's word on a job that its version shall be Production no more: read, and answered once.

The word stays where it is, since nothing but people writes a job: that it was answered says the
job's condition Promoted, or ResultsRecorded where nothing is promoted. Pure. Not in here: how the
alias is moved (effects.tracking).
"""

import re
from dataclasses import dataclass
from datetime import datetime

from trainlease.model import conditions as cond
from trainlease.model.reasons import JobCondition
from trainlease.model.training_job import ROLLBACK, TrainingJob, TrainingJobStatus
from trainlease.plan.promotion import PromotionReason
from trainlease.plan.results import with_condition

PREVIOUS = "previous"
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_LONGEST = 40


@dataclass(frozen=True)
class Rollback:
    """From the job's own version to another one, or to what the alias previous names (None)."""

    model: str
    version: int
    to: int | None


def is_due(job: TrainingJob) -> bool:
    """Whether there is a word that nobody answered yet."""
    if ROLLBACK not in job.metadata.annotations:
        return False
    said = (cond.get(job.status.conditions, kind) for kind in _SAYS)
    return not any(condition and _word(job) in condition.message for condition in said)


def asked(job: TrainingJob) -> Rollback | str:
    """What the word asks for, or why nothing can be done about it."""
    value = job.metadata.annotations[ROLLBACK].strip()
    if value != PREVIOUS and not _NUMBER.fullmatch(value):
        return f"write the number of a version, or {PREVIOUS}"
    model, _, own = (job.status.model or "").partition("/")
    if not own:
        return "the job has no version"
    if value == own:
        return f"v{own} is the job's own version"
    return Rollback(model, int(own), None if value == PREVIOUS else int(value))


def obeyed(job: TrainingJob, to: int, now: datetime) -> TrainingJobStatus:
    """The status of a job whose version was taken back."""
    text = sentence(job, to)
    reason = PromotionReason.ROLLED_BACK.value
    said = with_condition(job, job.status, JobCondition.PROMOTED, False, reason, text, now)
    return said.but(why=text)


def ignored(job: TrainingJob, why: str, now: datetime) -> TrainingJobStatus:
    """The status of a job on which the word has no effect: what it said before, and that."""
    kind = next(kind for kind in _SAYS if cond.get(job.status.conditions, kind))
    before = cond.get(job.status.conditions, kind)
    assert before is not None
    # In front, so that nothing which is too long cuts it off.
    text = f"{_word(job)} is ignored: {why}; {before.message}"
    return with_condition(job, job.status, kind, before.is_true, before.reason, text, now)


def sentence(job: TrainingJob, to: int) -> str:
    """What the job and its version say of it."""
    return f"rolled back to v{to} by {_word(job)}"


_SAYS = (JobCondition.PROMOTED, JobCondition.RESULTS_RECORDED)


def _word(job: TrainingJob) -> str:
    return f'{ROLLBACK}="{job.metadata.annotations[ROLLBACK].strip()[:_LONGEST]}"'
