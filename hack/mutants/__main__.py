"""The command line: all mutants, or those named, and a table of what caught them."""

import resource
import statistics
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Annotated

import typer

from mutants import seeds
from mutants.catalog import MUTANTS
from mutants.chase import BrokenMutant, Chase, chase
from mutants.mutant import DoesNotApply, Mutant


def main(
    names: Annotated[list[str] | None, typer.Argument(help="How their names begin.")] = None,
    jobs: Annotated[int, typer.Option(help="How many are chased at a time.")] = 2,
    within: Annotated[int, typer.Option(help="Another bound of seeds for all of them.")] = 0,
    note: Annotated[bool, typer.Option(help="Note the seeds for the tests to begin with.")] = False,
    detail: Annotated[bool, typer.Option(help="Say how each promise was broken.")] = False,
) -> None:
    """Chase the mutants; fail where one survives, or is none."""
    chosen = [m for m in MUTANTS if not names or m.name.startswith(tuple(names))]
    if within:
        chosen = [m.with_bound(within) for m in chosen]
    with ThreadPoolExecutor(jobs) as pool:
        chases = [pool.submit(_chased, one) for one in chosen]
        ended = [_shown(end.result(), detail=detail) for end in as_completed(chases)]
    caught = [end for end in ended if isinstance(end, Chase) and end.is_caught]
    if note:
        seeds.note({end.mutant.name: end.seed for end in caught})
    _sum_up(caught, len(ended))
    raise typer.Exit(0 if len(caught) == len(ended) else 1)


def _chased(mutant: Mutant) -> Chase | str:
    try:
        return chase(mutant)
    except (BrokenMutant, DoesNotApply) as error:
        return f"{mutant.name}: {error}"


def _shown(end: Chase | str, *, detail: bool) -> Chase | str:
    if isinstance(end, str):
        typer.echo(end)
        return end
    what = f"{end.needed:5} of {end.mutant.within:<5} {end.promise or 'SURVIVES'}"
    typer.echo(f"{end.mutant.name:36} {what}")
    if detail:
        typer.echo(f"{'':8}{end.mutant.rule}\n{'':8}seed {end.seed}: {end.detail}")
    return end


def _sum_up(caught: list[Chase], total: int) -> None:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    needed = [end.needed for end in caught] or [0]
    typer.echo(
        f"{len(caught)} caught of {total}; seeds needed: median {_median(needed)}, "
        f"worst {max(needed)}; {used.ru_utime + used.ru_stime:.0f} CPU seconds"
    )


def _median(numbers: Iterable[int]) -> str:
    return f"{statistics.median(numbers):g}"


if __name__ == "__main__":
    typer.run(main)
