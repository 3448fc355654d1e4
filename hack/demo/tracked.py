"""What MLflow holds, read over its REST interface by an eye of its own."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bed import BedError
from demo.facts import Run, Version

_PAGE = 1000
_SECONDS = 20


@dataclass(frozen=True)
class TrackedRun:
    """A run as people read it."""

    run_id: str
    experiment: str
    name: str
    status: str
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def fact(self) -> Run:
        job_uid = self.tags.get("trainlease.job_uid", "")
        return Run(self.run_id, job_uid, int(self.tags.get("trainlease.attempt", 0)), self.status)


@dataclass(frozen=True)
class TrackedVersion:
    """A registered version with the sentence that its promotion, or none, was given."""

    model: str
    number: int
    run_id: str
    ready: bool
    stage: str
    reason: str
    metric: str
    value: float | None
    aliases: tuple[str, ...] = ()

    @property
    def fact(self) -> Version:
        production = "production" in self.aliases
        return Version(self.model, self.number, self.ready, self.metric, self.value, production)


class Tracked:
    """Reads one MLflow server; BedError where it does not answer."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/2.0/mlflow"

    def runs(self) -> list[TrackedRun]:
        """All runs that are not deleted, oldest first."""
        found = self._post("experiments/search", {"max_results": _PAGE}).get("experiments", [])
        names = {one["experiment_id"]: one["name"] for one in found}
        wanted = {"experiment_ids": list(names), "max_results": _PAGE}
        runs = self._post("runs/search", wanted).get("runs", []) if names else []
        runs.sort(key=lambda run: run["info"]["start_time"])
        return [_run(run, names) for run in runs]

    def versions(self, metrics: Mapping[str, str]) -> list[TrackedVersion]:
        """All registered versions; `metrics` says by run id what its job is promoted by."""
        runs = {run.run_id: run for run in self.runs()}
        found = []
        for model in self._get("registered-models/search", {}).get("registered_models", []):
            aliases = _aliases(model)
            query = {"filter": f"name='{model['name']}'", "max_results": str(_PAGE)}
            listed = self._get("model-versions/search", query).get("model_versions", [])
            for row in listed:
                run = runs.get(row.get("run_id", ""))
                found.append(_version(row, run, aliases, metrics))
        return sorted(found, key=lambda version: (version.model, version.number))

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        data = json.dumps(body).encode()
        return _ask(urllib.request.Request(f"{self._url}/{path}", data, _JSON))

    def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return _ask(urllib.request.Request(f"{self._url}/{path}?{urllib.parse.urlencode(query)}"))


_JSON = {"Content-Type": "application/json"}


def _ask(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            body: dict[str, Any] = json.load(answer)
            return body
    except OSError as failed:
        raise BedError(f"MLflow does not answer {request.full_url}: {failed}") from failed


def _run(run: Mapping[str, Any], experiments: Mapping[str, str]) -> TrackedRun:
    info, data = run["info"], run.get("data", {})
    return TrackedRun(
        run_id=info["run_id"],
        experiment=experiments[info["experiment_id"]],
        name=info.get("run_name", ""),
        status=info["status"],
        tags={tag["key"]: tag["value"] for tag in data.get("tags", [])},
        metrics={metric["key"]: float(metric["value"]) for metric in data.get("metrics", [])},
    )


def _aliases(model: Mapping[str, Any]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for alias in model.get("aliases", []):
        number = int(alias["version"])
        found[number] = (*found.get(number, ()), alias["alias"])
    return found


def _version(
    row: Mapping[str, Any],
    run: TrackedRun | None,
    aliases: Mapping[int, tuple[str, ...]],
    metrics: Mapping[str, str],
) -> TrackedVersion:
    tags = {tag["key"]: tag["value"] for tag in row.get("tags", [])}
    metric = metrics.get(run.run_id, "") if run else ""
    return TrackedVersion(
        model=row["name"],
        number=int(row["version"]),
        run_id=row.get("run_id", ""),
        ready=row.get("status") == "READY",
        stage=row.get("current_stage", ""),
        reason=tags.get("trainlease.reason", ""),
        metric=metric,
        value=run.metrics.get(metric) if run else None,
        aliases=aliases.get(int(row["version"]), ()),
    )
