"""Restoring a backup: into an empty place, or over a store while servers go on.

A backup is looked through before anything is touched: its digest, where its manifest stands beside it, its pages, its
revision, and what must hold of a store. Of a backup only rows are used, in tables of our own, see ``taking_over``. Over a
standing store everything is one write transaction, in which a backup of what is replaced is made first: no judgement falls
between the two.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, inspect

from plumbline.collect.store.database import Store, connect, connect_copy, make_private_file, store_url
from plumbline.collect.store.failures import SchemaError, StoreError
from plumbline.collect.store.keeping.backup import (
    TAKE_FAULTS,
    BackedUp,
    broken_promises,
    fails_check,
    keep_aside,
    refuse_damaged,
    refuse_standing,
)
from plumbline.collect.store.keeping.backup_files import expected_digest
from plumbline.collect.store.keeping.carrying_webhooks import give_up_undelivered
from plumbline.collect.store.keeping.copying import Advance, copy_rows, count_rows
from plumbline.collect.store.keeping.erasing import remove_bytes
from plumbline.collect.store.keeping.replacing import Replaced, replace_rows
from plumbline.collect.store.keeping.taking_over import take_over, unreadable
from plumbline.collect.store.migrating import (
    migrate_store,
    newest_revision,
    open_store,
    refuse_newer,
    revision_of,
    stands_open,
    upgrade_to,
)
from plumbline.lineage import file_digest, write_aside
from plumbline.lineage.writing import write_error

# A constraint, a statement, a value; and text that is no UTF-8, which SQLite's driver tells as if it were busy.
_SAID_OF_ROWS = ("PL-COL-001", "PL-COL-007", "PL-COL-008", "PL-COL-009")
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
        faults: of the backup, which were restored with it; none where it was not to be taken with faults.
        given_up: what the backup had still to tell other systems; none of it is sent unless somebody sends it again.
    """

    store: str
    rows: dict[str, int]
    migrated_from: str | None
    was_verified: bool
    before: BackedUp | None
    replaced: Replaced | None
    bytes_removed: bool
    faults: tuple[str, ...] = ()
    given_up: int = 0


def restore(
    backup: Path,
    place: str | Path,
    *,
    replace: bool,
    now: datetime,
    advance: Advance | None = None,
    before: Path | None = None,
    with_faults: bool = False,
) -> Restored:
    """Puts a backup where a store is to be, or in the place of one.

    Args:
        backup: as `back_up` wrote it.
        place: a file or a URL, as for `open_store`; it need not be the kind of database that was backed up.
        replace: take the place of a store that stands there, also while servers work on it.
        before: where a backup of what stood there goes; by default beside the store, for Postgres beside `backup`. It
            must not be there yet.
        with_faults: take a backup that fails its check, as that of a faulty store does: what was judged in it would be
            out of reach. Damaged pages, and rows that a constraint refuses or nobody can read, are refused all the same.
    Raises:
        SchemaError: PL-COL-051 no backup, PL-COL-004 of a newer version, PL-COL-052 it was changed since it was made.
        StoreError: PL-COL-050 it fails its check, PL-COL-053 a store stands there, PL-COL-054 its studies are others,
            PL-COL-055 something stands at `before`.
        WriteError: the disk is full, or the folder cannot be written to.
    """
    if not _is_empty(place):
        if before is not None:
            refuse_standing(before)
        with _whole_copy(backup, with_faults, now) as checked:
            return _restore_over(backup, checked, place, replace=replace, now=now, advance=advance, before=before)
    if store_url(place).get_backend_name() == "sqlite":
        return _restore_file(backup, Path(str(store_url(place).database)), with_faults, now)
    with _whole_copy(backup, with_faults, now) as checked, closing(connect(place)) as store:
        rows = _fill_empty(store, checked.path, advance)
        return _restored(store.address, rows, checked)


@dataclass(frozen=True, slots=True)
class _Checked:
    """The rows of a backup in a private file with tables of our own, of the newest revision."""

    path: Path
    migrated_from: str | None
    was_verified: bool
    faults: tuple[str, ...]
    given_up: int


def _restored(address: str, rows: dict[str, int], checked: _Checked) -> Restored:
    return Restored(
        address,
        rows,
        checked.migrated_from,
        checked.was_verified,
        None,
        None,
        bytes_removed=True,
        faults=checked.faults,
        given_up=checked.given_up,
    )


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


def _restore_file(backup: Path, path: Path, with_faults: bool, now: datetime) -> Restored:
    with write_aside(path) as aside:
        checked = _checked_copy(backup, aside, with_faults, now)
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

        def work(source: Connection, target: Connection) -> Replaced:
            """Within one transaction of the target, nobody else writing: a backup of what stands there, then the other rows."""

            def keep() -> dict[str, str | None]:
                """By another connection, which sees what nobody changes meanwhile."""
                while made:  # of a transaction that the database ended because of others'
                    made[-1].path.unlink()
                    made.pop().manifest.unlink()
                if has_rows:
                    made.append(keep_aside(store, kept_at, now=now))
                return {"backup_sha256": digest, "kept_sha256": made[-1].sha256 if made else None}

            return replace_rows(source, target, now=now, keep=keep, advance=advance)

        # The write within the read: around it, the read would tell a transaction that may be tried again as a store out of reach.
        replaced = copy.read(lambda source: store.write(lambda target: work(source, target)))
        cleaned = remove_bytes(store) if replaced.erased_again else True
        rows = copy.read(count_rows)
        kept = made[-1] if made else None
        return replace_fields(
            _restored(store.address, rows, checked), before=kept, replaced=replaced, bytes_removed=cleaned
        )


def _place_before(store: Store, backup: Path, now: datetime) -> Path:
    beside = Path(str(store.engine.url.database)) if store.is_sqlite else backup
    return beside.with_name(f"{beside.name}.before-restore-{now:%Y%m%dT%H%M%S.%fZ}.db")


# --- looking through a backup ---


@contextmanager
def _whole_copy(backup: Path, with_faults: bool, now: datetime) -> Iterator[_Checked]:
    """A private copy in the system's folder for such, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="plumbline-restore-") as folder:
        path = Path(folder) / "copy.db"
        try:
            yield _checked_copy(backup, path, with_faults, now)
        except OSError as error:
            raise write_error(path, error) from error


def _checked_copy(backup: Path, path: Path, with_faults: bool, now: datetime) -> _Checked:
    """Copies the rows of a backup and looks through the copy, brought to the newest revision: what was looked at is used.

    Raises:
        SchemaError: PL-COL-051, PL-COL-052, PL-COL-004. StoreError: PL-COL-050.
    """
    _refuse_other_file(backup)
    with tempfile.TemporaryDirectory(prefix="plumbline-restore-") as folder:
        raw = Path(folder) / "raw.db"
        make_private_file(raw)
        shutil.copyfile(backup, raw)
        was_verified = _is_as_its_manifest_says(backup, raw)
        try:
            revision = _revision_of_sound(backup, raw)
            faults = _take_rows(backup, raw, path, revision)
        except SchemaError as error:
            if error.code != "PL-COL-041":
                raise
            raise _no_backup(backup, f"a damaged file ({error.found})") from None
    with closing(connect_copy(path)) as copy:
        faults += broken_promises(copy)
        given_up = copy.write(lambda connection: give_up_undelivered(connection, now))
    if faults and not with_faults:
        raise fails_check(str(backup), faults, advice=f"take an earlier backup and report it, or {TAKE_FAULTS}")
    return _Checked(path, None if revision == newest_revision() else revision, was_verified, tuple(faults), given_up)


def _is_as_its_manifest_says(backup: Path, raw: Path) -> bool:
    """False where there is no manifest."""
    expected, found = expected_digest(backup), file_digest(raw)
    if expected not in (None, found):
        raise SchemaError(
            "PL-COL-052",
            str(backup),
            "the backup was changed since it was made, or is damaged",
            expected=f"sha256 {expected}, as its manifest says",
            found=f"sha256 {found}",
            advice="take another backup; move the manifest away only if you know what was changed",
        )
    return expected is not None


def _revision_of_sound(backup: Path, raw: Path) -> str:
    with closing(connect_copy(raw)) as copy:
        revision = copy.read(revision_of)
    if revision is None:
        raise _no_backup(backup, "a database without a store's tables")
    refuse_newer(str(backup), revision)
    refuse_damaged(raw, str(backup))
    return revision


def _take_rows(backup: Path, raw: Path, path: Path, revision: str) -> list[str]:
    """The rows in tables of our own, brought to the newest revision, where every value can be read; gives a fault."""
    try:
        refused = take_over(raw, path, revision)
    except StoreError as error:
        if error.code not in _SAID_OF_ROWS:
            raise
        refused = [f"rows that cannot be taken: {error.place}, {error.problem}"]
    if refused:
        raise fails_check(str(backup), refused)
    with closing(connect_copy(path)) as copy:
        if revision != newest_revision():
            migrate_store(copy)
        refused = unreadable(copy)
    if refused:
        raise fails_check(str(backup), refused)
    with closing(connect_copy(raw)) as copy:
        return ["its append-only tables stood open"] if copy.read(stands_open) else []


def _refuse_other_file(backup: Path) -> None:
    if not backup.is_file():
        raise _no_backup(backup, "no file")
    with backup.open("rb") as file:
        if file.read(len(_SQLITE_HEADER)) != _SQLITE_HEADER:
            raise _no_backup(backup, "a file of another kind")
    log = backup.with_name(f"{backup.name}-wal")
    if log.exists() and log.stat().st_size:
        raise _no_backup(backup, "a store in use: a part of it stands in its -wal file")


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
