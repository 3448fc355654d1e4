"""The few words of Markdown that the pages need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

HEAD = "<!-- Generated from the code by `make generate`; change that instead. -->"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what is in a cell may hold any character."""
    lines = [titles, ["---"] * len(titles), *([_cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: object) -> str:
    return f"`{text}`"


def page(parts: Iterable[str]) -> str:
    """Parts with an empty line between them."""
    return "\n\n".join([HEAD, *parts]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
