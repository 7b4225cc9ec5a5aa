"""What a SOURCE names: a file, a folder in hub layout, a hub id or a Plumbline folder → the files to read.

The split is the file's name (``held.jsonl.gz`` → held; ``train-00000-of-00002.parquet`` → train) and the subset the
folder below the source, as ``datasets.load_dataset`` lays its repositories out. Links to folders are followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import NoReturn

from plumbline.formats.origin import Origin
from plumbline.formats.own_folders import candidates_of_best_of_n, notes_of_curation, scores_of_attempts
from plumbline.records import Axis, SourceError, UsageError

ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
_ARCHIVE = ".zip"
LEFT_OUT_ENDINGS = (_ARCHIVE, ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".xz", ".zst", ".bz2", ".arrow", ".feather")
"""Endings of what is likely data, and yet is not read."""
_NOTES = ("manifest.json", "croissant.json", "redteam_run.json", "align_compare.json", "best_of_n.json")
_ENDING = re.compile(r"(\.(jsonl|json|parquet|csv|tsv|arrow|feather))?(\.(gz|xz|zst|bz2))?$", re.IGNORECASE)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_MOST_HUB_ID_CHARACTERS = 96
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
SHARDS = "data"
"""The folder in which `datasets` looks for ``SPLIT-00000-of-00001`` first; it says where files lie, not what they hold."""


@dataclass(frozen=True, slots=True)
class Location:
    """A file to read and what its rows say of their origin."""

    path: Path
    origin: Origin

    @property
    def is_parquet(self) -> bool:
        """Parquet needs another reader than lines do."""
        return self.path.suffix.lower() == ".parquet"


def is_hub_id(source: str) -> bool:
    """Whether a source that is no path on this machine reads like ``owner/name``."""
    if len(source) > _MOST_HUB_ID_CHARACTERS or not _HUB_ID.fullmatch(source) or source.lower().endswith(ENDINGS):
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
        SourceError: nothing is there, no data file, or a folder below cannot be read.
        UsageError: data_dir or split leads out of the root or names nothing that exists.
    """
    _require_usable_name(root)
    if root.is_file():
        _refuse_folder_of_file(root, data_dir)
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
            advice=_split_advice(split, splits),
        )
    return kept


def _split_advice(split: str, splits: list[str]) -> str:
    """What to do where a split is not there. One split alone is no choice: nothing would be held out."""
    near = get_close_matches(split, splits, n=1)
    if near or len(splits) > 1:
        return f"--split {(near or splits)[0]}, or another of these"
    return (
        f"--split {splits[0]} reads all there is (plumbline data show tells what kind of rows these are), and nothing is held "
        "out to measure on; to hold some out, deal the rows to files named train and test, as plumbline demo --data does"
    )


def left_out_files(
    root: Path, data_dir: str | None = None, *, name: str | None = None, split: str | None = None
) -> list[str]:
    """Files of a source that look like data and are not read for their ending, as records would name them.

    Args:
        root, data_dir, name, split: as in `find_locations`, which refuses those that lead nowhere.
    """
    if not root.is_dir():
        return []
    start = (root / data_dir) if data_dir else root
    called = name or root.resolve().name
    return [
        f"{called}/{path.relative_to(root).as_posix()}"
        for path in sorted(_files_below(start))
        if path.name.lower().endswith(LEFT_OUT_ENDINGS) and split in (None, split_name(path.name))
    ]


def _refuse_folder_of_file(path: Path, data_dir: str | None) -> None:
    if data_dir:
        raise UsageError(
            "PL-SRC-003",
            str(path),
            "a single file has no folders",
            expected="no --data-dir",
            found=f'--data-dir "{data_dir}"',
            advice="leave --data-dir out, or name the folder that the file is in; where other sources need it, "
            "write it into them: SOURCE/FOLDER",
        )


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
    if path.name.lower().endswith(_ARCHIVE):
        raise SourceError(
            "PL-SRC-002",
            str(path),
            "an archive is not read as it is",
            expected="the folder that is in it",
            advice=f"unzip it first: unzip {quote(str(path))}, then name the folder that this makes",
        )
    if not path.name.lower().endswith(ENDINGS):
        raise SourceError(
            "PL-SRC-002",
            str(path),
            "the file's name ends in nothing that is known",
            expected=" ".join(ENDINGS),
            advice="name a data file; CSV and other tables are not read: write one JSON object a line (.jsonl)",
        )
    parent = path.resolve().parent
    subset = _subset_folder(parent, path.name).name
    return Location(path, Origin(f"{parent.name}/{path.name}", subset, split_name(path.name), axis))


def _subset_folder(parent: Path, name: str) -> Path:
    """The folder whose name is the subset of a file: that of shards is none."""
    is_shard = parent.name == SHARDS and _SHARD.search(_ENDING.sub("", name, count=1)) is not None
    return parent.parent if is_shard else parent


def _folder_locations(root: Path, name: str, data_dir: str | None, axis: Axis | None) -> list[Location]:
    if not root.exists():
        raise _nothing_there(root)
    start = (root / data_dir) if data_dir else root
    if not start.resolve().is_relative_to(root.resolve()) or not start.is_dir():
        raise _no_such_folder(root, str(data_dir))
    notes = () if data_dir else (notes_of_curation(root), scores_of_attempts(root), *candidates_of_best_of_n(root))
    files = sorted(
        path
        for path in _files_below(start)
        if is_data_file(relative := path.relative_to(start)) and relative.parts[0] not in notes and _is_file(path)
    )
    if not files:
        others = left_out_files(root, data_dir)
        raise SourceError(
            "PL-SRC-005",
            str(start),
            "the folder holds no data file",
            expected=f"files that end in {' '.join(ENDINGS)}",
            found=f"{len(others):,} of another ending, such as {Path(others[0]).name}" if others else "",
            advice="name a folder with data, or convert yours to one of these",
        )
    for path in files:
        _require_usable_name(path)
    return [Location(path, _origin(path, root, name, axis)) for path in files]


def _no_such_folder(root: Path, data_dir: str) -> UsageError:
    below = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    near = (get_close_matches(data_dir, below, n=1) or below or [""])[0]
    return UsageError(
        "PL-SRC-003",
        str(root),
        f'there is no folder "{data_dir}" in it',
        expected=f"one of {', '.join(below)}" if below else "no --data-dir: the source has no folders of its own",
        advice=(f"--data-dir {near}, or another of these" if below else "leave --data-dir out for this source")
        + "; where several sources need different ones, write them into the sources: SOURCE/FOLDER",
    )


def _files_below(start: Path) -> Iterator[Path]:
    """Files and what cannot be told from them below a folder, hidden ones apart.

    Links to folders are followed last, so that a folder that several names lead to is read once and under its own.

    Raises:
        SourceError: a folder cannot be read.
    """
    seen: set[Path] = set()
    todo = [start]
    for first in todo:
        for folder, names, files in os.walk(first, onerror=_refuse_unreadable):
            here = Path(folder)
            if (resolved := here.resolve()) in seen:
                names.clear()
                continue
            seen.add(resolved)
            names[:] = sorted(name for name in names if not name.startswith("."))
            todo += [here / name for name in names if (here / name).is_symlink()]  # os.walk passes over them
            yield from (here / name for name in files if not name.startswith("."))


def _is_file(path: Path) -> bool:
    """Whether a path leads to a file; one that leads nowhere is an error, for its rows would be missed."""
    try:
        path.stat()
    except OSError as error:
        _refuse_unreadable(error)
    return path.is_file()


def _refuse_unreadable(error: OSError) -> NoReturn:
    raise SourceError(
        "PL-IO-001",
        str(error.filename),
        "this cannot be read, so its rows would be missing",
        found=error.strerror or type(error).__name__,
        advice="check that you may read it, mend or remove a link that leads nowhere, or name another folder",
    ) from error


def is_data_file(relative: Path) -> bool:
    """Whether a file, named from the folder that is read, is one of data: neither hidden nor a note about the data."""
    hidden = any(part.startswith(".") for part in relative.parts)
    return not hidden and relative.name.lower().endswith(ENDINGS) and not relative.name.lower().endswith(_NOTES)


def _origin(path: Path, root: Path, name: str, axis: Axis | None) -> Origin:
    relative = path.relative_to(root)
    # Where the root itself is the subset ("harmless-base" given as the source), its name is; of "owner/name", the name.
    below = _subset_folder(relative.parent, relative.name)
    subset = below.as_posix() if below.parts else name.rpartition("/")[2]
    return Origin(f"{name}/{relative.as_posix()}", subset, split_name(path.name), axis)


def split_name(name: str) -> str:
    """The split that a file's name tells, see above."""
    return _SHARD.sub("", _ENDING.sub("", PurePosixPath(name).name, count=1))
