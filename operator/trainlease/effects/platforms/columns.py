"""Columns as a database declares them, and values as they must be to fit into one.

A comparison in SQL hides misfits (in an integer column of MySQL 'libre' equals 0, '7 bis' 7):
here a value is turned into the column's own type first, and what does not fit is a Misfit, whose
sentence a person can act on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

from trainlease.model.base import joined

Value = str | int
Tables = Mapping[str, Mapping[str, "Column"]]
"""Table name -> column name in small letters -> column; a table that is not there is left out."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")


class Misfit(ValueError):
    """A value that its column cannot hold; the sentence names both."""


class Kind(Enum):
    """As far as it matters for what may be written."""

    WHOLE = auto()
    BITS = auto()
    WORDS = auto()
    TEXT = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Column:
    """One column. `length` is in characters, None where there is no limit or no text.

    `numbered`: the database fills it with the next number; `required`: an INSERT must name it.
    """

    name: str
    kind: Kind
    declared: str
    nullable: bool = True
    length: int | None = None
    words: tuple[str, ...] = ()
    numbered: bool = False
    required: bool = False

    def fit(self, value: Value) -> Value:
        """The value as this column holds it; raises Misfit."""
        if self.kind in (Kind.WHOLE, Kind.BITS):
            number = _whole(value)
            if number is None:
                raise Misfit(f"column {self.name} is {self.declared}, and {value!r} is no number")
            return number
        if self.kind is Kind.WORDS and str(value) not in self.words:
            allowed = joined(repr(word) for word in self.words)
            raise Misfit(f"column {self.name} allows {allowed}, but not {str(value)!r}")
        if self.length is not None and len(str(value)) > self.length:
            raise Misfit(f"column {self.name} is {self.declared}, too short for {str(value)!r}")
        return str(value) if self.kind is not Kind.OTHER else value

    def says(self, stored: object, value: Value) -> bool:
        """Whether what is stored here is this value."""
        if self.kind in (Kind.WHOLE, Kind.BITS):
            return _whole(stored) is not None and _whole(stored) == _whole(value)
        return shown(stored) == str(value)

    def cut(self, text: str) -> str:
        """As much of a text as there is room for."""
        return text if self.length is None else text[: self.length]

    @property
    def nothing(self) -> str | None:
        """What stands here when there is nothing to say."""
        return None if self.nullable else ""


def shown(stored: object) -> str:
    """A stored value as a person would read it; empty for NULL."""
    if stored is None:
        return ""
    if isinstance(stored, bytes):
        return str(_whole(stored)) if len(stored) < 2 else stored.decode(errors="replace")
    return str(stored)


def moment(at: datetime) -> str:
    """A time for a platform's own column, whatever its type: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def mysql_column(
    name: str, declared: str, nullable: bool, length: int | None, extra: str, has_default: bool
) -> Column:
    """From a row of information_schema.columns."""
    base = re.split(r"[( ]", declared.lower(), maxsplit=1)[0]
    numbered = "auto_increment" in extra.lower()
    words: tuple[str, ...] = ()
    kind = Kind.OTHER
    if base == "enum":
        kind = Kind.WORDS
        words = tuple(w.replace("''", "'") for w in re.findall(r"'((?:[^']|'')*)'", declared))
    elif base.endswith("int"):
        kind = Kind.WHOLE
    elif base == "bit":
        kind = Kind.BITS
    elif base.endswith(("char", "text")):
        kind = Kind.TEXT
    room = length if kind is Kind.TEXT else None
    required = not (nullable or numbered or has_default)
    return Column(name, kind, declared, nullable, room, words, numbered, required)


def sqlite_column(
    name: str, declared: str, nullable: bool, is_key: bool, has_default: bool
) -> Column:
    """From a row of PRAGMA table_info, by SQLite's rules of affinity."""
    word = declared.upper()
    numbered = is_key and word == "INTEGER"
    kind, room = Kind.OTHER, None
    if "INT" in word:
        kind = Kind.WHOLE
    elif any(part in word for part in ("CHAR", "CLOB", "TEXT")):
        kind = Kind.TEXT
        size = re.search(r"\(([0-9]+)\)", declared)
        room = int(size.group(1)) if size else None
    required = not (nullable or numbered or has_default)
    return Column(name, kind, declared, nullable, room, (), numbered, required)


def _whole(value: object) -> int | None:
    if isinstance(value, bytes):
        return int.from_bytes(value, "big")
    if isinstance(value, int):
        return int(value)
    text = str(value).strip()
    return int(text) if _WHOLE.fullmatch(text) else None
