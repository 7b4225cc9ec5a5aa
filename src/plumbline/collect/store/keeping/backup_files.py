"""The files of a backup: its manifest, and how a backup is told from a store and from other files."""

from __future__ import annotations

from pathlib import Path

from plumbline.lineage import FoundManifest, file_digest
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import SourceError

HOLDS = "backup"
SIDE_ENDINGS = ("-journal", "-wal", "-shm")
"""What SQLite appends to the name of a database for its own files, which it writes over and removes as it likes."""


def manifest_of(backup: Path) -> Path:
    """Where the manifest of a backup stands."""
    return backup.with_name(f"{backup.name}.{MANIFEST_NAME}")


def is_own_backup(path: Path) -> bool:
    """Whether a manifest says that this file is a backup, as it stands now."""
    try:
        found = FoundManifest.at(manifest_of(path))
    except SourceError:
        return False
    if found is None or found.manifest.holds != HOLDS or not path.is_file():
        return False
    return file_digest(path) in {entry.sha256 for entry in found.manifest.outputs}


def expected_digest(backup: Path) -> str | None:
    """What the manifest beside a backup says; None where there is none, as of a backup that was sent somewhere."""
    try:
        found = FoundManifest.at(manifest_of(backup))
    except SourceError:
        found = None
    return None if found is None else next((entry.sha256 for entry in found.manifest.outputs), None)


def side_files(database: Path) -> list[Path]:
    """Where SQLite keeps its own files of a database."""
    return [database.with_name(f"{database.name}{ending}") for ending in SIDE_ENDINGS]
