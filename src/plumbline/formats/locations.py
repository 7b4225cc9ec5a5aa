"""What a SOURCE names: a file, a folder in hub layout, a hub id or a Plumbline folder → the files to read.

The split is the file's name (``held.jsonl.gz`` → held; ``train-00000-of-00002.parquet`` → train) and the subset the
folder below the source, as ``datasets.load_dataset`` lays its repositories out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from plumbline.formats.origin import Origin
from plumbline.records import Axis, SourceError, UsageError

ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_MOST_HUB_ID_CHARACTERS = 96
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


@dataclass(frozen=True, slots=True)
class Location:
    """A file to read and what its rows say of their origin."""

    path: Path
    origin: Origin

    @property
    def is_parquet(self) -> bool:
        """Parquet needs another reader than lines do."""
        return self.path.suffix == ".parquet"


def is_hub_id(source: str) -> bool:
    """Whether a source that is no path on this machine reads like ``owner/name``."""
    if len(source) > _MOST_HUB_ID_CHARACTERS or not _HUB_ID.fullmatch(source) or source.endswith(ENDINGS):
        return False
    # "data/train" where a folder "data" stands is a path with a slip in it, not a data set of somebody called data.
    return not Path(source).exists() and not Path(source).parent.exists()


def find_locations(
    root: Path,
    *,
    name: str | None = None,
    data_dir: str | None = None,
    split: str | None = None,
    axis: Axis | None = None,
) -> list[Location]:
    """The data files of a source on disk, sorted by path.

    Args:
        root: a file or a folder.
        name: what rows call the root; its own name by default.
        data_dir: only this folder below the root.
        split: only files of this split.
        axis: overrides the axis that a folder's name tells.
    Raises:
        SourceError: nothing is there, or no data file.
        UsageError: data_dir or split leads out of the root or names nothing that exists.
    """
    _require_usable_name(root)
    if root.is_file():
        found = [_file_location(root, axis)]
    else:
        found = _folder_locations(root, name or root.resolve().name, data_dir, axis)
    if split is None:
        return found
    kept = [location for location in found if location.origin.split == split]
    if not kept:
        splits = sorted({location.origin.split or "" for location in found})
        raise UsageError(
            "PL-SRC-004",
            str(root),
            f'there is no split "{split}"',
            expected=f"one of {', '.join(splits)}",
            advice=f"--split {(get_close_matches(split, splits, n=1) or splits)[0]}, or another of these",
        )
    return kept


def _require_usable_name(path: Path) -> None:
    """Refuse a path that the system cannot follow, or that no record could name."""
    try:
        str(path.resolve()).encode()
        path.exists()
    except UnicodeEncodeError as error:
        raise SourceError(
            "PL-SRC-011",
            str(path),
            "a name on this path is no valid UTF-8",
            expected="names that a record can carry",
            advice="rename the file or the folder",
        ) from error
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a NUL, a name too long
        raise _nothing_there(path) from error


def _nothing_there(path: Path) -> SourceError:
    return SourceError(
        "PL-SRC-001",
        str(path),
        "there is nothing at this path",
        expected="a file, a folder, or a hub id like Anthropic/hh-rlhf",
        advice="check the spelling; a path is taken from the folder you are in",
    )


def _file_location(path: Path, axis: Axis | None) -> Location:
    if not path.name.endswith(ENDINGS):
        raise SourceError(
            "PL-SRC-002",
            str(path),
            "the file's name ends in nothing that is known",
            expected=" ".join(ENDINGS),
            advice="name a data file; CSV and other tables are not read: write one JSON object a line (.jsonl)",
        )
    parent = path.resolve().parent.name
    return Location(path, Origin(f"{parent}/{path.name}", parent, _split_name(path), axis))


def _folder_locations(root: Path, name: str, data_dir: str | None, axis: Axis | None) -> list[Location]:
    if not root.exists():
        raise _nothing_there(root)
    start = (root / data_dir) if data_dir else root
    if not start.resolve().is_relative_to(root.resolve()) or not start.is_dir():
        below = sorted(path.name for path in root.iterdir() if path.is_dir())
        raise UsageError(
            "PL-SRC-003",
            str(root),
            f'there is no folder "{data_dir}" in it',
            expected=f"one of {', '.join(below)}" if below else "no --data-dir: it has no folders",
            advice="name one of these with --data-dir",
        )
    files = sorted(path for path in start.rglob("*") if path.is_file() and is_data_file(path.relative_to(start)))
    if not files:
        raise SourceError(
            "PL-SRC-005",
            str(start),
            "the folder holds no data file",
            expected=f"files that end in {' '.join(ENDINGS)}",
            advice="name a folder with data, or convert yours to one of these",
        )
    for path in files:
        _require_usable_name(path)
    return [Location(path, _origin(path, root, name, axis)) for path in files]


def is_data_file(relative: Path) -> bool:
    """Whether a file, named from the folder that is read, is one of data: neither hidden nor a note about the data."""
    hidden = any(part.startswith(".") for part in relative.parts)
    return (
        not hidden
        and relative.name.endswith(ENDINGS)
        and not relative.name.endswith(("manifest.json", "croissant.json"))
    )


def _origin(path: Path, root: Path, name: str, axis: Axis | None) -> Origin:
    relative = path.relative_to(root)
    # Where the root itself is the subset ("harmless-base" given as the source), its name is.
    subset = relative.parent.as_posix() if relative.parent.parts else root.resolve().name
    return Origin(f"{name}/{relative.as_posix()}", subset, _split_name(path), axis)


def _split_name(path: Path) -> str:
    stem = path.name
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if stem.endswith(ending):
            stem = stem.removesuffix(ending)
            break
    return _SHARD.sub("", stem)
