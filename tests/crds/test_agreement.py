"""pydantic and the API server accept the same documents, and refuse the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.crds.api import Api
from tests.crds.documents import Schema
from tests.crds.kinds import FULL, KINDS, SPEC

from generate.files import ROOT
from trainlease.model.base import KubeObject, Shape

_BOUNDED = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def _name(kind: type[KubeObject]) -> str:
    return kind.kind_name


def _pydantic_accepts(shape: type[Shape], document: Any) -> bool:
    """As strictly as the API server reads JSON: "7" is no number."""
    try:
        shape.model_validate_json(json.dumps(document), strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS, ids=_name)
def test_what_pydantic_accepts_the_api_server_accepts(kind: type[KubeObject], api: Api) -> None:
    @given(Schema(SPEC[kind]).documents())
    @_BOUNDED
    def check(document: Any) -> None:
        assert _pydantic_accepts(SPEC[kind], document)
        assert api.create(kind, "drawn", document, dry=True).message == ""

    check()


@pytest.mark.parametrize("kind", KINDS, ids=_name)
def test_a_mutant_is_refused_by_both(kind: type[KubeObject], api: Api) -> None:
    schema = Schema(SPEC[kind])

    @given(schema.documents(), st.data())
    @_BOUNDED
    def check(document: Any, data: st.DataObject) -> None:
        mutant = data.draw(st.sampled_from(list(schema.broken(document))))
        assert not _pydantic_accepts(SPEC[kind], mutant.value), mutant
        assert not api.create(kind, "mutant", mutant.value, dry=True).accepted, mutant

    check()


@pytest.mark.parametrize(("kind", "document"), FULL)
def test_every_break_of_a_full_document_is_refused_by_both(
    kind: type[KubeObject], document: Any, api: Api
) -> None:
    assert api.create(kind, "full", document, dry=True).message == ""
    mutants = list(Schema(SPEC[kind]).broken(document))

    accepted_by_pydantic = [m for m in mutants if _pydantic_accepts(SPEC[kind], m.value)]
    accepted_by_server = [
        m for m in mutants if api.create(kind, "mutant", m.value, dry=True).accepted
    ]

    assert (accepted_by_pydantic, accepted_by_server) == ([], [])


def test_every_example_is_accepted_by_both(api: Api) -> None:
    kinds = {kind.kind_name: kind for kind in KINDS}
    files = sorted((ROOT / "examples").rglob("*.yaml"))
    objects = [each for file in files for each in yaml.safe_load_all(file.read_text())]
    ours = [each for each in objects if each["kind"] in kinds]

    assert {each["kind"] for each in ours} >= {"TrainingJob", "Machine", "Platform"}
    for each in ours:
        kind, name = kinds[each["kind"]], each["metadata"]["name"]
        assert _pydantic_accepts(SPEC[kind], each["spec"]), name
        assert api.create(kind, name, each["spec"], dry=True).message == ""
