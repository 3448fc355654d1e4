"""FakeMlflow: a small honest MLflow server in memory, for the simulator and for unit tests.

No threads, no time and no chance of its own: the same calls give the same ids. A request takes
effect without giving way to other tasks; whoever wants delays, faults or lost answers hangs a
`Gate` before a client. What a training or a person does is done by the server's own methods.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from trainlease.effects.gate import Gate, OpenGate
from trainlease.effects.tracking.api import LoggedModelRow, ModelRow, RunRow, VersionRow
from trainlease.effects.tracking.exactly_once import ExactlyOnce
from trainlease.model import tracking as word
from trainlease.model.errors import AlreadyExists, BadSpec, NotFound
from trainlease.model.observed import RunStatus

LARGEST = 1.7976931348623157e308
"""What MLflow stores instead of inf."""
_NO_STAGE = "None"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Call:
    """One request, as a gate sees it; `verb` is the Api's method."""

    user: str
    verb: str
    target: str = ""

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES


@dataclass
class _Model:
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    versions: dict[int, VersionRow] = field(default_factory=dict)
    last: int = 0


class FakeMlflow:
    """The server. Its attributes may be read past every gate, by observers."""

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {}
        """Ids by name."""
        self.runs: dict[str, RunRow] = {}
        self.params: dict[str, dict[str, str]] = {}
        """Of each run, by its id."""
        self.artifacts: dict[str, dict[str, str]] = {}
        """Texts of each run by their path."""
        self.models: dict[str, _Model] = {}
        self.logged: dict[str, list[LoggedModelRow]] = {}
        self.writes: list[Call] = []
        self._numbers = 0

    # -- what a training does --------------------------------------------------------------------

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        finite = {k: max(-LARGEST, min(LARGEST, v)) if v == v else v for k, v in metrics.items()}
        run = self.runs[run_id]
        self.runs[run_id] = replace(run, metrics={**run.metrics, **finite})

    def log_model(self, run_id: str, name: str = "model", *, ready: bool = True) -> None:
        """As a client of MLflow 3 does."""
        self.logged.setdefault(run_id, []).append(LoggedModelRow(self.new_id("m-"), name, ready))

    def log_classic_model(self, run_id: str, folder: str = "model") -> None:
        """As an older client does: a folder of the run's artifacts."""
        self.artifacts[run_id][f"{folder}/MLmodel"] = "flavors: {}"

    def finish(self, run_id: str) -> None:
        """As a client that leaves its block, whatever became of the training."""
        self.runs[run_id] = replace(self.runs[run_id], status=RunStatus.FINISHED)

    def register(self, model: str, run_id: str) -> int:
        """As a training that registers its model itself."""
        return self.new_version(self.models.setdefault(model, _Model()), model, run_id, {})

    # -- what a person does ----------------------------------------------------------------------

    def move_alias(self, model: str, alias: str, version: int | None) -> None:
        """None removes it."""
        aliases = self.models[model].aliases
        if version is None:
            aliases.pop(alias, None)
        else:
            aliases[alias] = version

    def tag_model(self, model: str, key: str, value: str) -> None:
        self.models[model].tags[key] = value

    def tag_version(self, model: str, version: int, key: str, value: str) -> None:
        versions = self.models[model].versions
        row = versions[version]
        versions[version] = replace(row, tags={**row.tags, key: value})

    def set_stage(self, model: str, version: int, stage: str) -> None:
        versions = self.models[model].versions
        versions[version] = replace(versions[version], stage=stage)

    def delete_run(self, run_id: str) -> None:
        self.runs[run_id] = replace(self.runs[run_id], deleted=True)

    # -- what the network does -------------------------------------------------------------------

    def add_twin(self, run_id: str) -> str:
        """A create whose answer was lost lands late: a younger run with the same tags."""
        run = self.runs[run_id]
        tags = {key: value for key, value in run.tags.items() if key != word.KEPT}
        tags[word.STATE] = word.OPEN
        return self.new_run(run.experiment_id, tags)

    # -- the inside ------------------------------------------------------------------------------

    def new_id(self, prefix: str) -> str:
        return f"{prefix}{self.new_number():032x}"

    def new_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def new_run(
        self, experiment_id: str, tags: Mapping[str, str], started: int | None = None
    ) -> str:
        """`started` is the sender's word, as with MLflow: of two the later to land may be older."""
        run_id = self.new_id("")
        started = self.new_number() if started is None else started
        self.runs[run_id] = RunRow(run_id, experiment_id, RunStatus.RUNNING, started, dict(tags))
        self.params[run_id] = {}
        self.artifacts[run_id] = {}
        return run_id

    def new_version(self, there: _Model, model: str, run_id: str, tags: Mapping[str, str]) -> int:
        there.last += 1
        row = VersionRow(model, there.last, run_id, True, _NO_STAGE, dict(tags))
        there.versions[there.last] = row
        return there.last

    def live_run(self, run_id: str) -> RunRow:
        run = self.runs.get(run_id)
        if run is None or run.deleted:
            raise NotFound("there is no such run, or it is deleted")
        return run

    def model(self, name: str) -> _Model:
        if name not in self.models:
            raise NotFound("there is no such registered model")
        return self.models[name]


class FakeApi:
    """One user's requests to the server; a way that does more than a gate overrides `request`."""

    def __init__(self, server: FakeMlflow, user: str, gate: Gate[Call]) -> None:
        self._server = server
        self._user = user
        self._gate = gate

    async def experiment_id(self, name: str) -> str | None:
        return await self.request("experiment_id", name, lambda: self._server.experiments.get(name))

    async def experiment_ids(self) -> Sequence[str]:
        return await self.request(
            "experiment_ids", "", lambda: list(self._server.experiments.values())
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
        self, experiment_ids: Sequence[str], tags: Mapping[str, str]
    ) -> Sequence[RunRow]:
        def act() -> list[RunRow]:
            return [
                run
                for run in self._server.runs.values()
                if run.experiment_id in experiment_ids
                and not run.deleted
                and all(run.tags.get(key) == value for key, value in tags.items())
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
            paths = (path.split("/") for path in self._server.artifacts.get(run_id, {}))
            return [path[0] for path in paths if len(path) == 2 and path[1] == file]

        return await self.request("folders_with", run_id, act)

    async def logged_models(self, run: RunRow) -> Sequence[LoggedModelRow]:
        return await self.request(
            "logged_models", run.run_id, lambda: list(self._server.logged.get(run.run_id, []))
        )

    async def create_model(self, name: str) -> None:
        def act() -> None:
            if name in self._server.models:
                raise AlreadyExists("the registered model is there")
            self._server.models[name] = _Model()

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
            found = self._server.models.get(model, _Model()).versions.values()
            return [row for row in found if run_id is None or row.run_id == run_id]

        return await self.request("versions", model, act)

    async def version(self, model: str, version: int) -> VersionRow:
        def act() -> VersionRow:
            row = self._version(model, version)
            aliases = self._server.models[model].aliases
            return replace(row, aliases=tuple(a for a, v in aliases.items() if v == version))

        return await self.request("version", f"{model}/{version}", act)

    async def create_version(
        self, model: str, run: RunRow, logged: LoggedModelRow | str, tags: Mapping[str, str]
    ) -> None:
        def act() -> None:
            self._server.new_version(self._server.model(model), model, run.run_id, tags)

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


WRITES = (
    "create_experiment",
    "create_run",
    "log",
    "end_run",
    "delete_run",
    "put_text",
    "create_model",
    "create_version",
    "delete_version",
    "tag_version",
    "set_alias",
    "set_stage",
)
