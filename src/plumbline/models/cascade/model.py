"""Two moderation models as one: the first answers what it is sure of, the second is asked for the rest.

A cascade is a scored model like any other: its heads are those of both, and what it says of a text is what the model that
answered says, as log-odds, so that one scale holds for both. Which of the two answers depends on the text alone, never on
the others of its batch. Where the first gives no number for a text it is sure of nothing, and the second is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from math import isfinite

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.models.calibration import Calibration
from plumbline.models.scored_model import Advance, Floats, ScoredModel, Scores, Task, Turns, read_groups
from plumbline.records import Axis

Bools = NDArray[np.bool_]
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Band:
    """Of which probabilities of the main head the first model is not sure: those between the two, without the ends.

    Attributes:
        low: at or below it a text is surely safe; 0 where the first is never sure of that.
        high: at or above it a text is surely unsafe; 1 where the first is never sure of that.
    Raises:
        ValueError: not 0 <= low <= high <= 1.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        """Check the order: turned round, every text would be sure."""
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"expected 0 <= low <= high <= 1, found {self.low:g} and {self.high:g}")

    def sure(self, probabilities: Floats) -> Bools:
        """Of which texts the first is sure, shape as given; of NaN it is not."""
        found: Bools = (probabilities <= self.low) | (probabilities >= self.high)
        return found

    def is_sure(self, probabilities: Sequence[float]) -> bool:
        """Whether it is sure of one text, by the probabilities of all heads, the main one first."""
        main = probabilities[0]
        return (main <= self.low or main >= self.high) and all(map(isfinite, probabilities))


@dataclass(frozen=True)
class CascadeHead:
    """A head of both models; its scores are log-odds of whichever answered.

    Attributes:
        threshold: probability from which the head says yes; None where the cascade has none.
    """

    threshold: float | None

    @property
    def calibration(self) -> Calibration:
        """Log-odds → probability."""
        return Calibration()

    @property
    def pair_calibration(self) -> None:
        """Moderation compares nothing."""


@dataclass(frozen=True)
class Cascade:
    """A moderation model of two.

    Attributes:
        first, second: moderation models with the same heads in the same order.
        band: where the first is not sure.
        thresholds: of each head.
    """

    first: ScoredModel
    second: ScoredModel
    band: Band
    thresholds: Mapping[str, float | None]

    @property
    def task(self) -> Task:
        """Always moderation."""
        return "moderation"

    @property
    def axis(self) -> Axis | None:
        """Preference models alone have one."""
        return None

    @cached_property
    def heads(self) -> dict[str, CascadeHead]:
        """By name, the main one first."""
        return {name: CascadeHead(self.thresholds[name]) for name in self.first.heads}

    @property
    def ensemble(self) -> None:
        """A cascade has none: the heads beside a part's main one say nothing of the other's answers."""

    def read_conversations(
        self, conversations: pa.ListArray | pa.ChunkedArray, *, advance: Advance | None = None
    ) -> Scores:
        """Scores of the last reply of n conversations, shape (n, heads); the second reads the unsure ones alone."""
        count = len(conversations)

        def ask(unsure: Positions) -> Scores:
            """The second model."""
            told = None if advance is None else partial(_told_of_rest, advance, count - len(unsure), count)
            return self.second.read_conversations(conversations.take(pa.array(unsure)), advance=told)

        answered = self._answered(self.first.read_conversations(conversations), ask)
        if advance:
            advance(count, count)
        return answered

    def read_pairs(self, comparisons: pa.Table, *, advance: Advance | None = None) -> Scores:
        """Scores of both sides of n comparisons, shape (n, 2, heads).

        Each side is answered as if it stood alone. The second reads both sides of a comparison where the first is sure of
        one only, since what they share is most of the work; its word counts for the other.
        """
        first = self.first.read_pairs(comparisons)
        unsure = np.flatnonzero(~self._sure(_flat(first)).reshape(-1, 2).all(axis=1))

        def ask(sides: Positions) -> Scores:
            """The second model, of whole comparisons; its answers for these sides."""
            read = _flat(self.second.read_pairs(comparisons.take(pa.array(unsure))))
            return read.take(2 * np.searchsorted(unsure, sides // 2) + sides % 2)

        answered = self._answered(_flat(first), ask)
        if advance:
            advance(2 * len(comparisons), 2 * len(comparisons))
        return answered.of_pairs()

    def read_groups(self, groups: Sequence[Sequence[Turns]], *, advance: Advance | None = None) -> Scores:
        """Scores of the last message of each conversation, in their order; the second reads what a group shares once."""
        edges = np.cumsum([0, *map(len, groups)])

        def ask(unsure: Positions) -> Scores:
            """The second model, group by group."""
            inside = [unsure[(unsure >= start) & (unsure < end)] - start for start, end in pairwise(edges)]
            kept = [[group[at] for at in chosen] for group, chosen in zip(groups, inside, strict=True) if len(chosen)]
            return read_groups(self.second, kept)

        answered = self._answered(read_groups(self.first, groups), ask)
        if advance:
            advance(int(edges[-1]), int(edges[-1]))
        return answered

    def _sure(self, first: Scores) -> Bools:
        log_odds = _log_odds(self.first, first.heads)
        main = Calibration().probabilities(log_odds[:, 0])
        sure: Bools = self.band.sure(main) & np.isfinite(log_odds).all(axis=1)
        return sure

    def _answered(self, first: Scores, ask: Callable[[Positions], Scores]) -> Scores:
        """The first model's word where it is sure, the second's elsewhere.

        Args:
            first: what the first model says of n texts.
            ask: positions of texts → what the second model says of them.
        """
        heads = _log_odds(self.first, first.heads)
        truncated = _truncated(first)
        unsure = np.flatnonzero(~self._sure(first))
        if len(unsure):
            second = ask(unsure)
            heads[unsure] = _log_odds(self.second, second.heads)
            truncated[unsure] = _truncated(second)
        return Scores(heads, truncated=truncated)


def _log_odds(model: ScoredModel, scores: Floats) -> Floats:
    """Calibrated scores, shape (n, heads): their sigmoid is the model's own probability, to the last bit."""
    columns = zip(model.heads.values(), scores.T, strict=True)
    return np.stack([head.calibration.scale * column + head.calibration.offset for head, column in columns], axis=1)


def _told_of_rest(advance: Advance, sure: int, count: int, done: int, _: int) -> None:
    """Tell how many of all texts are answered, where the first has answered some."""
    advance(sure + done, count)


def _truncated(scores: Scores) -> Bools:
    """Which texts were read in part only, in an array of its own."""
    return np.zeros(len(scores.heads), bool) if scores.truncated is None else scores.truncated.copy()


def _flat(scores: Scores) -> Scores:
    """Scores of n pairs as scores of 2 n replies."""
    truncated = None if scores.truncated is None else scores.truncated.reshape(-1)
    return Scores(scores.heads.reshape(-1, scores.heads.shape[-1]), truncated=truncated)
