"""Manifests: what a run read, how it was configured, what it wrote. Every output folder holds one."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from plumbline.lineage.digests import file_digest
from plumbline.lineage.uses import UNKNOWN_LICENCE, Terms, Use
from plumbline.lineage.writing import MANIFEST_NAME, write_aside
from plumbline.records import SourceError

_VERSIONED = ("plumbline-rlhf", "pyarrow", "polars", "numpy", "scipy", "scikit-learn", "msgspec")


class FileEntry(BaseModel):
    """A file that was read or written: its name, SHA-256, size, and rows where it has rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    sha256: str
    size_bytes: int
    rows: int | None = None

    @classmethod
    def of(cls, path: Path, *, name: str | None = None, rows: int | None = None) -> FileEntry:
        """The entry of a file as it stands on disk now."""
        return cls(path=name or path.name, sha256=file_digest(path), size_bytes=path.stat().st_size, rows=rows)


class Manifest(BaseModel):
    """One run.

    Attributes:
        holds: what the folder or file is: model, evaluation, data, scores, check, demo, study, round.
        parents: digests of the manifests of the Plumbline folders it read, each once.
        ancestors: digests of the files that the inputs were made of, over all conversions before, each once.
        findings: what looked wrong while reading, counted by code.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    holds: str
    command: list[str]
    configuration: dict[str, JsonValue]
    seed: int | None = None
    inputs: list[FileEntry]
    outputs: list[FileEntry] = Field(default_factory=list)
    parents: list[str] = Field(default_factory=list)
    ancestors: list[str] = Field(default_factory=list)
    rows_read: int | None = None
    quarantined: dict[str, int] = Field(default_factory=dict)
    findings: dict[str, int] = Field(default_factory=dict)
    uses: list[Use] | None
    licence: str | None
    uses_overridden: bool = False
    durations_seconds: dict[str, float] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=lambda: _versions())
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def terms(self) -> Terms | None:
        """What the outputs may be used for; None where the run did not look into the files."""
        return None if self.uses is None else Terms(frozenset(self.uses), self.licence or UNKNOWN_LICENCE)

    def write(self, folder: Path) -> None:
        """Write ``manifest.json`` into the folder, listing every other file there as an output.

        Row counts are taken from `outputs`, by path.
        """
        own = folder / MANIFEST_NAME  # that of a folder within it is a file like others
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != own]
        self._write(own, {path.relative_to(folder).as_posix(): path for path in files})

    def write_listing(self, folder: Path, parts: Sequence[str]) -> None:
        """Write ``manifest.json`` into the folder, listing only what stands in these parts of it."""
        files = [path for part in parts for path in sorted((folder / part).rglob("*")) if path.is_file()]
        files += [folder / part for part in parts if (folder / part).is_file()]
        self._write(folder / MANIFEST_NAME, {path.relative_to(folder).as_posix(): path for path in files})

    def write_beside(self, output: Path) -> None:
        """Write ``<name>.manifest.json`` beside a single output file."""
        self._write(_beside(output), {output.name: output})

    def _write(self, path: Path, files: dict[str, Path]) -> None:
        rows = {entry.path: entry.rows for entry in self.outputs}
        outputs = [FileEntry.of(file, name=name, rows=rows.get(name)) for name, file in files.items()]
        text = self.model_copy(update={"outputs": outputs}).model_dump_json(indent=2)
        with write_aside(path) as aside:
            aside.write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none.

    Raises:
        SourceError: the file is there but is no manifest.
    """
    return _read(folder / MANIFEST_NAME)


@dataclass(frozen=True)
class FoundManifest:
    """A manifest on disk.

    Attributes:
        path: its file.
        manifest: what it says.
        listed: every output it lists, and every folder that holds one.
    """

    path: Path
    manifest: Manifest
    listed: frozenset[str]

    @classmethod
    def at(cls, path: Path) -> FoundManifest | None:
        """The manifest in a file; None where there is no file.

        Raises:
            SourceError: the file is there but is no manifest.
        """
        manifest = _read(path)
        if manifest is None:
            return None
        names = [PurePosixPath(entry.path) for entry in manifest.outputs]
        listed = frozenset(str(name) for each in names for name in (each, *each.parents))
        return cls(path, manifest, listed - {"."})

    @property
    def digest(self) -> str:
        """SHA-256 of the file: what the manifests of derived sets name as their parent."""
        return file_digest(self.path)


class ManifestFinder:
    """Finds which manifests files stand under; reads each manifest once, however many files stand under it."""

    def __init__(self) -> None:
        self._above: dict[Path, FoundManifest | None] = {}

    def governing(self, place: Path) -> FoundManifest | None:
        """The manifest that a file or folder stands under: its own, else the nearest above that lists what is there.

        Raises:
            SourceError: its own is no manifest; one above it that is none is somebody else's and passed over.
        """
        if own := FoundManifest.at(place / MANIFEST_NAME if place.is_dir() else _beside(place)):
            return own
        resolved = place.resolve()
        for above in resolved.parents:
            found = self._in_folder(above)
            if found and resolved.relative_to(above).as_posix() in found.listed:
                return found
        return None

    def _in_folder(self, folder: Path) -> FoundManifest | None:
        if folder not in self._above:
            self._above[folder] = None
            with suppress(SourceError, OSError):
                self._above[folder] = FoundManifest.at(folder / MANIFEST_NAME)
        return self._above[folder]


def is_own_file(path: Path) -> bool:
    """Whether a manifest beside a file says that plumbline wrote it, as it stands now."""
    try:
        manifest = _read(_beside(path))
        return manifest is not None and any(entry.sha256 == file_digest(path) for entry in manifest.outputs)
    except (SourceError, OSError):
        return False


def _beside(output: Path) -> Path:
    return output.with_name(f"{output.name}.{MANIFEST_NAME}")


def _read(path: Path) -> Manifest | None:
    if not path.is_file():
        return None
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise SourceError(
            "PL-MAN-001",
            str(path),
            "this is no manifest of Plumbline",
            found=f"{first['msg']} at {'.'.join(map(str, first['loc'])) or 'the top'}",
            advice="name the folder that a plumbline command wrote, or remove this file to read the data alone",
        ) from error


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "platform": sys.platform}
    return versions | {name: _version(name) for name in _VERSIONED}


@cache
def _version(name: str) -> str:
    """Of a library: its metadata is read through, so once is enough."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed as a distribution"
