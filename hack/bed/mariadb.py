"""Real MariaDB servers on this machine, each with a private data folder and a port of its own.

A server can be ended, crashed, frozen and made read-only, and comes back on its port with its
data. The administrator is root without a password, reachable from this machine only. Users may be
given an address of theirs, such as the one by which pods reach this machine (`Node.host`).
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
from pymysql.cursors import DictCursor

from bed.cache import content_key, kept
from bed.debian import DebianPrograms
from bed.errors import PartFailed
from bed.ports import start_on_free_port
from bed.processes import Part
from bed.server import Server

_PROGRAMS = DebianPrograms(
    part="MariaDB",
    packages=("mariadb-server-core", "mariadb-client-core"),  # no service comes with these
    programs=("mariadbd", "mariadb-install-db", "my_print_defaults"),
)
_LOOPBACK = "127.0.0.1"
_READY_SECONDS = 60.0
_ANSWER_SECONDS = 5
_SMALL = (
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-size=64M",
    "--performance-schema=OFF",
)
_SERVER = (
    *_SMALL,
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--innodb-flush-log-at-trx-commit=2",  # outlives the process, if not the machine
    "--max-connect-errors=1000000",  # a test that breaks connections is no attacker
)


class MariaDB(Server):
    """One server; made by `start`, ended by `stop` or by the end of a `with` block."""

    stop_seconds = 20.0

    def __init__(self, folder: Path, name: str, address: str) -> None:
        super().__init__(folder.resolve() / name, name)
        self.address = address
        self._programs = MariaDB.ensure_installed()

    @staticmethod
    def ensure_installed(path: str | None = None) -> Path:
        """The server program; installed if this is root on Debian, else `Missing` says what to do.

        `path` is where to look (default: the PATH; beside each bin/ its sbin/ too).
        """
        _PROGRAMS.ensure_installed(path)
        return _PROGRAMS.find("mariadbd", path)

    @classmethod
    def start(cls, folder: Path, name: str, *, address: str = _LOOPBACK) -> MariaDB:
        """A server that accepts connections, users' at `address`; its data is in FOLDER/NAME."""
        server = cls(folder, name, address)
        template = _template(server._programs)
        shutil.copytree(template, server._data)
        _, server.port = start_on_free_port(server._start_on, address)
        return server

    def admin_dsn(self, database: str = "") -> str:
        """For SQLAlchemy, as the administrator."""
        return _dsn("root", "", f"{_LOOPBACK}:{self.port}", database)

    def create_database(
        self,
        database: str,
        user: str,
        password: str,
        grants: str = "SELECT, INSERT, UPDATE, DELETE",
    ) -> str:
        """A database and a user who may do no more than `grants` in it; the user's DSN."""
        self.execute(f"CREATE DATABASE `{database}`")
        self.execute(f"CREATE USER IF NOT EXISTS `{user}`@`%%` IDENTIFIED BY %s", password)
        self.execute(f"GRANT {grants} ON `{database}`.* TO `{user}`@`%`")
        return _dsn(user, password, f"{self.address}:{self.port}", database)

    def execute(self, sql: str, *values: object, database: str = "") -> list[dict[str, Any]]:
        """One statement as the administrator, committed; its rows."""
        with (
            self._connect(database) as connection,
            connection.cursor(DictCursor) as cursor,
        ):
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def script(self, statements: Sequence[str], database: str = "") -> None:
        """Statements as the administrator, in order."""
        for statement in statements:
            self.execute(statement, database=database)

    def set_read_only(self, read_only: bool) -> None:
        """Ordinary users may not write (error 1290); the administrator may."""
        self.execute(f"SET GLOBAL read_only = {'ON' if read_only else 'OFF'}")

    def save(self, folder: Path) -> None:
        """Copy all data to `folder`; the server stands still meanwhile."""
        self.stop()
        shutil.copytree(self._data, folder)
        self._start_on(self.port)

    def restore(self, folder: Path) -> None:
        """All rows as `save` found them: a crash, then a restored backup."""
        self.kill()
        shutil.rmtree(self._data)
        shutil.copytree(folder, self._data)
        self._start_on(self.port)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _start_on(self, port: int) -> Part:
        options = [
            "--no-defaults",
            *_as_this_user(),
            *_SERVER,
            f"--datadir={self._data}",
            f"--bind-address={','.join(sorted({_LOOPBACK, self.address}))}",
            f"--port={port}",
            f"--pid-file={self._data / 'pid'}",
            # A socket's path may have 107 characters, which a test's folder may exceed.
            "--socket=socket",
        ]
        self.port = port
        part = self._processes.start(self.name, [self._programs, *options], cwd=self._data)
        self._part = part
        try:
            part.until(self._accepts, _READY_SECONDS)
        except BaseException:
            part.kill()
            raise
        return part

    def _accepts(self) -> bool:
        try:
            return bool(self.execute("SELECT 1"))
        except pymysql.Error:
            return False

    def _connect(self, database: str) -> pymysql.Connection[Any]:
        return pymysql.connect(
            host=_LOOPBACK,
            port=self.port,
            user="root",
            database=database or None,
            autocommit=True,
            charset="utf8mb4",
            connect_timeout=_ANSWER_SECONDS,
            read_timeout=_ANSWER_SECONDS,
            write_timeout=_ANSWER_SECONDS,
        )


def _dsn(user: str, password: str, place: str, database: str) -> str:
    secret = f":{quote(password, safe='')}" if password else ""
    return f"mysql+pymysql://{quote(user, safe='')}{secret}@{place}/{database}"


def _template(server: Path) -> Path:
    """An installed, empty data folder of this version, to copy: installing one takes seconds."""
    version = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
    key = content_key(version.stdout, *_as_this_user(), *_SMALL)
    return kept("mariadb", key, lambda folder: _install_data(folder / "data")) / "data"


def _install_data(data: Path) -> None:
    command: list[str | Path] = [
        _PROGRAMS.find("mariadb-install-db"),
        "--no-defaults",
        *_as_this_user(),
        *_SMALL,
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = done.stdout + done.stderr
        raise PartFailed("mariadb-install-db", f"ended with {done.returncode}", said)


def _as_this_user() -> list[str]:
    """mariadbd refuses to run as root unless told to, and cannot become another user without."""
    return ["--user=root"] if os.geteuid() == 0 else [f"--user={getpass.getuser()}"]
