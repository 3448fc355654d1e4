"""What an answer of the API server means: its refusals as our errors, by what happens next.

Messages hold what the server itself said, which is for people, save where it may quote a secret.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from trainlease.effects.kube.kinds import Kind
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

_LONGEST = 2000
_LONGEST_WAIT = 5.0
_DEFAULT_WAIT = 1.0
_WRONG = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
_MAY_HAVE_LANDED = (
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
)


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def lost(message: str, may_have_landed: bool) -> Unavailable:
    """No answer: a write that was sent may have landed."""
    return AnswerLost(message) if may_have_landed else Unavailable(message)


def refused_for_now(answer: Answer) -> float | None:
    """How long to wait before the same call: 429 says that it was not begun."""
    if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
        return None
    asked = {key.lower(): value for key, value in answer.headers.items()}.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT) if asked.isdigit() else _DEFAULT_WAIT


def failure(answer: Answer, kind: Kind, name: str, is_write: bool) -> TrainleaseError:
    """The error that an answer other than 2xx means."""
    status = _status_object(answer)
    message = _message(answer, kind, name, status)
    match answer.status:
        case HTTPStatus.NOT_FOUND:
            return NotFound(message) if _names(status, kind) else Unavailable(message)
        case HTTPStatus.CONFLICT:
            exists = status.get("reason") == "AlreadyExists"
            return AlreadyExists(message) if exists else Conflict(message)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Unavailable(message) if _is_terminating(status) else Forbidden(message)
        case code if code in _WRONG:
            return BadSpec(message)
        case code:
            return lost(message, is_write and code in _MAY_HAVE_LANDED)


def _status_object(answer: Answer) -> dict[str, Any]:
    """The `Status` that the server sends with a refusal; empty if something else answered."""
    try:
        status = json.loads(answer.data)
    except ValueError:
        return {}
    return status if isinstance(status, dict) and status.get("kind") == "Status" else {}


def _message(answer: Answer, kind: Kind, name: str, status: Mapping[str, Any]) -> str:
    head = f"{kind.plural} {name}".strip()
    said = status.get("reason", "") if kind.plural == "secrets" else status.get("message", "")
    return f"{head}: {said or f'HTTP {answer.status}'}"[:_LONGEST]


def _names(status: Mapping[str, Any], kind: Kind) -> bool:
    """Whether a 404 speaks of an object. Without its CRD a kind is not served, and says 404 too:

    that must never be read as "the object is gone".
    """
    details = status.get("details") or {}
    return bool(details.get("name")) and details.get("kind") in (kind.plural, "namespaces")


def _is_terminating(status: Mapping[str, Any]) -> bool:
    """A namespace on its way out refuses creates: soon it is gone, which a read will say."""
    causes = (status.get("details") or {}).get("causes") or []
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
