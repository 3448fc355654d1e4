"""What a database's own error means, by its code: the door through which none passes as it was.

No driver's text goes on, since it may hold values, users and hosts: a message has what was asked,
of which database, and the code.
"""

from enum import Enum, auto

import sqlalchemy.exc as alchemy

from trainlease.model.errors import Forbidden, SchemaInvalid, TrainleaseError, Unavailable


class Trouble(Enum):
    """By what happens next."""

    LOST = auto()
    """The connection is gone: what was under way may have landed."""
    AWAY = auto()
    """Not now: nothing has landed."""
    FORBIDDEN = auto()
    SHUT = auto()
    """The user has no right at all in the database: not even a check can be made."""
    SCHEMA = auto()
    """A table, column, grant or word is missing: the check says which."""


_LOST = {2006: "its connection was closed", 2013: "it did not answer", 2055: "it did not answer"}
_AWAY = {
    1020: "another program changed the row at the same moment",
    1040: "it has too many connections",
    1053: "it is being shut down",
    1129: "it blocks this host after too many errors",
    1203: "its user has too many connections",
    1205: "another program holds a lock on the row",
    1213: "another program holds a lock on the row",
    1226: "its user has used up its quota",
    1290: "it is read-only",
    1317: "the query was interrupted",
    1792: "it is read-only",
    1836: "it is read-only",
    1927: "the connection was ended by an administrator",
    2002: "it refuses connections",
    2003: "it refuses connections",
    2005: "its host name is not known",
    3100: "it is read-only",
}
_FORBIDDEN = {
    1045: "the user or the password in the dsn is wrong",
    1130: "it lets no user in from the operator's address",
    1251: "the user's way to log in is not supported: use another, or TLS",
    1698: "the user in the dsn may not log in with a password",
    1820: "the user's password has expired",
    1862: "the user's password has expired",
    3118: "the user is locked",
    4151: "the user is locked",
}
_SHUT = {
    1044: "the user has no right in this database, or it is not there",
    1049: "there is no database of this name",
}
_SCHEMA = {
    1054: "a column is missing",
    1142: "a right on a table is missing",
    1143: "a right on a column is missing",
    1146: "a table is missing",
}
_REFUSES = frozenset({1048, 1062, 1264, 1265, 1292, 1364, 1366, 1406, 1411, 1452, 1644, 3819, 4025})
"""What is written does not fit: a constraint, a type, a trigger of the platform's own."""
_SQLITE = {
    "SQLITE_BUSY": (Trouble.AWAY, "another program holds the file's lock"),
    "SQLITE_LOCKED": (Trouble.AWAY, "another program holds the file's lock"),
    "SQLITE_CANTOPEN": (Trouble.AWAY, "its file cannot be opened"),
    "SQLITE_READONLY": (Trouble.AWAY, "it is read-only"),
    "SQLITE_FULL": (Trouble.AWAY, "its disk is full"),
    "SQLITE_IOERR": (Trouble.LOST, "its file cannot be read or written"),
    "SQLITE_NOTADB": (Trouble.SCHEMA, "its file is no SQLite database"),
    "SQLITE_PERM": (Trouble.FORBIDDEN, "its file may not be opened"),
    "SQLITE_AUTH": (Trouble.FORBIDDEN, "its file may not be opened"),
}


def diagnose(error: Exception) -> tuple[Trouble, str]:
    """What kind of trouble a library's error is, and a clause that says so."""
    if not isinstance(error, alchemy.DBAPIError):
        return Trouble.LOST, f"it does not answer ({type(error).__name__})"
    original = error.orig
    name = getattr(original, "sqlite_errorname", None)
    if name is not None:
        return _diagnose_sqlite(str(name))
    code = original.args[0] if original is not None and original.args else 0
    if not isinstance(code, int):
        return Trouble.LOST, "it does not answer"
    return _diagnose_code(code, error)


def translated(trouble: Trouble, message: str) -> TrainleaseError:
    """The error that crosses the port for a trouble after which nothing has landed."""
    if trouble is Trouble.FORBIDDEN:
        return Forbidden(message)
    if trouble in (Trouble.SHUT, Trouble.SCHEMA):
        return SchemaInvalid(message)
    return Unavailable(message)


def _diagnose_code(code: int, error: alchemy.DBAPIError) -> tuple[Trouble, str]:
    groups = (
        (Trouble.LOST, _LOST),
        (Trouble.AWAY, _AWAY),
        (Trouble.FORBIDDEN, _FORBIDDEN),
        (Trouble.SHUT, _SHUT),
        (Trouble.SCHEMA, _SCHEMA),
    )
    for trouble, words in groups:
        if code in words:
            return trouble, f"{words[code]} (error {code})"
    if error.connection_invalidated or isinstance(error, alchemy.InterfaceError):
        return Trouble.LOST, f"it does not answer (error {code})"
    if code in _REFUSES or isinstance(error, (alchemy.DataError, alchemy.IntegrityError)):
        return Trouble.SCHEMA, f"it refuses what is written (error {code})"
    return Trouble.AWAY, f"it fails (error {code})"


def _diagnose_sqlite(name: str) -> tuple[Trouble, str]:
    found = next((known for known in _SQLITE if name.startswith(known)), None)
    if found is not None:
        trouble, words = _SQLITE[found]
        return trouble, f"{words} ({name})"
    if name.startswith("SQLITE_CONSTRAINT"):
        return Trouble.SCHEMA, f"it refuses what is written ({name})"
    if name == "SQLITE_ERROR":
        return Trouble.SCHEMA, "a table or column is missing"
    return Trouble.AWAY, f"it fails ({name})"
