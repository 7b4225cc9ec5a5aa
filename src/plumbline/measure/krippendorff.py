"""Krippendorff's alpha: 1 − observed disagreement / disagreement by chance, for any number of raters, with gaps.

Covers nominal, ordinal and interval disagreement. Ratio and circular are not covered: no judgement here has them.
"""

from functools import partial
from typing import Literal, TypeAlias, assert_never

import numpy as np
from numpy.typing import ArrayLike

from plumbline.measure.arrays import FloatArray, Ids, divide_or_nan
from plumbline.measure.bootstrap import Bootstrap, figure_of_statistic, figure_of_totals
from plumbline.measure.figure import Figure
from plumbline.measure.rating_tables import RatedItems

MeasurementLevel: TypeAlias = Literal["nominal", "ordinal", "interval"]

NO_VARIATION = "every rating is the same"
"""Why alpha and kappa are undefined where nothing varies."""
# Below this share of the largest it could be, disagreement by chance is rounding: all ratings drawn are equal.
_ROUNDING = 1e-12


def krippendorff_alpha(
    ratings: ArrayLike, *, level: MeasurementLevel, bootstrap: Bootstrap, group_ids: Ids | None = None
) -> Figure:
    """Agreement beyond chance of any number of raters, with missing ratings.

    Args:
        ratings: shape (items, raters), one row an item (the `krippendorff` library has one row a rater); numbers, NaN
            where there is none. Items with fewer than two ratings are left out.
        level: what counts as disagreement. `nominal`: different or not. `ordinal`: how many ratings lie between the
            two values. `interval`: the squared difference of the two values.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (items,); items of one id are drawn together. None: items are independent.
    Returns:
        Alpha, at most 1 and 0 at chance, n = items used; undefined where no item has two ratings and where every
        rating is the same.
    Raises:
        ValueError: not a table of numbers, an infinite rating, group_ids that do not fit, or an unknown level.
    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, §E. Deviation: the interval resamples whole
        items, where Hayes & Krippendorff 2007 draw pairs of ratings.
    """
    if level not in ("nominal", "ordinal", "interval"):
        raise ValueError(f"level: expected nominal, ordinal or interval, found {level!r}.")
    items = RatedItems.of(ratings, group_ids)
    if items.why_no_items:
        return Figure.undefined(0, items.why_no_items)
    if len(items.values) < 2:
        return Figure.undefined(items.n, NO_VARIATION)
    if level == "nominal":
        columns = nominal_columns(items.counts)
        return figure_of_totals(columns, nominal_alpha_of_totals, items.clusters, bootstrap, NO_VARIATION)
    if level == "interval":
        columns = interval_columns(items.values, items.counts)
        return figure_of_totals(columns, interval_alpha_of_totals, items.clusters, bootstrap, NO_VARIATION)
    if level == "ordinal":
        statistic = partial(ordinal_alpha, items.counts, items.ratings_per_item)
        return figure_of_statistic(statistic, items.n, items.clusters, bootstrap, NO_VARIATION)
    assert_never(level)


def nominal_columns(counts: FloatArray) -> FloatArray:
    """Each item's disagreement, then how often it was given each value, as (items, c) says: (items, 1 + c)."""
    per_item = counts.sum(axis=1)
    disagreement = (counts * (per_item[:, None] - counts)).sum(axis=1) / (per_item - 1.0)
    return np.concatenate([disagreement[:, None], counts], axis=1)


def nominal_alpha_of_totals(totals: FloatArray) -> FloatArray:
    """Alpha from totals (draws, 1 + c) of disagreement and of each value's count: (draws,)."""
    counts = totals[:, 1:]
    n = counts.sum(axis=1)
    by_chance = (counts * (n[:, None] - counts)).sum(axis=1)
    return 1.0 - divide_or_nan((n - 1.0) * totals[:, 0], by_chance)


def interval_columns(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Each item's disagreement, its number of ratings, their sum and that of their squares, from (c,), (items, c): (items, 4)."""
    per_item = counts.sum(axis=1)
    mean = (counts.sum(axis=0) * values).sum() / per_item.sum()
    centred = values - mean  # so that the differences of squares below keep their digits
    sums, squares = (counts * centred).sum(axis=1), (counts * centred**2).sum(axis=1)
    return np.stack([pair_distances(per_item, sums, squares) / (per_item - 1.0), per_item, sums, squares], axis=1)


def interval_alpha_of_totals(totals: FloatArray) -> FloatArray:
    """Alpha from totals (draws, 4) of disagreement, number of ratings, their sum and that of their squares: (draws,)."""
    disagreement, n, sums, squares = totals.T
    by_chance = pair_distances(n, sums, squares)
    by_chance = np.where(by_chance <= _ROUNDING * n * squares, 0.0, by_chance)
    return 1.0 - divide_or_nan((n - 1.0) * disagreement, by_chance)


def ordinal_alpha(counts: FloatArray, per_item: FloatArray, weights: FloatArray) -> FloatArray:
    """Alpha for weights (draws, items): (draws,).

    Ordinal distance is the squared difference of midranks. These change with what is drawn, so that the items' share
    of the disagreement cannot be added up once for all draws, as it is for the other levels.
    """
    drawn = np.einsum("di,ic->dc", weights, counts)
    n = drawn.sum(axis=1)
    midranks = np.cumsum(drawn, axis=1) - drawn / 2.0
    midranks -= ((drawn * midranks).sum(axis=1) / n)[:, None]
    sums = np.einsum("dc,ic->di", midranks, counts)
    squares = np.einsum("dc,ic->di", midranks**2, counts)
    distances = pair_distances(per_item, sums, squares) / (per_item - 1.0)
    disagreement = np.einsum("di,di->d", weights, distances)
    by_chance = pair_distances(n, (drawn * midranks).sum(axis=1), (drawn * midranks**2).sum(axis=1))
    by_chance = np.where(by_chance <= _ROUNDING * n**4, 0.0, by_chance)
    return 1.0 - divide_or_nan((n - 1.0) * disagreement, by_chance)


def pair_distances(n: FloatArray, sums: FloatArray, squares: FloatArray) -> FloatArray:
    """Sum (v − w)² over ordered pairs of n values, from Σv and Σv²."""
    return 2.0 * (n * squares - sums**2)
