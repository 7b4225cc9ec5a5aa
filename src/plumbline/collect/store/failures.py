"""What the store says when it cannot do what was asked.

    StoreError                    anything the store says; never SQLAlchemy's, never with conversation text
    ├── StoreUnavailableError     the database was out of reach or busy; the same call may be made again
    ├── SchemaError               the tables are missing, older or newer than this version
    ├── NotFoundError             no such study, person, item, assignment, judgement
    ├── NotAllowedError           a blocked or erased person, a study that is not open
    └── ConflictError             what is stored already says otherwise
        ├── DraftConflictError    the draft was saved from elsewhere; carries the stored one
        └── LeaseLostError        the lease ended, and the slot is another's or the fence is old

A database's own message quotes the row it refused, so none is passed on: constraints are named, values are not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
    TimeoutError,
)

from plumbline.records import PlumblineError

if TYPE_CHECKING:
    from plumbline.collect.store.rows import Draft

# Where no connection comes about, psycopg gives no code: only the server's words, which this finds in English.
_NO_DATABASE = re.compile(r'FATAL:  database "[^\n]*" does not exist')
_MAY_BE_TRIED_AGAIN = frozenset({"40001", "40P01"})


class StoreError(PlumblineError):
    """The store cannot do what was asked."""


class StoreUnavailableError(StoreError):
    """The database was out of reach; whether the last write was kept is not known, so make the same call again."""


class SchemaError(StoreError):
    """The tables are missing, or are those of another version."""

    exit_code = 2


class NotFoundError(StoreError):
    """Nothing stands under this name or number."""

    exit_code = 2


class NotAllowedError(StoreError):
    """The person or the state of the study does not permit it."""


class ConflictError(StoreError):
    """What is stored already says otherwise."""


class LeaseLostError(ConflictError):
    """The lease ended, and cannot be had again."""


class DraftConflictError(ConflictError):
    """The draft was saved from elsewhere since it was read.

    Attributes:
        stored: the draft as it stands.
    """

    def __init__(self, stored: Draft, version_read: int) -> None:
        self.stored = stored
        super().__init__(
            "PL-COL-022",
            f"draft of assignment {stored.assignment_id}",
            "it was saved from elsewhere since it was read",
            expected=f"version {stored.version}",
            found=f"version {version_read}",
            advice="show both to the worker, then save again with the stored version",
        )


def not_found(what: str, name: object) -> NotFoundError:
    """PL-COL-010: nothing stands under this name or number."""
    return NotFoundError(
        "PL-COL-010",
        f"{what} {name}",
        "the store has none",
        advice="plumbline collect status STUDY --people lists the pseudonyms"
        if what == "person"
        else "check the name or the number; plumbline collect status STUDY names the studies",
    )


def value_refused(what: str, expected: str, found: str) -> StoreError:
    """PL-COL-009: a value that one of the databases cannot hold."""
    return StoreError(
        "PL-COL-009",
        what,
        "it cannot be stored",
        expected=expected,
        found=found,
        advice="refuse such input before it comes here",
    )


def no_store_file(place: str, found: str) -> SchemaError:
    """PL-COL-041: a file of something else."""
    return SchemaError(
        "PL-COL-041",
        place,
        "the file is no store, or is damaged",
        expected="a database that plumbline collect init made",
        found=found,
        advice="name another with --store, or restore a backup: plumbline collect restore",
    )


def may_be_tried_again(error: SQLAlchemyError) -> bool:
    """Whether the database ended the transaction only because of others': a deadlock or a failed serialisation."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _MAY_BE_TRIED_AGAIN


def store_failure(error: SQLAlchemyError) -> PlumblineError:
    """Our error for the database's: without its text, which quotes rows."""
    if isinstance(error, StatementError) and isinstance(error.orig, PlumblineError):
        return error.orig  # a value that a column type refused
    if isinstance(error, DataError):
        return value_refused("a value", "one in the range of its column", "another")
    if isinstance(error, IntegrityError):
        return _refused_by_constraint(error)
    said = _said_by_sqlite(error) or _said_by_postgres(error)
    if said is not None:
        return said
    if not _is_unreachable(error):
        return StoreError(
            "PL-COL-008",
            "store",
            f"the database refused a statement ({_kind(error)})",
            advice="report it: this is a fault of Plumbline or of a change made by hand",
        )
    return out_of_reach(_kind(error))


def out_of_reach(why: str) -> StoreUnavailableError:
    """PL-COL-001: the database cannot be asked, or others hold it."""
    return StoreUnavailableError(
        "PL-COL-001",
        "store",
        f"the database is out of reach or busy ({why})",
        advice="make the same call again: what was already written is recognised",
    )


def _said_by_sqlite(error: SQLAlchemyError) -> StoreError | None:
    """What a person can do something about: SQLite's names of its errors hold no values."""
    name = str(getattr(getattr(error, "orig", None), "sqlite_errorname", ""))
    if name in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
        return no_store_file("store", name)
    if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR"):
        return _disk_full(name)
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return StoreUnavailableError(
            "PL-COL-042",
            "store",
            "the file, or the folder it is in, cannot be opened for writing",
            found=name,
            advice="make both writable for the account that runs this: SQLite keeps two more files beside it",
        )
    return None


def _said_by_postgres(error: SQLAlchemyError) -> StoreError | None:
    """The same for Postgres, by its codes of states."""
    state = str(getattr(getattr(error, "orig", None), "sqlstate", ""))
    if state == "53100":
        return _disk_full(state)
    if state == "3D000" or _NO_DATABASE.search(str(getattr(error, "orig", ""))):
        return StoreUnavailableError(
            "PL-COL-043",
            "store",
            "the server answers, but has no database of this name",
            expected="a database that is there, an empty one for a new store",
            advice="make it (createdb NAME), or name another",
        )
    if state == "42501":
        return StoreError(
            "PL-COL-044",
            "store",
            "the account of the database may not do this",
            found=state,
            advice="let it own the database, or take one that does: making a store makes tables and triggers",
        )
    return None


def _disk_full(found: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        "PL-COL-040",
        "store",
        "the disk is full, or fails",
        found=found,
        advice="free some space and make the same call again: what was already written is recognised",
    )


def _is_unreachable(error: SQLAlchemyError) -> bool:
    if isinstance(error, TimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or getattr(error.orig, "sqlstate", "") is None:
        return True
    # SQLite calls a wrong statement operational too.
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlite_errorname", "") != "SQLITE_ERROR"


def _refused_by_constraint(error: IntegrityError) -> StoreError:
    return StoreError(
        "PL-COL-007",
        f"constraint {_constraint_of(error)}",
        "the database refused a row that would break it",
        advice="look at the value that this constraint is about; report it if that is right",
    )


def _constraint_of(error: IntegrityError) -> str:
    diagnostics = getattr(error.orig, "diag", None)
    if diagnostics is not None:
        return str(diagnostics.constraint_name or getattr(error.orig, "sqlstate", "unknown"))
    # SQLite names columns or the constraint and never quotes values: "UNIQUE constraint failed: items.key".
    return str(error.orig).partition(": ")[2] or str(error.orig)


def _kind(error: SQLAlchemyError) -> str:
    original = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None)
    return f"{type(original).__name__} {state}" if state else type(original).__name__
