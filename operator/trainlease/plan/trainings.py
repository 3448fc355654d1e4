"""What a platform's own table says of a training, in the platform's language. Pure.

The word follows what the job's status has stored, never what is only seen: *running* after Running,
a final word after Finished. Ranks only grow within an attempt, and attempts only grow, so a late
write changes nothing. A sentence that could become untrue without a new rank (the place in the
queue, the reason of a wait) is not said here: the TrainingJob says it.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum

from trainlease.model import conditions as cond
from trainlease.model.observed import OpenTraining, TrainingEntry, TrainingWord
from trainlease.model.platform import Language, Platform
from trainlease.model.reasons import Cause, JobCondition, JobState, Outcome
from trainlease.model.training_job import Attempt, TrainingJob


class Rank(IntEnum):
    """The order of what is said within one attempt."""

    SUSPENDED = 0
    WAITING = 1
    STARTING = 2
    RUNNING = 3
    FINAL = 4


def entry(
    job: TrainingJob, cluster: str, platform: Platform, now: datetime, *, mapped: bool = True
) -> TrainingEntry | None:
    """What the row of this job is to say; None if it has none, or there is nothing to say yet.

    `mapped`: whether the platform's trainings are mapped, by its preset or its own mapping.
    """
    if not mapped or job.spec.external_id is None:
        return None
    if not job.is_finished and not cond.is_true(job.status.conditions, JobCondition.ACCEPTED):
        return None
    rank = _rank(job)
    attempt = job.status.last_attempt
    return TrainingEntry(
        cluster=cluster,
        job_uid=job.uid,
        namespace=job.namespace,
        name=job.name,
        training_id=job.spec.external_id,
        attempt=_number(job),
        rank=rank,
        word=_word(job, rank),
        message=_message(job, rank, platform.spec.language),
        at=_since(job, attempt, rank) or now,
    )


def gone(
    training: OpenTraining,
    cluster: str,
    platform: Platform,
    now: datetime,
    *,
    has_another: bool = False,
) -> TrainingEntry:
    """The last word on a training whose TrainingJob is gone: failed, since it was deleted.

    `has_another`: a job that lives names the same training, whose row is that job's to write.
    """
    return TrainingEntry(
        cluster=cluster,
        job_uid=training.job_uid,
        namespace=training.namespace,
        name=training.name,
        training_id=training.training_id,
        attempt=training.attempt,
        rank=Rank.FINAL,
        word=TrainingWord.FAILED,
        message=_SAYS[platform.spec.language]["gone"],
        at=now,
        side_only=has_another,
    )


def _rank(job: TrainingJob) -> Rank:
    if job.is_finished:
        return Rank.FINAL
    state = job.status.state
    if state is JobState.RUNNING:
        return Rank.RUNNING
    if state is JobState.STARTING:
        return Rank.STARTING
    return Rank.SUSPENDED if state is JobState.SUSPENDED else Rank.WAITING


def _word(job: TrainingJob, rank: Rank) -> TrainingWord:
    if rank is Rank.FINAL:
        succeeded = job.status.state is JobState.SUCCEEDED
        return TrainingWord.SUCCEEDED if succeeded else TrainingWord.FAILED
    return TrainingWord.RUNNING if rank is Rank.RUNNING else TrainingWord.WAITING


def _number(job: TrainingJob) -> int:
    """The attempt that is spoken of: the open one, or the next one between two."""
    last = job.status.last_attempt
    if last is None:
        return 1
    return last.number if last.outcome is None or job.is_finished else last.number + 1


def _since(job: TrainingJob, attempt: Attempt | None, rank: Rank) -> datetime | None:
    """Since when it is so, as stored: a word that is said again says the same time."""
    if rank is Rank.FINAL:
        return job.finished_at
    if rank is Rank.RUNNING:
        return attempt.started if attempt else None
    return attempt.ended if attempt and attempt.ended else job.metadata.creation_timestamp


def _message(job: TrainingJob, rank: Rank, language: Language) -> str:
    says = _SAYS[language]
    last = job.status.last_attempt
    number = _number(job)
    if rank is Rank.FINAL:
        if job.status.state is JobState.SUCCEEDED:
            return says["succeeded"].format(number=number)
        return says["failed"].format(why=_cause(job, last, language))
    if rank is Rank.RUNNING:
        machine = (last.machine if last else None) or job.status.machine or "?"
        return says["running"].format(number=number, machine=machine)
    if rank is Rank.STARTING:
        return says["starting"].format(number=number, machine=job.status.machine or "?")
    if rank is Rank.SUSPENDED:
        return says["suspended"]
    target = job.spec.machine or job.spec.pool or "?"
    if last is None or last.outcome in (None, Outcome.SUSPENDED):
        return says["waiting"].format(target=target)
    why = _cause(job, last, language)
    return says["again"].format(target=target, number=number, before=last.number, why=why)


def _cause(job: TrainingJob, last: Attempt | None, language: Language) -> str:
    """Why it ended, in the platform's language, with the reason word that kubectl shows."""
    failed = cond.get(job.status.conditions, JobCondition.FAILED)
    word = failed.reason if failed else (last.cause if last else None)
    text = _CAUSES[language].get(word or "")
    return f"{text} ({word})" if text else word or "?"


_SAYS: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {
        "waiting": "waiting for a machine of {target}",
        "again": "waiting for a machine of {target} for attempt {number}; attempt {before}: {why}",
        "suspended": "suspended",
        "starting": "attempt {number}: starting on {machine}",
        "running": "attempt {number}: running on {machine}",
        "succeeded": "succeeded in attempt {number}",
        "failed": "failed: {why}",
        "gone": "cancelled: its TrainingJob was deleted",
    },
    Language.ES: {
        "waiting": "en espera de una máquina de {target}",
        "again": "en espera de una máquina de {target} para el intento {number}; "
        "intento {before}: {why}",
        "suspended": "suspendido",
        "starting": "intento {number}: arrancando en {machine}",
        "running": "intento {number}: en ejecución en {machine}",
        "succeeded": "terminado con éxito en el intento {number}",
        "failed": "falló: {why}",
        "gone": "cancelado: se eliminó su TrainingJob",
    },
    Language.PT: {
        "waiting": "à espera de uma máquina de {target}",
        "again": "à espera de uma máquina de {target} para a tentativa {number}; "
        "tentativa {before}: {why}",
        "suspended": "suspenso",
        "starting": "tentativa {number}: iniciando em {machine}",
        "running": "tentativa {number}: em execução em {machine}",
        "succeeded": "concluído com sucesso na tentativa {number}",
        "failed": "falhou: {why}",
        "gone": "cancelado: o seu TrainingJob foi eliminado",
    },
}

_CAUSES: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {
        Cause.EXIT_CODE: "the training ended with an error",
        Cause.KILLED_BY_SIGNAL: "the training was killed",
        Cause.OUT_OF_MEMORY: "it needed more memory than it may",
        Cause.STORAGE_LIMIT: "it needed more disk than it may",
        Cause.CANNOT_START: "its command cannot start",
        Cause.IMAGE_MISSING: "its image is missing",
        Cause.SECRET_MISSING: "a secret of it is missing",
        Cause.MACHINE_LOST: "its machine was lost",
        Cause.POD_DELETED: "somebody deleted its pod",
        Cause.EVICTED: "its node evicted it",
        Cause.PREEMPTED: "it had to make room for a more important one",
        Cause.UNSCHEDULABLE: "there is no place for it on its node",
        Cause.START_TIMEOUT: "its machine did not come up in time",
        Cause.START_REFUSED: "its machine could not be started",
        Cause.OCCUPIED_ELSEWHERE: "another program holds its machine",
        Cause.CANCELLED: "cancelled",
        Cause.FORCED: "ended by a person",
        Cause.WAITING_LIMIT: "it waited as long as it may",
        Cause.RUNNING_LIMIT: "it ran as long as it may",
        Cause.TOTAL_LIMIT: "it took as long in all as it may",
        Cause.MACHINE_LIMIT: "its machine was on as long as it may",
        Cause.NOT_HELD: "its machine was taken from it",
    },
    Language.ES: {
        Cause.EXIT_CODE: "el entrenamiento terminó con un error",
        Cause.KILLED_BY_SIGNAL: "el entrenamiento fue interrumpido",
        Cause.OUT_OF_MEMORY: "necesitó más memoria de la permitida",
        Cause.STORAGE_LIMIT: "necesitó más disco del permitido",
        Cause.CANNOT_START: "su comando no puede arrancar",
        Cause.IMAGE_MISSING: "falta su imagen",
        Cause.SECRET_MISSING: "falta uno de sus secretos",
        Cause.MACHINE_LOST: "se perdió su máquina",
        Cause.POD_DELETED: "alguien eliminó su pod",
        Cause.EVICTED: "su nodo lo desalojó",
        Cause.PREEMPTED: "tuvo que ceder su sitio a otro más importante",
        Cause.UNSCHEDULABLE: "no hay sitio para él en su nodo",
        Cause.START_TIMEOUT: "su máquina no arrancó a tiempo",
        Cause.START_REFUSED: "no se pudo arrancar su máquina",
        Cause.OCCUPIED_ELSEWHERE: "otro programa ocupa su máquina",
        Cause.CANCELLED: "cancelado",
        Cause.FORCED: "terminado por una persona",
        Cause.WAITING_LIMIT: "esperó el máximo permitido",
        Cause.RUNNING_LIMIT: "se ejecutó el máximo permitido",
        Cause.TOTAL_LIMIT: "tardó en total el máximo permitido",
        Cause.MACHINE_LIMIT: "su máquina estuvo encendida el máximo permitido",
        Cause.NOT_HELD: "su máquina le fue retirada",
    },
    Language.PT: {
        Cause.EXIT_CODE: "o treino terminou com um erro",
        Cause.KILLED_BY_SIGNAL: "o treino foi interrompido",
        Cause.OUT_OF_MEMORY: "precisou de mais memória do que a permitida",
        Cause.STORAGE_LIMIT: "precisou de mais disco do que o permitido",
        Cause.CANNOT_START: "o seu comando não consegue iniciar",
        Cause.IMAGE_MISSING: "falta a sua imagem",
        Cause.SECRET_MISSING: "falta um dos seus segredos",
        Cause.MACHINE_LOST: "a sua máquina perdeu-se",
        Cause.POD_DELETED: "alguém eliminou o seu pod",
        Cause.EVICTED: "o seu nó expulsou-o",
        Cause.PREEMPTED: "teve de dar lugar a outro mais importante",
        Cause.UNSCHEDULABLE: "não há lugar para ele no seu nó",
        Cause.START_TIMEOUT: "a sua máquina não iniciou a tempo",
        Cause.START_REFUSED: "não foi possível iniciar a sua máquina",
        Cause.OCCUPIED_ELSEWHERE: "outro programa ocupa a sua máquina",
        Cause.CANCELLED: "cancelado",
        Cause.FORCED: "terminado por uma pessoa",
        Cause.WAITING_LIMIT: "esperou o máximo permitido",
        Cause.RUNNING_LIMIT: "executou o máximo permitido",
        Cause.TOTAL_LIMIT: "demorou no total o máximo permitido",
        Cause.MACHINE_LIMIT: "a sua máquina esteve ligada o máximo permitido",
        Cause.NOT_HELD: "a sua máquina foi-lhe retirada",
    },
}
