"""The scraped page says what was counted, under names that Prometheus' conventions allow."""

import asyncio
import re
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bed.ports import free_port
from generate.files import ROOT
from generate.metrics import ALERTS, Alert
from trainlease.effects.metrics import catalog
from trainlease.effects.metrics.base import BUCKETS, Kind, Metric, Metrics, Sample
from trainlease.effects.metrics.catalog import CATALOG
from trainlease.effects.metrics.prometheus import serve


def _series(metric: Metric) -> set[str]:
    """The names of its samples."""
    of_histogram = {f"{metric.name}{part}" for part in ("_bucket", "_sum", "_count")}
    return of_histogram if metric.kind is Kind.HISTOGRAM else {metric.name}


class Endpoint:
    """Metrics, and the page on which they are served."""

    def __init__(self, metrics: Metrics, url: str) -> None:
        self.metrics = metrics
        self.url = url

    async def scrape(self) -> dict[str, float]:
        """Each series, as `name label=value`, with its value."""
        page = await asyncio.to_thread(self._read)
        samples = [s for f in text_string_to_metric_families(page) for s in f.samples]
        return {
            s.name + "".join(f" {k}={v}" for k, v in s.labels.items()): s.value for s in samples
        }

    def _read(self) -> str:
        with urllib.request.urlopen(self.url) as answer:
            page: bytes = answer.read()
        return page.decode()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    metrics, port = Metrics(), free_port()
    stop = serve(metrics, "127.0.0.1", port)
    yield Endpoint(metrics, f"http://127.0.0.1:{port}/metrics")
    await stop()


async def test_counters_gauges_and_durations_are_read_as_they_stand(endpoint: Endpoint) -> None:
    metrics = endpoint.metrics
    metrics.count(catalog.RETRIES, "MachineLost", by=2)
    metrics.count(catalog.RETRIES, "MachineLost")
    metrics.read_by(lambda: [Sample(catalog.DEBTS, 2, ("latam",))])
    for seconds in (0.005, 0.3, 60.0):
        metrics.time(catalog.LOOK_DURATION, seconds, "machine")
    page = await endpoint.scrape()
    took = "trainlease_look_duration_seconds"
    assert page["trainlease_retries_total cause=MachineLost"] == 3
    assert page["trainlease_debts platform=latam"] == 2
    assert page["trainlease_fences_raised_total"] == 0
    assert page[f"{took}_bucket kind=machine le=0.005"] == 1
    assert page[f"{took}_bucket kind=machine le=0.5"] == 2
    assert page[f"{took}_bucket kind=machine le=+Inf"] == 3
    assert page[f"{took}_count kind=machine"] == 3
    assert page[f"{took}_sum kind=machine"] == pytest.approx(60.305)
    assert page["process_open_fds"] > 0


async def test_gauges_are_read_in_the_event_loop_and_anew_for_each_scrape(
    endpoint: Endpoint,
) -> None:
    threads: list[threading.Thread] = []

    def read() -> list[Sample]:
        threads.append(threading.current_thread())
        return [Sample(catalog.LEADER, len(threads))]

    endpoint.metrics.read_by(read)
    pages = [await endpoint.scrape(), await endpoint.scrape()]
    assert [page["trainlease_leader"] for page in pages] == [1, 2]
    assert threads == [threading.main_thread()] * 2


async def test_a_reading_that_fails_fails_the_scrape(endpoint: Endpoint) -> None:
    def read() -> list[Sample]:
        raise RuntimeError("broken")

    endpoint.metrics.read_by(read)
    with pytest.raises(urllib.error.HTTPError, match="500"):
        await endpoint.scrape()


async def test_an_address_that_is_taken_is_refused(endpoint: Endpoint) -> None:
    port = int(endpoint.url.split(":")[2].split("/")[0])
    with pytest.raises(OSError):
        serve(Metrics(), "127.0.0.1", port)


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"trainlease(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
    assert metric.name.endswith("_seconds") or metric.kind is not Kind.HISTOGRAM
    assert not {"job", "namespace", "name", "uid", "le"} & set(metric.labels)


def test_every_metric_has_a_place_on_the_page() -> None:
    named = {m for m in vars(catalog).values() if isinstance(m, Metric)}
    assert named == set(CATALOG)
    assert len({m.name for m in CATALOG}) == len(CATALOG)


def test_bounds_grow() -> None:
    assert list(BUCKETS) == sorted(set(BUCKETS))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_alerts_speak_of_what_is_there(alert: Alert) -> None:
    named = set(re.findall(r"trainlease_\w+", alert.expression))
    assert named
    assert named <= {name for m in CATALOG for name in _series(m)}
    labels = {label for m in CATALOG for label in m.labels if _series(m) & named}
    shown = re.findall(r"\$labels\.(\w+)", alert.says)
    chosen = re.findall(r"(\w+)=~?\"", alert.expression)
    assert {*shown, *chosen} <= labels


def test_the_rules_on_the_page_are_yaml() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    [block] = re.findall(r"(?s)```yaml\n(.*?)```", page)
    [group] = yaml.safe_load(block)["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [alert.name for alert in ALERTS]
