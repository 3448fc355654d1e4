"""What the operator writes into a status is stored as it was meant, and found by its fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.crds.api import Api
from tests.crds.documents import Schema
from tests.crds.kinds import FULL, KINDS, STATUS, Json

from trainlease.model.base import KubeObject
from trainlease.model.machine import Machine

FIRST: dict[type[KubeObject], Json] = dict(reversed(FULL))


@pytest.fixture
def stored(request: pytest.FixtureRequest, api: Api) -> Iterator[Json]:
    """An object of the kind that the test is about."""
    kind: type[KubeObject] = request.getfixturevalue("kind")
    answer = api.create(kind, "status", FIRST[kind], dry=False)
    assert answer.accepted, answer.message
    yield answer.body
    api.delete_all(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind_name)
def test_a_status_comes_back_as_it_was_written(
    kind: type[KubeObject], api: Api, stored: Json
) -> None:
    shape = STATUS[kind]

    @given(Schema(shape).documents())
    @settings(
        max_examples=60,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(document: Any) -> None:
        status = shape.model_validate(document)
        answer = api.set_status(kind, stored, status.wire())
        assert answer.message == ""
        assert shape.model_validate(answer.body["status"]) == status

    check()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind_name)
def test_an_object_without_status_gets_none_from_the_schema(
    kind: type[KubeObject], stored: Json
) -> None:
    assert "status" not in stored
    assert kind.model_validate(stored).model_dump()["status"] == STATUS[kind]().model_dump()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind_name)
def test_an_empty_status_stays_empty(kind: type[KubeObject], api: Api, stored: Json) -> None:
    assert api.set_status(kind, stored, {}).body["status"] == {}


@pytest.mark.parametrize("kind", [Machine])
def test_machines_are_found_by_their_state_and_holder(
    kind: type[KubeObject], api: Api, stored: Json
) -> None:
    status = {"state": "Claimed", "holderTitle": "saturno/caries-001"}
    api.set_status(kind, stored, status, dry=False)

    found = [
        api.find(kind, selector)
        for selector in (
            "status.state=Claimed",
            "status.holderTitle=saturno/caries-001",
            "status.state=Free",
        )
    ]

    assert found == [["status"], ["status"], []]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind_name)
def test_a_condition_is_true_false_or_unknown(
    kind: type[KubeObject], api: Api, stored: Json
) -> None:
    condition = {
        "type": "Known",
        "status": "Perhaps",
        "reason": "Because",
        "lastTransitionTime": "2026-11-24T12:00:00Z",
    }
    assert "supported values" in api.set_status(kind, stored, {"conditions": [condition]}).message
