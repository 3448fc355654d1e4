"""What all API shapes share: camelCase names, strict fields, bounded strings, durations, times.

Every string, list and map has a maximum, since the API server refuses CEL rules over unbounded
values; the CRD generator reads the same annotations, and what stands below a field as its
docstring is what `kubectl explain` says.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

GROUP = "trainlease.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True)
class Rule:
    """A CEL rule of the CRD; pydantic validators say the same, and a property test compares them.

    `rule` is CEL, `message` tells the person what to do.
    """

    rule: str
    message: str


SAYS = "x-says"
"""The JSON Schema keyword that carries the message of `Says` to the CRD generator."""


@dataclass(frozen=True)
class Says:
    """What a person is told whose string does not fit its pattern, instead of the pattern."""

    message: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {SAYS: self.message}


class Shape(BaseModel):
    """Base of every API shape: frozen, camelCase on the wire, unknown fields refused.

    `rules` become `x-kubernetes-validations`. `mutable`, where it is set, lists the wire names of
    the fields that may change after creation; each other field gets an immutability rule.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()
    mutable: ClassVar[frozenset[str] | None] = None

    def wire(self) -> dict[str, Any]:
        """The JSON object as the API server stores it: aliases, and no field that is None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def but(self, **changes: Any) -> Self:
        """A copy with some fields replaced (by their Python names)."""
        return self.model_copy(update=changes)


class StatusShape(Shape):
    """A status is written by the operator alone: a newer version's fields are passed over."""

    model_config = ConfigDict(extra="ignore")


_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"([0-9]+)([dhms])")
# Five digits: the longest duration, added to today, is still a year that Python can write.
DURATION_PATTERN = r"^([0-9]{1,5}[dhms])+$"

Duration = Annotated[
    str,
    Field(pattern=DURATION_PATTERN, max_length=24),
    Says("write a length of time in whole days, hours, minutes and seconds, such as 90m or 1d12h"),
]
"""A length of time in whole days, hours, minutes and seconds, such as `1h30m`."""


def to_timedelta(duration: str) -> timedelta:
    """The length of a `Duration`."""
    return timedelta(seconds=sum(int(n) * _UNITS[u] for n, u in _PART.findall(duration)))


@lru_cache(maxsize=4096)  # the times of an object are read again with each version of it
def parse_time(value: str) -> datetime:
    """An RFC 3339 time as an aware datetime in UTC."""
    return datetime.fromisoformat(value).astimezone(UTC)


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as Kubernetes writes times."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(value: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as Kubernetes' MicroTime."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _read_time(value: Any) -> Any:
    return parse_time(value) if isinstance(value, str) else value


Time = Annotated[datetime, BeforeValidator(_read_time), PlainSerializer(format_micro_time)]
"""A point in time, in UTC, stored with microseconds."""

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
LONGEST_LABEL = 63
Name = Annotated[
    str,
    Field(pattern=NAME_PATTERN, max_length=LONGEST_LABEL),
    Says("write a name of small letters, digits and '-', with a letter or digit at both ends"),
]
"""The name of one of our objects: a DNS label, so that it fits into labels and pod names."""

Text = Annotated[str, Field(max_length=1024)]
Uid = Annotated[str, Field(max_length=64)]
AnyName = Annotated[str, Field(max_length=253)]
"""A name that Kubernetes already checked: statuses refuse nothing that was once accepted."""
Count = Annotated[int, Field(ge=0, le=2**62)]
"""A counter in a status, which JSON and Go's int64 both carry exactly."""
Decimal = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$", max_length=17),
    Says('write an amount of money as a string of digits, such as "3.06"'),
]
"""An amount of money as a decimal string: floats lose cents."""
Quantity = Annotated[
    str,
    Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=20),
    Says("write a quantity as Kubernetes does, such as 16Gi or 500m"),
]
"""A Kubernetes resource quantity, such as `16Gi` or `500m`."""


class OwnerReference(Shape):
    """The object that an object belongs to, for Kubernetes' garbage collection."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class Meta(StatusShape):
    """The part of ObjectMeta that the operator reads."""

    name: str
    namespace: str | None = None
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    finalizers: tuple[str, ...] = ()
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()


class KubeObject(StatusShape):
    """One of our four objects as it was read: metadata, spec, status."""

    kind_name: ClassVar[str]
    plural: ClassVar[str]
    namespaced: ClassVar[bool]
    max_name: ClassVar[int] = LONGEST_LABEL
    """Longest name that the CRD allows, so that what is named after the object fits too."""

    api_version: str = API_VERSION
    kind: str = ""
    metadata: Meta

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """The namespace; empty for a cluster-scoped object."""
        return self.metadata.namespace or ""

    @property
    def uid(self) -> str:
        return self.metadata.uid

    @property
    def title(self) -> str:
        """`namespace/name`, or the name alone for a cluster-scoped object."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def created(self) -> datetime:
        """When the API server took the object; the epoch for one that was never stored."""
        return self.metadata.creation_timestamp or datetime.fromtimestamp(0, UTC)

    @property
    def deleting(self) -> bool:
        return self.metadata.deletion_timestamp is not None


def joined(words: Iterable[str]) -> str:
    """`a, b and c`, for messages that people read."""
    *front, last = list(words) or [""]
    return f"{', '.join(front)} and {last}" if front else last
