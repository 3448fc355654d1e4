"""The command line: `trainlease operator`.

Options come first, then TRAINLEASE_... variables (model.settings names all), then the defaults.
"""

import asyncio
import os
import socket
import sys
import uuid
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from trainlease import handlers
from trainlease.model.errors import Restored
from trainlease.model.settings import Settings
from trainlease.reconcile.operator import DeadWatch, LeadershipLost
from trainlease.wiring import logs
from trainlease.wiring.operator import CannotStart

app = typer.Typer(
    name="trainlease",
    help="Lends a few GPU machines to several platforms, one holder at a time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it would show local variables, secrets among them
)


class LogFormat(StrEnum):
    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@app.callback()
def trainlease() -> None:
    """Lends a few GPU machines to several platforms, one holder at a time."""


@app.command()
def operator(
    kubeconfig: Annotated[
        str | None,
        typer.Option(
            envvar="KUBECONFIG",
            help="The cluster; else the pod's ServiceAccount, else ~/.kube/config.",
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(help="Where the leader Lease and the platforms' Secrets are."),
    ] = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="The MLflow server; without one, jobs that want results wait."),
    ] = None,
    allow_process_machines: Annotated[
        bool | None,
        typer.Option(
            "--allow-process-machines/--no-process-machines",
            help="Machines of the process provider may be used: each is a shell on this host.",
        ),
    ] = None,
    process_folder: Annotated[
        Path | None,
        typer.Option(help="Where process machines keep their claims' folders and exit records."),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option(help="This process in the leader Lease; no other process's, ever."),
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option(help="Health endpoint to serve, such as http://0.0.0.0:8080/healthz."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="Where Prometheus may scrape /metrics, such as 127.0.0.1:9090."),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="auto: console on a terminal, else JSON.")
    ] = LogFormat.AUTO,
    log_level: Annotated[LogLevel, typer.Option(help="The least that is logged.")] = LogLevel.INFO,
) -> None:
    """Run one replica of the operator until SIGTERM; only the leader acts."""
    _set_up_logs(log_format, log_level)
    if kubeconfig:
        os.environ["KUBECONFIG"] = kubeconfig  # for the client and for kopf alike
    given = {
        "namespace": namespace,
        "tracking_uri": tracking_uri,
        "allow_process_machines": allow_process_machines,
        "metrics": metrics,
        "process_folder": None if process_folder is None else str(process_folder),
    }
    settings = _settings({name: value for name, value in given.items() if value is not None})
    _serve(settings, identity or _new_identity(), probe)


def _set_up_logs(log_format: LogFormat, level: LogLevel) -> None:
    is_for_people = log_format is LogFormat.AUTO and sys.stderr.isatty()
    as_json = log_format is not LogFormat.CONSOLE and not is_for_people
    logs.set_up(level.value.upper(), as_json=as_json)


def _serve(settings: Settings, identity: str, probe: str | None) -> None:
    """Until SIGTERM, or until the process must end: then with the reason and status 1."""
    try:
        asyncio.run(handlers.serve(settings, identity, probe=probe))
    except (CannotStart, LeadershipLost, DeadWatch, Restored) as error:
        raise _ended(str(error)) from None


def _settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        said = (": ".join((*map(str, p["loc"]), p["msg"])) for p in problems)
        raise _ended(f"a setting is wrong: {'; '.join(said)}") from None


def _new_identity() -> str:
    """Readable, and never given twice: a restarted process must not be taken for the old one."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"


def _ended(why: str) -> typer.Exit:
    typer.echo(f"trainlease: {why}", err=True)
    return typer.Exit(1)
