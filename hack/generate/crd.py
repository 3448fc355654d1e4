"""The four CustomResourceDefinitions: schema, printer columns, selectable fields.

Columns are JSONPath on stored fields: the sentences that people read are composed by the operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from generate import cel
from generate.cel import Json
from generate.structural import RULES, Part, structural
from trainlease.model.base import GROUP, VERSION, KubeObject, Shape
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob


@dataclass(frozen=True)
class Column:
    """What `kubectl get` prints; one that is wide is shown with `-o wide` only."""

    title: str
    path: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True)
class Resource:
    """What the model of a kind does not say: its short name, its columns, what it is found by."""

    model: type[KubeObject]
    short: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.model.kind_name

    @property
    def spec(self) -> type[Shape]:
        return self._part("spec")

    @property
    def status(self) -> type[Shape]:
        return self._part("status")

    def _part(self, field: str) -> type[Shape]:
        shape = self.model.model_fields[field].annotation
        if not (isinstance(shape, type) and issubclass(shape, Shape)):
            raise TypeError(f"{self.kind}.{field} is no shape")
        return shape


def condition(kind: str) -> str:
    """The path of a condition's status."""
    return f'.status.conditions[?(@.type=="{kind}")].status'


AGE = Column("Age", ".metadata.creationTimestamp", "date")

RESOURCES = (
    Resource(
        TrainingJob,
        "tj",
        (
            Column("State", ".status.state"),
            Column("Machine", ".status.machine"),
            Column("Why", ".status.why"),
            Column("Model", ".status.model"),
            AGE,
            Column("Pool", ".spec.pool", wide=True),
            Column("Priority", ".spec.priority", "integer", wide=True),
        ),
        (".status.state", ".status.machine", ".spec.pool", ".spec.model", ".spec.externalId"),
    ),
    Resource(
        MachineLease,
        "mlease",
        (
            Column("Pool", ".spec.pool"),
            Column("Machine", ".status.machine"),
            Column("Granted", condition("Granted")),
            Column("Released", condition("Released")),
            Column("Job", ".spec.job.name"),
            Column("Attempt", ".spec.attempt", "integer"),
            Column("Note", ".spec.note"),
            AGE,
            Column("Generation", ".status.generation", "integer", wide=True),
            Column("Bound", ".status.boundAt", "date", wide=True),
            Column("Ended", ".status.ended", wide=True),
        ),
        (".status.machine", ".status.ended", ".spec.pool", ".spec.machine", ".spec.job.name"),
    ),
    Resource(
        Machine,
        "mach",
        (
            Column("Pool", ".spec.pool"),
            Column("State", ".status.state"),
            Column("Holder", ".status.holderTitle"),
            Column("Until", ".status.until"),
            Column("DBs", ".status.dbs"),
            Column("Why", ".status.why"),
            Column("Since", ".status.since", "date"),
            Column("Mode", ".spec.mode", wide=True),
            Column("Price", ".spec.pricePerHour", wide=True),
            Column("Generation", ".status.generation", "integer", wide=True),
        ),
        (".status.state", ".status.holderTitle", ".spec.pool", ".spec.mode"),
    ),
    Resource(
        Platform,
        "plat",
        (
            Column("Namespace", ".spec.namespace"),
            Column("Mode", ".spec.mode"),
            Column("Share", ".spec.share", "integer"),
            Column("Reachable", condition("DatabaseReachable")),
            Column("Valid", condition("SchemaValid")),
            Column("In sync", condition("InSync")),
            Column("Debts", ".status.debts", "integer"),
            Column("Why", ".status.why"),
            AGE,
            Column("Compared", ".status.compared", "date", wide=True),
        ),
        (".spec.namespace", ".spec.mode"),
    ),
)


def definition(resource: Resource) -> Json:
    """The CustomResourceDefinition of one kind."""
    model = resource.model
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{model.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": model.plural,
                "singular": resource.kind.lower(),
                "shortNames": [resource.short],
                "categories": ["trainlease"],
            },
            "scope": "Namespaced" if model.namespaced else "Cluster",
            "versions": [_version(resource)],
        },
    }


def text(resource: Resource) -> str:
    """The file of one kind."""
    body = yaml.dump(definition(resource), Dumper=_Plain, sort_keys=False, width=100)
    return f"# Generated from the models by `make generate`; change those instead.\n{body}"


def _version(resource: Resource) -> Json:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": path} for path in resource.selectable],
        "additionalPrinterColumns": [_column(column) for column in resource.columns],
        "schema": {"openAPIV3Schema": schema(resource)},
    }


def schema(resource: Resource) -> Json:
    """The structural schema of a whole object."""
    return {
        "description": (resource.model.__doc__ or "").strip(),
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(resource.spec, Part(resource.kind, is_spec=True)),
            "status": structural(resource.status, Part(resource.kind, is_spec=False)),
        },
        RULES: cel.named(resource.kind, resource.model.max_name),
    }


def _column(column: Column) -> Json:
    out: Json = {"name": column.title, "type": column.type, "jsonPath": column.path}
    return out | {"priority": 1} if column.wide else out


class _Plain(yaml.SafeDumper):
    """Each value in full where it stands: no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
