"""The test bed: real parts on this machine, for the demo, the tests and the benchmarks alike.

Everything is started from what package registries hold, listens on the loopback (or, for pods to
reach it, on an address that only this machine and its node have), keeps what it keeps in the folder
it was given, and can be ended by `sweep` even after its starter crashed.
Not in here: anything of the operator.
"""

from bed import pods, traces
from bed.audit import AuditEvent, AuditLog, Write
from bed.cluster import Cluster
from bed.control_plane import ControlPlane, KubectlFailed
from bed.errors import BedError, Missing, NodeUnavailable, PartFailed, TimedOut
from bed.fake_nodes import FakeNodes
from bed.images import Image
from bed.mariadb import MariaDB
from bed.mlflow_server import MLflow
from bed.node import Node
from bed.processes import Part, Processes, keep, running, sweep, sweep_abandoned
from bed.waiting import wait_until

__all__ = [
    "AuditEvent",
    "AuditLog",
    "BedError",
    "Cluster",
    "ControlPlane",
    "FakeNodes",
    "Image",
    "KubectlFailed",
    "MLflow",
    "MariaDB",
    "Missing",
    "Node",
    "NodeUnavailable",
    "Part",
    "PartFailed",
    "Processes",
    "TimedOut",
    "Write",
    "keep",
    "pods",
    "running",
    "sweep",
    "sweep_abandoned",
    "traces",
    "wait_until",
]
