"""The live tables, for a terminal. Pure: a view in, something that rich can draw out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from demo.view import DatabaseLine, View

Row = Sequence[str | Text]

_COLOURS = {
    "Succeeded": "green",
    "Failed": "red",
    "Running": "cyan",
    "Starting": "cyan",
    "Claimed": "cyan",
    "Stopping": "yellow",
    "Free": "green",
    "occupied": "cyan",
    "free": "green",
}
_NEWS_SHOWN = 3
_ROOMY = 40
"""Lines of a terminal from which on titles and blank lines have room."""


def live(view: View, news: Sequence[str], height: int = _ROOMY) -> Group:
    """Everything at one moment, and what the demo itself did last, on `height` lines."""
    parts: list[RenderableType] = []
    for each in (jobs(view), machines(view), databases(view.databases)):
        if height < _ROOMY:
            _squeeze(each)
        parts += [each] if height < _ROOMY else [each, Text()]
    parts += [Text(line, style="magenta") for line in news[-_NEWS_SHOWN:]]
    return Group(*parts)


def jobs(view: View) -> Table:
    rows: list[Row] = [[j.title, coloured(j.state), j.machine, j.why, j.model] for j in view.jobs]
    return table("Jobs", ["JOB", "STATE", "MACHINE", "WHY", "MODEL"], rows, wide="WHY")


def machines(view: View) -> Table:
    rows: list[Row] = [
        [m.name, coloured(m.state), m.holder, m.until, m.dbs, m.why] for m in view.machines
    ]
    columns = ["MACHINE", "STATE", "HOLDER", "UNTIL", "DBS", "WHY"]
    return table("Machines", columns, rows, wide="WHY")


def databases(lines: Sequence[DatabaseLine]) -> Table:
    """The platforms' own rows, a column a database."""
    names = sorted({machine for line in lines for machine in line.words})
    rows: list[Row] = [
        [name, *(_said(line, name, first=name == names[0]) for line in lines)] for name in names
    ]
    if not names:
        rows = [["", *(_said(line, "", first=True) for line in lines)]]
    columns = ["MACHINE", *(line.platform.upper() for line in lines)]
    return table("What each database says", columns, rows)


def table(
    name: str,
    columns: Sequence[str],
    rows: Iterable[Row],
    *,
    wide: str = "",
) -> Table:
    """A table whose column `wide` takes the room that is left and may fold."""
    drawn = Table(
        title=name, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False
    )
    drawn.pad_edge, drawn.expand = False, bool(wide)
    for column in columns:
        is_wide = column == wide
        drawn.add_column(column, no_wrap=not is_wide, ratio=1 if is_wide else None, overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn


def _squeeze(drawn: Table) -> None:
    """A line a row, for a low terminal."""
    drawn.title = None
    for column in drawn.columns:
        column.no_wrap, column.overflow = True, "ellipsis"


def coloured(word: str) -> Text:
    """A state in its colour."""
    return Text(word, style=_COLOURS.get(word.split(" ")[0], ""))


def _said(line: DatabaseLine, machine: str, *, first: bool) -> Text:
    if line.trouble:
        return Text(line.trouble if first else "", style="red")
    return coloured(line.words.get(machine, "no row"))
