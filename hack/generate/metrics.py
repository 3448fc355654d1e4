"""docs/metrics.md: what the operator counts, and rules that wake somebody for what matters."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from generate.markdown import code, page, table
from trainlease.effects.metrics.catalog import CATALOG

_INTRODUCTION = """# Metrics

    trainlease operator --metrics 127.0.0.1:9090 ...      # or TRAINLEASE_METRICS; off by default
    curl -s http://127.0.0.1:9090/metrics

Each replica serves its own. Only the leader speaks of machines, jobs and databases, so that a sum
over the replicas counts each once; counters begin at 0 with each process. No label holds the name
of a job or anything that a job says, so there are a few series for each machine and platform.
Times are Unix times: `time() - ...` is the age. Beside these there are the usual `process_*` and
`python_*` metrics. The endpoint has no login: serve it where only Prometheus can reach it."""

_ALERTS = """## Alerts

Rules for Prometheus, to be adapted. [At 3 a.m.](operations.md) has the commands to go on with."""


@dataclass(frozen=True)
class Alert:
    """A rule; `lasts` is for how long it must be so."""

    name: str
    expression: str
    lasts: str
    says: str


def _rises(series: str, within: str) -> str:
    """More than before; a series that has just begun counts as a rise."""
    return f"increase({series}[{within}]) > 0 or ({series} unless {series} offset {within})"


def _older(series: str, seconds: int) -> str:
    return f"time() - {series} > {seconds}"


_SINCE = "trainlease_machine_state_start_timestamp_seconds"
ALERTS = (
    Alert(
        "TrainleaseNoLeader",
        "(sum(trainlease_leader) or vector(0)) != 1",
        "1m",
        "No replica leads, or two say so: nothing starts and no machine is turned off.",
    ),
    Alert(
        "TrainleaseForeignWrite",
        _rises("trainlease_foreign_writes_total", "10m"),
        "0m",
        "{{ $labels.platform }}: another program wrote a machine's row ({{ $labels.how }}).",
    ),
    Alert(
        "TrainleaseOccupiedElsewhere",
        "trainlease_occupied_elsewhere > 0",
        "1h",
        "{{ $labels.platform }}: rows are occupied by somebody else; their machines are not lent.",
    ),
    Alert(
        "TrainleaseDebt",
        "trainlease_debts > 0",
        "15m",
        "{{ $labels.platform }} does not know that {{ $value }} machines are free.",
    ),
    Alert(
        "TrainleaseOutOfSync",
        "trainlease_platform_in_sync == 0",
        "15m",
        "{{ $labels.platform }}: its rows do not say what the ledger says.",
    ),
    Alert(
        "TrainleaseDatabaseDown",
        "trainlease_database_breaker_open == 1",
        "5m",
        "{{ $labels.platform }}: its database is away; jobs that need its word wait.",
    ),
    Alert(
        "TrainleaseTrackerDown",
        "trainlease_tracker_breaker_open == 1",
        "5m",
        "MLflow is away: jobs that want results wait.",
    ),
    Alert(
        "TrainleaseFenceRaised",
        "increase(trainlease_fences_raised_total[1h]) > 0",
        "0m",
        "A database was ahead of the ledger: was etcd restored, or our side table written?",
    ),
    Alert(
        "TrainleaseOffNotConfirmed",
        _older(f'{_SINCE}{{state="Stopping"}}', 900),
        "0m",
        "{{ $labels.machine }} is not confirmed off: it may burn money.",
    ),
    Alert(
        "TrainleaseMachineQuarantined",
        'trainlease_machine_unavailable{reason="Quarantined"} == 1',
        "0m",
        "{{ $labels.machine }} failed too often and takes no claim.",
    ),
    Alert(
        "TrainleaseMachinesFail",
        "sum by (cause) (increase(trainlease_retries_total"
        '{cause=~"MachineLost|StartTimeout|StartRefused|NotHeld"}[1h])) > 3',
        "0m",
        "Attempts are repeated for {{ $labels.cause }}.",
    ),
    Alert(
        "TrainleaseJobWaits",
        _older("trainlease_oldest_waiting_job_created_timestamp_seconds", 43200),
        "0m",
        "A job waits for a machine of {{ $labels.pool }} since half a day.",
    ),
    Alert(
        "TrainleaseLeaderChanges",
        "max(trainlease_leader_changes_total) - max(trainlease_leader_changes_total offset 1h) > 3",
        "0m",
        "The leader changes again and again: do its replicas die, or reach the API server late?",
    ),
    Alert(
        "TrainleaseSlow",
        "histogram_quantile(0.99, sum by (le, kind) "
        "(rate(trainlease_look_duration_seconds_bucket[10m]))) > 5",
        "10m",
        "Looks at a {{ $labels.kind }} take seconds: the API server or a provider is slow.",
    ),
    Alert(
        "TrainleaseQueueGrows",
        "trainlease_queue_depth > 100",
        "5m",
        "The operator does not keep up with what changes.",
    ),
    Alert(
        "TrainleaseDefect",
        _rises('trainlease_look_failures_total{error="Defect"}', "10m"),
        "0m",
        "The operator met a fault of its own; its log has the trace.",
    ),
)


def text() -> str:
    """The whole page."""
    titles = ["Name", "Type", "Labels", "Meaning"]
    rows = ((code(m.name), str(m.kind), ", ".join(map(code, m.labels)), m.says) for m in CATALOG)
    return page([_INTRODUCTION, table(titles, rows), _ALERTS, f"```yaml\n{_rules()}```"])


def _rules() -> str:
    rules = [
        {
            "alert": alert.name,
            "expr": alert.expression,
            "for": alert.lasts,
            "annotations": {"summary": alert.says},
        }
        for alert in ALERTS
    ]
    whole = {"groups": [{"name": "trainlease", "rules": rules}]}
    return yaml.safe_dump(whole, sort_keys=False, width=1000)
