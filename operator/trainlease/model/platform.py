"""Platform: one business platform, with its namespace, database, share and language."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from trainlease.model.base import (
    Count,
    Name,
    Rule,
    Says,
    Shape,
    StatusShape,
    Time,
)
from trainlease.model.conditions import Conditions
from trainlease.model.mode import Allowing, Mode

ABANDON_DATABASE = "trainlease.dev/abandon-database"

SqlName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64),
    Says("name a table or column with letters, digits and _, not beginning with a digit"),
]
SqlValue = Annotated[str, Field(max_length=64)] | Annotated[int, Field(ge=-(2**53), le=2**53)]


class Confirm(StrEnum):
    """For which leases this database must say occupied before a machine is started."""

    OWN = "Own"
    ALL = "All"
    NEVER = "Never"


class Language(StrEnum):
    """Of the messages in the platform's training rows."""

    EN = "en"
    ES = "es"
    PT = "pt"


class MachineTable(Shape):
    """The platform's own table of machines: one row a machine, keyed by the platform's name."""

    table: SqlName
    """The table's name."""
    key: SqlName
    """The column with the machine's name, as the platform writes it."""
    status: SqlName
    """The column that says free or occupied."""
    free: SqlValue
    """The value that means free: a string or a whole number."""
    occupied: SqlValue
    """The value that means occupied: a string or a whole number."""
    owner: SqlName | None = None
    """The column that says who occupies the machine, where there is one."""


class TrainingStates(Shape):
    """The platform's words for where a training stands."""

    waiting: SqlValue
    """The value of a training that has no machine yet."""
    running: SqlValue
    """The value of a training that runs."""
    succeeded: SqlValue
    """The value of a training that ended well."""
    failed: SqlValue
    """The value of a training that did not."""


class TrainingTable(Shape):
    """The platform's own table of trainings; rows are updated, never inserted."""

    table: SqlName
    """The table's name."""
    key: SqlName
    """The column with the training's id, a job's externalId."""
    status: SqlName
    """The column that says where the training stands."""
    states: TrainingStates
    """The values of that column."""
    message: SqlName | None = None
    """The column for a sentence to people, where there is one."""
    started: SqlName | None = None
    """The column for the time of the start, where there is one."""
    ended: SqlName | None = None
    """The column for the time of the end, where there is one."""


class StartLog(Shape):
    """Who turned the machine on, when, and when it went off: a row a claim."""

    table: SqlName
    """The table's name."""
    id: SqlName
    """The column with the row's own number, given by the database."""
    machine: SqlName
    """The column with the machine's name, as the platform writes it."""
    who: SqlName
    """The column that says for whom it was turned on."""
    started: SqlName
    """The column for the time it was turned on."""
    ended: SqlName
    """The column for the time it went off."""


class Mapping(Shape):
    """How this platform's tables are named and what its words are."""

    machines: MachineTable
    """The table of machines."""
    trainings: TrainingTable | None = None
    """The table of trainings; left out, none is kept in step."""
    start_log: StartLog | None = None
    """The table of starts; left out, none is written."""


class Database(Shape):
    """The platform's database: where it is, how its tables are named, when it must be told."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.preset) != has(self.mapping)", "name either a preset or a mapping"),
    )

    secret: Annotated[str, Field(min_length=1, max_length=253)]
    """A Secret in the operator's namespace; its key dsn is the address with the credentials."""
    preset: Name | None = None
    """A known schema by name; either this or `mapping`."""
    mapping: Mapping | None = None
    """The names of the platform's tables and columns; either this or `preset`."""
    names: Annotated[
        dict[Name, Annotated[str, Field(min_length=1, max_length=190)]], Field(max_length=256)
    ] = {}
    """The platform's own name of a machine by ours, where they differ."""
    confirm: Confirm = Confirm.OWN
    """Whose leases wait for this database: its own platform's, all, or none."""

    @model_validator(mode="after")
    def _one_schema(self) -> "Database":
        if (self.preset is None) == (self.mapping is None):
            raise ValueError("name either a preset or a mapping")
        return self


class Tracking(Shape):
    """With which rights the platform's trainings write to MLflow."""

    secret: Annotated[str, Field(min_length=1, max_length=253)]
    """A Secret in the platform's own namespace: its keys MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, become variables of each training."""


class PlatformSpec(Shape):
    """Whose jobs these are, what share they get, and which database must always be told."""

    mode: Mode = Mode.OBSERVE
    """Observe reads and reports, and writes nothing; Enforce is a person's word to act."""
    namespace: Name
    """The namespace whose jobs are this platform's; it has one owner."""
    share: Annotated[int, Field(ge=1, le=1000)] = 1
    """The part of the machines it gets while others wait too, against the others' shares."""
    language: Language = Language.EN
    """Of the messages in the platform's training rows."""
    database: Database
    """The database that is told of each claim and each release."""
    tracking: Tracking | None = None
    """The MLflow user of its trainings; left out, they get no credentials from us."""


class PlatformStatus(StatusShape):
    """`why` and `debts` are what the printer columns show."""

    why: Annotated[str, Field(max_length=1024)] | None = None
    """What is wrong with its database, and what to do."""
    debts: Count = 0
    """Writes that it could not be told yet."""
    compared: Time | None = None
    """When all its rows were last read and compared."""
    conditions: Conditions = ()
    """The conditions, each with reason and message."""


class Platform(Allowing):
    """One business platform and the database that it must always be told by."""

    kind_name: ClassVar[str] = "Platform"
    plural: ClassVar[str] = "platforms"
    namespaced: ClassVar[bool] = False

    spec: PlatformSpec
    status: PlatformStatus = PlatformStatus()

    def machine_name(self, machine: str) -> str:
        """The machine's name as this platform writes it."""
        return self.spec.database.names.get(machine, machine)
