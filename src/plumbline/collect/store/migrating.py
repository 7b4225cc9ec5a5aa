"""Making a store, opening one, and bringing its tables up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, inspect, select, text

from plumbline.collect.store.database import (
    Store,
    connect,
    connect_copy,
    make_private_file,
    shown_url,
    store_url,
)
from plumbline.collect.store.failures import SchemaError
from plumbline.collect.store.keeping.backup_files import is_own_backup
from plumbline.collect.store.tables import erasing

_MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 7_220_486_151  # any number that is ours: one process migrates a Postgres database at a time


def create_store(place: str | Path, *, connections: int = 20) -> Store:
    """Makes the tables in a new file, or in a Postgres database that holds none of ours, and opens the store.

    Raises:
        SchemaError: PL-COL-011, something stands there already.
    """
    url = store_url(place)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        if path.exists():
            raise _exists(str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        make_private_file(path)
    store = connect(place, connections=connections)
    try:
        store.write(_create)
    except BaseException:
        store.close()
        raise
    return store


def open_store(place: str | Path, *, connections: int = 20) -> Store:
    """Opens a store whose tables are those of this version.

    Raises:
        SchemaError: PL-COL-002 nothing is there, PL-COL-003 the tables are older, PL-COL-004 they are newer,
            PL-COL-045 it is a backup, PL-COL-046 its append-only tables stand open.
    """
    url = store_url(place)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise _missing(str(url.database))
    if url.get_backend_name() == "sqlite":
        _refuse_other_file(Path(str(url.database)))
    store = connect(place, connections=connections)
    try:
        _check(store, store.read(revision_of))
        _refuse_open_tables(store)
    except BaseException:
        store.close()
        raise
    return store


def migrate_store(store: Store) -> str | None:
    """Brings the tables to this version, in one transaction; returns the revision they had.

    Raises:
        SchemaError: nothing is there, or the tables are newer.
    """

    def work(connection: Connection) -> str | None:
        """Within one transaction: the tables of the newest revision; what was there before."""
        _lock(connection)
        found = revision_of(connection)
        if found != newest_revision():
            _check(store, found, older_is_fine=True)
            _upgrade(connection)
            _check_references(connection)
        return found

    with _without_references(store) as unchecked:
        return unchecked.write(work)


def newest_revision() -> str:
    """The revision that this version of Plumbline works with."""
    return str(_revisions().get_current_head())


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables; None where there are none of ours. Of two, which no version of ours has, both."""
    return "+".join(sorted(map(str, MigrationContext.configure(connection).get_current_heads()))) or None


def stands_open(connection: Connection) -> bool:
    """Whether the row that opens the append-only tables was committed, which nothing of ours can do."""
    return connection.execute(select(erasing.c.person_id).limit(1)).first() is not None


def upgrade_to(connection: Connection, revision: str) -> None:
    """Applies the revisions up to one of them, inside the connection's transaction; tests build old stores by it."""
    configuration = _configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, revision)


def _create(connection: Connection) -> None:
    _lock(connection)
    if inspect(connection).get_table_names():
        raise _exists(shown_url(connection.engine.url))
    _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    upgrade_to(connection, "head")


@contextmanager
def _without_references(store: Store) -> Iterator[Store]:
    """SQLite makes a table anew by removing the old one, which it refuses as long as it looks after references.

    They are looked at once, before the transaction ends.
    """
    if not store.is_sqlite:
        yield store
        return
    path = Path(str(store.engine.url.database))
    is_copy = store.run_alone("PRAGMA journal_mode")[0][0] == "memory"
    unchecked = connect_copy(path) if is_copy else connect(path, connections=1)
    event.listen(unchecked.engine, "connect", _look_away)
    try:
        yield unchecked
    finally:
        unchecked.close()


def _look_away(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    connection.execute("PRAGMA foreign_keys=OFF")


def _check_references(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise SchemaError(
            "PL-COL-012",
            f"table {broken[0]}",
            "it names a row that is not there, so its tables cannot be brought up to date",
            expected=f"a row of {broken[2]}",
            advice="restore a backup; nothing was changed",
        )


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration


@cache
def _revisions() -> ScriptDirectory:
    """Read once a process: every store that is opened asks for the newest."""
    return ScriptDirectory.from_config(_configuration())


def _check(store: Store, found: str | None, *, older_is_fine: bool = False) -> None:
    if found is None:
        raise _missing(store.address)
    refuse_newer(store.address, found)
    newest = newest_revision()
    if found != newest and not older_is_fine:
        raise SchemaError(
            "PL-COL-003",
            store.address,
            "its tables are older than this version of Plumbline",
            expected=f"revision {newest}",
            found=f"revision {found}",
            advice="make a backup, then plumbline collect migrate",
        )


def refuse_newer(place: str, revision: str) -> None:
    """Refuses tables that this version does not know.

    Raises:
        SchemaError: PL-COL-004.
    """
    known = {script.revision for script in _revisions().walk_revisions()}
    if revision not in known:
        raise SchemaError(
            "PL-COL-004",
            place,
            "its tables are newer than this version of Plumbline",
            expected=f"revision {newest_revision()} or older",
            found=f"revision {revision}",
            advice="use the version of Plumbline that made them; they are never taken back to an older one",
        )


def _missing(place: str) -> SchemaError:
    return SchemaError(
        "PL-COL-002",
        place,
        "there is no store here",
        advice="plumbline collect init; where it stands elsewhere, name it with --store or PLUMBLINE_STORE",
    )


def _exists(place: str) -> SchemaError:
    return SchemaError(
        "PL-COL-011",
        place,
        "something stands here already",
        expected="a new file, or a Postgres database without tables",
        advice="open it with plumbline collect serve, or name another place",
    )


# --- before a file is opened for writing, which changes it ---

_OURS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"


def _refuse_other_file(path: Path) -> None:
    """Looks at a file before WAL is set in it, by which another program's would be changed, and a backup's digest."""
    if is_own_backup(path):
        raise SchemaError(
            "PL-COL-045",
            str(path),
            "this is a backup, which working in would change",
            expected="a store",
            advice="plumbline collect restore BACKUP STUDY puts its rows where a store is to be",
        )
    # By SQLite alone: where this process has the file open already, to open and close it past SQLite drops its locks
    # (POSIX); then another process takes itself for the last one and removes the WAL, with all that is written after.
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            is_ours = connection.execute(_OURS).fetchone() is not None
    except sqlite3.Error:
        return  # opening it says what is wrong, and changes nothing where it cannot even be read
    if not is_ours:
        raise _missing(str(path))


def _refuse_open_tables(store: Store) -> None:
    """Whoever left a row in `erasing`, with references unwatched, has let every program change what was judged."""
    if store.read(stands_open):
        raise SchemaError(
            "PL-COL-046",
            store.address,
            "its append-only tables stand open: somebody wrote into the database by other means",
            expected="no row in its table erasing",
            advice="find out by whom; restore a backup into another place, or compare this one with a backup and remove "
            "the row",
        )
