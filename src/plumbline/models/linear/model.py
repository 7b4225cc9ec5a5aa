"""A trained linear model: what it reads, its heads, and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.models.calibration import Calibration
from plumbline.models.features.text_features import FeatureRecipe, Frequencies, Replies
from plumbline.models.linear.scoring import StackedWeights, score_replies, stack_weights
from plumbline.models.rows.training_rows import conversation_replies, pair_replies
from plumbline.models.scored_model import Advance, Floats, Scores, Task
from plumbline.records import Axis


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

    @cached_property
    def _stacked(self) -> StackedWeights:
        heads = self.heads.values()
        return stack_weights(
            self.recipe, self.frequencies, [head.weights for head in heads], [head.intercept for head in heads]
        )

    def score(self, replies: Replies, *, threads: int = 2) -> Floats:
        """Scores of every head.

        Args:
            replies: B replies with what was said before them.
            threads: row ranges worked on at a time.
        Returns:
            Shape (B, number of heads), in the order of `heads`.
        """
        return score_replies(replies, self.recipe, self._stacked, threads=threads)

    @property
    def ensemble(self) -> None:
        """Linear models have none."""

    def read_pairs(self, comparisons: pa.Table, *, advance: Advance | None = None) -> Scores:
        """Scores of both sides of n comparisons, shape (n, 2, heads)."""
        first, second = pair_replies(comparisons)
        scores = np.stack([self.score(first), self.score(second)], axis=1)
        if advance:
            advance(2 * len(scores), 2 * len(scores))
        return Scores(scores)

    def read_conversations(
        self, conversations: pa.ListArray | pa.ChunkedArray, *, advance: Advance | None = None
    ) -> Scores:
        """Scores of the last reply of n conversations, shape (n, heads)."""
        scores = self.score(conversation_replies(conversations))
        if advance:
            advance(len(scores), len(scores))
        return Scores(scores)
