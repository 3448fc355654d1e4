"""An MLflow server as trainings and people use it: the fake one and a real one, alike."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from uuid import uuid4

import requests
from mlflow import MlflowClient

from trainlease.effects.tracking.exactly_once import ExactlyOnce
from trainlease.effects.tracking.fake import FakeMlflow, FakeTracker
from trainlease.effects.tracking.mlflow import MlflowTracker
from trainlease.model import tracking as word
from trainlease.model.observed import NewRun

CLUSTER = "cluster-1"
_NUMBERS = itertools.count(1)


class World(Protocol):
    """What a test does and reads past the port."""

    @property
    def tracker(self) -> ExactlyOnce: ...

    async def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None: ...
    async def log_model(self, run_id: str, name: str = "model", *, ready: bool = True) -> None: ...
    async def log_classic_model(self, run_id: str, folder: str = "model") -> None: ...
    async def finish(self, run_id: str) -> None: ...
    async def delete_run(self, run_id: str) -> None: ...
    async def twin(self, run_id: str) -> str:
        """What a create whose answer was lost leaves behind: a run with the same tags, later."""
        ...

    async def register(self, model: str, run_id: str) -> int:
        """As a training that registers its model itself."""
        ...

    async def move_alias(self, model: str, alias: str, version: int | None) -> None: ...
    async def tag_model(self, model: str, key: str, value: str) -> None: ...
    async def set_stage(self, model: str, version: int, stage: str) -> None: ...

    async def runs(self, experiment: str) -> list[str]: ...
    async def run_tags(self, run_id: str) -> dict[str, str]: ...
    async def params(self, run_id: str) -> dict[str, str]: ...
    async def artifact(self, run_id: str, path: str) -> str: ...
    async def versions(self, model: str) -> list[int]: ...
    async def version_tags(self, model: str, version: int) -> dict[str, str]: ...
    async def aliases(self, model: str) -> dict[str, int]: ...
    async def stages(self, model: str) -> dict[int, str]: ...


def new_run(experiment: str | None = None, attempt: int = 1, **changes: Any) -> NewRun:
    """An attempt of a job of its own in an experiment of its own."""
    number = next(_NUMBERS)
    made: dict[str, Any] = {
        "experiment": experiment or f"saturno.caries-{uuid4().hex[:8]}",
        "name": f"caries-{number}-{attempt}",
        "cluster": CLUSTER,
        "job_uid": f"uid-{uuid4().hex}",
        "namespace": "saturno",
        "job_name": f"caries-{number}",
        "attempt": attempt,
        "params": {"epochs": "30", "lr": "0.0003"},
        "tags": {"team": "vision"},
    }
    return NewRun(**{**made, **changes})


class FakeWorld:
    """The fake server."""

    def __init__(self) -> None:
        self.server = FakeMlflow()
        self.tracker = FakeTracker(self.server)

    async def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        self.server.log_metrics(run_id, metrics)

    async def log_model(self, run_id: str, name: str = "model", *, ready: bool = True) -> None:
        self.server.log_model(run_id, name, ready=ready)

    async def log_classic_model(self, run_id: str, folder: str = "model") -> None:
        self.server.log_classic_model(run_id, folder)

    async def finish(self, run_id: str) -> None:
        self.server.finish(run_id)

    async def delete_run(self, run_id: str) -> None:
        self.server.delete_run(run_id)

    async def twin(self, run_id: str) -> str:
        return self.server.add_twin(run_id)

    async def register(self, model: str, run_id: str) -> int:
        return self.server.register(model, run_id)

    async def move_alias(self, model: str, alias: str, version: int | None) -> None:
        self.server.move_alias(model, alias, version)

    async def tag_model(self, model: str, key: str, value: str) -> None:
        self.server.tag_model(model, key, value)

    async def set_stage(self, model: str, version: int, stage: str) -> None:
        self.server.set_stage(model, version, stage)

    async def runs(self, experiment: str) -> list[str]:
        number = self.server.experiments[experiment]
        live = (r for r in self.server.runs.values() if not r.deleted)
        return [r.run_id for r in live if r.experiment_id == number]

    async def run_tags(self, run_id: str) -> dict[str, str]:
        return dict(self.server.runs[run_id].tags)

    async def params(self, run_id: str) -> dict[str, str]:
        return self.server.params[run_id]

    async def artifact(self, run_id: str, path: str) -> str:
        return self.server.artifacts[run_id][path]

    async def versions(self, model: str) -> list[int]:
        return sorted(self.server.models[model].versions)

    async def version_tags(self, model: str, version: int) -> dict[str, str]:
        return dict(self.server.models[model].versions[version].tags)

    async def aliases(self, model: str) -> dict[str, int]:
        return self.server.models[model].aliases

    async def stages(self, model: str) -> dict[int, str]:
        return {n: row.stage for n, row in self.server.models[model].versions.items()}


class MlflowWorld:
    """A real server, used through MLflow's own client."""

    def __init__(self, url: str) -> None:
        self.tracker = MlflowTracker(url)
        self._url = url
        self._client = MlflowClient(tracking_uri=url, registry_uri=url)

    async def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            await self._do(self._client.log_metric, run_id, name, value)

    async def log_model(self, run_id: str, name: str = "model", *, ready: bool = True) -> None:
        run = await self._do(self._client.get_run, run_id)
        made = await self._do(
            self._client.create_logged_model,
            run.info.experiment_id,
            name=name,
            source_run_id=run_id,
        )
        if ready:
            await self._do(self._client.finalize_logged_model, made.model_id, "READY")

    async def log_classic_model(self, run_id: str, folder: str = "model") -> None:
        await self._do(self._client.log_text, run_id, "flavors: {}", f"{folder}/MLmodel")

    async def finish(self, run_id: str) -> None:
        await self._do(self._client.set_terminated, run_id)

    async def delete_run(self, run_id: str) -> None:
        await self._do(self._client.delete_run, run_id)

    async def twin(self, run_id: str) -> str:
        run = await self._do(self._client.get_run, run_id)
        tags = {key: value for key, value in run.data.tags.items() if key != word.KEPT}
        tags[word.STATE] = word.OPEN
        made = await self._do(self._client.create_run, run.info.experiment_id, tags=tags)
        return str(made.info.run_id)

    async def register(self, model: str, run_id: str) -> int:
        if not await self._do(self._client.search_registered_models, f"name = '{model}'"):
            await self._do(self._client.create_registered_model, model)
        run = await self._do(self._client.get_run, run_id)
        source = f"{run.info.artifact_uri}/model"
        made = await self._do(self._client.create_model_version, model, source, run_id=run_id)
        return int(made.version)

    async def move_alias(self, model: str, alias: str, version: int | None) -> None:
        if version is None:
            await self._do(self._client.delete_registered_model_alias, model, alias)
        else:
            await self._do(self._client.set_registered_model_alias, model, alias, str(version))

    async def tag_model(self, model: str, key: str, value: str) -> None:
        await self._do(self._client.set_registered_model_tag, model, key, value)

    async def set_stage(self, model: str, version: int, stage: str) -> None:
        move = self._client.transition_model_version_stage
        await self._do(move, model, str(version), stage)

    async def runs(self, experiment: str) -> list[str]:
        found = await self._do(self._client.get_experiment_by_name, experiment)
        return [
            r.info.run_id for r in await self._do(self._client.search_runs, [found.experiment_id])
        ]

    async def run_tags(self, run_id: str) -> dict[str, str]:
        return dict((await self._do(self._client.get_run, run_id)).data.tags)

    async def params(self, run_id: str) -> dict[str, str]:
        return dict((await self._do(self._client.get_run, run_id)).data.params)

    async def artifact(self, run_id: str, path: str) -> str:
        asked = {"run_id": run_id, "path": path}
        answer = await self._do(requests.get, f"{self._url}/get-artifact", asked, timeout=10)
        answer.raise_for_status()
        return str(answer.text)

    async def versions(self, model: str) -> list[int]:
        return sorted(await self.stages(model))

    async def version_tags(self, model: str, version: int) -> dict[str, str]:
        return dict((await self._do(self._client.get_model_version, model, str(version))).tags)

    async def aliases(self, model: str) -> dict[str, int]:
        found = (await self._do(self._client.get_registered_model, model)).aliases
        return {alias: int(version) for alias, version in found.items()}

    async def stages(self, model: str) -> dict[int, str]:
        found = await self._do(self._client.search_model_versions, f"name = '{model}'")
        return {int(v.version): v.current_stage for v in found}

    async def _do(self, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        return await asyncio.to_thread(function, *args, **more)
