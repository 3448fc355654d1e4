"""What a status write that landed, and a look that ended, mean for the counters.

Read from what changed, so that no decision has to remember to count. Not in here: gauges.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from trainlease.effects.metrics import catalog
from trainlease.effects.metrics.base import Metrics
from trainlease.model.base import KubeObject, Shape
from trainlease.model.errors import Conflict, TrainleaseError
from trainlease.model.machine import Machine, MachineStatus
from trainlease.model.training_job import TrainingJob, TrainingJobStatus
from trainlease.reconcile.ports import Ports

DEFECT = "Defect"


@contextmanager
def look(ports: Ports, kind: str) -> Iterator[None]:
    """Time the look within, and count the error that ends it."""
    began = ports.clock.monotonic()
    try:
        yield
    except Exception as error:
        word = type(error).__name__ if isinstance(error, TrainleaseError) else DEFECT
        ports.metrics.count(catalog.LOOK_FAILURES, kind, word)
        raise
    finally:
        ports.metrics.time(catalog.LOOK_DURATION, ports.clock.monotonic() - began, kind)


def count_refusal(metrics: Metrics, was: KubeObject, error: TrainleaseError) -> None:
    """Count a status write that was refused since the object had changed."""
    if isinstance(error, Conflict):
        metrics.count(catalog.WRITE_CONFLICTS, was.plural)


def count_write(metrics: Metrics, was: KubeObject, status: Shape) -> None:
    """Count what this write of a status has done; most do nothing that is counted."""
    if isinstance(was, Machine) and isinstance(status, MachineStatus):
        _count_fence(metrics, was.status, status)
    elif isinstance(was, TrainingJob) and isinstance(status, TrainingJobStatus):
        _count_attempts(metrics, was.status, status)


def _count_fence(metrics: Metrics, before: MachineStatus, after: MachineStatus) -> None:
    """A first status begins with a base of its own: that is no raise."""
    if before.state is not None and after.fence_base > before.fence_base:
        metrics.count(catalog.FENCES_RAISED)


def _count_attempts(metrics: Metrics, before: TrainingJobStatus, after: TrainingJobStatus) -> None:
    is_over = after.state is not None and after.state.is_finished
    for attempt in after.attempts:
        old = before.attempt(attempt.number)
        if attempt.outcome is None or (old is not None and old.outcome is not None):
            continue
        cause = str(attempt.cause or "")
        metrics.count(catalog.ATTEMPTS, str(attempt.outcome), cause)
        if not is_over:
            metrics.count(catalog.RETRIES, cause)
