"""The variables that a job's Secrets give to its training; their values go nowhere else."""

import base64
import binascii
import re

from trainlease.effects.kube.base import Kube
from trainlease.model.errors import BadSpec, Forbidden, NotFound
from trainlease.model.training_job import TrainingJob

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


async def secret_environment(kube: Kube, job: TrainingJob) -> dict[str, str]:
    """All keys of the job's Secrets as variables; a later Secret wins over an earlier one.

    BadSpec says which Secret or key is wrong, and never what is in it.
    """
    found: dict[str, str] = {}
    for name in job.spec.secrets:
        what = f"Secret {job.namespace}/{name}"
        try:
            secret = await kube.get("secrets", job.namespace, name)
        except NotFound:
            raise BadSpec(f"{what} is missing: create it, or take it out of spec.secrets") from None
        except Forbidden:
            raise BadSpec(f"{what} may not be read by the operator: grant it get") from None
        for key, value in (secret.get("data") or {}).items():
            if not _VARIABLE.fullmatch(key):
                raise BadSpec(f"{what}: its key {key} is no name of a variable: rename it")
            found[key] = _decoded(value, f"{what}: the value of {key}")
    return found


def _decoded(value: str, what: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise BadSpec(f"{what} is no text, and a variable can hold nothing else") from None
