"""The test bed: real parts on this machine, for the demo, the tests and the benchmarks alike.

Everything is started from what package registries hold, listens on the loopback, keeps what it
keeps in the folder it was given, and can be ended by `sweep` even after its starter crashed.
Not in here: anything that knows what trainlease is.
"""

from bed.audit import AuditEvent, AuditLog, Write
from bed.control_plane import ControlPlane, KubectlFailed
from bed.errors import BedError, Missing, PartFailed, TimedOut
from bed.mariadb import MariaDB
from bed.processes import Part, Processes, keep, sweep, sweep_abandoned
from bed.waiting import wait_until

__all__ = [
    "AuditEvent",
    "AuditLog",
    "BedError",
    "ControlPlane",
    "KubectlFailed",
    "MariaDB",
    "Missing",
    "Part",
    "PartFailed",
    "Processes",
    "TimedOut",
    "Write",
    "keep",
    "sweep",
    "sweep_abandoned",
    "wait_until",
]
