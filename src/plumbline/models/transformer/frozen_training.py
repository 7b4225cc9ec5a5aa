"""Heads on a trunk that does not learn: one pass for features, kept on disk, then an exact fit in seconds.

Each head is a logistic regression on standardised features, its penalty chosen by cross-validation over prompts. The
scaling is worked into the head, so that the model that comes out is a trunk with linear heads like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from plumbline.measure import assign_folds
from plumbline.models.dense_logistic import fit_dense
from plumbline.models.transformer.examples import Example
from plumbline.models.transformer.frozen_features import FrozenFeatures, frozen_features
from plumbline.models.transformer.model import TransformerModel

Floats = NDArray[np.float64]

PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
"""Tried for each head, on features of variance 1."""
_FOLDS = 4
_LEAST_OF_A_KIND = 2


@dataclass(frozen=True, slots=True)
class FrozenOutcome:
    """What fitting came to.

    Attributes:
        sequences: that features were needed of, each once; `computed` of them now, the others stood on disk.
        penalties: head → the penalty chosen.
        unfitted: head → why it has none of its own: its scores are 0.
        notes: a sentence each.
    """

    sequences: int
    computed: int
    penalties: dict[str, float]
    unfitted: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _HeadRows:
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


def fit_frozen_heads(
    model: TransformerModel,
    examples: Sequence[Example],
    group_ids: Sequence[str],
    *,
    seed: int,
    cache: Path | None,
    progress: Callable[[int, int], None] | None = None,
) -> FrozenOutcome:
    """Fit the heads of a model's scorer; its trunk stays as it is.

    Args:
        examples: n examples.
        group_ids: n strings; the unit of cross-validation.
        cache: where features are kept; None keeps none.
        progress: told how many sequences are there, of how many.
    """
    sequences = [sequence for example in examples for sequence in example.sequences]
    features = frozen_features(
        model.scorer,
        sequences,
        padding_id=model.padding_id,
        cache=cache,
        reading=model.encoder.description(),
        progress=progress,
    )
    penalties: dict[str, float] = {}
    unfitted: dict[str, str] = {}
    for column, name in enumerate(model.scorer.head_names):
        rows = _rows_of(column, examples, group_ids)
        if why := _too_few(rows):
            unfitted[name] = why
            _put(model, column, np.zeros(features.width), 0.0)
            continue
        penalties[name] = _fit(model, column, rows, features, seed)
    return FrozenOutcome(features.distinct, features.computed, penalties, unfitted, features.notes)


def _rows_of(column: int, examples: Sequence[Example], group_ids: Sequence[str]) -> _HeadRows:
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
    return _HeadRows(
        np.array(plus, np.int64),
        np.array(minus, np.int64),
        np.array(positive, bool),
        np.array(weights, np.float64),
        np.array(groups, np.str_),
    )


def _too_few(rows: _HeadRows) -> str | None:
    """Why a head cannot be fitted; None where it can."""
    alone = rows.minus < 0
    counts = int(rows.is_positive[alone].sum()), int((~rows.is_positive[alone]).sum())
    if not len(rows.plus) or (alone.any() and min(counts) < _LEAST_OF_A_KIND):
        return f"{counts[0]} rows for it and {counts[1]} against"
    return None


def _fit(model: TransformerModel, column: int, rows: _HeadRows, features: FrozenFeatures, seed: int) -> float:
    """Fit one head and put it into the scorer; the penalty chosen."""
    alone = rows.minus < 0
    plus = features.take(rows.plus).astype(np.float64)
    minus = features.take(np.where(alone, rows.plus, rows.minus)).astype(np.float64)
    mean, spread = plus.mean(0), plus.std(0)
    spread[spread < 1e-6 * max(float(spread.max()), 1e-30)] = 1.0
    matrix = np.where(alone[:, None], plus - mean, plus - minus) / spread
    penalty = _chosen_penalty(matrix, rows, alone, seed)
    fitted = _fit_rows(matrix, rows, alone, penalty, np.arange(len(matrix)))
    weights = fitted.weights / spread
    _put(model, column, weights, fitted.intercept - float(mean @ weights) if alone.any() else 0.0)
    return penalty


def _fit_rows(
    matrix: Floats, rows: _HeadRows, alone: NDArray[np.bool_], penalty: float, chosen: NDArray[np.int64]
) -> Any:
    single = alone[chosen]
    return fit_dense(
        matrix[chosen],
        rows.is_positive[chosen],
        l2=penalty,
        row_weights=rows.weights[chosen],
        intercept_column=single.astype(np.float64) if single.any() else None,
    )


def _chosen_penalty(matrix: Floats, rows: _HeadRows, alone: NDArray[np.bool_], seed: int) -> float:
    """The penalty of the least held-out loss."""
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
