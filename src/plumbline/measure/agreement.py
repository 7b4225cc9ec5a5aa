"""Agreement of raters: percent agreement, Cohen's kappa, Fleiss' kappa.

Intervals resample items (or groups of items), with the raters as they are. Krippendorff's alpha, for ordered values and
for grades, is in `krippendorff`.
"""

import numpy as np
from numpy.typing import ArrayLike

from plumbline.measure.arrays import FloatArray, Ids, check_same_length, divide_or_nan
from plumbline.measure.bootstrap import Bootstrap, Clusters, figure_of_totals
from plumbline.measure.figure import Figure
from plumbline.measure.rates import rate_of_rows
from plumbline.measure.rating_tables import RatedItems


def percent_agreement(ratings: ArrayLike, *, bootstrap: Bootstrap, group_ids: Ids | None = None) -> Figure:
    """Share of pairs of ratings of an item that are equal, averaged over items.

    Args:
        ratings: shape (items, raters); category codes, NaN where there is none. Items with fewer than two ratings are
            left out; every other item counts the same, however many rated it.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (items,); items of one id are drawn together. None: items are independent.
    Returns:
        The share in [0, 1] (not times 100), n = items used; undefined where none has two ratings. At exactly 0 or 1
        the interval is that of `rate_figure`.
    Raises:
        ValueError: not a table of numbers, an infinite rating, or group_ids that do not fit.
    Source: Fleiss 1971, eq. (2)–(3), the mean of P_i. Deviation: items may have different numbers of ratings.
    """
    items = RatedItems.of(ratings, group_ids)
    if items.why_no_items:
        return Figure.undefined(0, items.why_no_items)
    return rate_of_rows(items.agreeing_pairs, items.clusters, bootstrap)


def cohen_kappa(
    first_ratings: ArrayLike, second_ratings: ArrayLike, *, bootstrap: Bootstrap, group_ids: Ids | None = None
) -> Figure:
    """Agreement of two raters beyond chance, each with their own habits; categories have no order.

    Args:
        first_ratings: shape (items,); category codes of one rater, NaN where there is none.
        second_ratings: shape (items,); of the other. Items that only one of them rated are left out.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (items,); items of one id are drawn together. None: items are independent.
    Returns:
        Kappa, at most 1 and 0 at chance, n = items both rated; undefined for n = 0 and where one of the raters gave
        every item the same category: kappa would then be 0 or 0/0 whatever the other said.
    Raises:
        ValueError: lengths differ, a rating is not a number or infinite, or group_ids do not fit.
    Source: Cohen 1960. Deviation: undefined for one constant rater, where the formula gives 0.
    """
    first, second = _one_rater("first_ratings", first_ratings), _one_rater("second_ratings", second_ratings)
    check_same_length(first_ratings=first, second_ratings=second)
    clusters = Clusters.of(group_ids, len(first))
    kept = np.flatnonzero(~np.isnan(first) & ~np.isnan(second))
    if len(kept) == 0:
        return Figure.undefined(0, "no item was rated by both" if len(first) else "no rows")
    values, codes = np.unique(np.stack([first[kept], second[kept]]), return_inverse=True)
    given = np.eye(len(values))[codes.reshape(2, -1)]
    agreed = (codes.reshape(2, -1)[0] == codes.reshape(2, -1)[1]).astype(np.float64)
    columns = np.concatenate([agreed[:, None], given[0], given[1]], axis=1)
    why = "a rater gave every item the same category"
    return figure_of_totals(columns, cohen_of_totals, clusters.take(kept), bootstrap, why)


def fleiss_kappa(ratings: ArrayLike, *, bootstrap: Bootstrap, group_ids: Ids | None = None) -> Figure:
    """Agreement of several raters beyond chance, all with the same habits; categories have no order.

    Args:
        ratings: shape (items, raters); category codes, NaN where there is none. Who rated may differ from item to
            item. Items with fewer than two ratings are left out. Where the items used have different numbers of
            ratings, every item counts the same: P is the mean of the items' agreeing pairs, p_j the mean of the items'
            shares of category j. With equal numbers this is Fleiss' own kappa.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (items,); items of one id are drawn together. None: items are independent.
    Returns:
        Kappa, at most 1 and 0 at chance, n = items used; undefined where no item has two ratings and where every
        rating is the same.
    Raises:
        ValueError: not a table of numbers, an infinite rating, or group_ids that do not fit.
    Source: Fleiss 1971; for unequal numbers Gwet 2014, §2.5 and ch. 3. Deviation: there, items with a single rating
        still count in p_j.
    """
    items = RatedItems.of(ratings, group_ids)
    if items.why_no_items:
        return Figure.undefined(0, items.why_no_items)
    shares = items.counts / items.ratings_per_item[:, None]
    columns = np.concatenate([items.agreeing_pairs[:, None], np.ones((items.n, 1)), shares], axis=1)
    return figure_of_totals(columns, fleiss_of_totals, items.clusters, bootstrap, "every rating is the same")


def _one_rater(name: str, ratings: ArrayLike) -> FloatArray:
    """Read one rater's ratings, shape (items,), NaN where there is none."""
    array = np.asarray(ratings)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "biuf"):
        raise ValueError(f"{name}: expected numbers of shape (items,), found {array.dtype} of shape {array.shape}.")
    result = array.astype(np.float64)
    if np.isinf(result).any():
        raise ValueError(f"{name}: expected finite numbers or NaN, found an infinite one.")
    return result


def cohen_of_totals(totals: FloatArray) -> FloatArray:
    """Kappa from totals (draws, 1 + 2c) of agreed items and of each rater's c categories: (draws,)."""
    agreed, given = totals[:, 0], totals[:, 1:]
    first, second = np.split(given, 2, axis=1)
    n = first.sum(axis=1)
    by_chance = (first * second).sum(axis=1)
    constant = (first.max(axis=1) == n) | (second.max(axis=1) == n)
    return divide_or_nan(n * agreed - by_chance, np.where(constant, 0.0, n * n - by_chance))


def fleiss_of_totals(totals: FloatArray) -> FloatArray:
    """Kappa from totals (draws, 2 + c) of agreeing pairs, items and shares of the c categories: (draws,)."""
    agreement = totals[:, 0] / totals[:, 1]
    shares = totals[:, 2:] / totals[:, 1:2]
    by_chance = (shares**2).sum(axis=1)
    constant = shares.max(axis=1) >= 1.0 - 1e-12
    return divide_or_nan(agreement - by_chance, np.where(constant, 0.0, 1.0 - by_chance))
