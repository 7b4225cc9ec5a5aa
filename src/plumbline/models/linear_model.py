"""A trained linear model: what it reads, its heads, and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plumbline.models.calibration import Calibration
from plumbline.models.text_features import FeatureRecipe, Frequencies, Replies, featurise_replies
from plumbline.records import Axis

Task = Literal["preference", "cost", "moderation"]
Floats = NDArray[np.float64]

UNSAFE = "unsafe"
"""The head of moderation models that says whether any harm is there; the others are categories."""


@dataclass(frozen=True)
class Head:
    """One thing that a model says of a reply.

    Attributes:
        weights: shape (recipe.width,), float32.
        intercept: added to every score.
        calibration: score → probability; of a reward, the difference of two scores → that the first is preferred.
        threshold: probability from which the head says yes; None where nothing is decided by one.
        pair_calibration: of a cost, the difference of two costs → that the first is the more harmful; else None.
    """

    weights: NDArray[np.float32]
    intercept: float
    calibration: Calibration
    threshold: float | None = None
    pair_calibration: Calibration | None = None


@dataclass(frozen=True)
class LinearModel:
    """Hashed n-grams of a reply, weighed.

    Attributes:
        task: preference (score = reward, higher is better), cost (score = cost, higher is more harmful, above 0 is
            unsafe) or moderation (score = log-odds of each head).
        axis: of a preference model.
        heads: by name: ``reward``, ``cost``, or ``unsafe`` and categories.
    """

    task: Task
    axis: Axis | None
    recipe: FeatureRecipe
    frequencies: Frequencies
    heads: dict[str, Head]

    @property
    def main_head(self) -> Head:
        """The first: reward, cost or unsafe."""
        return next(iter(self.heads.values()))

    def score(self, replies: Replies, *, threads: int = 2) -> Floats:
        """Scores of every head.

        Args:
            replies: B replies with what was said before them.
            threads: row ranges worked on at a time.
        Returns:
            Shape (B, number of heads), in the order of `heads`.
        """
        rows = featurise_replies(replies, self.recipe, self.frequencies, threads=threads)
        weights = np.stack([head.weights for head in self.heads.values()], axis=1)
        intercepts = np.array([head.intercept for head in self.heads.values()])
        scores: Floats = np.asarray(rows @ weights, np.float64) + intercepts
        return scores

    def pair_probabilities(self, first_scores: Floats, second_scores: Floats) -> Floats:
        """Probability that the first side is the better one on the model's axis; shape as given.

        A cost model's better side is the less harmful one.
        """
        sign = -1.0 if self.task == "cost" else 1.0
        return self.pair_calibration.probabilities(sign * (first_scores - second_scores))

    @property
    def pair_calibration(self) -> Calibration:
        """Signed score difference → probability, for pairs."""
        return self.main_head.pair_calibration or self.main_head.calibration
