"""From scores and what is known to one number to make small, and to figures.

Each kind of term is divided by its own weight in the whole step: the loss is the weighted mean over pairs, plus that
over signs, over labels and over values, each times its weight in `LossSettings`. Sums come first and are divided last,
so it does not matter into how many batches, on how many devices, a step is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plumbline.models.transformer.examples.example import Example, KnownColumns, Targets
from plumbline.models.transformer.settings import LossSettings
from plumbline.models.transformer.training.losses import (
    centring_loss,
    label_loss,
    preference_loss,
    sign_loss,
    value_loss,
)

TERMS = ("preference", "centring", "sign", "label", "value")
JUDGED = ("preference", "sign", "label")
"""Kinds of knowledge that a score can be right or wrong about."""

_WEIGHT_OF_TERM = (0, 0, 1, 2, 3)
"""Which of an example's four weights (pairs, signs, labels, values) a term is divided by."""

MOST_BALANCE = 10.0


def balancing_weights(examples: Iterable[Example], heads: int) -> NDArray[np.float32]:
    """By head, the weight of labels that are 1: negatives / positives, at most 10; 1 where either is missing.

    Args:
        examples: those that are trained on.
        heads: k.
    Returns:
        Shape (k,).
    """
    counts = np.zeros((2, heads))
    for example in examples:
        for known in example.labels:
            counts[int(known.value > 0.5), known.head] += known.weight
    negatives, positives = counts
    both = (negatives > 0) & (positives > 0)
    ratio = np.divide(negatives, positives, out=np.ones(heads), where=both)
    return np.minimum(ratio, MOST_BALANCE).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Share:
    """How often scores were right.

    Attributes:
        value: in [0, 1]; None where there is nothing to be right about.
        count: pairs, signs or labels.
    """

    value: float | None
    count: int


class Objective:
    """What is made small.

    Args:
        settings: weights of the terms.
        head_names: k names.
        positive_weights: shape (k,); weight of labels that are 1, by head; None for 1.
    """

    def __init__(
        self,
        settings: LossSettings,
        head_names: Sequence[str],
        *,
        positive_weights: NDArray[np.float32] | None = None,
    ) -> None:
        self.settings = settings
        self.head_names = tuple(head_names)
        self._positive = None if positive_weights is None else torch.from_numpy(positive_weights)
        label, sign, value = settings.label_weight, settings.sign_weight, settings.value_weight
        self._coefficients = np.array([1.0, settings.centring, sign, label, value])

    @property
    def size(self) -> int:
        """How many numbers `sums` gives: the sums of the terms, then, by kind and head, how many scores are right."""
        return len(TERMS) + len(JUDGED) * len(self.head_names)

    def factors(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """By what each sum of a term is multiplied in the loss, shape (5,).

        Args:
            weights: shape (4,); of the whole step, see `Collator.weights`.
        """
        divisors = weights[list(_WEIGHT_OF_TERM)]
        factors: NDArray[np.float64] = np.zeros(len(TERMS))
        np.divide(self._coefficients, divisors, out=factors, where=divisors > 0)
        return factors

    def sums(self, scores: Tensor, targets: Targets) -> Tensor:
        """Weighted sums of the terms and counts of what is right, shape (`size`,); terms carry a gradient.

        Args:
            scores: shape (n, k).
            targets: of these n sequences.
        """
        terms = [scores.new_zeros(()) for _ in TERMS]
        right = scores.new_zeros(len(JUDGED), len(self.head_names))
        if len(targets.better):
            terms[0], terms[1] = self._pairs(scores, targets, right[0])
        for row, (columns, term) in enumerate(((targets.signs, 2), (targets.labels, 3), (targets.values, 4)), start=1):
            if len(columns.sequences):
                terms[term] = self._known(scores, columns, term, right[row] if term < 4 else None)
        return torch.cat([torch.stack(terms), right.flatten()])

    def _pairs(self, scores: Tensor, targets: Targets, right: Tensor) -> tuple[Tensor, Tensor]:
        better, worse, heads, margins, weights = _tensors(
            scores, targets.better, targets.worse, targets.pair_heads, targets.margins, targets.pair_weights
        )
        preferred, other = scores[better, heads], scores[worse, heads]
        right.index_add_(0, heads, (preferred > other).float() + 0.5 * (preferred == other).float())
        settings = self.settings
        loss = preference_loss(preferred, other, margin=margins, smoothing=settings.smoothing)
        centring = centring_loss(preferred, other) if settings.centring else preferred.new_zeros(len(heads))
        return (loss * weights).sum(), (centring * weights).sum()

    def _known(self, scores: Tensor, columns: KnownColumns, term: int, right: Tensor | None) -> Tensor:
        rows, heads, values, weights = _tensors(
            scores, columns.sequences, columns.heads, columns.values, columns.weights
        )
        found = scores[rows, heads]
        if right is not None:
            right.index_add_(0, heads, ((found > 0) == (values > 0.5)).float())
        if TERMS[term] == "sign":
            losses = sign_loss(found, values)
        elif TERMS[term] == "value":
            losses = value_loss(found, values)
        else:
            positive = 1.0 if self._positive is None else self._positive.to(scores.device)[heads]
            losses = label_loss(found, values, positive_weight=positive)
        return (losses * weights).sum()

    def terms(self, sums: Sequence[float], weights: NDArray[np.float64]) -> dict[str, float]:
        """The terms that had something to say, each times its factor; their sum is the loss.

        Args:
            sums: as `sums` gives them, added up over the step.
            weights: shape (4,); of the whole step.
        """
        factors = self.factors(weights)
        return {name: float(sums[i] * factors[i]) for i, name in enumerate(TERMS) if factors[i] > 0}

    def right(self, sums: Sequence[float], counts: NDArray[np.int64]) -> dict[str, Share]:
        """How often the scores were right: by head; a head's signs stand under "<head>:sign".

        Args:
            sums: as `sums` gives them, added up.
            counts: shape (3, k); how many pairs, signs and labels there were, by head.
        """
        found = np.array(sums[len(TERMS) :]).reshape(counts.shape)
        shares: dict[str, Share] = {}
        for kind, name in enumerate(JUDGED):
            for head, count in enumerate(counts[kind].tolist()):
                if count:
                    key = f"{self.head_names[head]}:sign" if name == "sign" else self.head_names[head]
                    shares[key] = Share(float(found[kind, head]) / count, count)
        return shares


def judged_counts(targets: Targets, heads: int) -> NDArray[np.int64]:
    """Shape (3, k): how many pairs, signs and labels there are, by head."""
    columns = (targets.pair_heads, targets.signs.heads, targets.labels.heads)
    return np.stack([np.bincount(each, minlength=heads) for each in columns])


def accuracy_of(shares: dict[str, Share]) -> float | None:
    """One share over all heads, in [0, 1]; None where there was nothing to be right about."""
    count = sum(share.count for share in shares.values())
    return sum((share.value or 0.0) * share.count for share in shares.values()) / count if count else None


def _tensors(beside: Tensor, *columns: NDArray[np.int64] | NDArray[np.float32]) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(column).to(beside.device) for column in columns)
