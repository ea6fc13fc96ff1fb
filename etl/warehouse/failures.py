"""What a database error means to the person who reads it: the one place where foreign errors become WarehouseError.

Drivers quote row values in their messages, so a message is passed on only where its kind is known to hold none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from etl.errors import SchemaMismatch, WarehouseError

_WRITABLE = "check that the directory exists and that this user may write there"

_SQLITE = {
    "SQLITE_BUSY": "is locked by another process; wait for it to end, or close the program that holds the file",
    "SQLITE_LOCKED": "is locked by another process; wait for it to end, or close the program that holds the file",
    "SQLITE_CANTOPEN": f"cannot be opened; {_WRITABLE}",
    "SQLITE_READONLY": "is read-only for this user; make the file and its directory writable",
    "SQLITE_PERM": "may not be opened by this user; make the file and its directory writable",
    "SQLITE_FULL": "is full: no space is left on the disk; free some, then run again",
    "SQLITE_IOERR": "could not be read or written (disk error or no space); check the disk, then run again",
    "SQLITE_NOTADB": "is not a SQLite database; name another file, or move this one away",
    "SQLITE_CORRUPT": "is damaged; restore it from a backup, or move it away and read everything again",
}

_POSTGRES = {
    "28P01": "refuses the password; check KORE_ETL_WAREHOUSE__URL, password_file or the driver's password file",
    "28000": "refuses the login; check the user, the server's pg_hba.conf and sslmode",
    "3D000": "has no such database; create it, or name another one in warehouse.url",
    "3F000": "has no such schema; create it, or name another one in warehouse.schema",
    "42501": "does not allow this role to do that; grant it CREATE and USAGE on the schema, or name another role",
    "53100": "has no space left on its disk; free some, then run again",
    "53300": "takes no more connections; close some or raise max_connections, then run again",
    "55P03": "kept a lock for too long; see what else is running there, then run again",
    "57P03": "is starting or shutting down; run again when it is up",
    "57014": "stopped a statement that took too long; see what else is running there, then run again",
    "40P01": "found a deadlock; run again",
    "25006": "is read-only; name the primary server in warehouse.url",
}

_POSTGRES_CLASSES = {
    "08": "closed the connection; see its log, then run again",
    "22": "cannot store a value that was sent to it; please report this",
    "23": "already holds a row that contradicts what was to be written; please report this",
    "28": _POSTGRES["28000"],
    "53": "has run out of a resource (memory, disk, connections); see its log, then run again",
    "57": "is shutting down; run again when it is up",
    "58": "had a disk or system error; see its log",
}

_CONFLICTS = ("23505", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT")

_NO_TABLES = "has no kore-etl tables, or older ones; run `kore-etl migrate`"


class RowConflict(WarehouseError):
    """Another writer stored a row with the same key meanwhile: look again, then write."""


def translate(error: Exception, shown: str) -> WarehouseError:
    """The sentence for `error`; `shown` is the database's URL without its password."""
    root = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said, known = _remedy(error, root)
    aside = "" if known else f" ({_name(root)})"
    remedy = said.partition("; ")[2]
    return _kind(root, said)(f"The warehouse {shown} {said}{aside}.", remedy=remedy and f"{remedy}{aside}.")


def _kind(root: BaseException, remedy: str) -> type[WarehouseError]:
    if remedy is _NO_TABLES:
        return SchemaMismatch
    code = _sqlstate(root) or getattr(root, "sqlite_errorname", None)
    return RowConflict if code in _CONFLICTS else WarehouseError


def may_quote_values(error: Exception) -> bool:
    """Whether the driver's own text could hold row values, so that it must not be kept even as a cause."""
    root = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(root, sqlite3.Error | ConnectionError | PoolTimeout):
        return False
    state = _sqlstate(root)
    return state is None or state[:2] in ("22", "23", "42")


def _remedy(error: Exception, root: BaseException) -> tuple[str, bool]:
    """What to say, and whether that says it all."""
    if (missing := _missing_table(root)) is not None:
        return missing, True
    code = getattr(root, "sqlite_errorname", None)
    if isinstance(code, str):
        named = next((text for prefix, text in _SQLITE.items() if code.startswith(prefix)), None)
        # SQLite's own words quote names of tables and columns, never values
        return (named, True) if named else (f"could not do what was asked ({root}); please report this", False)
    if (state := _sqlstate(root)) is not None:
        named = _POSTGRES.get(state) or _POSTGRES_CLASSES.get(state[:2])
        return (named, True) if named else ("could not do what was asked; see its log", False)
    if isinstance(root, PoolTimeout):
        return "gave no connection for an hour; it or this machine is overloaded, so run again when it is not", True
    if isinstance(root, TimeoutError):
        return "did not answer in time; check that it is up and reachable, then run again", True
    if isinstance(root, OSError) and root.filename is not None:
        return f"cannot be opened ({root.strerror}); {_WRITABLE}", True
    if isinstance(root, OSError):
        return "cannot be reached; check host, port and network, and that the server is up", False
    if isinstance(root, OverflowError | UnicodeError):
        return "cannot store a value that was sent to it; please report this", False
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return "closed the connection; see its log, then run again", True
    return "could not be used", False


def _missing_table(root: BaseException) -> str | None:
    if isinstance(root, sqlite3.OperationalError) and str(root).startswith(("no such table", "no such column")):
        return _NO_TABLES
    return _NO_TABLES if _sqlstate(root) in ("42P01", "42703") else None


def _sqlstate(root: BaseException) -> str | None:
    state = getattr(root, "sqlstate", None)
    return state if isinstance(state, str) else None


def _name(root: BaseException) -> str:
    state = _sqlstate(root) or getattr(root, "sqlite_errorname", None)
    return f"{type(root).__name__}, {state}" if state else type(root).__name__


@contextmanager
def translated(foreign: tuple[type[Exception], ...], shown: str) -> Iterator[None]:
    """Within it, `foreign` errors become WarehouseError."""
    try:
        yield
    except foreign as error:
        raise translate(error, shown) from (None if may_quote_values(error) else error)
