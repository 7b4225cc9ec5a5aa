"""Which training rows are held out of which fit: folds by prompt, dealt anew where that is cheap.

With up to `LARGEST_FOR_FOLDS` rows five folds by group hold out every row; above that one tenth of the groups is held
out, where that is enough to calibrate on. Where that is cheap (rows × heads up to `LARGEST_FOR_REPEATS`) the folds are
dealt `REPEATS` times, for figures that depend less on the deal. The others of many rows are held out too where every
row's score is asked for; these further fits take no part in the model, its calibration or its figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plumbline.measure import assign_folds
from plumbline.records import NoDataError

FOLDS = 5
LARGEST_FOR_FOLDS = 20_000
REPEATS = 4
LARGEST_FOR_REPEATS = 6_000
LEAST_POSITIVES = 20
"""A category with fewer rows for or against it gets no head: its figures would mean nothing."""
LEAST_GROUPS = 2 * FOLDS
"""Both must come from at least as many prompts, so that every fold leaves some of each; so many rows of each are to be
held out."""


@dataclass(frozen=True)
class OutOfFold:
    """Scores of training rows by models that had not seen them.

    Attributes:
        positions: shape (k,); which rows. With repeats a row stands here once a repeat, each time by another model; so
            intervals must draw whole groups, and k / repeats is the number of rows.
        scores: shape (k,) for pairs (first − second), (k, heads) for labels; not calibrated.
        folds: shape (k,); the number of the row's fold in its deal, from 0.
        repeats: how many times each row was scored; one repeat's rows stand together.
    """

    positions: NDArray[np.int64]
    scores: NDArray[np.float64]
    folds: NDArray[np.int64]
    repeats: int = 1

    def first(self, repeats: int) -> OutOfFold:
        """Only the first repeats."""
        if repeats == self.repeats:
            return self
        count = len(self.positions) // self.repeats * repeats
        return OutOfFold(self.positions[:count], self.scores[:count], self.folds[:count], repeats)

    def of_rows(self, start: int, end: int) -> OutOfFold:
        """Only the rows at positions start to end, counted from start."""
        chosen = (self.positions >= start) & (self.positions < end)
        return OutOfFold(self.positions[chosen] - start, self.scores[chosen], self.folds[chosen], self.repeats)


@dataclass(frozen=True)
class Deal:
    """Which rows are held out.

    Attributes:
        folds: for each fit the rows held out of it, ascending; one repeat's fits stand together.
        row_count: of all rows, held out or not.
        repeats: how many times each held-out row is held out.
        further: the rows that `folds` leaves, in folds of their own; empty where it leaves none or nobody asks for them.
    """

    folds: tuple[NDArray[np.int64], ...]
    row_count: int
    repeats: int
    further: tuple[NDArray[np.int64], ...] = ()

    @property
    def holds_out_all(self) -> bool:
        """Whether every row is held out of some fit; else one fold stands for all."""
        return len(self.folds) > 1

    @property
    def positions(self) -> NDArray[np.int64]:
        """All held-out rows, fold by fold; with repeats a row stands there once a repeat."""
        return np.concatenate(self.folds)

    def held_out(self, scores: NDArray[np.float64]) -> OutOfFold:
        """The scores of `positions`, shape (k,) or (k, heads), with the rows and folds that they are of."""
        each = len(self.folds) // self.repeats
        numbers = np.repeat(np.arange(len(self.folds)) % each, [len(fold) for fold in self.folds])
        return OutOfFold(self.positions, scores, numbers, self.repeats)

    def held_out_further(self, scores: NDArray[np.float64]) -> OutOfFold:
        """The same of the rows of `further`, whose folds are numbered after those of `folds`."""
        numbers = np.repeat(np.arange(len(self.further)) + len(self.folds), [len(fold) for fold in self.further])
        return OutOfFold(np.concatenate(self.further), scores, numbers)

    def others(self, fold: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows that are not in the fold, ascending."""
        kept = np.ones(self.row_count, bool)
        kept[fold] = False
        return np.flatnonzero(kept)


def too_few_held_out(is_positive: NDArray[np.bool_]) -> str | None:
    """Why a head cannot be calibrated on these held-out rows, which say whether its label applies; None where it can."""
    counts = int(is_positive.sum()), int((~is_positive).sum())
    if min(counts) >= LEAST_GROUPS:
        return None
    return f"{counts[0]} rows for it and {counts[1]} against are held out; at least {LEAST_GROUPS} of each needed"


def enough_rows(positions: NDArray[np.int64]) -> bool:
    """Whether these rows are enough to calibrate on, whatever they say."""
    return len(positions) >= LEAST_GROUPS


def deal_folds(
    group_ids: NDArray[np.str_],
    seed: int,
    *,
    heads: int,
    suffices: Callable[[NDArray[np.int64]], bool] = enough_rows,
    every_row: bool = False,
) -> Deal:
    """Hold out each row of few, and a tenth of many; rows of one group are held out together.

    Args:
        group_ids: n strings.
        seed: another one deals other folds.
        heads: how many fits a fold means; decides with n whether the folds are dealt several times.
        suffices: whether the rows at these positions, a tenth of many, are enough to calibrate on; else all are held out.
        every_row: of many rows, put the others into four `further` folds.
    Raises:
        NoDataError: there are fewer groups than folds.
    """
    groups = len(np.unique(group_ids))
    if groups < FOLDS:
        raise NoDataError(
            "PL-TRN-013",
            "training rows",
            "too few different prompts to leave some out for calibration",
            expected=f"at least {FOLDS}",
            found=str(groups),
            advice="train on more data",
        )
    count = len(group_ids)
    if count > LARGEST_FOR_FOLDS and groups >= 2 * FOLDS:
        tenths = assign_folds(group_ids, 2 * FOLDS, seed=seed)
        held = np.flatnonzero(tenths == 0)
        if suffices(held):
            others = np.array_split(np.arange(1, 2 * FOLDS), FOLDS - 1) if every_row else []
            further = tuple(np.flatnonzero(np.isin(tenths, several)) for several in others)
            return Deal((held,), count, 1, further)
    repeats = REPEATS if count * heads <= LARGEST_FOR_REPEATS else 1
    deals = [assign_folds(group_ids, FOLDS, seed=seed * REPEATS + repeat) for repeat in range(repeats)]
    return Deal(tuple(np.flatnonzero(deal == number) for deal in deals for number in range(FOLDS)), count, repeats)
