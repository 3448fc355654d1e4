"""Platform: one business platform, with its namespace, database, share and language."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from trainlease.model.base import KubeObject, Name, Rule, Shape, StatusShape, Time
from trainlease.model.conditions import Conditions
from trainlease.model.machine import PAUSED, Mode

ABANDON_DATABASE = "trainlease.dev/abandon-database"

SqlName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$", min_length=1, max_length=64)
]
SqlValue = Annotated[str, Field(max_length=64)] | int


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
    key: SqlName
    status: SqlName
    free: SqlValue
    occupied: SqlValue
    owner: SqlName | None = None


class TrainingStates(Shape):
    """The platform's words for where a training stands."""

    waiting: SqlValue
    running: SqlValue
    succeeded: SqlValue
    failed: SqlValue


class TrainingTable(Shape):
    """The platform's own table of trainings; rows are updated, never inserted."""

    table: SqlName
    key: SqlName
    status: SqlName
    states: TrainingStates
    message: SqlName | None = None
    started: SqlName | None = None
    ended: SqlName | None = None


class StartLog(Shape):
    """Who turned the machine on, when, and when it went off: a row a claim."""

    table: SqlName
    id: SqlName
    machine: SqlName
    who: SqlName
    started: SqlName
    ended: SqlName


class Mapping(Shape):
    """How this platform's tables are named and what its words are."""

    machines: MachineTable
    trainings: TrainingTable | None = None
    start_log: StartLog | None = None


class Database(Shape):
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.preset) != has(self.mapping)", "name either a preset or a mapping"),
    )

    secret: Annotated[str, Field(min_length=1, max_length=253)]
    preset: Name | None = None
    mapping: Mapping | None = None
    names: Annotated[
        dict[Name, Annotated[str, Field(min_length=1, max_length=190)]], Field(max_length=256)
    ] = {}
    confirm: Confirm = Confirm.OWN

    @model_validator(mode="after")
    def _one_schema(self) -> "Database":
        if (self.preset is None) == (self.mapping is None):
            raise ValueError("name either a preset or a mapping")
        return self


class PlatformSpec(Shape):
    mode: Mode = Mode.OBSERVE
    namespace: Name
    share: Annotated[int, Field(ge=1, le=1000)] = 1
    language: Language = Language.EN
    database: Database


class PlatformStatus(StatusShape):
    """`why` and `debts` are what the printer columns show."""

    why: Annotated[str, Field(max_length=1024)] | None = None
    debts: int = 0
    compared: Time | None = None
    conditions: Conditions = ()


class Platform(KubeObject):
    """One business platform and the database that it must always be told by."""

    kind_name: ClassVar[str] = "Platform"
    plural: ClassVar[str] = "platforms"
    namespaced: ClassVar[bool] = False

    spec: PlatformSpec
    status: PlatformStatus = PlatformStatus()

    @property
    def is_enforced(self) -> bool:
        return self.spec.mode is Mode.ENFORCE

    @property
    def is_paused(self) -> bool:
        return self.metadata.annotations.get(PAUSED) == "true"

    def machine_name(self, machine: str) -> str:
        """The machine's name as this platform writes it."""
        return self.spec.database.names.get(machine, machine)
