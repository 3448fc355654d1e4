"""What is fixed at creation stays so: added, removed, changed, and a map's key renamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.crds.api import Api
from tests.crds.kinds import HOLD, JOB, SPEC, TWINS, Json

from trainlease.model.base import KubeObject
from trainlease.model.machine_lease import MachineLease
from trainlease.model.training_job import TrainingJob

Store = Callable[[type[KubeObject], Json], Json]


@pytest.fixture
def store(api: Api) -> Iterator[Store]:
    """Creates an object and gives back what the API server made of it."""
    made: set[type[KubeObject]] = set()

    def create(kind: type[KubeObject], spec: Json) -> Json:
        made.add(kind)
        answer = api.create(kind, f"fixed-{len(made)}", spec, dry=False)
        assert answer.accepted, answer.message
        return answer.body

    yield create
    for kind in made:
        api.delete_all(kind)


def _fixed(kind: type[KubeObject]) -> list[str]:
    fields = [field.alias or name for name, field in SPEC[kind].model_fields.items()]
    mutable = SPEC[kind].mutable
    assert mutable is not None
    return [name for name in fields if name not in mutable]


def _without(spec: Json, field: str) -> Json:
    return {name: value for name, value in spec.items() if name != field}


def _says_fixed(field: str, kind: type[KubeObject]) -> str:
    return f"{field} is fixed at creation: make a new {kind.kind_name} instead"


@pytest.mark.parametrize(("kind", "spec", "other"), TWINS)
def test_a_changed_or_added_field_is_refused_by_name(
    kind: type[KubeObject], spec: Json, other: Json, api: Api, store: Store
) -> None:
    stored = store(kind, spec)
    for field in set(_fixed(kind)) & other.keys():
        answer = api.replace(kind, stored, stored["spec"] | {field: other[field]})
        assert _says_fixed(field, kind) in answer.message


@pytest.mark.parametrize(("kind", "spec", "other"), TWINS)
def test_a_removed_field_is_refused_by_name(
    kind: type[KubeObject], spec: Json, other: Json, api: Api, store: Store
) -> None:
    stored = store(kind, spec)
    optional = [f for f in _fixed(kind) if f in spec and f != "image"]
    for field in optional:
        answer = api.replace(kind, stored, _without(stored["spec"], field))
        assert _says_fixed(field, kind) in answer.message


def test_a_removed_image_is_refused(api: Api, store: Store) -> None:
    stored = store(TrainingJob, JOB)
    answer = api.replace(TrainingJob, stored, _without(stored["spec"], "image"))
    assert "spec.image: Required value" in answer.message


def test_what_was_left_out_cannot_be_added(api: Api, store: Store) -> None:
    stored = store(TrainingJob, {"pool": "onprem", "image": "registry/train:1"})
    for field in set(_fixed(TrainingJob)) & JOB.keys() - stored["spec"].keys():
        answer = api.replace(TrainingJob, stored, stored["spec"] | {field: JOB[field]})
        assert _says_fixed(field, TrainingJob) in answer.message


@pytest.mark.parametrize("field", ["params", "env"])
def test_a_key_of_a_map_cannot_be_added_removed_renamed_or_given_a_new_value(
    field: str, api: Api, store: Store
) -> None:
    stored = store(TrainingJob, JOB)
    first, value = next(iter(JOB[field].items()))
    rest = _without(JOB[field], first)
    variants: dict[str, Any] = {
        "added": JOB[field] | {"added": value},
        "removed": rest,
        "renamed": rest | {"renamed": value},
        "another value": rest | {first: "another"},
    }

    kept = [
        name
        for name, changed in variants.items()
        if _says_fixed(field, TrainingJob)
        not in api.replace(TrainingJob, stored, stored["spec"] | {field: changed}).message
    ]

    assert kept == []


@pytest.mark.parametrize(
    "labels", [{}, {"team": "voice"}, {"squad": "vision"}, {"team": "vision", "added": "x"}]
)
def test_what_is_laid_over_the_pod_cannot_change(
    labels: dict[str, str], api: Api, store: Store
) -> None:
    stored = store(TrainingJob, JOB)
    template = JOB["podTemplate"] | {"metadata": {"labels": labels}}
    answer = api.replace(TrainingJob, stored, stored["spec"] | {"podTemplate": template})
    assert _says_fixed("podTemplate", TrainingJob) in answer.message


@pytest.mark.parametrize("name", JOB["params"])
def test_each_parameter_can_neither_be_renamed_nor_get_a_new_value(
    name: str, api: Api, store: Store
) -> None:
    stored = store(TrainingJob, JOB)
    rest = _without(JOB["params"], name)
    for changed in (rest | {f"{name}2": JOB["params"][name]}, rest | {name: "another"}):
        answer = api.replace(TrainingJob, stored, stored["spec"] | {"params": changed})
        assert _says_fixed("params", TrainingJob) in answer.message


@pytest.mark.parametrize(
    ("kind", "spec", "changes"),
    [
        (TrainingJob, JOB, {"suspend": True, "priority": -3, "ttl": "1h"}),
        (MachineLease, HOLD, {"for": "9h"}),
    ],
)
def test_what_is_mutable_changes_alone_and_is_removed(
    kind: type[KubeObject], spec: Json, changes: Json, api: Api, store: Store
) -> None:
    stored = store(kind, spec)
    for field, value in changes.items():
        changed = api.replace(kind, stored, stored["spec"] | {field: value})
        removed = api.replace(kind, stored, _without(stored["spec"], field))
        assert (changed.message, removed.message) == ("", "")


def test_applying_the_same_again_changes_nothing(api: Api, store: Store) -> None:
    stored = store(TrainingJob, JOB)
    answer = api.replace(TrainingJob, stored, JOB)
    assert answer.body["metadata"]["generation"] == stored["metadata"]["generation"]
