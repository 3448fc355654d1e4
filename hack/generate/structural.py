"""From a pydantic model to the structural schema that a CRD must have.

Kubernetes knows a part of JSON Schema only: no $ref, no null, no union, no pattern of keys. What
the part cannot say becomes a CEL rule, and a keyword that is met here for the first time is
refused rather than dropped. What stands in a spec is bounded, since the API server reckons what
its rules cost at worst.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from generate import cel
from generate.cel import Json
from trainlease.model.base import SAYS, Shape

RULES = "x-kubernetes-validations"
UNTYPED = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
_SHAPE = "x-shape"

_SCALARS = {"boolean", "integer", "number", "string"}
_SAME = {
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    "minProperties", "maxProperties", "enum", "format", "description", "required",
}  # fmt: skip
_DROPPED = {"title", _SHAPE}
_CONVERTED = {
    "$ref", "anyOf", "type", "properties", "additionalProperties", "patternProperties",
    "propertyNames", "items", "pattern", "default", SAYS,
}  # fmt: skip
# No object and no array has both fewer and more than these: what is left are the scalars.
_NEITHER_OBJECT_NOR_ARRAY = {
    "minProperties": 1, "maxProperties": 0, "minItems": 1, "maxItems": 0,
}  # fmt: skip
_ORDER = [
    "description", "type", "format", "enum", "default", "pattern", "minimum", "maximum",
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    "nullable", UNTYPED, INT_OR_STRING, "items", "additionalProperties", "required",
    "properties", RULES,
]  # fmt: skip


class Unsupported(Exception):
    """A model says what no structural schema can; the message names the field and the keyword."""


@dataclass(frozen=True)
class Part:
    """How a part of an object is written.

    In a spec defaults are filled in and patterns answer with a sentence; a status is written by
    the operator alone, often, and gets the plain bounds without defaults or rules.
    """

    kind: str
    is_spec: bool


def structural(model: type[Shape], part: Part) -> Json:
    """The schema of a model, as a part of a CRD's `openAPIV3Schema`."""
    raw = model.model_json_schema(by_alias=True, schema_generator=_WithShapes)
    return _Converter(raw.pop("$defs", {}), part).convert(raw, part.kind)


def is_hidden(schema: Mapping[str, Any]) -> bool:
    """Whether CEL's type checker does not see a value of this schema (see `generate.cel`)."""
    if "type" not in schema:
        return INT_OR_STRING not in schema
    inner = schema.get("items") or schema.get("additionalProperties")
    return inner is not None and is_hidden(inner)


class _WithShapes(GenerateJsonSchema):
    """pydantic's own schema, with the model's class in it and without null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return super().model_schema(schema) | {_SHAPE: schema["cls"]}


class _Converter:
    def __init__(self, definitions: Json, part: Part) -> None:
        self._definitions = definitions
        self._part = part

    def convert(self, raw: Json, path: str) -> Json:
        """One node of the schema; `path` is for errors."""
        raw = self._resolved(raw)
        if unknown := raw.keys() - _SAME - _DROPPED - _CONVERTED:
            raise Unsupported(f"{path}: {', '.join(sorted(unknown))}")
        out = {key: value for key, value in raw.items() if key in _SAME}
        out |= self._default(raw)
        out |= self._union(raw, path) if "anyOf" in raw else self._typed(raw, path)
        if self._part.is_spec:
            _require_bounds(out, path)
        if not out.get(RULES):
            out.pop(RULES, None)
        return {key: out[key] for key in _ORDER if key in out}

    def _resolved(self, raw: Json) -> Json:
        if "$ref" not in raw:
            return raw
        target: Json = self._definitions[raw["$ref"].rpartition("/")[2]]
        return target | {key: value for key, value in raw.items() if key != "$ref"}

    def _default(self, raw: Json) -> Json:
        default = raw.get("default")
        return {} if default is None or not self._part.is_spec else {"default": default}

    def _union(self, raw: Json, path: str) -> Json:
        """A choice of scalars; Kubernetes has a word for integer or string, none for the others."""
        choices = [self._resolved(choice) for choice in raw["anyOf"]]
        types = {choice.get("type") for choice in choices}
        bounds: Json = {}
        for choice in choices:
            bounds |= {key: value for key, value in choice.items() if key != "type"}
        if unknown := bounds.keys() - {"maxLength", "minLength", "minimum", "maximum"}:
            raise Unsupported(f"{path}: {', '.join(sorted(unknown))} in a choice")
        if types == {"integer", "string"}:
            return bounds | {INT_OR_STRING: True}
        if types == _SCALARS:
            # Null is let through here so that a rule can answer it with a sentence.
            return bounds | {UNTYPED: True, "nullable": True} | _NEITHER_OBJECT_NOR_ARRAY
        raise Unsupported(f"{path}: a choice of {', '.join(sorted(map(str, types)))}")

    def _typed(self, raw: Json, path: str) -> Json:
        match raw.get("type"):
            case "object" if "properties" in raw:
                return self._object(raw, path)
            case "object":
                return self._map(raw, path)
            case "array":
                return {"type": "array", "items": self.convert(raw["items"], f"{path}[]")}
            case "string":
                return {"type": "string"} | self._pattern(raw)
            case "integer":
                return {"type": "integer", "format": "int64"}
            case "boolean" | "number" as simple:
                return {"type": simple}
            case other:
                raise Unsupported(f"{path}: type {other}")

    def _pattern(self, raw: Json) -> Json:
        if "pattern" not in raw:
            return {}
        if self._part.is_spec and SAYS in raw:
            return {RULES: [cel.matches(raw["pattern"], raw[SAYS])]}
        return {"pattern": raw["pattern"]}

    def _map(self, raw: Json, path: str) -> Json:
        patterns: Json = raw.get("patternProperties", {})
        values = next(iter(patterns.values()), raw.get("additionalProperties", True))
        if values is True:
            inner: Json = {UNTYPED: True, "nullable": True}
        else:
            inner = self.convert(values, f"{path}{{}}")
        out: Json = {"type": "object", "additionalProperties": inner}
        if self._part.is_spec and not is_hidden(out):
            out[RULES] = _keys(raw, path).rules("self")
        return out

    def _object(self, raw: Json, path: str) -> Json:
        raws: Json = raw["properties"]
        fields = {name: self.convert(field, f"{path}.{name}") for name, field in raws.items()}
        out: Json = {"type": "object", "properties": fields}
        if not self._part.is_spec:
            return out
        shape: type[Shape] = raw[_SHAPE]
        rules = [cel.rule(rule.rule, rule.message) for rule in shape.rules]
        mutable = fields.keys() if shape.mutable is None else shape.mutable
        if stale := mutable - fields.keys():
            raise Unsupported(f"{path}: mutable names {', '.join(sorted(stale))}, no fields")
        for name, field in raws.items():
            found = _rules_of_hidden(name, self._resolved(field), fields[name], path)
            rules += found if name in mutable else map(cel.at_creation, found)
        hidden = {name: is_hidden(field) for name, field in fields.items() if name not in mutable}
        if hidden:
            always = {*raw.get("required", ()), *(n for n, f in fields.items() if "default" in f)}
            rules.append(cel.fixed(hidden, always, self._part.kind))
        return out | {RULES: rules}


@dataclass(frozen=True)
class _Keys:
    """What the keys of a map must be."""

    longest: int | None
    pattern: str | None
    says: str

    def rules(self, map_: str, guard: str = "") -> list[Json]:
        """As a rule, which may have to ask first whether the map is there."""
        if self.longest is None:
            return []
        return [cel.rule(guard + cel.keys_fit(map_, self.longest, self.pattern), self.says)]


def _keys(raw: Json, path: str) -> _Keys:
    patterns = list(raw.get("patternProperties", {}))
    names: Json = raw.get("propertyNames", {})
    longest, says = names.get("maxLength"), names.get(SAYS)
    if unknown := names.keys() - {"maxLength", "title", "type", SAYS}:
        raise Unsupported(f"{path}: {', '.join(sorted(unknown))} of keys")
    if len(patterns) > 1 or (patterns and (longest is None or says is None)):
        raise Unsupported(f"{path}: keys need one pattern, a longest length and a sentence")
    pattern = patterns[0] if patterns else None
    return _Keys(longest, pattern, says or f"a key has at most {longest} characters")


def _rules_of_hidden(name: str, raw: Json, field: Json, path: str) -> list[Json]:
    """The rules of a map's keys and values where the type checker does not see the map."""
    if not is_hidden(field):
        return []
    map_ = cel.member(name, hidden=True)
    absent = f"!has({map_}) || "
    rules = _keys(raw, path).rules(map_, absent)
    if field["additionalProperties"].keys() >= _NEITHER_OBJECT_NOR_ARRAY.keys():
        no_null = f"{absent}{map_}.all(k, {map_}[k] != null)"
        rules.append(cel.rule(no_null, "write a number, a boolean or a string, not null"))
    return [{**rule, "fieldPath": f".{name}"} for rule in rules]


def _require_bounds(out: Json, path: str) -> None:
    known = {"string": ("maxLength", "enum", "format"), "array": ("maxItems",)}
    needed = known.get(out.get("type", ""), ())
    if "additionalProperties" in out:
        needed = ("maxProperties",)
    if needed and not any(bound in out for bound in needed):
        raise Unsupported(f"{path}: {out['type']} without a maximum, which CEL cannot reckon with")
