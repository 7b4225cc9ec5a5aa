"""Folders that Plumbline wrote and that hold more than data: which part of them a source means.

A release holds each record twice, as a line of a public format and as a row of a table; the folder as a source means the
tables, and ``--data-dir`` names the lines. What a curation noted beside its data is no data, nor are the scores of single
turns beside attempts that were scored, and the replies that the comparisons of a best-of-n run were chosen from.
"""

from __future__ import annotations

from pathlib import Path

from plumbline.lineage import read_manifest
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import SourceError

RELEASE = "release"
"""What the manifest of a release says that it holds."""
TABLES = "records"
"""The folder of a release's tables."""
NOTES = "curation"
"""The folder of what a curation noted."""
SUMMARY_NAME = "summary.json"
SCORED_ATTEMPTS = "scored attempts"
"""What the manifest of scored red-team attempts says that it holds."""
SCORES = "scores"
"""The folder of what was said of their single turns."""
BEST_OF_N = "best of n"
"""What the manifest of a best-of-n run says that it holds."""
CANDIDATES, SUPERVISED = "candidates", "supervised"
"""The folders of every reply with its score, and of the best replies as something to learn."""


def _holds(root: Path, folder: str, what: str) -> bool:
    """Whether `root` has this folder, and a manifest that says that it holds this."""
    try:
        manifest = read_manifest(root) if (root / folder).is_dir() else None
    except (SourceError, OSError):  # of somebody else's manifest; a path that cannot be used is told elsewhere
        return False
    return manifest is not None and manifest.holds == what


def tables_of_release(root: Path) -> str | None:
    """The folder of a release's tables; None where `root` is no release."""
    return TABLES if _holds(root, TABLES, RELEASE) else None


def notes_of_curation(root: Path) -> str | None:
    """The folder of notes in the output of a curation; None where there is none."""
    try:
        is_there = (root / NOTES / SUMMARY_NAME).is_file() and (root / MANIFEST_NAME).is_file()
    except OSError:
        return None
    return NOTES if is_there else None


def scores_of_attempts(root: Path) -> str | None:
    """The folder of scores beside scored attempts; None where there is none."""
    return SCORES if _holds(root, SCORES, SCORED_ATTEMPTS) else None


def candidates_of_best_of_n(root: Path) -> tuple[str, ...]:
    """The folders of replies beside the comparisons of a best-of-n run; none where there are none."""
    return (CANDIDATES, SUPERVISED) if _holds(root, CANDIDATES, BEST_OF_N) else ()


def best_replies_of_best_of_n(root: Path) -> str | None:
    """The folder of the best replies of a best-of-n run; None where there is none."""
    return SUPERVISED if _holds(root, SUPERVISED, BEST_OF_N) else None
