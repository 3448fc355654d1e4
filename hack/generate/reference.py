"""docs/reference.md: every field, rule, column, condition, reason and setting on one page.

The fields are read from the CRDs, so that the page says what the API server holds people to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum

from generate import crd
from generate.cel import Json
from generate.crd import Resource
from generate.markdown import code, page, table
from generate.structural import INT_OR_STRING, RULES, UNTYPED
from trainlease.model import reasons
from trainlease.model.annotations import ANNOTATIONS
from trainlease.model.base import API_VERSION
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.reasons import Blame
from trainlease.model.settings import Settings
from trainlease.model.training_job import TrainingJob

_INTRODUCTION = f"""# Reference

All kinds are of `{API_VERSION}`. `kubectl explain tj.spec` says the same at the terminal, and
`kubectl get trainlease -A` lists the objects of every kind. What breaks a bound or a rule is
refused at `kubectl apply`."""

_CONDITIONS: dict[type, type[StrEnum]] = {
    TrainingJob: reasons.JobCondition,
    MachineLease: reasons.LeaseCondition,
    Machine: reasons.MachineCondition,
    Platform: reasons.PlatformCondition,
}
_WORDS: tuple[tuple[str, type[StrEnum]], ...] = (
    ("States of a job", reasons.JobState),
    ("States of a machine", reasons.MachineState),
    ("Outcomes of an attempt", reasons.Outcome),
    ("Reasons for waiting", reasons.WaitReason),
    ("Reasons for a machine to take no claim", reasons.UnavailableReason),
)
_CHARGED = {
    Blame.APPLICATION: "`retries.application`",
    Blame.INFRASTRUCTURE: "`retries.infrastructure`",
    Blame.LOST: "`retries.lost`",
    Blame.NOBODY: "nothing: it does not count",
    Blame.FINAL: "the job: it is not tried again",
}


def text() -> str:
    """The whole page."""
    kinds = [part for resource in crd.RESOURCES for part in _kind(resource)]
    return page([_INTRODUCTION, *kinds, *_annotations(), *_words(), *_settings()])


def _kind(resource: Resource) -> Iterator[str]:
    schema = crd.schema(resource)
    spec, status = schema["properties"]["spec"], schema["properties"]["status"]
    scope = "In a namespace" if resource.model.namespaced else "One for the whole cluster"
    yield f"## {resource.kind}"
    yield schema["description"]
    yield f"{scope}; short name `{resource.short}`. {spec['description']}"
    yield "### Spec"
    titles = ["Field", "Type", "Default", "Bounds", "Meaning"]
    yield table(titles, (_field(*found) for found in _fields(spec, "")))
    yield from _rules(schema, resource)
    yield "### Status"
    yield f"Written by the operator alone. {status['description']}"
    found = ((code(path), _type(field), _says(field)) for path, field, _ in _fields(status, ""))
    yield table(
        ["Field", "Type", "Meaning"], (row for row in found if "conditions[]" not in row[0])
    )
    yield f"Conditions, in the shape of Kubernetes' own: {_listed(_CONDITIONS[resource.model])}."
    yield "### Columns and field selectors"
    shown = (
        (column.title.upper(), code(column.path), "with `-o wide`" if column.wide else "")
        for column in resource.columns
    )
    yield table(["Column", "Path", "Shown"], shown)
    selectors = ", ".join(code(path.removeprefix(".")) for path in resource.selectable)
    yield f"`kubectl get {resource.short} --field-selector` knows {selectors}."


def _fields(schema: Json, at: str) -> Iterator[tuple[str, Json, bool]]:
    """Each field below, by its path, and whether it is required where its parent stands."""
    for name, field in schema.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        yield path, field, name in schema.get("required", ())
        inner = field.get("items") or field.get("additionalProperties") or field
        mark = "[]" if "items" in field else ".*" if "additionalProperties" in field else ""
        yield from _fields(inner, path + mark)


def _field(path: str, field: Json, required: bool) -> tuple[str, ...]:
    default = code(json.dumps(field["default"])) if "default" in field else ""
    return (
        code(path),
        _type(field),
        "required" if required else default,
        "; ".join(_bounds(field)),
        _says(field),
    )


def _says(field: Json) -> str:
    return str(field.get("description", ""))


def _type(field: Json) -> str:
    if INT_OR_STRING in field:
        return "integer or string"
    if UNTYPED in field:
        return "number, boolean or string" if "maxItems" in field else "anything"
    if "enum" in field:
        return ", ".join(code(word) for word in field["enum"])
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map to {_type(field['additionalProperties'])}"
    return "time" if field.get("format") == "date-time" else str(field["type"])


def _bounds(field: Json) -> Iterator[str]:
    yield from _range(field, "minimum", "maximum", "")
    yield from _range(field, "minItems", "maxItems", " entries")
    yield from _range(field, "minProperties", "maxProperties", " entries")
    yield from _range(field, "minLength", "maxLength", " characters")
    for rule in field.get(RULES, ()) if field.get("type") != "object" or _is_map(field) else ():
        yield rule["message"]
    if field.get("type") == "array" or _is_map(field):
        inner = field.get("items") or field["additionalProperties"]
        yield from (f"each: {bound}" for bound in _bounds(inner) if UNTYPED not in inner)


def _is_map(field: Json) -> bool:
    return "additionalProperties" in field


def _range(field: Json, least: str, most: str, unit: str) -> Iterator[str]:
    low, high = (_number(field.get(bound)) for bound in (least, most))
    if low and high:
        yield f"{low} to {high}{unit}"
    elif high:
        yield f"at most {high}{unit}"
    elif low:
        yield f"at least {low}{unit}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,}".removesuffix(".0")


def _listed(words: type[StrEnum]) -> str:
    return ", ".join(code(word.value) for word in words)


def _rules(schema: Json, resource: Resource) -> Iterator[str]:
    yield "### Rules"
    said = [f"- {rule['message']}" for rule in schema[RULES]]
    spec = schema["properties"]["spec"]
    for path, field in [("", spec), *((p, f) for p, f, _ in _fields(spec, ""))]:
        if "properties" not in field:
            continue
        for rule in field.get(RULES, ()):
            if "messageExpression" not in rule:
                where = f"{path}{rule.get('fieldPath', '')}".removeprefix(".")
                said.append(
                    f"- {code(where)}: {rule['message']}" if where else f"- {rule['message']}"
                )
    yield "\n".join(said)
    mutable = resource.spec.mutable
    if mutable is None:
        yield "Every field may change later."
    else:
        names = ", ".join(code(name) for name in sorted(mutable))
        yield f"Only {names} may change later: all else is fixed at creation."


def _annotations() -> Iterator[str]:
    yield "## Annotations"
    yield (
        "What people write on an object to steer it. A word that names a generation counts for "
        "that generation alone, and is taken off once it was obeyed; another one is ignored, and "
        "the Machine's WHY says so."
    )
    rows = ((code(a.name), a.on, code(a.value), a.meaning) for a in ANNOTATIONS)
    yield table(["Annotation", "On", "Value", "Meaning"], rows)


def _words() -> Iterator[str]:
    yield "## Words"
    for title, words in _WORDS:
        yield f"### {title}"
        yield f"{_listed(words)}."
    yield "### Causes of an attempt's end"
    yield "What a failure is charged to decides how often it is tried again."
    rows = (
        (code(cause.value), _CHARGED[cause.blame], "yes" if cause.blames_machine else "")
        for cause in reasons.Cause
    )
    yield table(["Cause", "Charged to", "Counts towards the machine's quarantine"], rows)


def _settings() -> Iterator[str]:
    yield "## Settings"
    yield "Read from the operator's environment. Times are in seconds."
    prefix = Settings.model_config["env_prefix"]
    rows = (
        (
            code(f"{prefix}{name.upper()}"),
            code(json.dumps(field.default)),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    )
    yield table(["Variable", "Default", "Meaning"], rows)
