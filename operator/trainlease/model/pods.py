"""How the pod of a claim is named and marked: what plan.pod writes and the node provider reads."""

import zlib

from trainlease.model.base import GROUP

MACHINE = f"{GROUP}/machine"
"""Label: the Machine's name, so that a slot finds its pods."""
MACHINE_UID = f"{GROUP}/machine-uid"
GENERATION = f"{GROUP}/generation"
"""Label: the claim's generation."""
JOB = f"{GROUP}/job"
JOB_UID = f"{GROUP}/job-uid"
ATTEMPT = f"{GROUP}/attempt"
PARAMS = f"{GROUP}/params"
"""Annotation: the job's parameters as JSON, which the container sees as a file."""
TURNED_OFF = f"{GROUP}/turned-off"
"""Annotation: this pod was ended by the operator."""

FOLDER = "/etc/trainlease"
"""Where a container finds `params.json`."""
GPU = "nvidia.com/gpu"


def pod_name(job: str, attempt: int, machine_uid: str, generation: int) -> str:
    """Readable, and a function of (machine uid, generation): one pod for one claim.

    It fits into a host name (63 characters) with the longest name of a job.
    """
    digest = zlib.crc32(f"{machine_uid}/{generation}".encode()) & 0xFFFFFF
    return f"{job}-{attempt}-{digest:06x}"
