"""What a release is made of: a folder that Plumbline wrote, its manifest and notes, and the folders that it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from pydantic import JsonValue

from plumbline.formats.locations import Location
from plumbline.formats.provenance import Provenance, ProvenanceFinder, combined
from plumbline.formats.reading import ReadFile, read_tables
from plumbline.formats.source_files import locate
from plumbline.lineage import FileEntry, FoundManifest, Manifest, StatedTerms, Terms, file_digest
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import Kind, PlumblineError, SourceError
from plumbline.release.masked import masked_left
from plumbline.release.notes import CurationNotes, masked_by, read_notes
from plumbline.release.terms import filled_in, is_known, licences_of

_MOST_PARENTS = 1_000


@dataclass(frozen=True)
class Incoming:
    """The folder that is released.

    Attributes:
        folder: as it was named.
        files: its data files with their formats, in order.
        manifest: its own; None where it has none.
        notes: of the curation that made it; None where none did.
        entries: the data files with digests; rows are known once they are read.
        stated: what the user says of the terms.
        stated_licence: the licence that the user states for data that tell none, they or a parent; None where all tell one.
        behind: terms, parents and ancestors.
        parents: the manifests of folders it was made of, and of those these were made of, as far as they still stand where
            they stood.
        source_licences: what the data, and the folders behind them, are under before anything is stated here; each once.
        masked_left: records that their own curation masked and wrote; None where no list of its changes says so.
        masked_before: records that the curations of these masked; None where some of them stand no more and nobody can tell.
    """

    folder: Path
    files: tuple[tuple[Location, str], ...]
    manifest: FoundManifest | None
    notes: CurationNotes | None
    entries: Mapping[str, FileEntry]
    stated: StatedTerms
    stated_licence: str | None
    behind: Provenance
    parents: tuple[Manifest, ...]
    source_licences: tuple[str, ...] = ()
    masked_left: int | None = None
    masked_before: int | None = None

    @property
    def says_synthetic(self) -> bool:
        """Whether a manifest of it, or of a folder behind it, says that a program made some of the data up."""
        manifests = [*self.parents, *([self.manifest.manifest] if self.manifest else [])]
        return any(
            each.configuration.get("synthetic") is True
            or any("synthetic" in entry.path.lower() for entry in each.inputs)
            for each in manifests
        )

    def name_of(self, path: Path) -> str:
        """A file of the folder as its manifest names it."""
        return path.relative_to(self.folder).as_posix()

    def parent_terms(self) -> list[Terms]:
        """The terms of everything that stands behind the folder; what was stated, where it told nothing."""
        manifests = [*self.parents, *([self.manifest.manifest] if self.manifest else [])]
        return [filled_in(terms, self.stated) for terms in _terms_told(manifests)]


def open_incoming(folder: Path, stated: StatedTerms) -> Incoming:
    """What is in a folder, before any row is read.

    Args:
        stated: what the user says of the terms; it fills in what nothing else tells and loosens nothing.
    Raises:
        SourceError: PL-REL-003, it is no folder; PL-REL-009, its notes are none; else as `formats.load`.
    """
    if not folder.is_dir():
        raise SourceError(
            "PL-REL-003",
            str(folder),
            "there is no folder here to release",
            expected="a folder that plumbline curate or data convert wrote",
            advice="plumbline curate SOURCE -o DIR, then release build DIR",
        )
    located = locate(folder, data_dir=None, split=None, format=None, axis=None)
    files = tuple(located.chosen)
    manifest = FoundManifest.at(folder / MANIFEST_NAME)
    entries = {path.relative_to(folder).as_posix(): FileEntry.of(path) for path in (each.path for each, _ in files)}
    behind = ProvenanceFinder(located.manifest, StatedTerms())
    of_files = [
        behind.provenance(each, name, entries[each.path.relative_to(folder).as_posix()].sha256) for each, name in files
    ]
    found = combined(of_files)
    terms = stated.applied([filled_in(found.terms, stated)], None)
    standing = list(_parents_standing(manifest, set()))
    parents = tuple(each.manifest for each in standing)
    all_told = all(is_known(each.licence) for each in (found.terms, *_terms_told(parents)))
    return Incoming(
        folder,
        files,
        manifest,
        read_notes(folder),
        entries,
        stated,
        None if all_told else stated.licence,
        replace(found, terms=terms),
        parents,
        licences_of([*(each.terms for each in of_files), *_terms_told(parents)]),
        masked_left(folder),
        _masked_before(manifest, standing),
    )


def _masked_before(manifest: FoundManifest | None, standing: Sequence[FoundManifest]) -> int | None:
    """Records masked on the way to a folder, and written there; None where no note tells and not every folder still stands."""
    masked, is_known = 0, manifest is not None
    for each in standing:
        try:
            notes = read_notes(each.path.parent)
            left = masked_left(each.path.parent)
        except SourceError:
            is_known = False
            continue
        masked += masked_by(notes) if left is None else left
    asked = {parent for each in (manifest, *standing) if each is not None for parent in each.manifest.parents}
    is_known = is_known and asked <= {each.digest for each in standing}
    return masked if masked or is_known else None


def _terms_told(manifests: Iterable[Manifest]) -> list[Terms]:
    """The terms that manifests tell; one of a run that did not look into the files tells none, the files themselves do."""
    return [terms for each in manifests if (terms := each.terms) is not None]


def _parents_standing(manifest: FoundManifest | None, seen: set[str]) -> Iterator[FoundManifest]:
    """Manifests of the sources that the folder names, and of theirs, where a file of that very digest is still there."""
    if manifest is None:
        return
    told = manifest.manifest.configuration
    listed: list[JsonValue] = [told.get("source"), *_list(told.get("sources"))]
    for source in [each for each in listed if isinstance(each, str)][:_MOST_PARENTS]:
        try:
            path = Path(source) / MANIFEST_NAME
            digest = file_digest(path) if path.is_file() else ""
            if digest not in manifest.manifest.parents or digest in seen or len(seen) >= _MOST_PARENTS:
                continue
            found = FoundManifest.at(path)
        except (OSError, PlumblineError):
            continue
        seen.add(digest)
        if found is not None:
            yield found
            yield from _parents_standing(found, seen)


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def read_incoming(read: ReadFile) -> Iterator[tuple[Kind, pa.Table]]:
    """The rows of one file, batch by batch; counts and faults go to `read`."""
    for tables in read_tables(read):
        for kind, table in tables.items():
            if len(table):
                yield kind, table


def unlisted_files(incoming: Incoming) -> tuple[list[str], list[str], list[str]]:
    """(changed, missing, in no manifest): how a folder differs from what its manifest lists, by name."""
    if incoming.manifest is None:
        return [], [], []
    listed = {entry.path: entry.sha256 for entry in incoming.manifest.manifest.outputs}
    there = {
        path.relative_to(incoming.folder).as_posix(): path
        for path in sorted(incoming.folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    }
    there.pop(MANIFEST_NAME, None)
    changed = [
        name for name, path in there.items() if name in listed and not _is_same(path, listed[name], incoming, name)
    ]
    return changed, sorted(listed.keys() - there.keys()), sorted(there.keys() - listed.keys())


def _is_same(path: Path, sha256: str, incoming: Incoming, name: str) -> bool:
    if name in incoming.entries:
        return incoming.entries[name].sha256 == sha256
    return path.is_file() and file_digest(path) == sha256
