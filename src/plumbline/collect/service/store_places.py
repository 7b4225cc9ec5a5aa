"""Stores as the command line names them: a file beside the study, or a URL. What is said of one never holds a password."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from plumbline.collect.store.database import Store, connect, shown_url, store_url
from plumbline.collect.store.failures import SchemaError, StoreError, StoreUnavailableError, no_store_file
from plumbline.collect.store.keeping.copying import Advance
from plumbline.collect.store.keeping.restoring import Restored, restore
from plumbline.collect.store.migrating import create_store, migrate_store, newest_revision, open_store
from plumbline.lineage.workplaces import NEW, workplace
from plumbline.lineage.writing import write_error


def open_place(place: str | Path, *, connections: int = 20) -> Store:
    """The store at a place.

    Raises:
        SchemaError: nothing is there, or one of another version.
        StoreUnavailableError: PL-COL-043, the database cannot be reached; PL-COL-04x, the file cannot be used.
    """
    try:
        return open_store(place, connections=connections)
    except (StoreUnavailableError, SchemaError) as error:
        raise _with_place(place, error) from None


def make_or_open_place(place: str | Path) -> tuple[Store, bool]:
    """The store at a place, made where there is none, and whether it was made now.

    A file appears with all its tables or not at all, whenever the process ends.

    Raises:
        SchemaError: an older or newer one stands there, or a database with tables of others.
        StoreError, WriteError: the place cannot be used.
    """
    url = store_url(place)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        is_new = not path.exists() and _make_file(path)
        try:
            return open_place(place), is_new
        except SchemaError as error:
            raise no_store_file(str(path), "another database") if error.code == "PL-COL-002" else error from None
    try:
        return open_place(place), False
    except SchemaError as error:
        if error.code != "PL-COL-002":
            raise
    return create_store(place), True


def open_any_version(place: str | Path) -> Store:
    """The store at a place, also with older tables, or with ones that stand open: as a backup takes them.

    Raises:
        SchemaError: nothing is there, or a newer one. StoreUnavailableError: as `open_place`.
    """
    try:
        return open_place(place)
    except SchemaError as error:
        if error.code not in ("PL-COL-003", "PL-COL-046"):
            raise
    return connect(place)


def restore_place(
    backup: Path,
    place: str | Path,
    *,
    replace: bool,
    before: Path | None,
    now: datetime,
    advance: Advance | None = None,
    with_faults: bool = False,
) -> Restored:
    """`restore`, with a place that cannot be reached told by its name.

    Raises:
        StoreError, WriteError: as `restore`.
    """
    try:
        return restore(backup, place, replace=replace, now=now, advance=advance, before=before, with_faults=with_faults)
    except StoreUnavailableError as error:
        raise _with_place(place, error) from None


def bring_up_to_date(place: str | Path) -> tuple[str, str]:
    """Brings the tables of a store to this version, in one transaction; the revisions before and after.

    Raises:
        SchemaError: nothing is there, or a newer one.
    """
    try:
        open_store(place).close()
        return newest_revision(), newest_revision()
    except SchemaError as error:
        if error.code != "PL-COL-003":
            raise
    except StoreUnavailableError as error:
        raise _with_place(place, error) from None
    store = connect(place)
    try:
        return str(migrate_store(store)), newest_revision()
    finally:
        store.close()


def shown_place(place: str | Path) -> str:
    """The place without a password, wherever in a URL it stands."""
    url = store_url(place)
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return shown_url(url.set(drivername="postgresql"))


def shown_whole(place: str | Path) -> str | None:
    """The place as it can be typed again; None where it holds a password, or settings among which one may be."""
    url = store_url(place)
    if url.password is not None or not url.query.keys() <= {"host", "port"}:
        return None
    return str(place) if url.get_backend_name() == "sqlite" else shown_place(place)


def _with_place(place: str | Path, error: StoreError) -> StoreError:
    """The same, with the place, and with what to do where a command starts rather than one of many requests fails."""
    if error.code != "PL-COL-001":
        shown = shown_place(place) if error.place == "store" else error.place
        return type(error)(
            error.code, shown, error.problem, expected=error.expected, found=error.found, advice=error.advice
        )
    return StoreUnavailableError(
        "PL-COL-043",
        shown_place(place),
        "the database server does not answer, or lets nobody in under this name and password",
        expected="a server that runs and permits it",
        advice="see that it runs, and that psql opens the same URL; a password belongs into PGPASSWORD or ~/.pgpass",
    )


def _make_file(path: Path) -> bool:
    """Makes a store in a file beside, then gives it its name; False where somebody else was faster."""
    try:
        with workplace(path) as place:
            create_store(place / NEW).close()
            return _give_name(place / NEW, path)
    except OSError as error:
        raise write_error(path, error) from error


def _give_name(made: Path, path: Path) -> bool:
    """A rename that takes nothing's place: two who start at once must not lose one's store."""
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        made.rename(path)
    return True
