"""The generator: what is committed is what the models say, and what cannot be said is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import Field

from generate import cel, reference, states
from generate.__main__ import main
from generate.crd import RESOURCES, Resource, definition
from generate.files import ROOT, stale, wanted, write
from generate.markdown import table
from generate.structural import Part, Unsupported, structural
from trainlease.model import machine, mode, platform, training_job
from trainlease.model.annotations import ANNOTATIONS
from trainlease.model.base import API_VERSION, Says, Shape
from trainlease.model.settings import Settings
from trainlease.plan.states import TRANSITIONS, Arrow

SPEC = Part("Thing", is_spec=True)
STATUS = Part("Thing", is_spec=False)

Short = Annotated[str, Field(max_length=8)]
Word = Annotated[str, Field(pattern="^[a-z]+$", max_length=8), Says("write a small word")]


class Unbounded(Shape):
    text: str


class UnboundedList(Shape):
    texts: tuple[Short, ...]


class UnboundedMap(Shape):
    texts: dict[Short, Short]


class EvenOnly(Shape):
    number: Annotated[int, Field(multiple_of=2)]


class Choice(Shape):
    value: Annotated[int, Field(le=3)] | bool


class SilentKeys(Shape):
    texts: Annotated[
        dict[Annotated[str, Field(pattern="^a")], Short],
        Field(max_length=2),
    ]


class StaleMutable(Shape):
    mutable: ClassVar[frozenset[str] | None] = frozenset({"gone"})
    text: Short


class Plain(Shape):
    """A thing."""

    mutable: ClassVar[frozenset[str] | None] = frozenset({"note"})

    word: Word
    """What it is called."""
    text: Short | None = None
    note: Short | None = None
    size: Annotated[int, Field(ge=0)] = 3


def test_what_is_committed_is_what_the_models_say() -> None:
    assert [path.relative_to(ROOT) for path in stale(wanted())] == []
    assert main(["--check"]) == 0


def test_a_file_that_differs_or_is_missing_is_stale_until_it_is_written(tmp_path: Path) -> None:
    same, other, missing = (tmp_path / name for name in ("same", "other", "new/missing"))
    same.write_text("text")
    other.write_text("another text")
    files = dict.fromkeys((same, other, missing), "text")

    assert stale(files) == [other, missing]
    assert write(files) == [other, missing]
    assert stale(files) == []


@pytest.mark.parametrize(
    ("shape", "want"),
    [
        (Unbounded, "text: string without a maximum"),
        (UnboundedList, "texts: array without a maximum"),
        (UnboundedMap, "texts: object without a maximum"),
        (EvenOnly, "number: multipleOf"),
        (Choice, "a choice of boolean, integer"),
        (SilentKeys, "keys need one pattern, a longest length and a sentence"),
        (StaleMutable, "mutable names gone, no fields"),
    ],
)
def test_what_no_structural_schema_can_say_is_refused(shape: type[Shape], want: str) -> None:
    with pytest.raises(Unsupported, match=want):
        structural(shape, SPEC)


def test_a_spec_has_defaults_sentences_and_fixed_fields() -> None:
    schema = structural(Plain, SPEC)

    assert schema["required"] == ["word"]
    assert schema["properties"]["word"] == {
        "description": "What it is called.",
        "type": "string",
        "maxLength": 8,
        "x-kubernetes-validations": [
            {"rule": "self.matches(r'^[a-z]+$')", "message": "write a small word"}
        ],
    }
    assert schema["properties"]["size"]["default"] == 3
    (fixed,) = schema["x-kubernetes-validations"]
    assert fixed["rule"] == (
        "self == oldSelf || ("
        "(self.word == oldSelf.word) && "
        "(has(self.text) == has(oldSelf.text) && "
        "(!has(self.text) || self.text == oldSelf.text)) && "
        "(self.size == oldSelf.size))"
    )


def test_a_status_has_plain_bounds_and_costs_no_rules() -> None:
    schema = structural(Plain, STATUS)

    assert schema["properties"]["word"]["pattern"] == "^[a-z]+$"
    assert "default" not in schema["properties"]["size"]
    assert "x-kubernetes-validations" not in str(schema)


def test_words_that_cel_keeps_for_itself_are_escaped() -> None:
    assert cel.member("for") == "self.__for__"
    assert cel.member("namespace", "oldSelf") == "oldSelf.__namespace__"
    with pytest.raises(ValueError, match="escaped"):
        cel.member("with-dash")


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_no_more_fields_are_selectable_than_kubernetes_allows(resource: Resource) -> None:
    (version,) = definition(resource)["spec"]["versions"]
    assert 0 < len(version["selectableFields"]) <= 8


def test_every_field_of_a_spec_says_what_it_means() -> None:
    silent = [
        f"{resource.kind}: {path}"
        for resource in RESOURCES
        for path, schema in _fields(structural(resource.spec, Part(resource.kind, is_spec=True)))
        if not schema.get("description")
    ]
    assert silent == []


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_the_reference_page_has_every_field_of_every_kind(resource: Resource) -> None:
    page = reference.text()
    rows = page.split(f"## {resource.kind}\n")[1].split("\n## ")[0].splitlines()
    for part in (resource.spec, resource.status):
        names = [field.alias or name for name, field in part.model_fields.items()]
        assert [
            name for name in names if not any(r.startswith(f"| `{name}` |") for r in rows)
        ] == []


def test_the_reference_page_has_every_setting_and_what_it_means() -> None:
    lines = reference.text().splitlines()
    for name in Settings.model_fields:
        (line,) = (x for x in lines if x.startswith(f"| `TRAINLEASE_{name.upper()}` |"))
        assert not line.endswith("|  |")


def test_the_reference_page_has_every_annotation_there_is_a_name_for() -> None:
    known = [v for module in (machine, mode, platform, training_job) for v in vars(module).values()]
    names = {v for v in known if isinstance(v, str) and v.startswith("trainlease.dev/")}
    names -= {machine.FINALIZER, API_VERSION}
    assert {a.name for a in ANNOTATIONS} == names
    lines = reference.text().splitlines()
    for name in names:
        assert len([x for x in lines if x.startswith(f"| `{name}` |")]) == 1


@pytest.mark.parametrize("arrow", TRANSITIONS, ids=lambda arrow: arrow.when)
def test_the_picture_has_every_arrow_with_one_colon(arrow: Arrow) -> None:
    start = f"    {arrow.before or '[*]'} --> {arrow.after}: "
    found = [line for line in states.text().splitlines() if line.startswith(start)]
    assert [line.count(":") for line in found] == [1]


def test_a_cell_of_a_table_may_hold_any_text() -> None:
    assert table(["A"], [["x|y\nz"]]).splitlines()[-1] == "| x\\|y z |"


def _fields(schema: cel.Json, at: str = "spec") -> Iterator[tuple[str, cel.Json]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{at}.{name}", field
        yield from _fields(field, f"{at}.{name}")
