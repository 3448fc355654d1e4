"""What a training is started with: its command, its environment, its dead-man deadline. Pure."""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from trainlease.model import tracking as word
from trainlease.model.machine import Machine
from trainlease.model.observed import Workload
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob

_NOT_NAME = re.compile(r"[^A-Z0-9]")


def environment(
    job: TrainingJob, attempt: int, run_id: str | None, tracking_uri: str
) -> dict[str, str]:
    """The variables that every container gets, whatever runs it; the job's own come on top."""
    spec = job.spec
    params = spec.params
    env = {
        "TRAINLEASE_JOB": job.name,
        "TRAINLEASE_NAMESPACE": job.namespace,
        "TRAINLEASE_JOB_UID": job.uid,
        "TRAINLEASE_ATTEMPT": str(attempt),
        "TRAINLEASE_PARAMS": json.dumps(params, sort_keys=True),
        "TRAINLEASE_DATA": spec.data or "",
        "TRAINLEASE_CHECKPOINT": spec.checkpoint or "",
        "TRAINLEASE_MODEL": registered_model(job) or "",
    }
    for name, value in params.items():
        text = value if isinstance(value, str) else json.dumps(value)
        env[f"TRAINLEASE_PARAM_{_NOT_NAME.sub('_', name.upper())}"] = text
    if run_id and tracking_uri:
        # The client's tags for whatever it begins: so runs beside this one are found again.
        context = json.dumps({word.HANDED: run_id})
        env |= {
            "MLFLOW_RUN_ID": run_id,
            "MLFLOW_RUN_CONTEXT": context,
            "MLFLOW_TRACKING_URI": tracking_uri,
        }
    return {**env, **spec.env}


def secret_refs(job: TrainingJob, platform: Platform | None) -> tuple[str, ...]:
    """The Secrets of the job's namespace that its training gets: its own, then its platform's.

    The platform's comes last and so wins: who a training is to MLflow is the platform's to say.
    """
    tracking = platform.spec.tracking if platform else None
    theirs = (tracking.secret,) if tracking else ()
    return (*(name for name in job.spec.secrets if name not in theirs), *theirs)


def workload(
    job: TrainingJob,
    machine: Machine,
    platform: Platform | None,
    attempt: int,
    run_id: str | None,
    tracking_uri: str,
    deadline: datetime,
    secret_env: Mapping[str, str],
) -> Workload:
    """What the provider starts for this claim."""
    return Workload(
        machine=machine.name,
        machine_uid=machine.uid,
        generation=machine.status.generation,
        job_namespace=job.namespace,
        job_name=job.name,
        job_uid=job.uid,
        attempt=attempt,
        image=job.spec.image,
        command=job.spec.command,
        env=environment(job, attempt, run_id, tracking_uri),
        params=job.spec.params,
        deadline=deadline,
        secret_refs=secret_refs(job, platform),
        secret_env=secret_env,
    )


def experiment(job: TrainingJob) -> str:
    """The MLflow experiment: `saturno.caries`, or the namespace alone for a job without model."""
    return f"{job.namespace}.{job.spec.model}" if job.spec.model else job.namespace


def registered_model(job: TrainingJob) -> str | None:
    """The registered model: `saturno.caries`; None for a job that is only recorded."""
    return experiment(job) if job.spec.model else None
