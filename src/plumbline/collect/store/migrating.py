"""Making a store, opening one, and bringing its tables up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from plumbline.collect.store.database import Store, connect, make_private_file, store_url
from plumbline.collect.store.failures import SchemaError

_MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 7_220_486_151  # any number that is ours: one process migrates a Postgres database at a time


def create_store(place: str | Path, *, connections: int = 20) -> Store:
    """Makes the tables in a new file, or in a Postgres database that holds none of ours, and opens the store.

    Raises:
        SchemaError: PL-COL-004, a store stands there already, or a file that is none.
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


def open_store(place: str | Path, *, migrate: bool = False, connections: int = 20) -> Store:
    """Opens a store whose tables are those of this version.

    Args:
        migrate: bring older tables up to date first, instead of refusing them.
    Raises:
        SchemaError: PL-COL-002 nothing is there, PL-COL-003 the tables are older, PL-COL-004 they are newer.
    """
    url = store_url(place)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise _missing(str(url.database))
    store = connect(place, connections=connections)
    try:
        if migrate:
            migrate_store(store)
        else:
            _check(store, store.read(revision_of))
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
        return found

    return store.write(work)


def newest_revision() -> str:
    """The revision that this version of Plumbline works with."""
    return str(ScriptDirectory.from_config(_configuration()).get_current_head())


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables; None where there are none of ours."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade_to(connection: Connection, revision: str) -> None:
    """Applies the revisions up to one of them, inside the connection's transaction; tests build old stores by it."""
    configuration = _configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, revision)


def _create(connection: Connection) -> None:
    _lock(connection)
    if inspect(connection).get_table_names():
        raise _exists(connection.engine.url.render_as_string(hide_password=True))
    _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    upgrade_to(connection, "head")


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration


def _check(store: Store, found: str | None, *, older_is_fine: bool = False) -> None:
    newest = newest_revision()
    if found is None:
        raise _missing(store.address)
    known = {script.revision for script in ScriptDirectory.from_config(_configuration()).walk_revisions()}
    if found not in known:
        raise SchemaError(
            "PL-COL-004",
            store.address,
            "its tables are newer than this version of Plumbline",
            expected=f"revision {newest} or older",
            found=f"revision {found}",
            advice="use the version of Plumbline that made them; they are never taken back to an older one",
        )
    if found != newest and not older_is_fine:
        raise SchemaError(
            "PL-COL-003",
            store.address,
            "its tables are older than this version of Plumbline",
            expected=f"revision {newest}",
            found=f"revision {found}",
            advice="make a backup, then plumbline collect migrate",
        )


def _missing(place: str) -> SchemaError:
    return SchemaError("PL-COL-002", place, "there is no store here", advice="plumbline collect init")


def _exists(place: str) -> SchemaError:
    return SchemaError(
        "PL-COL-002",
        place,
        "something stands here already",
        expected="a new file, or a Postgres database without tables",
        advice="open it with plumbline collect serve, or name another place",
    )
