"""Counts, times and gauges of one process, kept in memory and read by whoever shows them.

Promises: to count costs a look-up and an addition, with no lock, thread or clock. All calls are
made in the event loop. Gauges are not kept but read anew from what the process knows, when they
are asked for, so that none can be stale.

Not in here: the names (catalog), the outside library (prometheus), what is worth a count.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds of all histograms; one more has no bound."""
Labels = tuple[str, ...]


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, eq=False)
class Metric:
    """A name after Prometheus' conventions, with base units; `says` is what it tells people.

    A label's values are words of the API, or names of Platforms, Machines and pools of Machines,
    which a cluster has few of; never the name of a job, nor anything that a job says.
    """

    name: str
    kind: Kind
    says: str
    labels: Labels = ()


@dataclass(frozen=True)
class Sample:
    """One gauge, or a count that is kept elsewhere, as it stands now."""

    metric: Metric
    value: float
    labels: Labels = ()


@dataclass
class Histogram:
    """How many times fell at or below each bound and above the one before, and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0


class Metrics:
    """The port, and all there is to it: real and simulated processes count in the same way."""

    def __init__(self) -> None:
        self._counts: dict[Metric, dict[Labels, float]] = {}
        self._times: dict[Metric, dict[Labels, Histogram]] = {}
        self._read: Callable[[], Iterable[Sample]] = tuple

    def count(self, metric: Metric, *labels: str, by: int = 1) -> None:
        """One more of a counter."""
        series = self._counts.setdefault(metric, {})
        series[labels] = series.get(labels, 0.0) + by

    def time(self, metric: Metric, seconds: float, *labels: str) -> None:
        """One more duration of a histogram."""
        found = self._times.setdefault(metric, {}).setdefault(labels, Histogram())
        found.counts[bisect_left(BUCKETS, seconds)] += 1
        found.total += seconds

    def read_by(self, read: Callable[[], Iterable[Sample]]) -> None:
        """Who knows the gauges; called for each reading."""
        self._read = read

    def samples(self) -> list[Sample]:
        """All counters and gauges as they stand now."""
        counted = [
            Sample(metric, value, labels)
            for metric, series in self._counts.items()
            for labels, value in series.items()
        ]
        return [*counted, *self._read()]

    def histograms(self) -> Mapping[Metric, Mapping[Labels, Histogram]]:
        return self._times

    def value(self, metric: Metric, *labels: str) -> float | None:
        """One counter or gauge as it stands now; None where there is no such series."""
        found = (s.value for s in self.samples() if s.metric is metric and s.labels == labels)
        return next(found, None)
