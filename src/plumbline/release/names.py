"""Names of folders, configurations and files that stand for subsets and splits: words of the data, made safe.

A subset or split may be anything that somebody once called a folder. What stands in a release is ASCII without anything
that a path, a glob, YAML or `datasets` reads as something else. A name that cannot be kept gets the first characters of its
digest behind it, so that two names never become one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from plumbline.curate.split_files import WITHOUT_SPLIT
from plumbline.formats.hh_rlhf import axis_of
from plumbline.formats.locations import SHARDS, split_name
from plumbline.formats.own_folders import NOTES, TABLES
from plumbline.records import Axis, Kind

RECORDS = TABLES
"""The folder of the tables: every column, ids and votes and parents too."""
DEFAULT_CONFIG = "default"
SUMS = "SHA256SUMS"
RECIPE = "recipe.toml"

INFERRED_SPLITS = frozenset({"train", "validation", "test"})
"""What `datasets` makes of ``train.jsonl.gz`` where nothing but the file's name tells its split: it knows these alone, leaves
files of other names out where one of these lies beside them, and else calls them train."""

_MOST_CHARACTERS = 60
_OPENINGS = {Axis.HELPFULNESS: "helpful", Axis.HARMLESSNESS: "harmless", Axis.OVERALL: "overall"}
_FOLDERS = {
    Kind.SAFETY_LABELS: "safety-labels",
    Kind.RED_TEAM_ATTEMPTS: "red-team-attempts",
    Kind.PROMPTS: "prompts",
}
_FILES = ("readme.md", "datasheet.md", "croissant.json", "changes.md", "license", "manifest.json")
_TAKEN = frozenset({RECORDS, NOTES, DEFAULT_CONFIG, *_FOLDERS.values(), *_FILES, SUMS.lower(), RECIPE})


def safe_subset(subset: str) -> str:
    """A subset as the name of a folder and of a configuration: letters, digits, ``.``, ``_`` and ``-``."""
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", subset).strip("-._")
    is_usable = kept == subset and 0 < len(kept) <= _MOST_CHARACTERS and kept[0].isalnum()
    return kept if is_usable else _marked(kept, subset, "-")


def safe_split(split: str | None) -> str:
    """A split as `datasets` takes it: letters, digits and ``_``; a hyphen, dot or blank becomes ``_``."""
    if split is None:
        return WITHOUT_SPLIT
    plain = re.sub(r"(?<=[A-Za-z0-9_])[-. ](?=[A-Za-z0-9_])", "_", split)
    kept = re.sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_")
    return kept if kept == plain and 0 < len(kept) <= _MOST_CHARACTERS else _marked(kept, split, "_")


def data_path(folder: str, split: str, ending: str, *, beside: Iterable[str]) -> str:
    """Where a file of a split stands, so that ``data_dir=FOLDER`` of `datasets` gives each split under its own name.

    A split that `datasets` does not know by its name keeps it only in ``data/SPLIT-00000-of-00001`` below the folder, where it
    looks first and then nowhere else (`datasets` 5.2, ``data_files.py``, ``SPLIT_PATTERN_SHARDED``): so all do, where one must.

    Args:
        ending: of the file's name, with its dot.
        beside: all splits of the folder.
    """
    if INFERRED_SPLITS.issuperset(beside):
        return f"{folder}/{split}{ending}"
    return f"{folder}/{SHARDS}/{split}-00000-of-00001{ending}"


def place_of(path: str) -> tuple[str, str]:
    """Folder and split of a data file, wherever `data_path` put it."""
    parent = PurePosixPath(path).parent
    is_shard = parent.name == SHARDS and len(parent.parts) > 1
    return (parent.parent if is_shard else parent).as_posix(), split_name(path)


def _marked(kept: str, name: str, joint: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    shortened = kept[: _MOST_CHARACTERS - len(digest) - 1].strip("-._")
    return f"{shortened}{joint}{digest}" if shortened else f"name{joint}{digest}"


def folder_of(kind: Kind, subset: str | None, axis: str | None) -> str:
    """The folder of the lines of one subset. That of pairs begins with what they were judged on, for the lines do not say it.

    Args:
        kind: of the records.
        subset: of the rows; None where they have none.
        axis: of comparisons.
    """
    safe = None if subset is None else safe_subset(subset)
    if kind is not Kind.COMPARISONS:
        if safe is None:
            return _FOLDERS[kind]
        return f"labels-{safe}" if axis_of(safe) is not None or safe.lower() in _TAKEN else safe
    judged_on = Axis(str(axis))
    if safe is not None and axis_of(safe) is judged_on:
        return safe
    return f"{_OPENINGS[judged_on]}-{safe or 'pairs'}"


def is_table(name: str) -> bool:
    """Whether a file stands where the tables of a release do."""
    return name.startswith(f"{RECORDS}/") and name.endswith(".parquet")
