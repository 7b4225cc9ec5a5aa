"""Restoring a backup: into an empty place, or over a store while servers go on.

A backup is looked through before anything is touched: its digest, where its manifest stands beside it, its pages, its
revision, and what must hold of a store. Over a standing store everything is one write transaction, in which a backup of
what is replaced is made first: no judgement falls between the two.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, inspect

from plumbline.collect.store.backup import BackedUp, manifest_of, refuse_faulty, write_backup
from plumbline.collect.store.copying import Advance, copy_rows, count_rows
from plumbline.collect.store.database import Store, connect, connect_copy, make_private_file, store_url
from plumbline.collect.store.erasing import remove_bytes
from plumbline.collect.store.failures import SchemaError, StoreError
from plumbline.collect.store.migrating import (
    migrate_store,
    newest_revision,
    open_store,
    refuse_newer,
    revision_of,
    upgrade_to,
)
from plumbline.collect.store.replacing import Replaced, replace_rows
from plumbline.lineage import FoundManifest, file_digest, write_aside
from plumbline.lineage.writing import write_error
from plumbline.records import SourceError

_SQLITE_HEADER = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Restored:
    """What restoring did.

    Attributes:
        store: where it stands, without a password.
        rows: of the backup, by table.
        migrated_from: the revision of the backup, where it was an older one.
        was_verified: a manifest beside the backup said what its digest must be.
        before: the backup of what stood there before; None where there was nothing.
        replaced: what became of what stood there; None where there was nothing.
        bytes_removed: False where people had to be erased again and the database's files could not be cleaned.
    """

    store: str
    rows: dict[str, int]
    migrated_from: str | None
    was_verified: bool
    before: BackedUp | None
    replaced: Replaced | None
    bytes_removed: bool


def restore(
    backup: Path,
    place: str | Path,
    *,
    replace: bool,
    now: datetime,
    advance: Advance | None = None,
    before: Path | None = None,
) -> Restored:
    """Puts a backup where a store is to be, or in the place of one.

    Args:
        backup: as `back_up` wrote it.
        place: a file or a URL, as for `open_store`; it need not be the kind of database that was backed up.
        replace: take the place of a store that stands there, also while servers work on it.
        before: where a backup of what stood there goes; by default beside the store, for Postgres beside `backup`.
    Raises:
        SchemaError: PL-COL-051 no backup, PL-COL-004 of a newer version, PL-COL-052 it was changed since it was made.
        StoreError: PL-COL-050 it fails its check, PL-COL-053 a store stands there, PL-COL-054 its studies are others.
        WriteError: the disk is full, or the folder cannot be written to.
    """
    if not _is_empty(place):
        with _whole_copy(backup) as checked:
            return _restore_over(backup, checked, place, replace=replace, now=now, advance=advance, before=before)
    if store_url(place).get_backend_name() == "sqlite":
        return _restore_file(backup, Path(str(store_url(place).database)))
    with _whole_copy(backup) as checked, closing(connect(place)) as store:
        rows = _fill_empty(store, checked.path, advance)
        return _restored(store.address, rows, checked)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A private copy of a backup, of the newest revision and without a fault."""

    path: Path
    migrated_from: str | None
    was_verified: bool


def _restored(address: str, rows: dict[str, int], checked: _Checked) -> Restored:
    return Restored(address, rows, checked.migrated_from, checked.was_verified, None, None, bytes_removed=True)


# --- an empty place ---


def _is_empty(place: str | Path) -> bool:
    """No file, or a database without tables."""
    url = store_url(place)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        beside = [path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-journal")]
        if not path.exists() and any(each.exists() for each in beside):
            raise SchemaError(
                "PL-COL-053",
                str(path),
                "what belongs to another database stands there, and would be mixed into this one",
                expected="neither -wal nor -journal beside a store that is not there",
                advice="move these files away, or name another place",
            )
        return not path.exists()
    with closing(connect(place)) as store:
        return store.read(lambda connection: not inspect(connection).get_table_names())


def _restore_file(backup: Path, path: Path) -> Restored:
    with write_aside(path) as aside:
        checked = _checked_copy(backup, aside)
        with closing(connect_copy(aside)) as copy:
            rows = copy.read(count_rows)
        if path.exists():
            raise _stands_there(str(path))
    return _restored(str(store_url(path)), rows, checked)


def _fill_empty(store: Store, path: Path, advance: Advance | None) -> dict[str, int]:
    with closing(connect_copy(path)) as copy:

        def work(target: Connection) -> dict[str, int]:
            """Within one transaction: the tables and all rows."""
            if inspect(target).get_table_names():
                raise _stands_there(store.address)
            upgrade_to(target, newest_revision())
            copy.read(lambda source: copy_rows(source, target, advance))
            return count_rows(target)

        return store.write(work)


# --- over a store ---


def _restore_over(
    backup: Path,
    checked: _Checked,
    place: str | Path,
    *,
    replace: bool,
    now: datetime,
    advance: Advance | None,
    before: Path | None,
) -> Restored:
    with closing(open_store(place)) as store, closing(connect_copy(checked.path)) as copy:
        has_rows = any(store.read(count_rows).values())
        if has_rows and not replace:
            raise _stands_there(store.address)
        kept_at = before or _place_before(store, backup, now)
        digest, made = file_digest(backup), list[BackedUp]()

        def work(target: Connection) -> Replaced:
            """Within one transaction, nobody else writing: a backup of what stands there, then the other rows."""

            def keep() -> dict[str, str | None]:
                """By another connection, which sees what nobody changes meanwhile."""
                if has_rows:
                    made.append(write_backup(store, kept_at, now=now, checked=False))
                return {"backup_sha256": digest, "kept_sha256": made[-1].sha256 if made else None}

            return copy.read(lambda source: replace_rows(source, target, now=now, keep=keep, advance=advance))

        replaced = store.write(work)
        cleaned = remove_bytes(store) if replaced.erased_again else True
        rows = copy.read(count_rows)
        kept = made[-1] if made else None
        return Restored(store.address, rows, checked.migrated_from, checked.was_verified, kept, replaced, cleaned)  # fmt: skip


def _place_before(store: Store, backup: Path, now: datetime) -> Path:
    beside = Path(str(store.engine.url.database)) if store.is_sqlite else backup
    return beside.with_name(f"{beside.name}.before-restore-{now:%Y%m%dT%H%M%S.%fZ}.db")


# --- looking through a backup ---


@contextmanager
def _whole_copy(backup: Path) -> Iterator[_Checked]:
    """A private copy in the system's folder for such, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="plumbline-restore-") as folder:
        path = Path(folder) / "copy.db"
        try:
            yield _checked_copy(backup, path)
        except OSError as error:
            raise write_error(path, error) from error


def _checked_copy(backup: Path, path: Path) -> _Checked:
    """Copies a backup and looks through the copy, brought to the newest revision: what was looked at is what is used.

    Raises:
        SchemaError: PL-COL-051, PL-COL-052, PL-COL-004. StoreError: PL-COL-050.
    """
    _refuse_other_file(backup)
    make_private_file(path)
    shutil.copyfile(backup, path)
    expected = _expected_digest(backup)
    found = file_digest(path)
    if expected not in (None, found):
        raise SchemaError(
            "PL-COL-052",
            str(backup),
            "the backup was changed since it was made, or is damaged",
            expected=f"sha256 {expected}, as its manifest says",
            found=f"sha256 {found}",
            advice="take another backup; move the manifest away only if you know what was changed",
        )
    try:
        older = _look_through(backup, path)
    except SchemaError as error:
        if error.code != "PL-COL-041":
            raise
        raise _no_backup(backup, f"a damaged file ({error.found})") from None
    return _Checked(path, older, expected is not None)


def _look_through(backup: Path, path: Path) -> str | None:
    """Brings a sound copy to the newest revision; gives the older one that it had."""
    with closing(connect_copy(path)) as copy:
        revision = copy.read(revision_of)
        if revision is None:
            raise _no_backup(backup, "a database without a store's tables")
        refuse_newer(str(backup), revision)
        refuse_faulty(path, str(backup))
        if revision == newest_revision():
            return None
        migrate_store(copy)
        return revision


def _refuse_other_file(backup: Path) -> None:
    if not backup.is_file():
        raise _no_backup(backup, "no file")
    with backup.open("rb") as file:
        if file.read(len(_SQLITE_HEADER)) != _SQLITE_HEADER:
            raise _no_backup(backup, "a file of another kind")
    log = backup.with_name(f"{backup.name}-wal")
    if log.exists() and log.stat().st_size:
        raise _no_backup(backup, "a store in use: a part of it stands in its -wal file")


def _expected_digest(backup: Path) -> str | None:
    """What the manifest beside a backup says; None where there is none, as of a backup that was sent somewhere."""
    try:
        found = FoundManifest.at(manifest_of(backup))
    except SourceError:
        found = None
    return None if found is None else next((entry.sha256 for entry in found.manifest.outputs), None)


def _no_backup(backup: Path, found: str) -> SchemaError:
    return SchemaError(
        "PL-COL-051",
        str(backup),
        "this is no backup of a store",
        expected="a file that plumbline collect backup wrote",
        found=found,
        advice="make one of a store that stands: plumbline collect backup STUDY OUT",
    )


def _stands_there(place: str) -> StoreError:
    return StoreError(
        "PL-COL-053",
        place,
        "a store stands there",
        expected="a place without one",
        advice="name another place, or --replace: it keeps a backup of what stands there, then puts the rows of this "
        "backup in its place; what was judged since the backup was made is then in the kept one alone",
    )
