"""What every model's folder has in common: ``model.json``, digests that bind it to its weights, a card, a manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from plumbline.lineage import FileEntry, FoundManifest, Manifest, Terms, Use, file_digest, read_manifest
from plumbline.lineage.uses import UNKNOWN_LICENCE
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.models.calibration import Calibration
from plumbline.models.scored_model import ReadHead
from plumbline.records import Axis, ModelError, SourceError

FORMAT_VERSION = 1
WEIGHTS_NAME = "model.safetensors"
DESCRIPTION_NAME = "model.json"
CARD_NAME = "README.md"


class HeadReading(BaseModel):
    """How the scores of a head are read; a scale below 0 would turn every probability round."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    scale: float = Field(gt=0, le=1000)
    offset: float
    threshold: float | None = Field(ge=0, le=1)
    pair_scale: float | None = Field(gt=0, le=1000)

    @property
    def calibration(self) -> Calibration:
        """Score → probability."""
        return Calibration(self.scale, self.offset)

    @property
    def pair_calibration(self) -> Calibration | None:
        """Difference of two scores → probability; None where the head has none of its own."""
        return None if self.pair_scale is None else Calibration(self.pair_scale)


def reading_of(name: str, head: ReadHead) -> dict[str, Any]:
    """The fields of a `HeadReading`."""
    return {
        "name": name,
        "scale": head.calibration.scale,
        "offset": head.calibration.offset,
        "threshold": head.threshold,
        "pair_scale": head.pair_calibration.scale if head.pair_calibration else None,
    }


class FolderDescription(BaseModel):
    """The part of ``model.json`` that every model has.

    Attributes:
        plumbline: the kind of model.
        data: the files trained on: path, sha256, rows.
        training: settings, figures and counts, as the card tells them.
        trained_rows_sha256: of the file that says which rows were trained on, see `trained_rows`; None where none does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    plumbline: str
    version: int = FORMAT_VERSION
    name: str
    task: Literal["preference", "cost", "moderation"]
    axis: Axis | None
    created: str
    data: list[dict[str, JsonValue]]
    terms: dict[str, JsonValue]
    synthetic: bool
    training: dict[str, JsonValue]
    trained_rows_sha256: str | None = None

    @property
    def permitted(self) -> Terms:
        """What the data permitted; scores made with the model are no freer."""
        return _permitted(self.terms)

    @property
    def is_calibrated(self) -> bool:
        """Whether probabilities were fitted to how often they come true; those of an imported model were not."""
        return "imported" not in self.training


def _permitted(terms: Mapping[str, JsonValue]) -> Terms:
    uses, licence = terms.get("uses"), terms.get("licence")
    named = frozenset(Use(name) for name in uses if name in list(Use)) if isinstance(uses, list) else frozenset()
    return Terms(named, licence if isinstance(licence, str) else UNKNOWN_LICENCE)


def described_run(manifest: Manifest) -> dict[str, Any]:
    """What a description repeats of the training run's manifest: created, data, terms."""
    return {
        "created": manifest.created,
        "data": [entry.model_dump() for entry in manifest.inputs],
        "terms": {"uses": [use.value for use in sorted(manifest.uses or [])], "licence": manifest.licence},
    }


Description = TypeVar("Description", bound=FolderDescription)


@dataclass(frozen=True)
class ModelTrace:
    """What tells which model made something, as its folder stood when it was read.

    Attributes:
        description: the file.
        parent: digest of the model's own manifest; None where it has none.
    """

    description: FileEntry
    parent: str | None

    @classmethod
    def of(cls, folder: Path) -> ModelTrace:
        """Of a model's folder."""
        description = FileEntry.of(folder / DESCRIPTION_NAME, name=f"{folder.resolve().name}/{DESCRIPTION_NAME}")
        found = FoundManifest.at(folder / MANIFEST_NAME)
        return cls(description, found.digest if found else None)

    def in_manifest(self, manifest: Manifest) -> Manifest:
        """The manifest of what the model made or says: its description is an input, its own manifest a parent."""
        parents = [*([self.parent] if self.parent else []), *manifest.parents]
        return manifest.model_copy(update={"inputs": [self.description, *manifest.inputs], "parents": parents})


def with_model(manifest: Manifest, folder: Path) -> Manifest:
    """The manifest of what the model that stands in a folder made or says."""
    return ModelTrace.of(folder).in_manifest(manifest)


def read_description(folder: Path, kind: type[Description]) -> Description:
    """``model.json`` of a folder.

    Raises:
        SourceError: there is no model in the folder.
        ModelError: the description is damaged, or of another version.
    """
    path = folder / DESCRIPTION_NAME
    if not path.is_file():
        raise SourceError(
            "PL-MOD-001",
            str(folder),
            "there is no model here",
            expected=f"a folder with {DESCRIPTION_NAME} and {WEIGHTS_NAME}",
            advice="the command that began the training beside it, with --resume"
            if folder.with_name(f"{folder.name}.training").is_dir()
            else "train one: plumbline train preference, cost or moderation, each with SOURCE -o MODEL",
        )
    text = path.read_bytes()
    _require_version(text, path)  # another version has other fields, which are no damage
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise damaged(path, f"{first['msg']} at {'.'.join(map(str, first['loc'])) or 'the top'}") from error


def _require_version(text: bytes, path: Path) -> None:
    """Refuse a description that states another version; of one that states none its fields tell."""
    try:
        described = json.loads(text)
    except (ValueError, RecursionError):
        return
    version = described.get("version", FORMAT_VERSION) if isinstance(described, dict) else FORMAT_VERSION
    if version != FORMAT_VERSION:
        raise ModelError(
            "PL-MOD-003",
            str(path),
            "the model was saved by another version",
            expected=f"version {FORMAT_VERSION}",
            found=f"version {str(version)[:20]}",
            advice="train it again, or use the version of plumbline that saved it (in its manifest.json)",
        )


def check_digests(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder whose files are not those that its manifest states.

    Raises:
        ModelError: a file is another, or there is no manifest.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise damaged(folder, "no manifest.json, so that nothing says whether its files were changed")
    stated = {entry.path: entry.sha256 for entry in manifest.outputs}
    for name in names:
        if (folder / name).is_file() and file_digest(folder / name) != stated.get(name):
            raise damaged(folder / name, "another digest than the manifest states")


def damaged(path: Path, found: str) -> ModelError:
    """The error for a model whose files are not as they were written."""
    return ModelError(
        "PL-MOD-002",
        str(path),
        "the model is damaged",
        found=found,
        advice="copy it again from where it came, or train it again",
    )
