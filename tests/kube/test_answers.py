"""What each answer of the API server means, by what happens next."""

import json
from typing import Any

import pytest

from trainlease.effects.kube.answers import Answer, failure, refused_for_now
from trainlease.effects.kube.kinds import kind_of
from trainlease.model.errors import (
    AlreadyExists,
    AnswerLost,
    BadSpec,
    Conflict,
    Forbidden,
    NotFound,
    TrainleaseError,
    Unavailable,
)


def answer(code: int, **status: Any) -> Answer:
    return Answer(code, {}, json.dumps({"kind": "Status", "code": code, **status}).encode())


def meaning(reply: Answer, *, plural: str = "machines", is_write: bool = True) -> TrainleaseError:
    return failure(reply, kind_of(plural), "gpu-1", is_write)


@pytest.mark.parametrize(
    ("reply", "want"),
    [
        (answer(404, details={"name": "gpu-1", "kind": "machines"}), NotFound),
        (answer(404, details={"name": "ns", "kind": "namespaces"}), NotFound),
        (answer(404, details={}), Unavailable),
        (Answer(404, {}, b"404 page not found"), Unavailable),
        (answer(409, reason="Conflict"), Conflict),
        (answer(409, reason="AlreadyExists"), AlreadyExists),
        (answer(401, reason="Unauthorized"), Forbidden),
        (answer(403, reason="Forbidden"), Forbidden),
        (answer(403, details={"causes": [{"reason": "NamespaceTerminating"}]}), Unavailable),
        (answer(400, reason="BadRequest"), BadSpec),
        (answer(413), BadSpec),
        (answer(415), BadSpec),
        (answer(422, reason="Invalid"), BadSpec),
        (answer(429), Unavailable),
        (answer(503), Unavailable),
        (answer(500), AnswerLost),
        (Answer(502, {}, b"<html>"), AnswerLost),
        (answer(504, reason="Timeout"), AnswerLost),
    ],
    ids=lambda value: f"{value.status} {value.data[:60]!r}" if isinstance(value, Answer) else "",
)
def test_a_refusal_of_a_write_means_what_comes_next(
    reply: Answer, want: type[TrainleaseError]
) -> None:
    assert type(meaning(reply)) is want


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_a_read_can_have_changed_nothing(code: int) -> None:
    assert type(meaning(answer(code), is_write=False)) is Unavailable


def test_the_message_is_the_servers_own_and_names_the_object() -> None:
    said = str(meaning(answer(422, reason="Invalid", message="spec.pool: too long")))
    assert said == "machines gpu-1: spec.pool: too long"


def test_of_a_secret_only_the_reason_is_told() -> None:
    reply = answer(422, reason="Invalid", message='data: "hunter2" is no base64')
    assert str(meaning(reply, plural="secrets")) == "secrets gpu-1: Invalid"


@pytest.mark.parametrize(
    ("code", "headers", "want"),
    [
        (200, {"Retry-After": "3"}, None),
        (503, {"Retry-After": "3"}, None),
        (429, {"Retry-After": "3"}, 3),
        (429, {"retry-after": "600"}, 5),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1),
        (429, {}, 1),
    ],
)
def test_only_429_is_waited_for_and_not_for_long(
    code: int, headers: dict[str, str], want: float | None
) -> None:
    assert refused_for_now(Answer(code, headers, b"")) == want
