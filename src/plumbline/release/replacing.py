"""A release that stands where another is to be written: it is not replaced by other data under its own version."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from plumbline.formats.own_folders import RELEASE, TABLES
from plumbline.lineage import FileEntry, FoundManifest, read_manifest
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import SourceError, UsageError
from plumbline.release.changes import parsed_version


@dataclass(frozen=True, slots=True)
class Replaced:
    """A release that another takes the place of.

    Attributes:
        version: as its manifest says it; None where it says none.
        manifest_sha256: the digest of its manifest.
    """

    version: str | None
    manifest_sha256: str

    def to_json(self) -> dict[str, JsonValue]:
        """As ``--json`` prints it."""
        return {"version": self.version, "manifest_sha256": self.manifest_sha256}


def standing_release(out: Path) -> Replaced | None:
    """The release that stands in a folder; None where there is none, or none that can be read."""
    try:
        found = FoundManifest.at(out / MANIFEST_NAME) if out.is_dir() else None
    except SourceError:  # the writer of folders looks whether this may be replaced at all
        return None
    if found is None or found.manifest.holds != RELEASE:
        return None
    version = found.manifest.configuration.get("version")
    return Replaced(version if isinstance(version, str) else None, found.digest)


def is_same_folder(first: Path, second: Path | None) -> bool:
    """Whether two paths lead to one folder."""
    return second is not None and os.path.realpath(first) == os.path.realpath(second)


def refuse_unnamed_replacement(out: Path, tables: Iterable[FileEntry], version: str) -> None:
    """Refuse to put other data where a release stands whose version is not below the new one's.

    Who holds that release by its version would have other data under one name, and nothing would say what changed. The same
    tables may be written again: then nothing but words is replaced.

    Args:
        out: where the release is to stand; it is not the one that the new release names as the one before.
        tables: of the new release.
    Raises:
        UsageError: PL-REL-019.
    """
    try:
        manifest = read_manifest(out) if out.is_dir() else None
    except SourceError:  # the writer of folders has looked whether this may be replaced at all
        return
    if manifest is None or manifest.holds != RELEASE:
        return
    before = {(entry.path, entry.sha256) for entry in manifest.outputs if entry.path.startswith(f"{TABLES}/")}
    told = manifest.configuration.get("version")
    standing, new = parsed_version(told) if isinstance(told, str) else None, parsed_version(version)
    if before == {(entry.path, entry.sha256) for entry in tables} or standing is None or new is None or new > standing:
        return
    raise UsageError(
        "PL-REL-019",
        str(out),
        "another release stands here, of other data and no lower version",
        expected=f"a version above {told}, or a place of its own",
        found=f"version {version} for the new one",
        advice=f"--previous {out} counts the version and tells what changed; or name another output, or move that one away",
    )
