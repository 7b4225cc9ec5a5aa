"""Models on disk: ``model.safetensors`` (numbers), ``model.json`` (everything else), a card and a manifest. No pickle.

Only columns that training saw are stored; the others have weight 0 and the inverse frequency of an n-gram never seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from plumbline.lineage import Manifest, Terms, Use, file_digest, read_manifest, write_folder_aside
from plumbline.lineage.uses import UNKNOWN_LICENCE
from plumbline.models.calibration import Calibration
from plumbline.models.linear_model import Head, LinearModel
from plumbline.models.ngram_hashing import NgramSpace
from plumbline.models.text_features import FeatureBlock, FeatureRecipe, Frequencies
from plumbline.records import Axis, ModelError, SourceError

FORMAT_VERSION = 1
WEIGHTS_NAME = "model.safetensors"
DESCRIPTION_NAME = "model.json"
CARD_NAME = "README.md"


class _SpaceDescription(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    word_orders: tuple[int, ...]
    character_orders: tuple[int, ...]
    bucket_bits: int
    namespace: int


class _BlockDescription(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    text: Literal["reply", "opening", "ending", "prompt"]
    space: _SpaceDescription
    weight: float
    opening_words: int


class _RecipeDescription(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    blocks: tuple[_BlockDescription, ...]
    length_weight: float


class _HeadDescription(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    name: str
    intercept: float
    scale: float = Field(gt=0, le=1000)  # a scale below 0 would turn every probability round
    offset: float
    threshold: float | None = Field(ge=0, le=1)
    pair_scale: float | None = Field(gt=0, le=1000)


class ModelDescription(BaseModel):
    """``model.json``.

    Attributes:
        weights_sha256: of ``model.safetensors``: figures that name this description name the weights too.
        unseen_frequencies: a block each; the inverse frequency of an n-gram that training did not see.
        data: the files trained on: path, sha256, rows.
        training: settings, figures and counts, as the card tells them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    plumbline: Literal["linear-model"] = "linear-model"
    version: int = FORMAT_VERSION
    name: str
    weights_sha256: str
    task: Literal["preference", "cost", "moderation"]
    axis: Axis | None
    created: str
    recipe: _RecipeDescription
    unseen_frequencies: tuple[float, ...]
    heads: tuple[_HeadDescription, ...]
    data: list[dict[str, JsonValue]]
    terms: dict[str, JsonValue]
    synthetic: bool
    training: dict[str, JsonValue]

    @property
    def permitted(self) -> Terms:
        """What the data permitted; scores made with the model are no freer."""
        return _permitted(self.terms)


def _permitted(terms: Mapping[str, JsonValue]) -> Terms:
    uses, licence = terms.get("uses"), terms.get("licence")
    named = frozenset(Use(name) for name in uses if name in list(Use)) if isinstance(uses, list) else frozenset()
    return Terms(named, licence if isinstance(licence, str) else UNKNOWN_LICENCE)


def save_model(
    folder: Path,
    model: LinearModel,
    manifest: Manifest,
    *,
    name: str,
    synthetic: bool,
    training: dict[str, Any],
    card: str,
) -> None:
    """Write a model folder aside and rename it into place.

    Args:
        folder: new, empty, or an earlier model's.
        model: the model.
        manifest: of the training run; its inputs and terms are repeated in the description.
        name: what people call the model.
        synthetic: whether it was trained on synthetic data.
        training: settings, figures and counts.
        card: Markdown.
    Raises:
        WriteError: the disk is full or not writable; what stood there before stands there still.
    """
    stored = _stored_weights(model)
    description = _description(model, manifest, stored, name=name, synthetic=synthetic, training=training)
    with write_folder_aside(folder, "model") as aside:
        (aside / WEIGHTS_NAME).write_bytes(stored)
        (aside / DESCRIPTION_NAME).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (aside / CARD_NAME).write_text(card, encoding="utf-8")
        manifest.write(aside)


def _stored_weights(model: LinearModel) -> bytes:
    """The content of ``model.safetensors``: columns that training saw, their inverse frequencies and weights."""
    found = sum(map(len, model.frequencies)) + 1
    if model.recipe.width != found:
        raise ValueError(f"expected {model.recipe.width} columns, found {found}")
    seen = [frequency < frequency.max() for frequency in model.frequencies]
    columns = np.flatnonzero(np.concatenate([*seen, [True]])).astype(np.int32)
    frequencies = np.concatenate([*model.frequencies, np.ones(1, np.float32)])[columns]
    weights = np.stack([head.weights[columns] for head in model.heads.values()])
    return save({"columns": columns, "frequencies": frequencies, "weights": weights})


def _description(
    model: LinearModel, manifest: Manifest, stored: bytes, *, name: str, synthetic: bool, training: dict[str, Any]
) -> ModelDescription:
    """What ``model.json`` says of the model; the arguments are those of `save_model`."""
    return ModelDescription(
        weights_sha256=hashlib.sha256(stored).hexdigest(),
        name=name,
        task=model.task,
        axis=model.axis,
        created=manifest.created,
        recipe=_RecipeDescription.model_validate(asdict(model.recipe)),
        unseen_frequencies=tuple(float(frequency.max()) for frequency in model.frequencies),
        heads=tuple(_head_description(head_name, head) for head_name, head in model.heads.items()),
        data=[entry.model_dump() for entry in manifest.inputs],
        terms={"uses": [use.value for use in sorted(manifest.uses or [])], "licence": manifest.licence},
        synthetic=synthetic,
        training=training,
    )


def _head_description(name: str, head: Head) -> _HeadDescription:
    """One head, without its weights."""
    return _HeadDescription(
        name=name,
        intercept=head.intercept,
        scale=head.calibration.scale,
        offset=head.calibration.offset,
        threshold=head.threshold,
        pair_scale=head.pair_calibration.scale if head.pair_calibration else None,
    )


def load_model(folder: Path) -> tuple[LinearModel, ModelDescription]:
    """A saved model.

    Raises:
        SourceError: there is no model in the folder.
        ModelError: it is damaged, changed since it was written, or of another version.
    """
    description = _read_description(folder)
    _check_digest(folder)
    try:
        content = (folder / WEIGHTS_NAME).read_bytes()
        stored = load(content)
        stored = {name: stored[name] for name in ("columns", "frequencies", "weights")}
    except (OSError, KeyError, SafetensorError) as error:
        raise _damaged(folder / WEIGHTS_NAME, type(error).__name__) from error
    if hashlib.sha256(content).hexdigest() != description.weights_sha256:
        raise _damaged(folder / WEIGHTS_NAME, "another digest than model.json states")
    recipe = _recipe(description.recipe)
    _check_shapes(folder, recipe, stored, description)
    frequencies = _spread_frequencies(recipe, stored, description.unseen_frequencies)
    heads = {
        head.name: _head(head, recipe, stored["columns"], weights)
        for head, weights in zip(description.heads, stored["weights"], strict=True)
    }
    return LinearModel(description.task, description.axis, recipe, frequencies, heads), description


def _spread_frequencies(
    recipe: FeatureRecipe, stored: Mapping[str, NDArray[Any]], unseen_frequencies: tuple[float, ...]
) -> Frequencies:
    """Inverse frequencies of all columns, block by block; those not stored are of n-grams never seen."""
    edges = np.cumsum([0] + [block.space.width for block in recipe.blocks])
    full = np.ones(recipe.width, np.float32)
    for start, end, unseen in zip(edges[:-1], edges[1:], unseen_frequencies, strict=True):
        full[start:end] = unseen
    full[stored["columns"]] = stored["frequencies"]
    return tuple(full[start:end] for start, end in pairwise(edges))


def _head(
    stored: _HeadDescription, recipe: FeatureRecipe, columns: NDArray[np.int32], weights: NDArray[np.float32]
) -> Head:
    """One head with the weights of all columns; 0 where none is stored."""
    spread = np.zeros(recipe.width, np.float32)
    spread[columns] = weights
    calibration = Calibration(stored.scale, stored.offset)
    of_pairs = None if stored.pair_scale is None else Calibration(stored.pair_scale)
    return Head(spread, stored.intercept, calibration, stored.threshold, of_pairs)


def _recipe(stored: _RecipeDescription) -> FeatureRecipe:
    blocks = tuple(
        FeatureBlock(block.text, NgramSpace(**block.space.model_dump()), block.weight, block.opening_words)
        for block in stored.blocks
    )
    return FeatureRecipe(blocks, stored.length_weight)


def _read_description(folder: Path) -> ModelDescription:
    path = folder / DESCRIPTION_NAME
    if not path.is_file():
        raise SourceError(
            "PL-MOD-001",
            str(folder),
            "there is no model here",
            expected=f"a folder with {DESCRIPTION_NAME} and {WEIGHTS_NAME}",
            advice="train one: plumbline train preference SOURCE -o MODEL",
        )
    try:
        description = ModelDescription.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _damaged(path, f"{first['msg']} at {'.'.join(map(str, first['loc'])) or 'the top'}") from error
    if description.version != FORMAT_VERSION:
        raise ModelError(
            "PL-MOD-003",
            str(path),
            "the model was saved by another version",
            expected=f"version {FORMAT_VERSION}",
            found=f"version {description.version}",
            advice="train it again, or use the version of plumbline that saved it (in its manifest.json)",
        )
    return description


def _check_digest(folder: Path) -> None:
    manifest = read_manifest(folder)
    stated = {entry.path: entry.sha256 for entry in manifest.outputs} if manifest else {}
    for name in (WEIGHTS_NAME, DESCRIPTION_NAME):
        if name in stated and (folder / name).is_file() and file_digest(folder / name) != stated[name]:
            raise _damaged(folder / name, "another digest than the manifest states")


def _check_shapes(
    folder: Path,
    recipe: FeatureRecipe,
    stored: Mapping[str, NDArray[Any]],
    description: ModelDescription,
) -> None:
    columns, frequencies, weights = stored["columns"], stored["frequencies"], stored["weights"]
    fits = (
        columns.dtype == np.int32
        and columns.ndim == 1
        and len(np.unique(columns)) == len(columns)
        and frequencies.dtype == weights.dtype == np.float32
        and frequencies.shape == columns.shape
        and weights.shape == (len(description.heads), len(columns))
        and len(description.unseen_frequencies) == len(recipe.blocks)
        and len(description.heads) > 0
    )
    in_range = fits and (not len(columns) or (columns.min() >= 0 and columns.max() < recipe.width))
    if not in_range or not (np.isfinite(weights).all() and np.isfinite(frequencies).all() and (frequencies > 0).all()):
        raise _damaged(folder / WEIGHTS_NAME, "arrays that do not fit the description")


def _damaged(path: Path, found: str) -> ModelError:
    return ModelError(
        "PL-MOD-002",
        str(path),
        "the model is damaged",
        found=found,
        advice="copy it again from where it came, or train it again",
    )
