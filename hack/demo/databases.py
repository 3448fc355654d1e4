"""The platforms' databases in the demo: MariaDB servers or SQLite files, ended and read alike."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pymysql
from sqlalchemy import make_url

from bed import BedError, MariaDB
from bed.platform_schemas import (
    SCHEMAS,
    Row,
    Target,
    mapping_for,
    prepare,
    read_changes,
    read_machines,
    read_start_log,
    read_trainings,
)
from demo import facts
from demo.view import DatabaseLine


class Server(Protocol):
    """What holds a database: it can be ended and started, with its data."""

    @property
    def target(self) -> Target: ...

    @property
    def trouble(self) -> str:
        """Why it cannot be read; empty while it can."""
        ...

    @property
    def place(self) -> str:
        """Where a person looks into it."""
        ...

    def stop(self) -> None: ...

    def start(self) -> None: ...


@dataclass(frozen=True)
class MariaDBServer:
    """A server of its own for one platform."""

    target: MariaDB

    @property
    def trouble(self) -> str:
        return "" if self.target.is_running else "down: it refuses connections"

    @property
    def place(self) -> str:
        name, port = self.target.name, self.target.port
        return f"mariadb --host=127.0.0.1 --port={port} --user=root {name}"

    def stop(self) -> None:
        self.target.stop()

    def start(self) -> None:
        self.target.restart()


@dataclass(frozen=True)
class SQLiteFile:
    """A file, which is moved away to end it: whoever opens it then finds none."""

    target: Path

    @property
    def trouble(self) -> str:
        return "" if self.target.exists() else "down: its file is not there"

    @property
    def place(self) -> str:
        return f"sqlite3 {self.target}"

    def stop(self) -> None:
        with closing(sqlite3.connect(self.target, timeout=30, isolation_level=None)) as own:
            own.execute("BEGIN EXCLUSIVE")  # nobody is half-way through a write
            self.target.rename(self._away)

    def start(self) -> None:
        self._away.rename(self.target)

    @property
    def _away(self) -> Path:
        return self.target.with_suffix(".away")


@dataclass(frozen=True)
class PlatformDatabase:
    """One platform's database as the demo made it, and as its observer reads it."""

    platform: str
    server: Server
    dsn: str

    @property
    def secret(self) -> str:
        """What may stand nowhere: the password, or the part of the path that nobody can guess."""
        url = make_url(self.dsn)
        return str(url.password or Path(url.database or "").parent.name)

    def line(self, machines: Iterable[str]) -> DatabaseLine:
        """What its own rows say now, in our word and in its own."""
        if trouble := self.server.trouble:
            return DatabaseLine(self.platform, trouble=trouble)
        try:
            rows = self._read(read_machines)
        except BedError as failed:
            return DatabaseLine(self.platform, trouble=f"down: {failed}")
        ours = self._our_names(machines)
        words = {ours[row["machine"]]: self._word(row["status"]) for row in rows}
        return DatabaseLine(self.platform, words)

    def rows(self, machines: Iterable[str]) -> list[facts.Row]:
        """Its own rows of the machines, as facts."""
        ours = self._our_names(machines)
        return [
            facts.Row(self.platform, ours[row["machine"]], self._is_occupied(row["status"]))
            for row in self._read(read_machines)
        ]

    def flips(self, machines: Iterable[str]) -> list[facts.Flip]:
        """Each change of a machine row's word, as the observer's trigger saw it."""
        ours = self._our_names(machines)
        return [
            facts.Flip(
                datetime.fromisoformat(row["at"]).replace(tzinfo=UTC),
                self.platform,
                ours[row["machine"]],
                self._is_occupied(row["new_state"]),
            )
            for row in self._read(read_changes)
            if row["source"] == "machines"
            and None not in (row["old_state"], row["new_state"])
            and row["old_state"] != row["new_state"]
        ]

    def trainings(self) -> list[dict[str, Any]]:
        """Its own rows of trainings, as it writes them."""
        shown = ("training", "status", "message", "started", "ended")
        rows = self._read(read_trainings)
        return [{name: row[name] for name in shown} for row in rows]

    def training_words(self) -> dict[str, str]:
        """What each training's row says in the four words that platforms share, by its id."""
        table = mapping_for(self.platform).trainings
        states = table.states.model_dump() if table else {}
        words = {str(value): word for word, value in states.items()}
        return {
            str(row["training"]): words.get(str(row["status"]), str(row["status"]))
            for row in self.trainings()
        }

    def starts(self, machines: Iterable[str]) -> list[Row]:
        """Its own start log, with the machines' names as we write them."""
        ours = self._our_names(machines)
        rows = self._read(read_start_log)
        return [{**row, "machine": ours[row["machine"]]} for row in rows]

    def _read(self, reader: Callable[[str, Target], list[Row]]) -> list[Row]:
        try:
            return reader(self.platform, self.server.target)
        except (pymysql.Error, sqlite3.Error) as failed:
            raise BedError(f"{self.platform}'s database cannot be read: {failed}") from failed

    def _our_names(self, machines: Iterable[str]) -> dict[str, str]:
        return {SCHEMAS[self.platform].own_name(machine): machine for machine in machines}

    def _is_occupied(self, status: object) -> bool:
        """Whatever does not say free is somebody's."""
        return str(status) != str(mapping_for(self.platform).machines.free)

    def _word(self, status: object) -> str:
        return f"{'occupied' if self._is_occupied(status) else 'free'} ({status})"


def make_database(
    platform: str,
    folder: Path,
    *,
    sqlite: bool,
    machines: Sequence[str],
    trainings: Sequence[str],
) -> PlatformDatabase:
    """The platform's database, up, with its own rows, our side tables and the triggers."""
    server: Server
    if sqlite:
        file = folder / platform / secrets.token_hex(12) / f"{platform}.db"
        file.parent.mkdir(parents=True)
        server = SQLiteFile(file)
    else:
        server = MariaDBServer(MariaDB.start(folder, platform))
    dsn = prepare(platform, server.target, machines=machines, trainings=trainings)
    return PlatformDatabase(platform, server, dsn)
