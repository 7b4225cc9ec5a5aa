"""Erasing a person, and what of theirs left the store before: exports, and what was made of these since.

The store can take back what it holds, not what it gave away. So erasing says which exports hold work of the person, and
``releases_affected`` finds the folders, derived sets and models that come of them, by the digests in their manifests.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from plumbline.collect.store.database import Store
from plumbline.collect.store.keeping.erasing import ErasedRows, erase_person, exports_with_work_of, remove_bytes
from plumbline.collect.store.rows import Event
from plumbline.lineage import FileEntry, FoundManifest
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import SourceError

_COPY = "it holds a file of"
_EMPTY = hashlib.sha256(b"").hexdigest()  # every empty file has this digest; it says nothing


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of an export."""

    path: str
    sha256: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class AffectedExport:
    """An export that holds work of the person.

    Attributes:
        is_certain: False where it was made of work that a restore removed since: whose that was is not known any more.
    """

    study: str
    form: str
    as_of: str
    files: tuple[ExportedFile, ...]
    manifest_sha256: str | None
    is_certain: bool

    @property
    def digests(self) -> frozenset[str]:
        """Of its files and its manifest."""
        return frozenset({file.sha256 for file in self.files} | {self.manifest_sha256 or ""}) - {"", _EMPTY}


@dataclass(frozen=True, slots=True)
class Erased:
    """What erasing did.

    Attributes:
        already: erased before; nothing was changed now.
        rows: how much was taken away; nothing where it was done before.
        bytes_removed: the database's files hold nothing of it any more; False where somebody read all the while, so
            that it has to be asked for again.
        exports: made while the person had finished work in their study.
    """

    pseudonym: str
    already: bool
    rows: ErasedRows
    bytes_removed: bool
    exports: tuple[AffectedExport, ...]


@dataclass(frozen=True, slots=True)
class AffectedFolder:
    """Something on disk that holds work of the person, or was made of it.

    Attributes:
        path: of its manifest.
        holds: what that says it is: data, model, evaluation …
        why: which of the digests it names, one clause.
    """

    path: Path
    holds: str
    why: str


def erase_worker(store: Store, pseudonym: str, *, now: datetime) -> Erased:
    """Takes a person's words and identity out of the store, for good; the pseudonym and the study's figures stay.

    Again for the same person it changes nothing and lists the exports again.

    Raises:
        NotFoundError: PL-COL-010, nobody has this pseudonym.
        NotAllowedError: PL-COL-033, they are the only owner.
    """
    person, rows = erase_person(store, pseudonym, now=now)
    exports = tuple(_affected(*found) for found in exports_with_work_of(store, person.id))
    return Erased(pseudonym, rows is None, rows or ErasedRows(), remove_bytes(store), exports)


def releases_affected(erased: Erased, folders: Sequence[Path]) -> list[AffectedFolder]:
    """What of the exports stands below folders, and what was made of it: copies, derived sets, models, evaluations.

    Goes by manifests: a file without one is not found, nor is what somebody else holds.

    Raises:
        SourceError: PL-SRC-001, there is no such folder.
    """
    manifests = [found for folder in folders for found in _manifests_below(folder)]
    known = {digest: export.form for export in erased.exports for digest in export.digests}
    affected: dict[Path, AffectedFolder] = {}
    grew = True
    while grew:
        grew = False
        for found in manifests:
            why = None if found.path in affected else _why(found, known)
            if why is None:
                continue
            affected[found.path] = AffectedFolder(found.path, found.manifest.holds, why)
            # What was made of this in turn names these. Beside a copy of a file other things may stand.
            made = {found.digest} | (set() if why.startswith(_COPY) else _digests_of(found.manifest.outputs))
            known |= dict.fromkeys(made - known.keys(), found.manifest.holds)
            grew = True
    return [affected[path] for path in sorted(affected)]


def _why(found: FoundManifest, known: dict[str, str]) -> str | None:
    manifest = found.manifest
    if found.digest in known:
        return f"it is the export ({known[found.digest]}) itself"
    for what, digests in (
        (_COPY, sorted(_digests_of(manifest.outputs))),
        ("it was made of a file of", sorted(_digests_of(manifest.inputs))),
        ("it was made of", manifest.parents),
        ("it goes back to a file of", manifest.ancestors),
    ):
        named = next((digest for digest in digests if digest in known), None)
        if named is not None:
            return f"{what} the {known[named]}, {named[:12]}"
    return None


def _digests_of(files: Iterable[FileEntry]) -> set[str]:
    return {file.sha256 for file in files} - {_EMPTY}


def _manifests_below(folder: Path) -> Iterator[FoundManifest]:
    if not folder.is_dir():
        raise SourceError(
            "PL-SRC-001",
            str(folder),
            "there is no such folder",
            advice="name a folder in which exports, derived data or models stand",
        )
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            if name == MANIFEST_NAME or name.endswith(f".{MANIFEST_NAME}"):
                found = _manifest_at(Path(place) / name)
                if found is not None:
                    yield found


def _manifest_at(path: Path) -> FoundManifest | None:
    """None for what is no manifest of ours: other programs name files so too."""
    try:
        return FoundManifest.at(path)
    except SourceError:
        return None


def _affected(study: str, event: Event) -> AffectedExport:
    payload = event.payload
    files = tuple(
        ExportedFile(str(file["path"]), str(file["sha256"]), file.get("rows")) for file in payload.get("files", [])
    )
    return AffectedExport(
        study=study,
        form=str(payload.get("form", "")),
        as_of=str(payload.get("as_of", event.at.isoformat())),
        files=files,
        manifest_sha256=payload.get("manifest_sha256"),
        is_certain=not payload.get("before_restore"),
    )
