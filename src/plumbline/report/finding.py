"""Finding and decoding what a report reads. What is wrong is an error that names the file; nothing is skipped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from plumbline.lineage import Manifest, read_manifest
from plumbline.records import SourceError, UsageError
from plumbline.report.inputs import Check, Evaluation, Found, ModelDescription, ReportInputs

Content = TypeVar("Content")

KINDS: dict[str, type[Any]] = {
    "check.json": Check,
    "evaluation.json": Evaluation,
    "model.json": ModelDescription,
}
_VERSION = 1
_ADVICE = "write the file again with this version of plumbline, or leave its folder out of the report"


def read_inputs(folders: Sequence[Path]) -> ReportInputs:
    """Read every check, evaluation and model description below the folders; a file is read once.

    Folders keep the order they are named in, files below one are sorted by path. Hidden folders are left out.

    Args:
        folders: at least one, each with at least one of the files of `KINDS` below it.
    Returns:
        What was found, with the manifests beside it.
    Raises:
        UsageError: no folder is named, one is not there, or one holds nothing to report on.
        SourceError: a file cannot be read or is not what its name says.
    """
    if not folders:
        raise UsageError(
            "PL-RPT-006",
            "report",
            "no folder is named",
            advice="name one or more folders that plumbline data check, plumbline evaluate or plumbline train wrote",
        )
    found: dict[Path, Found[Any]] = {}
    manifests: dict[Path, Found[Manifest]] = {}
    for folder in folders:
        for path in _files_below(folder):
            resolved = path.resolve()
            if resolved in found:
                continue
            found[resolved] = _read_file(path, KINDS[path.name])
            manifest = _read_manifest_beside(path)
            if manifest is not None:
                manifests.setdefault(resolved.parent, manifest)
    return ReportInputs(
        checks=tuple(one for one in found.values() if isinstance(one.content, Check)),
        evaluations=tuple(one for one in found.values() if isinstance(one.content, Evaluation)),
        models=tuple(one for one in found.values() if isinstance(one.content, ModelDescription)),
        manifests=tuple(manifests.values()),
    )


def _files_below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(
            "PL-RPT-005",
            str(folder),
            "this is not a folder",
            expected="a folder",
            found="a file" if folder.exists() else "nothing",
            advice="name a folder that plumbline data check, plumbline evaluate or plumbline train wrote",
        )
    paths = sorted(
        path
        for path in folder.rglob("*.json")
        if path.name in KINDS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not paths:
        raise UsageError(
            "PL-RPT-002",
            str(folder),
            "nothing to report on",
            expected=f"at least one {', '.join(KINDS)} below it",
            found="none",
            advice="run plumbline data check, plumbline train or plumbline evaluate with this folder as output first",
        )
    return paths


def _read_file(path: Path, kind: type[Content]) -> Found[Content]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(
            "PL-RPT-007",
            str(path),
            "the file cannot be read",
            found=error.strerror or type(error).__name__,
            advice="make the file readable, or leave its folder out of the report",
        ) from error
    return Found(str(path), hashlib.sha256(raw).hexdigest(), _decode(path, raw, kind))


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
    expected = path.name.removesuffix(".json")
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


def _read_manifest_beside(path: Path) -> Found[Manifest] | None:
    manifest = read_manifest(path.parent)
    if manifest is None:
        return None
    place = path.parent / "manifest.json"
    return Found(str(place), hashlib.sha256(place.read_bytes()).hexdigest(), manifest)


def _shorten(text: str, characters: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= characters else f"{line[: characters - 1]}…"


def file_counts(inputs: ReportInputs) -> Iterator[tuple[str, int]]:
    """How many files of each kind there are, in words for a page: ``("evaluations", 3)``."""
    yield "checks", len(inputs.checks)
    yield "evaluations", len(inputs.evaluations)
    yield "models", len(inputs.models)
    yield "manifests", len(inputs.manifests)
