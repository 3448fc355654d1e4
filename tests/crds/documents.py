"""Documents drawn from the models' own JSON Schema, and every way to break one of them.

Read from pydantic's schema and not from the CRDs, so that the two are compared and not one with
itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from trainlease.model.base import Shape

Json = dict[str, Any]
Documents = st.SearchStrategy[Any]

FORMS: dict[str, list[tuple[set[str], set[str]]]] = {
    "TrainingJobSpec": [
        ({"pool"}, {"machine", "promote"}),
        ({"machine", "model", "promote"}, {"pool"}),
    ],
    "MachineLeaseSpec": [
        ({"job", "attempt", "pool"}, {"machine", "for", "note", "power"}),
        ({"job", "attempt", "machine"}, {"pool", "for", "note", "power"}),
        ({"machine"}, {"pool", "job", "attempt"}),
    ],
    "MachineSpec": [
        ({"node"}, {"aws", "process"}),
        ({"aws"}, {"node", "process"}),
        ({"process"}, {"node", "aws"}),
    ],
    "Volume": [
        ({"emptyDir"}, {"secret", "configMap", "persistentVolumeClaim"}),
        ({"secret"}, {"emptyDir", "configMap", "persistentVolumeClaim"}),
        ({"configMap"}, {"emptyDir", "secret", "persistentVolumeClaim"}),
        ({"persistentVolumeClaim"}, {"emptyDir", "secret", "configMap"}),
    ],
    "Database": [({"preset"}, {"mapping"}), ({"mapping"}, {"preset"})],
}
"""The fields that a shape has in each of its uses, and those that it then has not."""

_LONGEST_DRAWN = 24


class Schema:
    """A model's JSON Schema with its references and its nulls resolved as it is read."""

    def __init__(self, model: type[Shape]) -> None:
        self.root = model.model_json_schema(by_alias=True)
        self._definitions: Json = self.root.get("$defs", {})

    def resolved(self, node: Json) -> Json:
        if "$ref" in node:
            node = self._definitions[node["$ref"].rpartition("/")[2]]
        choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
        return self.resolved(choices[0]) if len(choices) == 1 else node

    def documents(self, node: Json | None = None) -> Documents:
        """What the model accepts."""
        node = self.resolved(self.root if node is None else node)
        if "anyOf" in node:
            return st.one_of([self.documents(choice) for choice in node["anyOf"]])
        if "enum" in node:
            return st.sampled_from(node["enum"])
        if node.get("properties"):
            return self._objects(node)
        match node.get("type"):
            case "object":
                return self._maps(node)
            case "array":
                longest = min(3, node.get("maxItems", 3))
                return st.lists(
                    self.documents(node["items"]),
                    min_size=node.get("minItems", 0),
                    max_size=longest,
                )
            case "string":
                return _strings(node)
            case "integer":
                return st.integers(node.get("minimum", -(2**63)), node.get("maximum", 2**63 - 1))
            case "number":
                return st.floats(
                    node.get("minimum"),
                    node.get("maximum"),
                    allow_nan=False,
                    allow_infinity=False,
                )
            case "boolean":
                return st.booleans()
        raise ValueError(f"no documents are known for {node}")

    def _objects(self, node: Json) -> Documents:
        fields: Json = node["properties"]
        required = set(node.get("required", ()))
        forms = FORMS.get(node["title"], [(set(), set())])
        drawn: list[Documents] = [
            st.fixed_dictionaries(
                {n: self.documents(f) for n, f in fields.items() if n in required | has},
                optional={
                    n: self.documents(f)
                    for n, f in fields.items()
                    if n not in required | has | has_not
                },
            )
            for has, has_not in forms
        ]
        return st.one_of(drawn)

    def _maps(self, node: Json) -> Documents:
        pattern, values = _entries(node)
        names: Json = {"pattern": pattern} if pattern else {}
        return st.dictionaries(
            _strings(names | node.get("propertyNames", {})),
            self.documents(values) if isinstance(values, dict) else _ANY,
            min_size=node.get("minProperties", 0),
            max_size=3,
        )

    def broken(self, value: Any, node: Json | None = None, at: str = "") -> Iterator[Broken]:
        """Every way to break one thing in a document that the model accepts."""
        node = self.resolved(self.root if node is None else node)
        if "anyOf" in node:
            yield from _broken_choice(node, at)
        elif "enum" in node:
            yield Broken(at, "no such word", "Nonsense")
            yield Broken(at, "wrong type", 7)
        elif node.get("properties"):
            yield Broken(at, "wrong type", "text")
            yield from self._broken_object(value, node, at)
        elif node.get("type") == "object":
            yield Broken(at, "wrong type", ["list"])
            yield from self._broken_map(value, node, at)
        elif node.get("type") == "array":
            yield Broken(at, "wrong type", {"map": 1})
            yield from self._broken_list(value, node, at)
        else:
            yield from _broken_scalar(node, at)

    def _broken_object(self, value: Json, node: Json, at: str) -> Iterator[Broken]:
        yield Broken(at, "unknown field", value | {"unknownField": 1})
        for name in node.get("required", ()):
            yield Broken(f"{at}.{name}", "missing", _without(value, name))
        for name, child in value.items():
            for deeper in self.broken(child, node["properties"][name], f"{at}.{name}"):
                yield deeper.inside(value | {name: deeper.value})

    def _broken_map(self, value: Json, node: Json, at: str) -> Iterator[Broken]:
        pattern, values = _entries(node)
        names: Json = node.get("propertyNames", {})
        sample = next(iter(value.values()), "x")
        if (most := node.get("maxProperties")) is not None:
            yield Broken(at, "too many", {f"k{n}": sample for n in range(most + 1)})
        if node.get("minProperties"):
            yield Broken(at, "too few", {})
        if pattern:
            yield Broken(at, "bad key", {"no such key!": sample})
        if (longest := names.get("maxLength")) is not None:
            yield Broken(at, "long key", {"k" * (longest + 1): sample})
        if isinstance(values, dict):
            for name, child in value.items():
                for deeper in self.broken(child, values, f"{at}.{name}"):
                    yield deeper.inside(value | {name: deeper.value})

    def _broken_list(self, value: list[Any], node: Json, at: str) -> Iterator[Broken]:
        if (most := node.get("maxItems")) is not None:
            yield Broken(at, "too many", [*value, *["x"] * (most + 1)])
        if node.get("minItems"):
            yield Broken(at, "too few", [])
        for i, child in enumerate(value):
            for deeper in self.broken(child, node["items"], f"{at}[{i}]"):
                yield deeper.inside([*value[:i], deeper.value, *value[i + 1 :]])


@dataclass(frozen=True)
class Broken:
    """A document with one thing broken: where, how, and the document."""

    at: str
    how: str
    value: Any

    def inside(self, parent: Any) -> Broken:
        """The same break, seen from one level further out."""
        return Broken(self.at, self.how, parent)


# Without null, which the wire has no room for: a merge patch would take it for a removal.
_ANY: Documents = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


def _strings(node: Json) -> st.SearchStrategy[str]:
    longest = node.get("maxLength", _LONGEST_DRAWN)
    if node.get("format") == "date-time":
        times = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31))
        return times.map(lambda time: f"{time.isoformat()}Z")
    if pattern := node.get("pattern"):
        bare = pattern.removeprefix("^").removesuffix("$")
        return st.from_regex(bare, fullmatch=True).filter(lambda text: len(text) <= longest)
    shortest = node.get("minLength", 0)
    drawn = st.text(min_size=shortest, max_size=min(longest, _LONGEST_DRAWN))
    return drawn | st.just("ñ" * longest)


def _entries(node: Json) -> tuple[str | None, Json | bool]:
    """The pattern of a map's keys and the schema of its values (True: anything)."""
    for pattern, values in node.get("patternProperties", {}).items():
        return pattern, values
    return None, node.get("additionalProperties", True)


def _without(value: Json, name: str) -> Json:
    return {key: child for key, child in value.items() if key != name}


def _broken_choice(node: Json, at: str) -> Iterator[Broken]:
    types = {choice["type"]: choice for choice in node["anyOf"]}
    for wrong in ({}, {"a": 1}, [], [1], None):
        yield Broken(at, "wrong type", wrong)
    if "boolean" not in types:
        yield Broken(at, "wrong type", True)
    for choice in types.values():
        yield from _broken_bounds(choice, at)


def _broken_scalar(node: Json, at: str) -> Iterator[Broken]:
    wrong: dict[str, list[Any]] = {
        "string": [7, True, ["x"], {}],
        "integer": ["7", 1.5, [7], {}],
        "number": ["7", [7], {}],
        "boolean": ["true", 1, [True], {}],
    }
    for value in wrong[node["type"]]:
        yield Broken(at, "wrong type", value)
    yield from _broken_bounds(node, at)


def _broken_bounds(node: Json, at: str) -> Iterator[Broken]:
    if "minimum" in node:
        yield Broken(at, "too small", node["minimum"] - 1)
    if "maximum" in node:
        yield Broken(at, "too large", node["maximum"] * 2 + 1)
    if "maxLength" in node:
        yield Broken(at, "too long", "1" * (node["maxLength"] + 1))
    if node.get("minLength"):
        yield Broken(at, "too short", "")
    if "pattern" in node:
        for text in ("", "no match!", "Ñ", "-"):
            if not re.search(node["pattern"], text):  # some may be empty
                yield Broken(at, "no match", text)
