"""An MLflow server as trainings and people use it: the fake one and a real one, alike."""

import asyncio
import itertools
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import requests
from mlflow import MlflowClient

from trainlease.effects.tracking.exactly_once import ExactlyOnce
from trainlease.effects.tracking.fake import FakeTracker
from trainlease.effects.tracking.fake_server import FakeMlflow
from trainlease.effects.tracking.mlflow import MlflowTracker
from trainlease.model import tracking as word
from trainlease.model.observed import NewRun

CLUSTER = "cluster-1"
TAGS = {word.JOB_UID: "uid-1", word.EVAL_DATA: "holdout-3"}
_NUMBERS = itertools.count(1)


class World(Protocol):
    """What a test does and reads past the port."""

    @property
    def tracker(self) -> ExactlyOnce: ...

    async def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None: ...
    async def log_model(
        self, run_id: str, name: str = "model", *, ready: bool = True, signed: bool = True
    ) -> None: ...
    async def log_loose_model(self, handed: str, name: str = "model") -> None:
        """As a training does that was handed this run, outside of any run."""
        ...

    async def log_classic_model(
        self, run_id: str, folder: str = "model", *, noted: bool = True, signed: bool = True
    ) -> None:
        """As a client of MLflow 2 does; by hand if it is not `noted`."""
        ...

    async def begin(self, experiment: str, handed: str, parent: str | None = None) -> str:
        """As a training's second `start_run`: a run beside the one that it was handed."""
        ...

    async def begin_again(self, run_id: str) -> None:
        """As a client that resumes it."""
        ...

    async def status(self, run_id: str) -> str: ...
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


async def version_of(world: World, run: NewRun, value: float = 0.8) -> int:
    """The version of a trained model with this metric."""
    info = await world.tracker.ensure_run(run)
    await world.log_metrics(info.run_id, {"f1": value})
    await world.log_model(info.run_id)
    made = await world.tracker.ensure_version(run.experiment, info.run_id, TAGS)
    assert made is not None
    return made.version


class FakeWorld:
    """The fake server."""

    def __init__(self) -> None:
        self.server = FakeMlflow()
        self.tracker = FakeTracker(self.server)

    async def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        self.server.log_metrics(run_id, metrics)

    async def log_model(
        self, run_id: str, name: str = "model", *, ready: bool = True, signed: bool = True
    ) -> None:
        self.server.log_model(run_id, name, ready=ready, signed=signed)

    async def log_loose_model(self, handed: str, name: str = "model") -> None:
        self.server.log_loose_model(handed, name)

    async def log_classic_model(
        self, run_id: str, folder: str = "model", *, noted: bool = True, signed: bool = True
    ) -> None:
        self.server.log_classic_model(run_id, folder, noted=noted, signed=signed)

    async def begin(self, experiment: str, handed: str, parent: str | None = None) -> str:
        return self.server.begin(experiment, handed, parent)

    async def begin_again(self, run_id: str) -> None:
        self.server.begin_again(run_id)

    async def status(self, run_id: str) -> str:
        return self.server.runs[run_id].status

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

    async def log_model(
        self, run_id: str, name: str = "model", *, ready: bool = True, signed: bool = True
    ) -> None:
        run = await self._do(self._client.get_run, run_id)
        made = await self._do(
            self._client.create_logged_model,
            run.info.experiment_id,
            name=name,
            source_run_id=run_id,
        )
        if ready:
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "MLmodel").write_text(_mlmodel(signed))
                await self._do(self._client.log_model_artifacts, made.model_id, folder)
            await self._do(self._client.finalize_logged_model, made.model_id, "READY")

    async def log_loose_model(self, handed: str, name: str = "model") -> None:
        run = await self._do(self._client.get_run, handed)
        tags, experiment = {word.HANDED: handed}, run.info.experiment_id
        await self._do(self._client.create_logged_model, experiment, name=name, tags=tags)

    async def log_classic_model(
        self, run_id: str, folder: str = "model", *, noted: bool = True, signed: bool = True
    ) -> None:
        await self._do(self._client.log_text, run_id, _mlmodel(signed), f"{folder}/MLmodel")
        if noted:
            tags = (await self._do(self._client.get_run, run_id)).data.tags
            before = json.loads(tags.get(word.LOGGED_FOLDERS, "[]"))
            note = json.dumps([*before, {"run_id": run_id, "artifact_path": folder}])
            await self._do(self._client.set_tag, run_id, word.LOGGED_FOLDERS, note)

    async def begin(self, experiment: str, handed: str, parent: str | None = None) -> str:
        found = await self._do(self._client.get_experiment_by_name, experiment)
        number = found.experiment_id if found else None
        if number is None:
            number = await self._do(self._client.create_experiment, experiment)
        tags = {word.HANDED: handed} | ({word.PARENT: parent} if parent else {})
        return str((await self._do(self._client.create_run, number, tags=tags)).info.run_id)

    async def begin_again(self, run_id: str) -> None:
        await self._do(self._client.update_run, run_id, "RUNNING")

    async def status(self, run_id: str) -> str:
        return str((await self._do(self._client.get_run, run_id)).info.status)

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


def _mlmodel(signed: bool) -> str:
    """What a flavor writes about its model, as far as it matters here."""
    signature = "signature:\n  inputs: '[]'\n  outputs: null\n"
    return "flavors: {}\n" + (signature if signed else "")
