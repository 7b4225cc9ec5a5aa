"""The open store: one engine, transactions that are tried again or fail with a coded error, and nothing of the field.

SQLite: WAL, ``BEGIN IMMEDIATE`` for every transaction that writes (a deferred one that turns into a writer fails at
once when another wrote in between), and one lock a process around them, which takes away the long tail of waiting.
``synchronous=FULL``: what was acknowledged is on the disk, so neither a killed process nor a power cut loses it.
Postgres: READ COMMITTED for writers, one snapshot for readers; it waits for the disk too, unless it was set up otherwise.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from sqlalchemy import URL, Connection, Engine, Row, Select, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from plumbline.collect.store.failures import (
    SchemaError,
    StoreError,
    may_be_tried_again,
    out_of_reach,
    store_failure,
    value_refused,
)
from plumbline.records import MissingExtraError, UsageError

Result = TypeVar("Result")

BUSY_TIMEOUT_SECONDS = 20
CONNECT_TIMEOUT_SECONDS = 10
"""To reach Postgres; a URL that says ``connect_timeout`` says otherwise."""
_ATTEMPTS = 8
_OLDEST_SQLITE = (3, 35, 0)
# Without recursive triggers, INSERT OR REPLACE removes rows behind the triggers' back.
# What a schema names is not trusted: a file may have been made by anybody.
_RULES = ("foreign_keys=ON", "recursive_triggers=ON", "trusted_schema=OFF")
_WRITES, _READS, _ALONE = "writes", "reads", "alone"
# The drivers begin no transaction of their own; `_begin` does, in one statement, which is half the trips of psycopg's way.
_BEGIN = {
    "sqlite": {_WRITES: "BEGIN IMMEDIATE", _READS: "BEGIN", _ALONE: None},
    "postgresql": {
        _WRITES: "BEGIN ISOLATION LEVEL READ COMMITTED",
        _READS: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        _ALONE: None,
    },
}
_POSTGRES_OPTIONS = f"-c lock_timeout={BUSY_TIMEOUT_SECONDS}s -c idle_in_transaction_session_timeout=60s"


class _ProcessLock:
    """A lock that weak references may name."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_locks: WeakValueDictionary[str, _ProcessLock] = WeakValueDictionary()
_locks_guard = threading.Lock()


@dataclass(frozen=True)
class Store:
    """An open store; safe to share between threads. Every function of this package takes one.

    Attributes:
        engine: SQLAlchemy's; only modules of this package use it.
        writing: the lock of this process around write transactions; None on Postgres.
    """

    engine: Engine
    writing: _ProcessLock | None

    @property
    def address(self) -> str:
        """Where it stands, without a password."""
        return shown_url(self.engine.url)

    @property
    def is_sqlite(self) -> bool:
        """SQLite, else Postgres."""
        return self.engine.dialect.name == "sqlite"

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Runs `work` in one transaction: all of it is kept, or nothing.

        A transaction that the database ended because of others' (a deadlock) runs again; so `work` must have no
        effect but through its connection.

        Raises:
            StoreUnavailableError: out of reach or busy; the same call may be made again.
            StoreError: what `work` raises; a constraint refused a row.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._writing(), self._connect(_WRITES) as connection, connection.begin():
                    return work(connection)
            except SQLAlchemyError as error:
                if not may_be_tried_again(error) or attempt == _ATTEMPTS:
                    raise store_failure(error) from None
            except (sqlite3.Error, OverflowError) as error:
                raise _driver_failure(error) from None
        raise AssertionError  # the last attempt returns or raises

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Runs `work` on one snapshot of the whole store; it sees nothing of what is written meanwhile.

        Raises:
            StoreUnavailableError: out of reach or busy.
        """
        with _failures_told(), self._connect(_READS) as connection, connection.begin():
            return work(connection)

    def rows(self, query: Select[Any], values: Mapping[str, object] | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
        """The rows of one query, which is a snapshot by itself: no BEGIN and no ROLLBACK go round with it.

        Raises:
            StoreUnavailableError: out of reach or busy.
        """
        with _failures_told(), self._connect(_ALONE) as connection:
            return connection.execute(query, values or {}).all()

    def row(self, query: Select[Any], values: Mapping[str, object] | None = None) -> Row[*tuple[Any, ...]] | None:
        """The one row of a query that finds at most one; raises as `rows` does."""
        found = self.rows(query, values)
        return found[0] if found else None

    def run_alone(self, statement: str, *values: str) -> list[Any]:
        """Runs what no transaction may be around, such as VACUUM; gives its rows. Postgres takes no `values` here.

        Raises:
            StoreUnavailableError: out of reach or busy. StoreError: refused.
        """
        with _failures_told(), self._connect(_ALONE) as connection:
            found = connection.exec_driver_sql(statement, values or None)
            return list(found.all()) if found.returns_rows else []

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    def _connect(self, transaction: str) -> Connection:
        return self.engine.connect().execution_options(transaction=transaction)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The process's lock; waited for as long as for another process, so that waits do not add up in a line."""
        if self.writing is None:
            yield
            return
        if not self.writing.lock.acquire(timeout=BUSY_TIMEOUT_SECONDS):
            raise out_of_reach("others write all the time")
        try:
            yield
        finally:
            self.writing.lock.release()


def connect(place: str | Path, *, connections: int = 20) -> Store:
    """A store at a path (SQLite) or a URL, whatever stands there; ``migrating.open_store`` checks the tables too.

    Args:
        place: a file, ``sqlite:///FILE`` or ``postgresql://USER@HOST/NAME``.
        connections: how many may be open at once; a thread that needs one more waits.
    Raises:
        UsageError: PL-COL-006, no such kind of database, or one in memory.
        MissingExtraError: PL-COL-005, the driver of Postgres is not installed.
    """
    url = store_url(place)
    if url.get_backend_name() == "sqlite":
        if url.query or str(url.database).startswith("file:"):
            raise _no_such_store(f"{url.drivername} with settings of its own")
        return _sqlite_store(url, connections, _set_up_sqlite)
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
            pool_size=connections,
            max_overflow=0,
            connect_args={"options": " ".join((_POSTGRES_OPTIONS, *_own_options(url)))}
            | ({} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT_SECONDS}),
        )
    except ModuleNotFoundError:
        raise MissingExtraError(
            "PL-COL-005",
            "postgres",
            "psycopg is not installed",
            expected="the extra for stores on Postgres",
            advice="pip install -c constraints.txt -e '.[collect,postgres]'",
        ) from None
    event.listen(engine, "begin", _begin)
    return Store(engine, None)


def connect_copy(path: Path) -> Store:
    """A SQLite file that nobody else has open, without SQLite's files beside it; its content is synced by the caller."""
    return _sqlite_store(URL.create("sqlite", database=str(path)), 2, _set_up_copy)


def store_url(place: str | Path) -> URL:
    """The database's URL: a path becomes SQLite's, and Postgres is spoken to by psycopg 3.

    Raises:
        UsageError: PL-COL-006.
    """
    if isinstance(place, Path) or "://" not in place:
        return URL.create("sqlite", database=str(place))
    try:
        url = make_url(place)
    except (ArgumentError, ValueError):  # a port that is no number
        url = None
    if url is not None and url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url is not None and url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    raise _no_such_store(f"{url.drivername}://..." if url is not None else "an address that cannot be read")


def _no_such_store(found: str) -> UsageError:
    return UsageError(
        "PL-COL-006",
        "store",
        "no such kind of store",
        expected="a file, sqlite:///FILE or postgresql://USER@HOST/NAME",
        found=found,
        advice="name a file, or the URL of a Postgres database",
    )


def _own_options(url: URL) -> tuple[str, ...]:
    """The ``options`` that a URL of Postgres brings; they come after ours, and so hold where both say something."""
    given = url.query.get("options", ())
    return (given,) if isinstance(given, str) else given


def shown_url(url: URL) -> str:
    """The URL without a password: it may stand in the query too, of which only host and port are shown."""
    kept = {name: value for name, value in url.query.items() if name in ("host", "port")}
    return url.set(password=None, query=kept).render_as_string(hide_password=True)


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT of this connection's database; both know ON CONFLICT in the same words."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _sqlite_store(url: URL, connections: int, set_up: Callable[[sqlite3.Connection, object], None]) -> Store:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise SchemaError(
            "PL-COL-005",
            "sqlite",
            "this Python's SQLite is too old",
            expected="3.35 or later",
            found=sqlite3.sqlite_version,
            advice="use a newer Python, or a store on Postgres",
        )
    path = Path(str(url.database)).resolve()
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None},
    )
    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _begin)
    with _locks_guard:
        lock = _locks.setdefault(str(path), _ProcessLock())
    return Store(engine, lock)


def make_private_file(path: Path) -> None:
    """Makes an empty file that only its owner may read; SQLite gives its helpers' files the same rights."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _set_up_sqlite(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    for pragma in ("journal_mode=WAL", "synchronous=FULL", *_RULES):
        connection.execute(f"PRAGMA {pragma}")


def _set_up_copy(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    for pragma in ("journal_mode=MEMORY", "synchronous=OFF", *_RULES):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    wanted = connection.get_execution_options().get("transaction", _WRITES)
    statement = _BEGIN[connection.dialect.name][wanted]
    if statement is not None:
        connection.exec_driver_sql(statement)


@contextmanager
def _failures_told() -> Iterator[None]:
    """Errors of the database in our words."""
    try:
        yield
    except SQLAlchemyError as error:
        raise store_failure(error) from None
    except (sqlite3.Error, OverflowError) as error:
        raise _driver_failure(error) from None


def _driver_failure(error: sqlite3.Error | OverflowError) -> StoreError:
    """For what SQLite's driver raises past SQLAlchemy: a connection closed under it, a number of over 64 bits."""
    if isinstance(error, OverflowError):
        return value_refused("a number", "one of 64 bits", "a larger one")
    return out_of_reach(type(error).__name__)
