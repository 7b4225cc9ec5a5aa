"""Models on disk: ``model.safetensors`` (numbers), ``model.json`` (everything else), a card and a manifest. No pickle.

Only columns that were counted or have a weight are stored; the others have weight 0 and the inverse frequency of an n-gram
never seen.
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
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.numpy import load, save

from plumbline.lineage import Manifest, write_folder_aside
from plumbline.models.features.ngram_hashing import NgramSpace
from plumbline.models.features.text_features import FeatureBlock, FeatureRecipe, Frequencies
from plumbline.models.linear.model import Head, LinearModel
from plumbline.models.model_folder import (
    DESCRIPTION_NAME,
    WEIGHTS_NAME,
    FolderDescription,
    HeadReading,
    check_digests,
    damaged,
    described_run,
    read_description,
    reading_of,
)
from plumbline.models.rows.trained_rows import TrainedRows, write_trained_rows


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


class _HeadDescription(HeadReading):
    intercept: float


class ModelDescription(FolderDescription):
    """``model.json``.

    Attributes:
        weights_sha256: of ``model.safetensors``: figures that name this description name the weights too.
        unseen_frequencies: a block each; the inverse frequency of an n-gram that training did not see.
    """

    plumbline: Literal["linear-model"] = "linear-model"
    weights_sha256: str
    recipe: _RecipeDescription
    unseen_frequencies: tuple[float, ...]
    heads: tuple[_HeadDescription, ...]


def save_model(
    folder: Path,
    model: LinearModel,
    manifest: Manifest,
    *,
    name: str,
    synthetic: bool,
    training: dict[str, Any],
    files: Mapping[str, bytes],
    trained_rows: TrainedRows | None = None,
) -> None:
    """Write a model folder aside and rename it into place.

    Args:
        folder: new, empty, or an earlier model's.
        model: the model.
        manifest: of the training run; its inputs and terms are repeated in the description.
        name: what people call the model.
        synthetic: whether it was trained on synthetic data.
        training: settings, figures and counts.
        files: the card, and what else is to lie in the folder: name → content.
        trained_rows: so that evaluations can say which rows the model has seen.
    Raises:
        WriteError: the disk is full or not writable; what stood there before stands there still.
    """
    stored = _stored_weights(model)
    description = _description(model, manifest, stored, name=name, synthetic=synthetic, training=training)
    with write_folder_aside(folder, "model") as aside:
        (aside / WEIGHTS_NAME).write_bytes(stored)
        seen = write_trained_rows(aside, trained_rows)
        description = description.model_copy(update={"trained_rows_sha256": seen})
        (aside / DESCRIPTION_NAME).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for file_name, content in files.items():
            (aside / file_name).write_bytes(content)
        manifest.write(aside)


def _stored_weights(model: LinearModel) -> bytes:
    """The content of ``model.safetensors``: columns that were counted or have a weight, with both."""
    found = sum(map(len, model.frequencies)) + 1
    if model.recipe.width != found:
        raise ValueError(f"expected {model.recipe.width} columns, found {found}")
    counted = [frequency < frequency.max() for frequency in model.frequencies]
    # An n-gram of the greatest inverse frequency may still have a weight: frequencies can be counted on fewer rows than
    # the weights are fitted on, and where every column was counted, the rarest has the greatest.
    weighted = np.any([head.weights != 0 for head in model.heads.values()], axis=0)
    columns = np.flatnonzero(np.concatenate([*counted, [True]]) | weighted).astype(np.int32)
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
        recipe=_RecipeDescription.model_validate(asdict(model.recipe)),
        unseen_frequencies=tuple(float(frequency.max()) for frequency in model.frequencies),
        heads=tuple(
            _HeadDescription(intercept=head.intercept, **reading_of(head_name, head))
            for head_name, head in model.heads.items()
        ),
        synthetic=synthetic,
        training=training,
        **described_run(manifest),
    )


def load_model(folder: Path) -> tuple[LinearModel, ModelDescription]:
    """A saved model.

    Raises:
        SourceError: there is no model in the folder.
        ModelError: it is damaged, changed since it was written, or of another version.
    """
    description = read_description(folder, ModelDescription)
    check_digests(folder, (WEIGHTS_NAME, DESCRIPTION_NAME))
    try:
        content = (folder / WEIGHTS_NAME).read_bytes()
        stored = load(content)
        stored = {name: stored[name] for name in ("columns", "frequencies", "weights")}
    except (OSError, KeyError, SafetensorError) as error:
        raise damaged(folder / WEIGHTS_NAME, type(error).__name__) from error
    if hashlib.sha256(content).hexdigest() != description.weights_sha256:
        raise damaged(folder / WEIGHTS_NAME, "another digest than model.json states")
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
    return Head(spread, stored.intercept, stored.calibration, stored.threshold, stored.pair_calibration)


def _recipe(stored: _RecipeDescription) -> FeatureRecipe:
    blocks = tuple(
        FeatureBlock(block.text, NgramSpace(**block.space.model_dump()), block.weight, block.opening_words)
        for block in stored.blocks
    )
    return FeatureRecipe(blocks, stored.length_weight)


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
        raise damaged(folder / WEIGHTS_NAME, "arrays that do not fit the description")
