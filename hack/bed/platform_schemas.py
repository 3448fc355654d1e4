"""The databases of three truly different platforms, for the demo and the tests alike.

    dsn = prepare("latam", server, machines=["gpu-1", "gpu-2"], trainings=["301"])
    read_machines("latam", server)      # own rows and side rows side by side

`target` is a MariaDB server, or the path of a SQLite file. The user of the dsn has the rights that
we would ask a DBA for, and no more. An observer's own triggers write each change of the machine
rows and of `trainlease_ledger` into `observer_changes`; that needs nothing of the operator.
The tables themselves are in schemas/*.sql.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bed.mariadb import MariaDB
from bed.platform_triggers import trigger_statements
from trainlease.effects.platforms.layout import wanted_tables
from trainlease.effects.platforms.presets import mapping_of
from trainlease.effects.platforms.side_tables import side_table_ddl
from trainlease.model.platform import Mapping, Platform, StartLog, TrainingTable

Target = MariaDB | Path
Row = dict[str, Any]

_SCHEMAS = Path(__file__).parent / "schemas"
_NUTRESA: Row = {
    "machines": {
        "table": "gpu_hosts",
        "key": "hostname",
        "status": "busy",
        "free": 0,
        "occupied": 1,
    },
    "trainings": {
        "table": "training_jobs",
        "key": "job_no",
        "status": "job_state",
        "states": {"waiting": 0, "running": 1, "succeeded": 2, "failed": 3},
        "message": "note",
        "started": "begun_at",
        "ended": "finished_at",
    },
    "startLog": {
        "table": "power_events",
        "id": "event_no",
        "machine": "hostname",
        "who": "requested_by",
        "started": "on_at",
        "ended": "off_at",
    },
}
_LATAM: Row = {
    "machines": {
        "table": "equipamento",
        "key": "codigo",
        "status": "situacao",
        "free": "LIVRE",
        "occupied": "EM_USO",
        "owner": "responsavel",
    },
    "trainings": {
        "table": "treino",
        "key": "codigo",
        "status": "fase",
        "states": {
            "waiting": "FILA",
            "running": "TREINANDO",
            "succeeded": "PRONTO",
            "failed": "ERRO",
        },
        "message": "recado",
        "started": "inicio",
        "ended": "fim",
    },
    "startLog": {
        "table": "ligacoes",
        "id": "numero",
        "machine": "equipamento",
        "who": "quem",
        "started": "ligado",
        "ended": "desligado",
    },
}


@dataclass(frozen=True)
class PlatformSchema:
    """How one platform differs from the others; `database` is a part of its manifest."""

    language: str
    share: int
    database: Row
    shouts: bool = False
    """Whether it writes gpu-1 as GPU1."""

    def own_name(self, machine: str) -> str:
        return machine.upper().replace("-", "") if self.shouts else machine


SCHEMAS = {
    "saturno": PlatformSchema("es", 2, {"preset": "integrations-v1", "confirm": "Own"}),
    "nutresa": PlatformSchema("en", 1, {"mapping": _NUTRESA, "confirm": "Own"}),
    "latam": PlatformSchema("pt", 1, {"mapping": _LATAM, "confirm": "All"}, shouts=True),
}


def platform_manifest(name: str, secret: str, machines: Sequence[str]) -> Row:
    """The Platform that fits what `prepare` makes; `machines` are our names."""
    schema = SCHEMAS[name]
    names = {machine: schema.own_name(machine) for machine in machines if schema.shouts}
    database = {"secret": secret, **schema.database, **({"names": names} if names else {})}
    return {
        "apiVersion": "trainlease.dev/v1alpha1",
        "kind": "Platform",
        "metadata": {"name": name},
        "spec": {
            "mode": "Enforce",
            "namespace": name,
            "share": schema.share,
            "language": schema.language,
            "database": database,
        },
    }


def mapping_for(name: str) -> Mapping:
    """How the platform's tables are named, whether by preset or by its own mapping."""
    return mapping_of(Platform.model_validate(platform_manifest(name, "none", [])))


def prepare(
    name: str,
    target: Target,
    *,
    machines: Sequence[str],
    trainings: Sequence[str],
    database: str = "",
) -> str:
    """Make the platform's database with all tables and rows; the DSN of the operator's user.

    `machines` are our names, all free; `trainings` the platform's ids, all waiting. `database` is
    its name on a server (default: the platform's).
    """
    dsn = create(name, target, machines=machines, trainings=trainings, database=database)
    door = _door(name, target, database)
    door.script(side_table_ddl(door.dialect))
    door.script(trigger_statements(mapping_for(name).machines, door.dialect))
    _grant(name, target, database or name)
    return dsn


def create(
    name: str,
    target: Target,
    *,
    machines: Sequence[str],
    trainings: Sequence[str],
    database: str = "",
) -> str:
    """The platform's database as it is before anybody heard of us: no side tables, no rights."""
    place = database or name
    if isinstance(target, MariaDB):
        dsn = target.create_database(place, _user(place), secrets.token_urlsafe(12), "USAGE")
    else:
        target.touch()
        dsn = f"sqlite:///{target.absolute()}"
    door = _door(name, target, database)
    script = (_SCHEMAS / f"{name}.{door.dialect}.sql").read_text()
    door.script(part for part in script.split(";\n") if part.strip())
    fill(name, target, machines=machines, trainings=trainings, database=database)
    return dsn


def fill(
    name: str,
    target: Target,
    *,
    machines: Sequence[str],
    trainings: Sequence[str],
    database: str = "",
) -> None:
    """Rows of the platform's own: all machines free, all trainings waiting."""
    door, mapping, schema = _door(name, target, database), mapping_for(name), SCHEMAS[name]
    own = mapping.machines
    door.insert(own.table, own.key, [schema.own_name(machine) for machine in machines])
    if mapping.trainings is not None:
        door.insert(mapping.trainings.table, mapping.trainings.key, trainings)


def clear(name: str, target: Target, database: str = "") -> None:
    """Take all rows away, the platform's and ours, and what the observer saw."""
    door = _door(name, target, database)
    for table in wanted_tables(mapping_for(name)):
        door.execute(f"DELETE FROM {table.name}")
    door.execute("DELETE FROM observer_changes")


def grants(name: str, database: str) -> Iterator[str]:
    """What a DBA has to grant on a server, one statement a table."""
    for table in wanted_tables(mapping_for(name)):
        rights = ", ".join(table.rights)
        yield f"GRANT {rights} ON `{database}`.`{table.name}` TO '{_user(database)}'@'%'"


def read_machines(name: str, target: Target, database: str = "") -> list[Row]:
    """Own rows and side rows side by side, by own name.

    Keys: machine, status, owner (as the platform has them), then state, fence, generation, holder,
    cluster (of the side table; None where it has no row).
    """
    own = mapping_for(name).machines
    owner = own.owner or "NULL"
    return _door(name, target, database).execute(
        f"SELECT m.{own.key} AS machine, m.{own.status} AS status, {owner} AS owner, "
        "l.state, l.fence, l.generation, l.holder, l.cluster "
        f"FROM {own.table} m LEFT JOIN trainlease_ledger l ON l.machine = m.{own.key} "
        f"ORDER BY m.{own.key}, l.cluster"
    )


def read_trainings(name: str, target: Target, database: str = "") -> list[Row]:
    """Own rows with what was told last, by the platform's id.

    Keys: training, status, message, started, ended (the platform's), then attempt, state, job.
    """
    own = mapping_for(name).trainings
    assert isinstance(own, TrainingTable)
    rows = _door(name, target, database).execute(
        f"SELECT m.{own.key} AS training, m.{own.status} AS status, {own.message} AS message, "
        f"{own.started} AS started, {own.ended} AS ended FROM {own.table} m ORDER BY m.{own.key}"
    )
    told = _door(name, target, database).execute(
        "SELECT training_id, attempt, state, namespace, name FROM trainlease_trainings "
        "ORDER BY updated_at"
    )
    by_id = {row["training_id"]: row for row in told}
    return [row | _told(by_id.get(str(row["training"]))) for row in rows]


def read_start_log(name: str, target: Target, database: str = "") -> list[Row]:
    """All lines, oldest first. Keys: id, machine, who, started, ended."""
    own = mapping_for(name).start_log
    assert isinstance(own, StartLog)
    return _door(name, target, database).execute(
        f"SELECT {own.id} AS id, {own.machine} AS machine, {own.who} AS who, "
        f"{own.started} AS started, {own.ended} AS ended FROM {own.table} ORDER BY {own.id}"
    )


def read_changes(name: str, target: Target, database: str = "") -> list[Row]:
    """What the observer's triggers saw, in its order.

    Keys: id, at (text, UTC; microseconds on a server, milliseconds in SQLite), author (the
    database's user; empty in SQLite), source (machines or ledger), machine (own name), then
    old_state, new_state (the platform's words, or ours), owner, fence, generation, cluster,
    holder as they are after the change. A row that came has no old state, one that went no new.
    """
    return _door(name, target, database).execute("SELECT * FROM observer_changes ORDER BY id")


class Door:
    """The administrator's statements, with ? for a value, on either kind of database."""

    def __init__(self, target: Target, database: str) -> None:
        self._target = target
        self._database = database
        self.dialect = "mysql" if isinstance(target, MariaDB) else "sqlite"

    def execute(self, sql: str, *values: object) -> list[Row]:
        if isinstance(self._target, MariaDB):
            query = sql.replace("?", "%s") if values else sql
            return self._target.execute(query, *values, database=self._database)
        with closing(sqlite3.connect(self._target)) as connection, connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]

    def insert(self, table: str, key: str, values: Sequence[str]) -> None:
        """Rows with this key, in one statement; none is no error."""
        if values:
            rows = ", ".join(["(?)"] * len(values))
            self.execute(f"INSERT INTO {table} ({key}) VALUES {rows}", *values)

    def script(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self.execute(statement)


def _door(name: str, target: Target, database: str) -> Door:
    return Door(target, database or name)


def _grant(name: str, target: Target, database: str) -> None:
    if isinstance(target, MariaDB):
        target.script(list(grants(name, database)))


def _user(database: str) -> str:
    return f"tl_{database}"


def _told(row: Row | None) -> Row:
    if row is None:
        return {"attempt": None, "state": None, "job": None}
    job = f"{row['namespace']}/{row['name']}"
    return {"attempt": row["attempt"], "state": row["state"], "job": job}
