"""The log: one JSON object a line whatever logs, and no password in it."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from trainlease.wiring import logs

DSN = "mysql+pymysql://app:hun/t@er2@db.saturno/app"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_both_kinds_of_loggers_write_the_same_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("INFO", as_json=True)
    structlog.get_logger("a").info("claimed", machine="gpu-1")
    logging.getLogger("b").warning("%s is away", "saturno")
    ours, foreign = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["machine"], ours["level"]) == ("claimed", "gpu-1", "info")
    assert (foreign["event"], foreign["logger"]) == ("saturno is away", "b")
    assert ours["timestamp"] <= foreign["timestamp"]


@pytest.mark.parametrize("as_json", [True, False])
def test_no_password_of_an_address_is_logged(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    logs.set_up("INFO", as_json=as_json)
    structlog.get_logger().info("connects", dsn=DSN)
    logging.getLogger("library").warning("cannot reach %s", DSN)
    try:
        raise RuntimeError(f"no route to {DSN}")
    except RuntimeError:
        logging.getLogger("library").exception("failed")
    said = capsys.readouterr().err
    assert said.count("app:***@db.saturno") == 3
    assert "t@er2" not in said


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_no_local_variables(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    logs.set_up("INFO", as_json=as_json)

    def fails(password: str) -> None:
        raise RuntimeError(f"{len(password)} letters")

    try:
        fails("".join(("hun", "ter2")))
    except RuntimeError:
        structlog.get_logger().exception("failed")
    said = capsys.readouterr().err
    assert "7 letters" in said
    assert "hunter2" not in said


def test_what_libraries_say_in_passing_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("INFO", as_json=True)
    logging.getLogger("kopf.objects").info("Handler 'machines' succeeded.")
    structlog.get_logger("trainlease").debug("details")
    assert capsys.readouterr().err == ""
