"""The port `Tracker` over a real MLflow server (3.x): its client in a few threads, bounded in time.

MLflow's client is imported at the first call, since that costs 80 MB. Its settings are the
environment's, so they hold for the whole process: no retries inside (its retries of a create make
twins), and a timeout for each request. Credentials are MLflow's own variables.
"""

import asyncio
import functools
import importlib
import logging
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml

from trainlease.effects.clock import SystemClock
from trainlease.effects.tracking.api import LoggedModelRow, ModelRow, RunRow, VersionRow
from trainlease.effects.tracking.exactly_once import ExactlyOnce
from trainlease.effects.tracking.mlflow_errors import no_answer, translated
from trainlease.model import tracking as word
from trainlease.model.errors import BadSpec
from trainlease.model.observed import RunStatus

REQUEST_TIMEOUT = 10.0
_THREADS = 4
_PAGE = 1000
_FOLDERS = 50
_READY = "READY"
_ACTIVE = "active"

Answer = TypeVar("Answer")


class MlflowTracker(ExactlyOnce):
    """The tracker at this address (http or https); BadSpec for any other."""

    def __init__(self, uri: str, *, timeout: float = REQUEST_TIMEOUT) -> None:
        if urlsplit(uri).scheme not in ("http", "https"):
            raise BadSpec(
                "TRAINLEASE_TRACKING_URI must be the http or https address of an MLflow server"
            )
        super().__init__(MlflowApi(uri, timeout))


class MlflowApi:
    """One request a verb. `timeout` is for one request, rounded up to whole seconds."""

    def __init__(self, uri: str, timeout: float) -> None:
        self._uri = uri
        self._timeout = max(1, math.ceil(timeout))
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="mlflow")
        self._loading = asyncio.Lock()
        self._client: Any = None

    async def experiment_id(self, name: str) -> str | None:
        found = await self._read("read an experiment", "get_experiment_by_name", name)
        if found is None:
            return None
        if found.lifecycle_stage != _ACTIVE:
            raise BadSpec(
                f"the experiment {name} is deleted in MLflow: restore it, or purge it there"
            )
        return str(found.experiment_id)

    async def experiments(self) -> Mapping[str, str]:
        found = await self._pages("list the experiments", "search_experiments")
        return {str(e.experiment_id): str(e.name) for e in found}

    async def create_experiment(self, name: str) -> None:
        await self._write("create an experiment", "create_experiment", name)

    async def create_run(self, experiment_id: str, name: str, tags: Mapping[str, str]) -> None:
        await self._write(
            "create a run", "create_run", experiment_id, tags=dict(tags), run_name=name
        )

    async def search_runs(
        self,
        experiment_ids: Sequence[str],
        tags: Mapping[str, str | None],
        *,
        status: RunStatus | None = None,
        status_not: RunStatus | None = None,
    ) -> Sequence[RunRow]:
        if not experiment_ids:
            return []
        wanted = [
            f"tags.`{key}` LIKE '%'" if value is None else f"tags.`{key}` = '{value}'"
            for key, value in tags.items()
        ]
        wanted += [f"attributes.status = '{status}'"] if status else []
        wanted += [f"attributes.status != '{status_not}'"] if status_not else []
        found = await self._pages(
            "search the runs",
            "search_runs",
            list(experiment_ids),
            filter_string=" and ".join(wanted),
        )
        return [_run(run) for run in found]

    async def run(self, run_id: str) -> RunRow:
        return _run(await self._read("read a run", "get_run", run_id))

    async def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] = {},
        metrics: Mapping[str, float] = {},
        tags: Mapping[str, str] = {},
    ) -> None:
        def batch(client: Any) -> None:
            entities = importlib.import_module("mlflow.entities")
            now = int(SystemClock().now().timestamp() * 1000)
            client.log_batch(
                run_id,
                params=[entities.Param(*item) for item in params.items()],
                metrics=[entities.Metric(*item, timestamp=now, step=0) for item in metrics.items()],
                tags=[entities.RunTag(*item) for item in tags.items()],
            )

        await self._call("log parameters and tags", batch, writes=True)

    async def end_run(self, run_id: str, status: RunStatus) -> None:
        await self._write("end a run", "set_terminated", run_id, status.value)

    async def delete_run(self, run_id: str) -> None:
        await self._write("delete a run", "delete_run", run_id)

    async def put_text(self, run_id: str, path: str, text: str) -> None:
        await self._write("store an artifact", "log_text", run_id, text, path)

    async def folders_with(self, run_id: str, file: str) -> Sequence[str]:
        def look(client: Any) -> list[str]:
            # The client's own list_artifacts adds the logged models, which it then asks the
            # process's global server for.
            store = self._store(client.get_run(run_id).info.artifact_uri)
            found: list[str] = []
            folders = [a.path for a in store.list_artifacts() if a.is_dir]
            for count, folder in enumerate(folders, start=1):  # grows on the way
                if count > _FOLDERS:
                    raise BadSpec(
                        f"the run has more than {_FOLDERS} folders of artifacts, so that no model "
                        "was looked for among them: log it with MLflow's log_model"
                    )
                inside = store.list_artifacts(folder)
                if any(a.path == f"{folder}/{file}" for a in inside):
                    found.append(folder)
                else:
                    folders += [a.path for a in inside if a.is_dir]
            return found

        return await self._call("list the artifacts of a run", look, writes=False)

    async def logged_models(self, run: RunRow) -> Sequence[LoggedModelRow]:
        found = await self._pages(
            "search the models of a run",
            "search_logged_models",
            [run.experiment_id],
            filter_string=f"source_run_id = '{run.run_id}'",
        )
        return [_logged(model) for model in found]

    async def loose_models(
        self, experiment_ids: Sequence[str], tag: str, value: str
    ) -> Sequence[LoggedModelRow]:
        if not experiment_ids:
            return []
        found = await self._pages(
            "search the models of a training",
            "search_logged_models",
            list(experiment_ids),
            filter_string=f"tags.`{tag}` = '{value}'",
        )
        return [_logged(model) for model in found if not model.source_run_id]

    async def create_model(self, name: str) -> None:
        await self._write("create a registered model", "create_registered_model", name)

    async def model(self, name: str) -> ModelRow:
        found = await self._read("read a registered model", "get_registered_model", name)
        aliases = {alias: int(version) for alias, version in found.aliases.items()}
        return ModelRow(tags=dict(found.tags), aliases=aliases)

    async def models_with(self, tag: str, value: str) -> Sequence[str]:
        text = f"tags.`{tag}` = '{value}'"
        found = await self._pages("list the versions", "search_model_versions", filter_string=text)
        return sorted({str(version.name) for version in found})

    async def versions(self, model: str, run_id: str | None = None) -> Sequence[VersionRow]:
        text = f"name = '{model}'" + (f" and run_id = '{run_id}'" if run_id else "")
        found = await self._pages("list the versions", "search_model_versions", filter_string=text)
        return [_version(version) for version in found]

    async def version(self, model: str, version: int) -> VersionRow:
        found = await self._read("read a version", "get_model_version", model, str(version))
        return _version(found)

    async def has_signature(self, model: str, version: int) -> bool:
        def look(client: Any) -> bool:
            place = client.get_model_version_download_uri(model, str(version))
            with tempfile.TemporaryDirectory() as folder:
                path = self._store(place).download_artifacts("MLmodel", folder)
                text = Path(path).read_text(encoding="utf-8")
            return bool((yaml.safe_load(text) or {}).get("signature"))

        return await self._call("read the MLmodel of a version", look, writes=False)

    async def create_version(
        self, model: str, run: RunRow, logged: LoggedModelRow | str, tags: Mapping[str, str]
    ) -> None:
        def create(client: Any) -> None:
            model_id = None if isinstance(logged, str) else logged.model_id
            if model_id is None:
                source = f"{client.get_run(run.run_id).info.artifact_uri}/{logged}"
            else:
                source = f"models:/{model_id}"
            client.create_model_version(
                model,
                source,
                run_id=run.run_id,
                tags=dict(tags),
                model_id=model_id,
                await_creation_for=0,
            )

        await self._call("create a version", create, writes=True)

    async def delete_version(self, model: str, version: int) -> None:
        await self._write("delete a version", "delete_model_version", model, str(version))

    async def tag_version(self, model: str, version: int, key: str, value: str) -> None:
        await self._write("tag a version", "set_model_version_tag", model, str(version), key, value)

    async def set_alias(self, model: str, alias: str, version: int) -> None:
        await self._write("move an alias", "set_registered_model_alias", model, alias, str(version))

    async def set_stage(self, model: str, version: int, stage: str) -> None:
        await self._write(
            "mirror a stage",
            "transition_model_version_stage",
            model,
            str(version),
            stage,
            archive_existing_versions=stage == word.STAGE,
        )

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _store(self, place: str) -> Any:
        """Where artifacts are; the server's own address is for those that it serves itself."""
        known = importlib.import_module("mlflow.store.artifact.artifact_repository_registry")
        return known.get_artifact_repository(place, tracking_uri=self._uri)

    async def _read(self, what: str, method: str, *args: Any, **more: Any) -> Any:
        return await self._call(what, _asking(method, args, more), writes=False)

    async def _write(self, what: str, method: str, *args: Any, **more: Any) -> None:
        await self._call(what, _asking(method, args, more), writes=True)

    async def _pages(self, what: str, method: str, *args: Any, **more: Any) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            page = await self._read(
                what, method, *args, max_results=_PAGE, page_token=token, **more
            )
            found += page
            token = page.token
            if not token:
                return found

    async def _call(self, what: str, ask: Callable[[Any], Answer], *, writes: bool) -> Answer:
        """In a thread; a frozen server gives its thread back when the request's timeout is over."""
        client = await self._ready()
        loop = asyncio.get_running_loop()
        try:
            # Some verbs are a few requests, and a request may wait for a thread.
            async with asyncio.timeout(3 * self._timeout):
                return await loop.run_in_executor(self._pool, ask, client)
        except TimeoutError:
            raise no_answer(what, writes=writes) from None
        except Exception as error:
            ours = translated(error, what, writes=writes)
            if ours is None:
                raise
            raise ours from None

    async def _ready(self) -> Any:
        if self._client is None:
            async with self._loading:
                if self._client is None:
                    load = functools.partial(_load, self._uri, self._timeout)
                    loop = asyncio.get_running_loop()
                    self._client = await loop.run_in_executor(self._pool, load)
        return self._client


def _load(uri: str, timeout: int) -> Any:
    """The client; what MLflow reads from the environment is set before it is imported."""
    os.environ |= {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    client = importlib.import_module("mlflow").MlflowClient(tracking_uri=uri, registry_uri=uri)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", r".*(model registry stages|transition_model)", FutureWarning)
    return client


def _asking(method: str, args: tuple[Any, ...], more: Mapping[str, Any]) -> Callable[[Any], Any]:
    return lambda client: getattr(client, method)(*args, **more)


def _run(run: Any) -> RunRow:
    known = {status.value: status for status in RunStatus}
    return RunRow(
        run_id=run.info.run_id,
        experiment_id=str(run.info.experiment_id),
        status=known.get(run.info.status, RunStatus.RUNNING),
        started=int(run.info.start_time or 0),
        tags=dict(run.data.tags),
        metrics=dict(run.data.metrics),
        deleted=run.info.lifecycle_stage != _ACTIVE,
    )


def _logged(model: Any) -> LoggedModelRow:
    return LoggedModelRow(model.model_id, model.name, str(model.status) == _READY)


def _version(version: Any) -> VersionRow:
    return VersionRow(
        model=version.name,
        version=int(version.version),
        run_id=version.run_id or "",
        ready=version.status == _READY,
        stage=version.current_stage or "",
        tags=dict(version.tags),
        aliases=tuple(version.aliases),
    )
