"""The annotations that people steer with, in one table: on what, its value, what it does.

A word that speaks of one claim names its generation, so that it cannot be taken for a word about a
later one. Not in here: how they are read (plan.words) and obeyed (plan.by_hand).
"""

from dataclasses import dataclass

from trainlease.model.machine import CLAIM, CONFIRM_OFF, FORCE_RELEASE, QUARANTINE_OVER
from trainlease.model.mode import PAUSED
from trainlease.model.platform import ABANDON_DATABASE
from trainlease.model.training_job import HOLD_PROMOTION, ROLLBACK


@dataclass(frozen=True)
class Annotation:
    """`value` is its form, as a person types it; `meaning` one or two sentences."""

    name: str
    on: str
    value: str
    meaning: str


ANNOTATIONS = (
    Annotation(
        PAUSED,
        "Machine, Platform",
        "true",
        "Hands off: no write to a database and no call to a provider, whatever the state, until "
        "it is removed.",
    ),
    Annotation(
        CONFIRM_OFF,
        "Machine",
        "<generation>",
        "A person vouches that the machine is off. In Stopping it counts where the provider cannot "
        "say, and after the alarm that off is not confirmed also where the provider says on; the "
        "cool-down is kept. In Claimed, where the provider cannot say, it ends the attempt as Lost "
        "if it has been on.",
    ),
    Annotation(
        FORCE_RELEASE,
        "Machine",
        "<generation> <reason>",
        "Ends this claim: an attempt as Lost by the cause Forced (tried again, charged to nobody), "
        "a hold as Forced. The machine still has to be confirmed off before it is free.",
    ),
    Annotation(
        CLAIM,
        "Machine",
        "<platform> <generation>",
        "Takes over the platform's row of this machine, which another program or another cluster "
        "has: from then on it says what the ledger says.",
    ),
    Annotation(
        QUARANTINE_OVER,
        "Machine",
        "<generation>",
        "Ends the machine's quarantine before its time.",
    ),
    Annotation(
        ABANDON_DATABASE,
        "Platform",
        "true",
        "Lets a Platform that is being deleted go, though its database was not told.",
    ),
    Annotation(
        HOLD_PROMOTION,
        "TrainingJob",
        "true",
        "The job's version is registered, held in MLflow and not promoted. It counts if it is "
        "there before the job is judged, which is once.",
    ),
    Annotation(
        ROLLBACK,
        "TrainingJob",
        "<version> or previous",
        "Where the job's own version is Production, that one is instead. Obeyed once, which the "
        "condition Promoted says; ignored, and said so, where another version is Production.",
    ),
)
"""All there are; one that names a generation is taken off once it was obeyed. A job's stay, since
nothing but people writes a job: its conditions say that they were obeyed."""

BY_NAME = {annotation.name: annotation for annotation in ANNOTATIONS}
