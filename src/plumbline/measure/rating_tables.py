"""Tables of ratings: which items were rated how, by how many; what all measures of agreement start from.

Who gave a rating matters to Cohen's kappa only. Percent agreement, Fleiss' kappa and Krippendorff's alpha look at how
often each value was given to an item, so a table's columns may be raters or mere slots.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from plumbline.measure.arrays import FloatArray, Ids, IntArray, check_same_length, encode_ids, numbers
from plumbline.measure.bootstrap import Clusters


@dataclass(frozen=True, eq=False)
class RatedItems:
    """The items that carry at least two ratings.

    Attributes:
        values: shape (c,); the distinct rating values, rising.
        counts: shape (items, c); how often an item was given each value.
        clusters: which items are drawn together.
        item_count: items in the table, those with fewer than two ratings too.
    """

    values: FloatArray
    counts: FloatArray
    clusters: Clusters
    item_count: int

    @classmethod
    def of(cls, ratings: ArrayLike, group_ids: Ids | None) -> "RatedItems":
        """Check and count a table of ratings.

        Args:
            ratings: shape (items, slots); NaN where there is no rating.
            group_ids: shape (items,) or None.
        Raises:
            ValueError: not a table of numbers, an infinite rating, or group_ids that do not fit.
        """
        table = _rating_table(ratings)
        clusters = Clusters.of(group_ids, len(table))
        kept = np.flatnonzero((~np.isnan(table)).sum(axis=1) >= 2)
        used = table[kept]
        given = ~np.isnan(used)
        values, codes = np.unique(used[given], return_inverse=True)
        cells = np.nonzero(given)[0] * len(values) + codes
        counts = np.bincount(cells, minlength=len(kept) * len(values)).reshape(len(kept), len(values))
        return cls(values, counts.astype(np.float64), clusters.take(kept), len(table))

    @property
    def n(self) -> int:
        """Items with at least two ratings."""
        return len(self.counts)

    @property
    def why_no_items(self) -> str | None:
        """Why there is nothing to agree on, or None where there is."""
        if self.n:
            return None
        return "no item has two ratings" if self.item_count else "no rows"

    @property
    def ratings_per_item(self) -> FloatArray:
        """Shape (items,); at least 2 each."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def agreeing_pairs(self) -> FloatArray:
        """Shape (items,); share of an item's pairs of ratings that are equal."""
        return agreeing_pairs(self.counts)


def agreeing_pairs(counts: FloatArray) -> FloatArray:
    """Share of an item's pairs of ratings that are equal, from how often it was given each value, (items, c): (items,)."""
    per_item = counts.sum(axis=1)
    return np.asarray((counts * (counts - 1.0)).sum(axis=1) / (per_item * (per_item - 1.0)))


def pack_ratings(item_ids: Ids, ratings: ArrayLike) -> tuple[FloatArray, list[Any]]:
    """Turn one row a judgement into one row an item.

    Args:
        item_ids: shape (judgements,); strings or integers. That nobody rated an item twice is the caller's to see to.
        ratings: shape (judgements,); category codes or grades.
    Returns:
        The table, shape (items, most ratings of an item), ratings in the order given and NaN after the last; and the
        item of each row, in the order in which they first occur.
    Raises:
        ValueError: lengths differ, a rating is not finite, or an id is neither a string nor an integer.
    """
    codes, items = encode_ids("item_ids", item_ids)
    values = numbers("ratings", ratings)
    check_same_length(item_ids=codes, ratings=values)
    sizes = np.bincount(codes, minlength=len(items))
    order = np.argsort(codes, kind="stable")
    slots: IntArray = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    table = np.full((len(items), int(sizes.max(initial=0))), np.nan)
    table[codes[order], slots] = values[order]
    return table, items


def _rating_table(ratings: ArrayLike) -> FloatArray:
    array = np.asarray(ratings)
    if array.size == 0 and array.ndim < 2:
        return np.zeros((0, 0))
    if array.ndim != 2:
        raise ValueError(f"ratings: expected shape (items, raters), found shape {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"ratings: expected numbers, NaN where there is none, found values of type {array.dtype}.")
    table = array.astype(np.float64)
    infinite = np.argwhere(np.isinf(table))
    if len(infinite):
        raise ValueError(f"ratings: expected finite numbers or NaN, found an infinite one at item {infinite[0][0]}.")
    return table
