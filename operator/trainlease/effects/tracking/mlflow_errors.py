"""What an exception of MLflow's client means: our errors, by what happens next.

Messages are composed here: the client's own may quote the server's address with its password.
"""

from http import HTTPStatus

import requests

from trainlease.model.errors import (
    AlreadyExists,
    AnswerLost,
    BadSpec,
    Forbidden,
    NotFound,
    TrainleaseError,
    Unavailable,
)

_EXISTS = ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS")
_GONE = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_FORBIDDEN = ("PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED", "UNAUTHENTICATED")
_REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE")
_NOT_BEGUN = ("REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "TEMPORARILY_UNAVAILABLE")
_NO_SUCH_PATH = "ENDPOINT_NOT_FOUND"
_DELETED = "must be in the 'active' state"
_WRONG_HOST = "Invalid Host header"


def translated(error: Exception, what: str, *, writes: bool) -> TrainleaseError | None:
    """The error to raise instead, or None for an exception that is a fault of this program.

    `what` says what was asked, such as `create a run`.
    """
    code = getattr(error, "error_code", None)
    if isinstance(error, requests.RequestException):
        return _of_transport(error, what, writes)
    if isinstance(error, ImportError):
        return BadSpec(f"the operator cannot {what}: it has no library for that artifact store")
    if code is None:
        return None
    below = error.__cause__ or error.__context__
    if isinstance(below, requests.RequestException):
        return _of_transport(below, what, writes)
    return _of_code(str(code), str(error), what, writes)


def no_answer(what: str, *, writes: bool) -> Unavailable:
    """It was asked and did not answer in time."""
    kind = AnswerLost if writes else Unavailable
    return kind(f"MLflow did not answer in time (asked to {what})")


def _of_transport(error: requests.RequestException, what: str, writes: bool) -> TrainleaseError:
    if error.response is not None:
        return _of_status(error.response.status_code, what, writes)
    if isinstance(error, requests.ConnectTimeout) or _is_refused(error):
        return Unavailable(
            "MLflow cannot be reached: see that its server runs, and TRAINLEASE_TRACKING_URI"
        )
    if isinstance(error, requests.exceptions.RetryError):  # no retries: the first bad answer
        return _broken(what, writes)
    if isinstance(error, requests.Timeout) or _reason(error) == "ReadTimeoutError":
        return no_answer(what, writes=writes)
    kind = AnswerLost if writes else Unavailable
    return kind(f"the connection to MLflow broke (asked to {what})")


def _is_refused(error: requests.RequestException) -> bool:
    """Whether no connection came about: then nothing was sent."""
    return _reason(error) in ("NewConnectionError", "NameResolutionError")


def _reason(error: requests.RequestException) -> str:
    """What urllib3 calls the reason for which it gave up."""
    return type(getattr(error.args[0], "reason", None)).__name__ if error.args else ""


def _of_status(status: int, what: str, writes: bool) -> TrainleaseError:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _forbidden(what)
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(f"MLflow has nothing there (asked to {what})")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Unavailable(f"MLflow has too much to do (asked to {what})")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return BadSpec(f"MLflow refuses to {what} (HTTP {status})")
    return _broken(what, writes)


def _of_code(code: str, message: str, what: str, writes: bool) -> TrainleaseError:
    if code in _EXISTS:
        return AlreadyExists(f"MLflow has it already (asked to {what})")
    if code in _GONE:
        return NotFound(f"MLflow has nothing there (asked to {what})")
    if code in _FORBIDDEN:
        if _WRONG_HOST in message:
            return Forbidden(
                "MLflow refuses the host name in TRAINLEASE_TRACKING_URI: "
                "start its server with --allowed-hosts"
            )
        return _forbidden(what)
    if code in _REFUSED:
        if _DELETED in message:
            return NotFound(f"it was deleted in MLflow (asked to {what})")
        return BadSpec(f"MLflow refuses to {what} ({code})")
    if code == _NO_SUCH_PATH:
        return BadSpec("what answers at TRAINLEASE_TRACKING_URI is no MLflow server of version 3")
    if code in _NOT_BEGUN:
        return Unavailable(f"MLflow has too much to do (asked to {what})")
    return _broken(what, writes)


def _forbidden(what: str) -> Forbidden:
    return Forbidden(
        f"MLflow does not let the operator {what}: see MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, of the operator"
    )


def _broken(what: str, writes: bool) -> Unavailable:
    kind = AnswerLost if writes else Unavailable
    return kind(f"MLflow answered with an error of its own (asked to {what})")
