"""What the parts of one operator process share: ports, what is known, and who may act."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from trainlease.model.settings import Settings
from trainlease.reconcile.databases import Databases, Ring
from trainlease.reconcile.memory import Memory
from trainlease.reconcile.ports import Ports
from trainlease.reconcile.results import Results
from trainlease.reconcile.store import Store


@dataclass(frozen=True)
class Context:
    """`check` raises NotLeader unless this process leads; `ring` wakes a key of the queue."""

    ports: Ports
    store: Store
    memory: Memory
    databases: Databases
    results: Results
    settings: Settings
    check: Callable[[], None]
    ring: Ring

    def now(self) -> datetime:
        """The time of day."""
        return self.ports.clock.now()
