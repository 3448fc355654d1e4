"""The test bed: real parts on this machine, for the demo, the tests and the benchmarks alike.

Everything is started from what package registries hold, listens on the loopback, keeps what it
keeps in the folder it was given, and can be ended by `sweep` even after its starter crashed.
Not in here: anything of the operator.
"""

from bed.audit import AuditEvent, AuditLog, Write
from bed.control_plane import ControlPlane, KubectlFailed
from bed.errors import BedError, Missing, PartFailed, TimedOut
from bed.mariadb import MariaDB
from bed.mlflow_server import MLflow
from bed.processes import Part, Processes, keep, running, sweep, sweep_abandoned
from bed.waiting import wait_until

__all__ = [
    "AuditEvent",
    "AuditLog",
    "BedError",
    "ControlPlane",
    "KubectlFailed",
    "MLflow",
    "MariaDB",
    "Missing",
    "Part",
    "PartFailed",
    "Processes",
    "TimedOut",
    "Write",
    "keep",
    "running",
    "sweep",
    "sweep_abandoned",
    "wait_until",
]
