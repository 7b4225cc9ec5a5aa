"""Finding and decoding what a report reads. What is wrong is an error that names the file.

Nothing of ours is skipped; a file that is called like ours and does not say that it is (data sets have an
``evaluation.json`` too) is passed over and told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from plumbline.lineage import Manifest, read_manifest
from plumbline.records import SourceError, UsageError
from plumbline.report.curation.notes import (
    NOTES_FOLDER,
    SUMMARY_NAME,
    Curation,
    CurationNotes,
    is_summary,
    read_suspected,
)
from plumbline.report.inputs import Check, Evaluation, Found, ModelDescription, ReportInputs

Content = TypeVar("Content")

KINDS: dict[str, type[Any]] = {
    "check.json": Check,
    "evaluation.json": Evaluation,
    "model.json": ModelDescription,
    SUMMARY_NAME: CurationNotes,
}
"""By name; a summary counts in a folder of notes only."""
_NAMED = "check.json, evaluation.json, model.json or curation/summary.json"
_WRITERS = "plumbline data check, plumbline train, plumbline evaluate or plumbline curate"
_VERSION = 1
_OURS = b'"plumbline"'
_ADVICE = "write the file again with this version of plumbline, or leave its folder out of the report"


def read_inputs(folders: Sequence[Path]) -> ReportInputs:
    """Read every check, evaluation, model description and curation below the folders; a file is read once.

    Folders keep the order they are named in, files below one are sorted by path. Hidden folders are left out.

    Args:
        folders: at least one, each with at least one of the files of `KINDS` below it.
    Returns:
        What was found, with the manifests beside it, and the files passed over.
    Raises:
        UsageError: no folder is named, one is not there, or one holds nothing of ours.
        SourceError: a file cannot be read or is not what its name says.
    """
    if not folders:
        raise UsageError(
            "PL-RPT-006",
            "report",
            "no folder is named",
            advice=f"name one or more folders that {_WRITERS} wrote",
        )
    found: dict[Path, Found[Any] | None] = {}
    manifests: dict[Path, Found[Manifest]] = {}
    passed_over: dict[Path, str] = {}
    for folder in folders:
        paths = _files_below(folder)
        for path in paths:
            resolved = path.resolve()
            if resolved not in found:
                found[resolved] = _read_own(path, folder)
                manifest = _read_manifest_beside(path, folder) if found[resolved] else None
                if manifest is not None:
                    manifests.setdefault(_home(resolved), manifest)
            if found[resolved] is None:
                passed_over[resolved] = _place(folder, path)
        if all(found[path.resolve()] is None for path in paths):
            raise _nothing_below(folder, len(paths))
    return _inputs([one for one in found.values() if one is not None], manifests, passed_over)


def _inputs(
    found: Sequence[Found[Any]], manifests: Mapping[Path, Found[Manifest]], passed_over: Mapping[Path, str]
) -> ReportInputs:
    return ReportInputs(
        checks=tuple(one for one in found if isinstance(one.content, Check)),
        evaluations=tuple(one for one in found if isinstance(one.content, Evaluation)),
        models=tuple(one for one in found if isinstance(one.content, ModelDescription)),
        manifests=tuple(manifests.values()),
        curations=tuple(one for one in found if isinstance(one.content, Curation)),
        passed_over=tuple(passed_over.values()),
    )


def _read_own(path: Path, folder: Path) -> Found[Any] | None:
    """A file of ours; None where something else wrote it."""
    raw = _read_bytes(path)
    if _OURS not in raw:
        return None
    content = _decode(path, raw, KINDS[path.name])
    if isinstance(content, CurationNotes):
        home = _home(path)
        content = Curation(home.resolve().name, content, read_suspected(path.parent), read_manifest(home))
    return Found(_place(folder, path), hashlib.sha256(raw).hexdigest(), content)


def _home(path: Path) -> Path:
    """The folder that a file describes: its own, or the one whose notes it stands among."""
    if path.name != SUMMARY_NAME:
        return path.parent
    return path.parent.parent if path.parent.name == NOTES_FOLDER else path.resolve().parent.parent


def _place(folder: Path, path: Path) -> str:
    """The path as the caller named it; from the folder on where that was named from the root or from above."""
    if not path.is_relative_to(folder):  # the notes of a curation are named, and this stands beside them
        return str(Path(path.resolve().parent.name) / path.name)
    if folder.is_absolute() or ".." in folder.parts:
        return str(Path(folder.resolve().name) / path.relative_to(folder))
    return str(path)


def _files_below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(
            "PL-RPT-005",
            str(folder),
            "this is not a folder",
            expected="a folder",
            found="a file" if folder.exists() else "nothing",
            advice=f"name a folder that {_WRITERS} wrote",
        )
    return sorted(
        path
        for path in folder.rglob("*.json")
        if path.name in KINDS
        and (path.name != SUMMARY_NAME or is_summary(path))
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _nothing_below(folder: Path, passed_over: int) -> UsageError:
    return UsageError(
        "PL-RPT-002",
        str(folder),
        "nothing to report on",
        expected=f"at least one {_NAMED} below it, written by Plumbline",
        found=f"{passed_over} of such a name, written by something else" if passed_over else "none",
        advice=f"run {_WRITERS} with this folder as output first",
    )


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(
            "PL-RPT-007",
            str(path),
            "the file cannot be read",
            found=error.strerror or type(error).__name__,
            advice="make the file readable, or leave its folder out of the report",
        ) from error


def _decode(path: Path, raw: bytes, kind: type[Content]) -> Content:
    try:
        if kind is not ModelDescription:
            _refuse_other_versions(path, msgspec.json.decode(raw))
        content = msgspec.json.decode(raw, type=kind)
        json.loads(raw, object_pairs_hook=_refuse_repeated_keys)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SourceError(
            "PL-RPT-003",
            str(path),
            f"this is not what a {path.name} of Plumbline holds",
            found=_shorten(str(error)),
            advice=_ADVICE,
        ) from error
    return content


def _refuse_other_versions(path: Path, decoded: Any) -> None:
    expected = "curation" if path.name == SUMMARY_NAME else path.name.removesuffix(".json")
    fields = decoded if isinstance(decoded, dict) else {}
    if fields.get("plumbline") == expected and fields.get("version") == _VERSION:
        return
    raise SourceError(
        "PL-RPT-004",
        str(path),
        "a file of another kind or version",
        expected=f'"plumbline": "{expected}", "version": {_VERSION}',
        found=_shorten(f'"plumbline": {fields.get("plumbline")!r}, "version": {fields.get("version")!r}'),
        advice=_ADVICE,
    )


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {repeated!r} twice in one object")


def _read_manifest_beside(path: Path, folder: Path) -> Found[Manifest] | None:
    place = _home(path) / "manifest.json"
    manifest = read_manifest(place.parent)
    if manifest is None:
        return None
    return Found(_place(folder, place), hashlib.sha256(place.read_bytes()).hexdigest(), manifest)


def _shorten(text: str, characters: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= characters else f"{line[: characters - 1]}…"


def file_counts(inputs: ReportInputs) -> Iterator[tuple[str, int]]:
    """How many files of each kind there are, in words for a page: ``("evaluations", 3)``."""
    yield "checks", len(inputs.checks)
    yield "evaluations", len(inputs.evaluations)
    yield "models", len(inputs.models)
    yield "manifests", len(inputs.manifests)
    yield "curations", len(inputs.curations)
