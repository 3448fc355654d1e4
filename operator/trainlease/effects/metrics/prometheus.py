"""The endpoint that Prometheus scrapes: what Metrics holds, in its text format.

Promises: each scrape reads counters and gauges in the event loop, as one moment's; a loop that does
not answer within seconds fails the scrape, which is what its alert is for. Beside ours stand the
client's own process_* and python_* metrics. Not in here: what is counted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from trainlease.effects.metrics.base import BUCKETS, Histogram, Kind, Labels, Metric, Metrics
from trainlease.effects.metrics.catalog import CATALOG

_PATIENCE = 5.0
"""Seconds for which a scrape waits for the event loop."""
_BOUNDS = (*map(floatToGoString, BUCKETS), "+Inf")
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Stop = Callable[[], Awaitable[None]]


def serve(metrics: Metrics, host: str, port: int) -> Stop:
    """Serve `http://host:port/metrics` from now on, until the answer is called.

    OSError where the address cannot be had. Called in the loop that `metrics` is used in.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_Ours(metrics, asyncio.get_running_loop()))
    server, thread = start_http_server(port, host, registry)

    async def stop() -> None:
        await asyncio.to_thread(server.shutdown)
        await asyncio.to_thread(thread.join)
        server.server_close()

    return stop


class _Ours(Collector):
    """Called in a thread of the server."""

    def __init__(self, metrics: Metrics, loop: asyncio.AbstractEventLoop) -> None:
        self._metrics = metrics
        self._loop = loop

    def describe(self) -> Iterable[Family]:
        """Each name, without a reading: the loop may be the one that registers this."""
        return [_family(metric) for metric in CATALOG]

    def collect(self) -> Iterable[Family]:
        return asyncio.run_coroutine_threadsafe(self._read(), self._loop).result(_PATIENCE)

    async def _read(self) -> list[Family]:
        return list(families(self._metrics))


def families(metrics: Metrics) -> Iterator[Family]:
    """Every metric of the catalog, with the series that it has now."""
    found: dict[Metric, dict[Labels, float]] = {}
    for sample in metrics.samples():
        found.setdefault(sample.metric, {})[sample.labels] = sample.value
    times = metrics.histograms()
    for metric in CATALOG:
        family = _family(metric)
        if isinstance(family, HistogramMetricFamily):
            for labels, histogram in times.get(metric, {}).items():
                family.add_metric(labels, _buckets(histogram), histogram.total)
        else:
            for labels, value in found.get(metric, _without_labels(metric)).items():
                family.add_metric(labels, value)
        yield family


def _family(metric: Metric) -> Family:
    kinds: dict[Kind, type[Family]] = {
        Kind.COUNTER: CounterMetricFamily,
        Kind.GAUGE: GaugeMetricFamily,
        Kind.HISTOGRAM: HistogramMetricFamily,
    }
    return kinds[metric.kind](metric.name, metric.says, labels=metric.labels)


def _without_labels(metric: Metric) -> dict[Labels, float]:
    """A counter of one series begins at 0, so that its first count is seen to be a rise."""
    return {(): 0.0} if metric.kind is Kind.COUNTER and not metric.labels else {}


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    return list(zip(_BOUNDS, map(float, accumulate(histogram.counts)), strict=True))
