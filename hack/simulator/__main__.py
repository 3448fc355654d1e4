"""The command line: many seeds (`--seeds 2000`), or one that is looked at (`--seed 7 --trace`)."""

import time
from typing import Annotated

import typer

from simulator.campaign import Report, campaign
from simulator.quiet import keep_quiet
from simulator.runner import run

_SHOWN = 10


def main(
    seeds: Annotated[int, typer.Option(help="How many seeds to run.")] = 200,
    first: Annotated[int, typer.Option(help="The first of them.")] = 0,
    jobs: Annotated[int, typer.Option(help="How many processes share them.")] = 2,
    seed: Annotated[int | None, typer.Option(help="Run this one alone.")] = None,
    trace: Annotated[bool, typer.Option(help="With --seed: print all that happened.")] = False,
    cells: Annotated[bool, typer.Option(help="Fail on a cell that no seed has hit.")] = True,
) -> None:
    """Run seeds from start to rest; fail where a promise was broken."""
    if seed is not None:
        raise typer.Exit(_one(seed, trace=trace))
    began = time.monotonic()
    report = campaign(range(first, first + seeds), jobs)
    _print(report, time.monotonic() - began)
    raise typer.Exit(1 if report.failed or (cells and report.empty_cells) else 0)


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
    typer.echo("\n".join(report.table()))
    typer.echo(
        f"{report.count} seeds in {wall:.0f} s, {report.cpu_seconds / report.count:.3f} CPU "
        f"seconds each, {report.seconds / 3600:.0f} hours of virtual time"
    )
    for result in report.failed[:_SHOWN]:
        typer.echo(f"seed {result.seed}: {result.breaches[0]}")
        typer.echo(f"    python -m simulator --seed {result.seed} --trace")
    typer.echo(f"{len(report.failed)} seeds with a broken promise")
    for action, fault in report.empty_cells:
        typer.echo(f"never hit: {action} x {fault}")


if __name__ == "__main__":
    typer.run(main)
