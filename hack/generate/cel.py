"""CEL, the API server's language for rules: how the models' promises are written in it.

Values whose type no schema can name (a parameter is a number, a boolean or a string) are hidden
from CEL's type checker, and so is each map of them; `dyn` reaches them all the same, and compares
them whole: keys that were renamed included, which a map without a schema would pass over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from trainlease.model.base import NAME_PATTERN

Json = dict[str, Any]

_RESERVED = {
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in",
    "let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while",
}  # fmt: skip
_PLAIN = re.compile(r"[a-z][A-Za-z0-9]*")


def rule(cel: str, message: str, field: str | None = None) -> Json:
    """One entry of `x-kubernetes-validations`; `field` is the child that the answer names."""
    said = {"rule": cel, "message": message}
    return said if field is None else said | {"fieldPath": f".{field}"}


def member(field: str, of: str = "self", *, hidden: bool = False) -> str:
    """A field's value, by its wire name."""
    if not _PLAIN.fullmatch(field):
        raise ValueError(f"{field}: CEL would need this name to be escaped")
    name = f"__{field}__" if field in _RESERVED else field
    return f"dyn({of}).{name}" if hidden else f"{of}.{name}"


def matches(pattern: str, message: str) -> Json:
    """The rule of a string that must fit a pattern, with a sentence instead of the pattern."""
    return rule(f"self.matches({_literal(pattern)})", message)


def keys_fit(map_: str, longest: int, pattern: str | None) -> str:
    """That each key of a map fits a length and a pattern."""
    fits = f"size(k) <= {longest}"
    if pattern is not None:
        fits += f" && k.matches({_literal(pattern)})"
    return f"{map_}.all(k, {fits})"


def fixed(fields: Mapping[str, bool], required: Iterable[str], kind: str) -> Json:
    """The rule of the fields that must not be added, removed or changed after creation.

    It stands at the parent, since a child's own rule is not asked when it appears or vanishes, and
    it is one, since each costs the API server something at every write, those of the status too.
    `fields` says of each whether it is hidden from the type checker.
    """
    always = frozenset(required)
    same = {name: _unchanged(name, hidden, name in always) for name, hidden in fields.items()}
    said = f"'{{}} is fixed at creation: make a new {kind} instead'"
    *others, last = same
    first_changed = "".join(f"!({same[name]}) ? {said.format(name)} : " for name in others)
    return {
        "rule": f"self == oldSelf || ({' && '.join(f'({cel})' for cel in same.values())})",
        "message": f"a field that is fixed at creation was changed: make a new {kind} instead",
        "messageExpression": first_changed + said.format(last),
    }


def at_creation(asked: Json) -> Json:
    """A rule of what is fixed: asked once, and not again at every later write."""
    return asked | {"rule": f"oldSelf.hasValue() || {asked['rule']}", "optionalOldSelf": True}


def named(kind: str, longest: int) -> list[Json]:
    """The rules of an object's own name, which others are made of."""
    name, says = "self.metadata.name", f"the name of a {kind} has"
    return [
        rule(f"size({name}) <= {longest}", f"{says} at most {longest} characters"),
        rule(f"{name}.matches({_literal(NAME_PATTERN)})", f"{says} no dot, only a-z, 0-9 and '-'"),
    ]


def _unchanged(field: str, hidden: bool, required: bool) -> str:
    now, before = (member(field, of, hidden=hidden) for of in ("self", "oldSelf"))
    if required:
        return f"{now} == {before}"
    return f"has({now}) == has({before}) && (!has({now}) || {now} == {before})"


def _literal(pattern: str) -> str:
    if "'" in pattern:
        raise ValueError(f"{pattern}: a quote would end CEL's raw string")
    return f"r'{pattern}'"
