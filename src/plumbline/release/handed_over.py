"""A folder of another hand: its plain files by name, each read within bounds and hashed once.

No link is followed, no name leads out, and the walk ends where a release would have ended long before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from plumbline.lineage import file_digest
from plumbline.release.layout import MOST_FILES

MOST_TEXT_BYTES = 16 << 20
"""Of a text that a release has beside its data; the longest that people have lists some hundred files."""
_MOST_HASHED_BYTES = 64 << 20
_DATA = (".parquet", ".jsonl.gz")
_OF_THE_HUB = (".gitattributes",)
"""What a hub puts beside the files that it was given."""
_MOST_ENTRIES = MOST_FILES + 500
_MOST_FOLDERS_DEEP = 4
_MOST_NAME_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a folder that was handed over.

    Attributes:
        code: listed in ``docs/errors.md``.
        place: the file, from the folder, and where it can be told the field.
        problem: one clause.
    """

    code: str
    place: str
    problem: str


@dataclass
class HandedOver:
    """The plain files of a folder.

    Attributes:
        folder: as it was named.
        files: name from the folder → path.
        findings: what is no plain file, or has a name that cannot be used.
    """

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _digests: dict[str, str] = field(default_factory=dict)

    def size(self, name: str) -> int:
        """Bytes of a file; -1 where it cannot be told any more."""
        try:
            return self.files[name].stat().st_size
        except OSError:
            return -1

    def digest(self, name: str) -> str:
        """SHA-256 of a file; empty, and a finding, where it cannot be read to its end or is longer than any text."""
        if not name.endswith(_DATA) and self.size(name) > _MOST_HASHED_BYTES:
            return self._unhashed(name, "longer than any text of a release: not hashed")
        if name not in self._digests:
            try:
                self._digests[name] = file_digest(self.files[name])
            except OSError:
                return self._unhashed(name, "it cannot be read to its end")
        return self._digests[name]

    def _unhashed(self, name: str, problem: str) -> str:
        if name not in self._digests:
            self.findings.append(Finding("PL-REL-027", name, problem))
        return self._digests.setdefault(name, "")

    def text(self, name: str, most_bytes: int = MOST_TEXT_BYTES) -> str:
        """A text file.

        Raises:
            ValueError: there is none, it is longer, or no UTF-8; the message says which.
        """
        if name not in self.files:
            raise ValueError("it is not there")
        try:
            with self.files[name].open("rb") as file:
                data = file.read(most_bytes + 1)
        except OSError as error:
            raise ValueError("it cannot be read") from error
        if len(data) > most_bytes:
            raise ValueError(f"it is longer than {most_bytes >> 20} MiB")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError("it is no UTF-8") from error


def open_handed_over(folder: Path) -> HandedOver:
    """What lies in a folder. Links, whatever else is no file, and names that cannot be used are findings."""
    found = HandedOver(folder)
    for count, (name, path, problem) in enumerate(_entries(folder, "", 1)):
        if count >= _MOST_ENTRIES:
            told = (
                f"more than {_MOST_ENTRIES:,} files, of which a release never has as many: the rest was not looked at"
            )
            found.findings.append(Finding("PL-REL-027", shown(str(folder)), told))
            break
        if problem is not None:
            found.findings.append(Finding("PL-REL-027", shown(name), problem))
        elif name not in _OF_THE_HUB:
            found.files[name] = path
    return found


def _entries(folder: Path, above: str, depth: int) -> Iterator[tuple[str, Path, str | None]]:
    """Name from the top, path, and why it cannot be used; folders are entered, and told only where they cannot be."""
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(_first(scanned), key=lambda entry: entry.name)
    except OSError:
        if above or folder.exists():
            yield above, folder, "a folder that cannot be read"
        return
    for entry in entries:
        name, path = f"{above}{entry.name}", Path(entry.path)
        if not entry.is_dir(follow_symlinks=False):
            yield name, path, _unusable(path, name)
        elif (problem := unsafe_name(name)) is not None:
            yield name, path, problem
        elif depth > _MOST_FOLDERS_DEEP:
            yield name, path, "deeper than a release is: not looked into"
        else:
            yield from _entries(path, f"{name}/", depth + 1)


def _first(scanned: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    """As many as are looked at at most: a folder may hold more names than memory does."""
    for _, entry in zip(range(_MOST_ENTRIES + 1), scanned, strict=False):
        yield entry


def _unusable(path: Path, name: str) -> str | None:
    if path.is_symlink():
        return "a link, which may lead anywhere: not followed"
    if not path.is_file():
        return "no plain file"
    return unsafe_name(name) or (None if os.access(path, os.R_OK) else "it cannot be read")


def unsafe_name(name: str) -> str | None:
    """Why a name must not be used as a path below the folder; None where it may.

    Names in a release are ASCII: of others two that look the same, or are made the same by a file system, could stand together.
    """
    path = PurePosixPath(name)
    if not name or "\\" in name or not name.isascii() or not name.isprintable() or len(name) > _MOST_NAME_CHARACTERS:
        return "not a plain name"
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        return "leads out of the folder"
    return None if path.as_posix() == name else "not a plain name"


def shown(name: str) -> str:
    """A name as a message may say it: nothing in it steers a terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode() for each in name[:200]
    )
