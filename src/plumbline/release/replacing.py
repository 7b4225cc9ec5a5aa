"""A release that stands where another is to be written: it is not replaced by other data under its own version."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from plumbline.formats.own_folders import RELEASE, TABLES
from plumbline.lineage import FileEntry, read_manifest
from plumbline.records import SourceError, UsageError
from plumbline.release.changes import parsed_version


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
