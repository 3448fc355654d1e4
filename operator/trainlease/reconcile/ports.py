"""All that an operator process reaches outside itself; chosen in `wiring`, faked in tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trainlease.effects.clock import Clock
from trainlease.effects.kube.base import Body, Kube
from trainlease.effects.machines.base import Provider
from trainlease.effects.metrics.base import Metrics
from trainlease.effects.platforms.base import Database
from trainlease.effects.tracking.base import Tracker
from trainlease.model.platform import Platform

Hear = Callable[[str, str, Body], None]
"""Called with what was watched: ADDED, MODIFIED or DELETED, the plural, the object."""
OpenDatabase = Callable[[Platform, str], Database]
"""Opens a platform's database by its address with the credentials (DSN); makes no call yet.

BadSpec or SchemaInvalid, with a sentence without the DSN, where it cannot be.
"""


@dataclass(frozen=True)
class Ports:
    """`providers` by `node`, `aws`, `process`: one that is not there is not enabled.

    `tracker` None: no experiment tracker is configured. `hears`: who wants to hear of other kinds
    than our four, by their plural.
    """

    kube: Kube
    clock: Clock
    providers: Mapping[str, Provider]
    open_database: OpenDatabase
    tracker: Tracker | None = None
    hears: Mapping[str, Hear] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics)
