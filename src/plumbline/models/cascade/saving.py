"""Cascades on disk: ``model.json``, a card, a manifest, and both models' whole folders, ``first`` and ``second``.

``model.json`` names both models by the digests of their own descriptions, which name their weights: whoever swaps a part
has another cascade, and it is refused.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from plumbline.lineage import Manifest, file_digest, read_manifest, write_folder_aside
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.models.cascade.fitting import FIRST, SECOND
from plumbline.models.cascade.model import Band, Cascade
from plumbline.models.model_folder import (
    CARD_NAME,
    DESCRIPTION_NAME,
    FolderDescription,
    check_digests,
    damaged,
    described_run,
    read_description,
)
from plumbline.models.rows.trained_rows import TRAINED_ROWS_NAME, TrainedRows, write_trained_rows
from plumbline.models.scored_model import ScoredModel

CASCADE_KIND: Literal["cascade-model"] = "cascade-model"
FIGURES_KEY = "cascade"
"""Of `training` in the description: what the cascade is worth, see `fitting.cascade_figures`."""
LoadPart = Callable[[Path], tuple[ScoredModel, FolderDescription]]
_SHORT = 12


class CascadePart(BaseModel):
    """One of the two models.

    Attributes:
        name: as it was called when the cascade was made.
        sha256: of its ``model.json``.
        calibrated: whether its probabilities were fitted to how often they come true.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sha256: str
    calibrated: bool

    @property
    def version(self) -> str:
        """Name and digest, as results tell them."""
        return f"{self.name}@{self.sha256[:_SHORT]}"


class _HeadDescription(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    name: str
    threshold: float | None = Field(ge=0, le=1)


class CascadeDescription(FolderDescription):
    """``model.json``.

    Attributes:
        low, high: see `Band`.
        heads: the main one first.
    """

    plumbline: Literal["cascade-model"] = CASCADE_KIND
    first: CascadePart
    second: CascadePart
    low: float = Field(ge=0, le=1, allow_inf_nan=False)
    high: float = Field(ge=0, le=1, allow_inf_nan=False)
    heads: tuple[_HeadDescription, ...]

    @property
    def is_calibrated(self) -> bool:
        """Where both models are."""
        return self.first.calibrated and self.second.calibrated

    @property
    def figures(self) -> dict[str, Any]:
        """What it is worth, see `fitting.cascade_figures`."""
        found = self.training.get(FIGURES_KEY)
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class SavedPart:
    """A model that becomes part of a cascade.

    Attributes:
        folder: where it stands.
        digest: SHA-256 of its ``model.json`` when it was loaded.
        description: what that says.
    """

    folder: Path
    digest: str
    description: FolderDescription

    @property
    def told(self) -> CascadePart:
        """As the cascade's description names it."""
        return CascadePart(name=self.description.name, sha256=self.digest, calibrated=self.description.is_calibrated)


def save_cascade(
    folder: Path,
    cascade: Cascade,
    parts: tuple[SavedPart, SavedPart],
    manifest: Manifest,
    *,
    name: str,
    synthetic: bool,
    training: dict[str, Any],
    card: str,
    trained_rows: TrainedRows | None,
) -> None:
    """Write a cascade's folder aside and rename it into place, both models' files in it.

    Args:
        folder: new, empty, or an earlier model's.
        cascade: what was fitted.
        parts: the folders of its models.
        manifest: of the run; its inputs and terms are repeated in the description.
        name: what people call it.
        synthetic: whether a model or a row is synthetic.
        training: settings and figures.
        card: Markdown.
        trained_rows: of both models, as far as they say; None where neither does.
    Raises:
        WriteError: the disk is full or not writable; what stood there before stands there still.
        ModelError: a model was changed while the cascade was made.
    """
    first, second = (part.told for part in parts)
    description = CascadeDescription(
        first=first,
        second=second,
        low=cascade.band.low,
        high=cascade.band.high,
        heads=tuple(_HeadDescription(name=each, threshold=head.threshold) for each, head in cascade.heads.items()),
        name=name,
        task=cascade.task,
        axis=None,
        synthetic=synthetic,
        training=training,
        **described_run(manifest),
    )
    with write_folder_aside(folder, "model") as aside:
        for place, part in zip((FIRST, SECOND), parts, strict=True):
            _copy_model(part, aside / place)
        seen = write_trained_rows(aside, trained_rows)
        description = description.model_copy(update={"trained_rows_sha256": seen})
        (aside / DESCRIPTION_NAME).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (aside / CARD_NAME).write_text(card, encoding="utf-8")
        # The parts' own manifests are outputs too: a plain listing would leave them out by their name.
        manifest.write_listing(aside, (FIRST, SECOND, TRAINED_ROWS_NAME, DESCRIPTION_NAME, CARD_NAME))


def _copy_model(part: SavedPart, target: Path) -> None:
    """What a model's manifest lists, and the manifest; notes that somebody put beside it stay where they are."""
    manifest = read_manifest(part.folder)
    if manifest is None:
        raise damaged(part.folder, "no manifest.json, so that nothing says whether its files were changed")
    names = [entry.path for entry in manifest.outputs]
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in names):
        raise damaged(part.folder / MANIFEST_NAME, "outputs outside of its folder")
    for name in [*names, MANIFEST_NAME]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (part.folder / name).is_file():  # the card may be thrown away; what is needed is looked for when loading
            shutil.copyfile(part.folder / name, target / name)
    check_digests(target, names)
    if not (target / DESCRIPTION_NAME).is_file() or file_digest(target / DESCRIPTION_NAME) != part.digest:
        raise damaged(part.folder / DESCRIPTION_NAME, "another digest than when it was read")


def load_cascade(folder: Path, load_part: LoadPart) -> tuple[Cascade, CascadeDescription]:
    """A saved cascade with both of its models.

    Args:
        folder: the cascade's.
        load_part: how a model is loaded from its folder.
    Raises:
        SourceError: there is no model in the folder, or in that of a part.
        ModelError: it or a part is damaged, swapped, changed since it was written, or of another version.
        MissingExtraError: a part is a transformer, and the libraries for these are not installed.
    """
    description = read_description(folder, CascadeDescription)
    check_digests(folder, (DESCRIPTION_NAME,))
    names = [head.name for head in description.heads]
    models = []
    for place, part in ((FIRST, description.first), (SECOND, description.second)):
        described = folder / place / DESCRIPTION_NAME
        if not described.is_file():
            raise damaged(described, "no such file")
        if file_digest(described) != part.sha256:
            raise damaged(described, f"another digest than {DESCRIPTION_NAME} states: it is another model")
        model, _ = load_part(folder / place)
        if model.task != "moderation" or list(model.heads) != names:
            raise damaged(described, "a model that does not fit the cascade's heads")
        models.append(model)
    if not names or description.low > description.high:
        raise damaged(folder / DESCRIPTION_NAME, "no heads, or a band whose ends are turned round")
    thresholds = {head.name: head.threshold for head in description.heads}
    return Cascade(models[0], models[1], Band(description.low, description.high), thresholds), description
