"""What the commands that keep what was collected print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from plumbline.cli.collect.told import many
from plumbline.cli.console import note, print_table
from plumbline.records.errors import UsageError

if TYPE_CHECKING:
    from plumbline.collect.service.erasing import AffectedFolder, Erased
    from plumbline.collect.store.keeping.backup import BackedUp
    from plumbline.collect.store.keeping.restoring import Restored


_SHOWN_FAULTS = 10


# --- backups ---


def print_backed_up(written: BackedUp) -> None:
    """Where it is and what it holds."""
    print(f"wrote {written.path}: {_amount(written.rows)} of revision {written.revision}, {written.size_bytes:,} bytes")
    note(f"its manifest: {written.manifest}; it holds what workers wrote: keep it as safe as the store")
    _note_faults(written.faults, "backed up")


def backed_up_json(written: BackedUp) -> dict[str, Any]:
    """The same as an object."""
    return {
        "path": str(written.path),
        "sha256": written.sha256,
        "size_bytes": written.size_bytes,
        "rows": written.rows,
        "revision": written.revision,
        "moment": written.moment.isoformat(),
        "store": written.store,
        "faults": list(written.faults),
    }


def print_restored(restored: Restored) -> None:
    """What stands there now, and what does not any more."""
    print(f"restored {restored.store}: {_amount(restored.rows)}")
    _note_faults(restored.faults, "restored")
    if restored.migrated_from is not None:
        print(f"its tables were brought up to date from revision {restored.migrated_from}")
    if not restored.was_verified:
        note("no manifest stood beside the backup: whether it is as it was written could not be checked")
    if restored.before is not None:
        print(f"what stood there before is kept in {restored.before.path}")
    if restored.replaced is not None:
        lost = {table: count for table, count in restored.replaced.lost.items() if count}
        if lost:
            note("only in the kept file: " + ", ".join(f"{table} {count:,}" for table, count in lost.items()))
        still = {name: count for name, count in asdict(restored.replaced).items() if name != "lost" and count}
        for name, count in still.items():
            note(f"as it was before the restore: {name.replace('_', ' ')}, {count:,}")
    if restored.given_up:
        note(
            f"webhooks: {many(restored.given_up, 'message')} that waited when the backup was made: given up, since they may "
            "have been delivered; an owner can send them again"
        )
    if not restored.bytes_removed:
        note(
            "a reader, or a full disk, kept the files from being cleaned of what was erased again: plumbline collect erase, once more"
        )


def restored_json(restored: Restored) -> dict[str, Any]:
    """The same as an object."""
    return {
        "store": restored.store,
        "rows": restored.rows,
        "migrated_from": restored.migrated_from,
        "was_verified": restored.was_verified,
        "kept": None if restored.before is None else str(restored.before.path),
        "replaced": None if restored.replaced is None else asdict(restored.replaced),
        "bytes_removed": restored.bytes_removed,
        "webhook_messages_given_up": restored.given_up,
        "faults": list(restored.faults),
    }


def _note_faults(faults: Sequence[str], done: str) -> None:
    if not faults:
        return
    note(f"WARNING: this store FAILS ITS CHECK and was {done} as it is, with {many(len(faults), 'fault')}:")
    for fault in faults[:_SHOWN_FAULTS]:
        note(f"  {fault}")
    if len(faults) > _SHOWN_FAULTS:
        note(f"  and {len(faults) - _SHOWN_FAULTS:,} more; --json lists them")


def _amount(rows: dict[str, int]) -> str:
    return f"{many(rows.get('judgements', 0), 'judgement')}, {many(sum(rows.values()), 'row')} in all"


def print_migrated(before: str, after: str) -> None:
    """From which revision to which."""
    print(f"the tables are of revision {after} already" if before == after else f"from revision {before} to {after}")


# --- erasing ---


def confirm_erasing(pseudonym: str, *, is_terminal: bool) -> None:
    """Asks once; it cannot be undone.

    Raises:
        UsageError: PL-STA-020, there is nobody to ask.
    """
    if not is_terminal:
        raise UsageError(
            "PL-STA-020",
            "--yes",
            "erasing cannot be undone, and there is no terminal to ask at",
            advice="--yes, where it is meant",
        )
    typer.confirm(f"Erase {pseudonym}? This cannot be undone.", abort=True, err=True)


def print_erased(erased: Erased, affected: Sequence[AffectedFolder], *, looked: bool) -> None:
    """What went, and what is elsewhere."""
    rows = {name.replace("_", " "): count for name, count in asdict(erased.rows).items() if count}
    said = ", ".join(f"{name} {count:,}" for name, count in rows.items()) or "nothing was left of theirs"
    print(f"{erased.pseudonym}: {'was erased before' if erased.already else f'erased ({said})'}")
    if not erased.bytes_removed:
        note("a reader, or a full disk, kept the database's files from being cleaned: the same command once more")
    if erased.exports:
        table = [
            [export.study, export.form, export.as_of, "" if export.is_certain else "perhaps"]
            for export in erased.exports
        ]
        print_table(["exports with work of theirs", "form", "as of", ""], table)
        if not looked:
            note("--look-in FOLDER finds these, and what was made of them, among your folders")
    for found in affected:
        print(f"{found.path}: {found.holds}, {found.why}")
    note("backups made before, copies of the database's files and what was given away still hold it")


def erased_json(erased: Erased, affected: Sequence[AffectedFolder]) -> dict[str, Any]:
    """The same as an object."""
    return {
        "pseudonym": erased.pseudonym,
        "already": erased.already,
        "rows": asdict(erased.rows),
        "bytes_removed": erased.bytes_removed,
        "exports": [asdict(export) for export in erased.exports],
        "affected": [{"path": str(found.path), "holds": found.holds, "why": found.why} for found in affected],
    }
