"""The command line: many seeds (`--seeds 2000`), one that is looked at (`--seed 7 --trace`), or a
million of them, as the nights allow (`nightly`)."""

import os
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from simulator import nightly as night
from simulator.campaign import Report, campaign
from simulator.quiet import keep_quiet
from simulator.runner import run

_SHOWN = 10
app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(help="How many seeds to run.")] = 200,
    first: Annotated[int, typer.Option(help="The first of them.")] = 0,
    jobs: Annotated[int, typer.Option(help="How many processes share them.")] = 2,
    seed: Annotated[int | None, typer.Option(help="Run this one alone.")] = None,
    trace: Annotated[bool, typer.Option(help="With --seed: print all that happened.")] = False,
    cells: Annotated[bool, typer.Option(help="Fail on what no seed has tried.")] = True,
) -> None:
    """Run seeds from start to rest; fail where a promise was broken."""
    if context.invoked_subcommand is not None:
        return
    if seed is not None:
        raise typer.Exit(_one(seed, trace=trace))
    began = time.monotonic()
    report = campaign(range(first, first + seeds), jobs)
    _print(report, time.monotonic() - began)
    raise typer.Exit(1 if report.failed or (cells and not report.is_complete) else 0)


@app.command()
def nightly(
    seeds: Annotated[int, typer.Option(help="How many seeds, in all sittings.")] = 1_000_000,
    first: Annotated[int, typer.Option(help="The first of them.")] = 0,
    jobs: Annotated[int | None, typer.Option(help="How many processes; all cores.")] = None,
    state: Annotated[Path, typer.Option(help="Where it stands.")] = Path(".nightly.json"),
    block: Annotated[int, typer.Option(help="After how many seeds that is written.")] = 200,
    despite_changes: Annotated[
        bool, typer.Option("--despite-changes", help="Go on though the source has changed.")
    ] = False,
) -> None:
    """Run a million seeds; stop it as you like, and start it again to go on where it stood."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    code = night.fingerprint()
    progress = night.take_up(state, first, code, typer.echo, despite_changes=despite_changes)
    try:
        night.go_on(state, progress, seeds, jobs or os.cpu_count() or 1, block, typer.echo)
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on from here")
    for line in night.summary(progress, seeds):
        typer.echo(line)
    raise typer.Exit(1 if progress.report.failed else 0)


def _one(seed: int, *, trace: bool) -> int:
    keep_quiet()
    lines: list[str] = []
    result = run(seed, lines=lines)
    if trace:
        typer.echo("".join(lines), nl=False)
    typer.echo(
        f"seed {seed}: {result.seconds:.0f} s of virtual time, {result.steps} steps, "
        f"{result.writes} writes, trace {result.trace[:16]}"
    )
    for breach in result.breaches:
        typer.echo(f"{breach}\n{'':12}{breach.rule}")
    return 1 if result.breaches else 0


def _print(report: Report, wall: float) -> None:
    typer.echo("\n".join((*report.table(), *report.deeds_done())))
    typer.echo(
        f"{report.count} seeds in {wall:.0f} s, {report.cpu_seconds / report.count:.3f} CPU "
        f"seconds each, {report.seconds / 3600:.0f} hours of virtual time"
    )
    for failure in report.failed[:_SHOWN]:
        typer.echo(f"seed {failure.seed}: {failure.first}")
        typer.echo(f"    python -m simulator --seed {failure.seed} --trace")
    typer.echo(f"{len(report.failed)} seeds with a broken promise")
    for action, fault in report.empty_cells:
        typer.echo(f"never hit: {action} x {fault}")
    for word in report.undone:
        typer.echo(f"never done: {word}")


if __name__ == "__main__":
    app()
