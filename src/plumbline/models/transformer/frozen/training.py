"""Heads on a trunk that does not learn: one pass for features, kept on disk, then an exact fit in seconds.

Each head is a logistic regression on standardised features, its penalty chosen by cross-validation over prompts. The
scaling is worked into the head, so that the model that comes out is a trunk with linear heads like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from plumbline.measure import assign_folds
from plumbline.models.linear.dense_logistic import DenseFit, fit_dense
from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.frozen.features import FeatureSettings, FrozenFeatures, frozen_features
from plumbline.models.transformer.frozen.layer_reading import fit_reading, middle_layers
from plumbline.models.transformer.model import TransformerModel

Floats = NDArray[np.float64]

PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
"""Tried for each head, on features of variance 1."""
_FOLDS = 4
_LEAST_OF_A_KIND = 2
_SCALED_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class FrozenOutcome:
    """What fitting came to.

    Attributes:
        sequences: that features were needed of, each once; `computed` of them now, the others stood on disk.
        penalties: head → the penalty chosen.
        unfitted: head → why it has none of its own: its scores are 0.
        notes: a sentence each.
        layers: that the heads read, as likeness to landmarks; empty where they read the last as it is.
    """

    sequences: int
    computed: int
    penalties: dict[str, float]
    unfitted: dict[str, str]
    notes: tuple[str, ...]
    layers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class HeadRows:
    """What one head is fitted to.

    Attributes:
        plus, minus: shape (n,); the row is the features of sequence `plus`, less those of `minus` where that is not −1.
        is_positive, weights: shape (n,).
        group_ids: n strings.
    """

    plus: NDArray[np.int64]
    minus: NDArray[np.int64]
    is_positive: NDArray[np.bool_]
    weights: Floats
    group_ids: NDArray[np.str_]

    @property
    def is_alone(self) -> NDArray[np.bool_]:
        """Shape (n,); whether the row is of one sequence, not of a pair."""
        alone: NDArray[np.bool_] = self.minus < 0
        return alone


@dataclass(frozen=True, slots=True)
class HeadDesign:
    """The features that one head is fitted to, of variance 1; likenesses to landmarks as they are.

    Attributes:
        matrix: shape (n, d).
        mean, spread: shape (d,); of the features as the trunk gives them.
    """

    matrix: Floats
    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, rows: HeadRows, features: FrozenFeatures) -> HeadDesign:
        """Standardised by the rows' own features; those of pairs are differences."""
        alone = rows.is_alone
        plus = features.take(rows.plus).astype(np.float64)
        minus = features.take(np.where(alone, rows.plus, rows.minus)).astype(np.float64)
        mean, spread = plus.mean(0), plus.std(0)
        spread[spread < 1e-6 * max(float(spread.max()), 1e-30)] = 1.0
        if features.through is not None:  # likenesses have one scale: what tells little is not blown up to noise
            spread = np.ones_like(spread)
        return cls(np.where(alone[:, None], plus - mean, plus - minus) / spread, mean, spread)

    def on_features(self, weights: Floats, intercepts: Floats) -> tuple[Floats, Floats]:
        """Heads (..., d) on this matrix as heads on the features themselves: weights and intercepts."""
        unscaled = weights / self.spread
        return unscaled, intercepts - unscaled @ self.mean


def fit_frozen_heads(
    model: TransformerModel,
    examples: Sequence[Example],
    group_ids: Sequence[str],
    *,
    seed: int,
    cache: Path | None,
    tokens_per_batch: int = FeatureSettings().tokens_per_batch,
    progress: Callable[[int, int], None] | None = None,
) -> FrozenOutcome:
    """Fit the heads of a model's scorer; its trunk stays as it is.

    Args:
        examples: n examples.
        group_ids: n strings; the unit of cross-validation.
        cache: where features are kept; None keeps none.
        tokens_per_batch: tokens computed at a time, padding included.
        progress: told how many sequences are there, of how many.
    """
    sequences = [sequence for example in examples for sequence in example.sequences]
    layers = middle_layers(model.scorer.trunk) if model.scorer.pooling == "mean" else ()
    features = frozen_features(
        model.scorer,
        sequences,
        padding_id=model.padding_id,
        settings=FeatureSettings(layers=layers, tokens_per_batch=tokens_per_batch),
        cache=cache,
        reading=model.encoder.description(),
        progress=progress,
    )
    if layers:
        features = _through_landmarks(model, features, layers, seed)
    penalties: dict[str, float] = {}
    unfitted: dict[str, str] = {}
    for column, name in enumerate(model.scorer.head_names):
        rows = head_rows(column, examples, group_ids)
        if why := too_few(rows):
            unfitted[name] = why
            _put(model, column, np.zeros(features.width), 0.0)
            continue
        penalties[name] = _fit(model, column, rows, features, seed)
    return FrozenOutcome(features.distinct, features.computed, penalties, unfitted, features.notes, layers)


def _through_landmarks(
    model: TransformerModel, features: FrozenFeatures, layers: tuple[int, ...], seed: int
) -> FrozenFeatures:
    """Let the scorer read these layers by landmarks among these rows; the features as its heads then read them."""
    chosen = np.unique(np.linspace(0, len(features) - 1, _SCALED_ROWS).astype(np.int64))
    reading = fit_reading(features.take(chosen), layers, seed=seed)
    model.scorer.read_through(reading.to(model.scorer.heads.weight.device))
    return features.read_through(reading)


def head_rows(column: int, examples: Sequence[Example], group_ids: Sequence[str]) -> HeadRows:
    """What one head can be fitted to; sequences are numbered through the examples."""
    entries: list[tuple[int, int, bool, float, str]] = []
    start = 0
    for example, group in zip(examples, group_ids, strict=True):
        entries += [
            (start + pair.better, start + pair.worse, True, pair.weight, group)
            for pair in example.preferences
            if pair.head == column
        ]
        entries += [
            (start + known.sequence, -1, known.value > 0, known.weight, group)
            for known in (*example.labels, *example.signs)
            if known.head == column
        ]
        start += len(example.sequences)
    plus, minus, positive, weights, groups = zip(*entries, strict=True) if entries else ((),) * 5
    return HeadRows(
        np.array(plus, np.int64),
        np.array(minus, np.int64),
        np.array(positive, bool),
        np.array(weights, np.float64),
        np.array(groups, np.str_),
    )


def too_few(rows: HeadRows) -> str | None:
    """Why a head cannot be fitted; None where it can."""
    alone = rows.is_alone
    counts = int(rows.is_positive[alone].sum()), int((~rows.is_positive[alone]).sum())
    if not len(rows.plus) or (alone.any() and min(counts) < _LEAST_OF_A_KIND):
        return f"{counts[0]} rows for it and {counts[1]} against"
    return None


def _fit(model: TransformerModel, column: int, rows: HeadRows, features: FrozenFeatures, seed: int) -> float:
    """Fit one head and put it into the scorer; the penalty chosen."""
    design, alone = HeadDesign.of(rows, features), rows.is_alone
    penalty = chosen_penalty(design.matrix, rows, seed)
    fitted = _fit_rows(design.matrix, rows, alone, penalty, np.arange(len(alone)))
    weights, intercept = design.on_features(fitted.weights, np.asarray(fitted.intercept))
    _put(model, column, weights, float(intercept) if alone.any() else 0.0)
    return penalty


def _fit_rows(
    matrix: Floats, rows: HeadRows, alone: NDArray[np.bool_], penalty: float, chosen: NDArray[np.int64]
) -> DenseFit:
    single = alone[chosen]
    return fit_dense(
        matrix[chosen],
        rows.is_positive[chosen],
        l2=penalty,
        row_weights=rows.weights[chosen],
        intercept_column=single.astype(np.float64) if single.any() else None,
    )


def chosen_penalty(matrix: Floats, rows: HeadRows, seed: int) -> float:
    """The penalty of the least held-out loss, on rows of shape (n, d)."""
    alone = rows.is_alone
    groups = len(np.unique(rows.group_ids))
    if groups < _FOLDS:
        return PENALTIES[len(PENALTIES) // 2]
    folds = assign_folds(rows.group_ids, _FOLDS, seed=seed)
    signs = np.where(rows.is_positive, 1.0, -1.0)
    losses = []
    for penalty in PENALTIES:
        total = 0.0
        for fold in range(_FOLDS):
            learned, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            if len(np.unique(rows.is_positive[learned][alone[learned]])) == 1:
                continue  # a rare category may lie in one fold alone
            fitted = _fit_rows(matrix, rows, alone, penalty, learned)
            scores = matrix[held] @ fitted.weights + fitted.intercept * alone[held]
            total += float(rows.weights[held] @ np.logaddexp(0.0, -signs[held] * scores))
        losses.append(total)
    return PENALTIES[int(np.argmin(losses))]


@torch.no_grad()
def _put(model: TransformerModel, column: int, weights: Floats, bias: float) -> None:
    heads = model.scorer.heads
    heads.weight[column] = torch.from_numpy(weights).to(heads.weight)
    heads.bias[column] = bias
