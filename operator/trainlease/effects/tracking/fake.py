"""The requests of a client to a `FakeMlflow`, and the tracker over them.

A request takes effect without giving way to other tasks; whoever wants delays, faults or lost
answers hangs a `Gate` before a client.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from trainlease.effects.gate import Gate, OpenGate
from trainlease.effects.tracking.api import LoggedModelRow, ModelRow, RunRow, VersionRow
from trainlease.effects.tracking.exactly_once import ExactlyOnce
from trainlease.effects.tracking.fake_server import Call, FakeMlflow, StoredModel
from trainlease.model import tracking as word
from trainlease.model.errors import AlreadyExists, BadSpec, NotFound
from trainlease.model.observed import RunStatus

Answer = TypeVar("Answer")


class FakeApi:
    """One user's requests to the server; a way that does more than a gate overrides `request`."""

    def __init__(self, server: FakeMlflow, user: str, gate: Gate[Call]) -> None:
        self._server = server
        self._user = user
        self._gate = gate

    async def experiment_id(self, name: str) -> str | None:
        return await self.request("experiment_id", name, lambda: self._server.experiments.get(name))

    async def experiments(self) -> Mapping[str, str]:
        return await self.request(
            "experiments", "", lambda: {number: n for n, number in self._server.experiments.items()}
        )

    async def create_experiment(self, name: str) -> None:
        def act() -> None:
            if name in self._server.experiments:
                raise AlreadyExists("the experiment is there")
            self._server.experiments[name] = str(len(self._server.experiments) + 1)

        await self.request("create_experiment", name, act)

    async def create_run(self, experiment_id: str, name: str, tags: Mapping[str, str]) -> None:
        started = self._server.new_number()

        def act() -> None:
            if experiment_id not in self._server.experiments.values():
                raise NotFound("there is no such experiment")
            self._server.new_run(experiment_id, {**tags, "mlflow.runName": name}, started)

        await self.request("create_run", name, act)

    async def search_runs(
        self,
        experiment_ids: Sequence[str],
        tags: Mapping[str, str | None],
        *,
        status: RunStatus | None = None,
        status_not: RunStatus | None = None,
    ) -> Sequence[RunRow]:
        def act() -> list[RunRow]:
            return [
                run
                for run in self._server.runs.values()
                if run.experiment_id in experiment_ids
                and not run.deleted
                and all(key in run.tags for key in tags)
                and all(value in (None, run.tags[key]) for key, value in tags.items())
                and status in (None, run.status)
                and run.status is not status_not
            ]

        return await self.request("search_runs", "", act)

    async def run(self, run_id: str) -> RunRow:
        def act() -> RunRow:
            if run_id not in self._server.runs:
                raise NotFound("there is no such run")
            return self._server.runs[run_id]

        return await self.request("run", run_id, act)

    async def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] = {},
        metrics: Mapping[str, float] = {},
        tags: Mapping[str, str] = {},
    ) -> None:
        def act() -> None:
            run = self._server.live_run(run_id)
            old = self._server.params[run_id]
            if any(old.get(key, value) != value for key, value in params.items()):
                raise BadSpec("a parameter never changes")
            old.update(params)
            self._server.runs[run_id] = replace(run, tags={**run.tags, **tags})
            self._server.log_metrics(run_id, metrics)

        await self.request("log", run_id, act)

    async def end_run(self, run_id: str, status: RunStatus) -> None:
        def act() -> None:
            self._server.runs[run_id] = replace(self._server.live_run(run_id), status=status)

        await self.request("end_run", run_id, act)

    async def delete_run(self, run_id: str) -> None:
        def act() -> None:
            self._server.live_run(run_id)
            self._server.delete_run(run_id)

        await self.request("delete_run", run_id, act)

    async def put_text(self, run_id: str, path: str, text: str) -> None:
        def act() -> None:
            self._server.live_run(run_id)
            self._server.artifacts[run_id][path] = text

        await self.request("put_text", run_id, act)

    async def folders_with(self, run_id: str, file: str) -> Sequence[str]:
        def act() -> list[str]:
            paths = self._server.artifacts.get(run_id, {})
            return [path.removesuffix(f"/{file}") for path in paths if path.endswith(f"/{file}")]

        return await self.request("folders_with", run_id, act)

    async def logged_models(self, run: RunRow) -> Sequence[LoggedModelRow]:
        return await self.request(
            "logged_models", run.run_id, lambda: list(self._server.logged.get(run.run_id, []))
        )

    async def loose_models(
        self, experiment_ids: Sequence[str], tag: str, value: str
    ) -> Sequence[LoggedModelRow]:
        def act() -> list[LoggedModelRow]:
            assert tag == word.HANDED, "no other tag is kept of a logged model here"
            return list(self._server.loose.get(value, []))

        return await self.request("loose_models", value, act)

    async def create_model(self, name: str) -> None:
        def act() -> None:
            if name in self._server.models:
                raise AlreadyExists("the registered model is there")
            self._server.models[name] = StoredModel()

        await self.request("create_model", name, act)

    async def model(self, name: str) -> ModelRow:
        def act() -> ModelRow:
            model = self._server.model(name)
            return ModelRow(dict(model.tags), dict(model.aliases))

        return await self.request("model", name, act)

    async def models_with(self, tag: str, value: str) -> Sequence[str]:
        def act() -> list[str]:
            return [
                name
                for name, there in sorted(self._server.models.items())
                if any(row.tags.get(tag) == value for row in there.versions.values())
            ]

        return await self.request("models_with", tag, act)

    async def versions(self, model: str, run_id: str | None = None) -> Sequence[VersionRow]:
        def act() -> list[VersionRow]:
            found = self._server.models.get(model, StoredModel()).versions.values()
            return [row for row in found if run_id is None or row.run_id == run_id]

        return await self.request("versions", model, act)

    async def version(self, model: str, version: int) -> VersionRow:
        def act() -> VersionRow:
            row = self._version(model, version)
            aliases = self._server.models[model].aliases
            return replace(row, aliases=tuple(a for a, v in aliases.items() if v == version))

        return await self.request("version", f"{model}/{version}", act)

    async def has_signature(self, model: str, version: int) -> bool:
        def act() -> bool:
            self._version(model, version)
            return version in self._server.models[model].signed

        return await self.request("has_signature", f"{model}/{version}", act)

    async def create_version(
        self, model: str, run: RunRow, logged: LoggedModelRow | str, tags: Mapping[str, str]
    ) -> None:
        def act() -> None:
            there = self._server.model(model)
            version = self._server.new_version(there, model, run.run_id, tags)
            source = f"{run.run_id}/{logged}" if isinstance(logged, str) else logged.model_id
            if source in self._server.signed:
                there.signed.add(version)

        await self.request("create_version", model, act)

    async def delete_version(self, model: str, version: int) -> None:
        def act() -> None:
            self._version(model, version)
            there = self._server.models[model]
            del there.versions[version]
            there.aliases = {a: v for a, v in there.aliases.items() if v != version}

        await self.request("delete_version", f"{model}/{version}", act)

    async def tag_version(self, model: str, version: int, key: str, value: str) -> None:
        def act() -> None:
            self._version(model, version)
            self._server.tag_version(model, version, key, value)

        await self.request("tag_version", f"{model}/{version}", act)

    async def set_alias(self, model: str, alias: str, version: int) -> None:
        def act() -> None:
            self._version(model, version)
            self._server.move_alias(model, alias, version)

        await self.request("set_alias", f"{model}/{version}", act)

    async def set_stage(self, model: str, version: int, stage: str) -> None:
        def act() -> None:
            self._version(model, version)
            for other, row in list(self._server.models[model].versions.items()):
                if stage == word.STAGE and row.stage == stage and other != version:
                    self._server.set_stage(model, other, word.STAGE_BEFORE)
            self._server.set_stage(model, version, stage)

        await self.request("set_stage", f"{model}/{version}", act)

    async def close(self) -> None:
        return

    async def request(self, verb: str, target: str, act: Callable[[], Answer]) -> Answer:
        """Send one request; `act` is what it does where it lands, in one step."""
        call = Call(self._user, verb, target)
        await self._gate.before(call)
        answer = act()
        if call.is_write:
            self._server.writes.append(call)
        await self._gate.after(call)
        return answer

    def _version(self, model: str, version: int) -> VersionRow:
        versions = self._server.model(model).versions
        if version not in versions:
            raise NotFound("there is no such version")
        return versions[version]


class FakeTracker(ExactlyOnce):
    """The port over a fake server; several may share one, each behind a gate of its own."""

    def __init__(
        self,
        server: FakeMlflow | None = None,
        user: str = "operator",
        gate: Gate[Call] | None = None,
    ) -> None:
        self.server = server or FakeMlflow()
        super().__init__(FakeApi(self.server, user, gate or OpenGate()))
