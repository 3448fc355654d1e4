"""The observer's triggers in a platform's database: who changed which row of a machine, and when.

They are its own, with the administrator's rights: whoever writes a row need not know of them, and
the operator's word is not asked. Only changes are kept, not writes that change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainlease.model.platform import MachineTable

_TABLE = {
    "mysql": "id BIGINT AUTO_INCREMENT PRIMARY KEY, at VARCHAR(26) NOT NULL",
    "sqlite": "id INTEGER PRIMARY KEY AUTOINCREMENT, at VARCHAR(26) NOT NULL",
}
_NOW = {
    # NOW() is when the statement began, which may have waited for a lock.
    "mysql": "DATE_FORMAT(CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00'), "
    "'%Y-%m-%d %H:%i:%s.%f')",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
}
_AUTHOR = {"mysql": "SUBSTRING_INDEX(USER(), '@', 1)", "sqlite": "''"}
_SAME = {"mysql": "<=>", "sqlite": "IS"}
_COLUMNS = (
    "at, author, source, machine, old_state, new_state, owner, fence, generation, cluster, holder"
)


def trigger_statements(machines: MachineTable, dialect: str) -> Iterator[str]:
    """The observer's table and six triggers; "mysql" or "sqlite"."""
    yield (
        f"CREATE TABLE observer_changes ({_TABLE[dialect]}, author VARCHAR(128) NOT NULL, "
        "source VARCHAR(16) NOT NULL, machine VARCHAR(190) NOT NULL, old_state VARCHAR(64), "
        "new_state VARCHAR(64), owner VARCHAR(255), fence BIGINT, generation BIGINT, "
        "cluster VARCHAR(64), holder VARCHAR(320))"
    )
    for event in ("INSERT", "UPDATE", "DELETE"):
        yield _on_machines(machines, event, dialect)
        yield _on_ledger(event, dialect)


def _on_machines(table: MachineTable, event: str, dialect: str) -> str:
    row = "OLD" if event == "DELETE" else "NEW"
    owner = f"{row}.{table.owner}" if table.owner else "NULL"
    watched = [table.key, table.status] + ([table.owner] if table.owner else [])
    values = (
        f"'machines', {row}.{table.key}, {_states(event, table.status)}, "
        f"{owner}, NULL, NULL, NULL, NULL"
    )
    return _trigger("observer_machines", table.table, event, watched, values, dialect)


def _on_ledger(event: str, dialect: str) -> str:
    row = "OLD" if event == "DELETE" else "NEW"
    watched = ["machine", "cluster", "machine_uid", "fence", "generation", "state", "lease_uid"]
    values = (
        f"'ledger', {row}.machine, {_states(event, 'state')}, "
        f"NULL, {row}.fence, {row}.generation, {row}.cluster, {row}.holder"
    )
    return _trigger("observer_ledger", "trainlease_ledger", event, watched, values, dialect)


def _states(event: str, column: str) -> str:
    old = "NULL" if event == "INSERT" else f"OLD.{column}"
    new = "NULL" if event == "DELETE" else f"NEW.{column}"
    return f"{old}, {new}"


def _trigger(
    prefix: str, table: str, event: str, watched: list[str], values: str, dialect: str
) -> str:
    insert = (
        f"INSERT INTO observer_changes ({_COLUMNS}) "
        f"VALUES ({_NOW[dialect]}, {_AUTHOR[dialect]}, {values})"
    )
    same = " AND ".join(f"OLD.{name} {_SAME[dialect]} NEW.{name}" for name in watched)
    head = f"CREATE TRIGGER {prefix}_{event.lower()} AFTER {event} ON {table} FOR EACH ROW"
    when = f"NOT ({same})" if event == "UPDATE" else "1"
    if dialect == "sqlite":
        return f"{head} WHEN {when} BEGIN {insert}; END"
    return f"{head} BEGIN IF {when} THEN {insert}; END IF; END"
