"""FakeMlflow: a small honest MLflow server in memory, for the simulator and for unit tests.

No threads, no time and no chance of its own: the same calls give the same ids. What a training or
a person does is done by the server's own methods; what a client asks is in `fake`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from trainlease.effects.tracking.api import LoggedModelRow, RunRow, VersionRow
from trainlease.model import tracking as word
from trainlease.model.errors import NotFound
from trainlease.model.observed import RunStatus

LARGEST = 1.7976931348623157e308
"""What MLflow stores instead of inf."""
_NO_STAGE = "None"


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
class StoredModel:
    """A registered model with its versions by number."""

    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    versions: dict[int, VersionRow] = field(default_factory=dict)
    signed: set[int] = field(default_factory=set)
    """The versions whose MLmodel has a signature."""
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
        self.models: dict[str, StoredModel] = {}
        self.logged: dict[str, list[LoggedModelRow]] = {}
        """Models by the run that logged them."""
        self.loose: dict[str, list[LoggedModelRow]] = {}
        """Models that were logged to no run, by the run that their training was handed."""
        self.signed: set[str] = set()
        """Ids of logged models, and RUN/FOLDER of classic ones, that have a signature."""
        self.writes: list[Call] = []
        self._numbers = 0

    # -- what a training does --------------------------------------------------------------------

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        finite = {k: max(-LARGEST, min(LARGEST, v)) if v == v else v for k, v in metrics.items()}
        run = self.runs[run_id]
        self.runs[run_id] = replace(run, metrics={**run.metrics, **finite})

    def log_model(
        self, run_id: str, name: str = "model", *, ready: bool = True, signed: bool = True
    ) -> None:
        """As a client of MLflow 3 does."""
        model = LoggedModelRow(self.new_id("m-"), name, ready)
        self.logged.setdefault(run_id, []).append(model)
        if signed:
            self.signed.add(model.model_id)

    def log_loose_model(self, handed: str, name: str = "model") -> None:
        """As a client of MLflow 3 does outside of any run."""
        self.loose.setdefault(handed, []).append(LoggedModelRow(self.new_id("m-"), name, True))

    def log_classic_model(
        self, run_id: str, folder: str = "model", *, noted: bool = True, signed: bool = True
    ) -> None:
        """As an older client does: a folder of the run's artifacts; `noted` unless by hand."""
        self.artifacts[run_id][f"{folder}/MLmodel"] = "flavors: {}"
        if signed:
            self.signed.add(f"{run_id}/{folder}")
        if noted:
            run = self.runs[run_id]
            before = json.loads(run.tags.get(word.LOGGED_FOLDERS, "[]"))
            note = {word.LOGGED_FOLDERS: json.dumps([*before, {"artifact_path": folder}])}
            self.runs[run_id] = replace(run, tags={**run.tags, **note})

    def begin(self, experiment: str, handed: str, parent: str | None = None) -> str:
        """A run that a training begins with `start_run` beside the one that it was handed."""
        tags = {word.HANDED: handed} | ({word.PARENT: parent} if parent else {})
        number = self.experiments.setdefault(experiment, str(len(self.experiments) + 1))
        return self.new_run(number, tags)

    def begin_again(self, run_id: str) -> None:
        """As a client that resumes it."""
        self.runs[run_id] = replace(self.runs[run_id], status=RunStatus.RUNNING)

    def finish(self, run_id: str) -> None:
        """As a client that leaves its block, whatever became of the training."""
        self.runs[run_id] = replace(self.runs[run_id], status=RunStatus.FINISHED)

    def register(self, model: str, run_id: str) -> int:
        """As a training that registers its model itself."""
        return self.new_version(self.models.setdefault(model, StoredModel()), model, run_id, {})

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

    def new_version(
        self, there: StoredModel, model: str, run_id: str, tags: Mapping[str, str]
    ) -> int:
        there.last += 1
        row = VersionRow(model, there.last, run_id, True, _NO_STAGE, dict(tags))
        there.versions[there.last] = row
        return there.last

    def live_run(self, run_id: str) -> RunRow:
        run = self.runs.get(run_id)
        if run is None or run.deleted:
            raise NotFound("there is no such run, or it is deleted")
        return run

    def model(self, name: str) -> StoredModel:
        if name not in self.models:
            raise NotFound("there is no such registered model")
        return self.models[name]


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
