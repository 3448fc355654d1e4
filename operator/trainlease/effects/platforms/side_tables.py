"""Our two tables in each platform's database: their columns and the statements for a DBA.

`trainlease_ledger` has one row for each machine and cluster and carries the fence of what was told
last; its `machine` is the name as the platform writes it, since it is that row which it guards.
`trainlease_trainings` has one row for each job that has a training there. We never create them.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable

_METADATA = sa.MetaData()
# Names are compared byte by byte, as Kubernetes compares them.
_TABLE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
_MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")

LEDGER = sa.Table(
    "trainlease_ledger",
    _METADATA,
    sa.Column("machine", sa.String(190), primary_key=True),
    sa.Column("cluster", sa.String(64), primary_key=True),
    sa.Column("machine_uid", sa.String(64), nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("holder", sa.String(320), nullable=False),
    sa.Column("lease_uid", sa.String(64), nullable=False),
    sa.Column("start_log_id", sa.BigInteger),
    sa.Column("updated_at", _MOMENT, nullable=False),
    **_TABLE,
)

TRAININGS = sa.Table(
    "trainlease_trainings",
    _METADATA,
    sa.Column("cluster", sa.String(64), primary_key=True),
    sa.Column("job_uid", sa.String(64), primary_key=True),
    sa.Column("namespace", sa.String(63), nullable=False),
    sa.Column("name", sa.String(253), nullable=False),
    sa.Column("training_id", sa.String(253), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("state_rank", sa.Integer, nullable=False),
    sa.Column("updated_at", _MOMENT, nullable=False),
    **_TABLE,
)

SIDE_TABLES = (LEDGER, TRAININGS)

_DIALECTS: dict[str, type[Dialect]] = {"mysql": mysql.dialect, "sqlite": sqlite.dialect}


def side_table_ddl(dialect: str) -> tuple[str, ...]:
    """CREATE TABLE of both side tables, without a closing semicolon; "mysql" or "sqlite"."""
    return tuple(create_statement(table, dialect) for table in SIDE_TABLES)


def create_statement(table: sa.Table, dialect: str) -> str:
    """CREATE TABLE of one of them, on one line, ready to paste."""
    compiled = CreateTable(table).compile(dialect=_DIALECTS[dialect]())
    line = " ".join(str(compiled).split())
    return line.replace("( ", "(").replace(" )", ")").replace(")ENGINE", ") ENGINE")
