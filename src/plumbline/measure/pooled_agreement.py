"""Agreement from judgements in long form, for hundreds of thousands of them: percent, Fleiss' kappa, Krippendorff's alpha.

The same figures as `agreement` and `krippendorff` give for a table of ratings; here one row is a judgement, all figures
share their draws, and what is drawn are kinds of items (see `pooling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from plumbline.measure.agreement import cohen_of_totals, fleiss_of_totals
from plumbline.measure.arrays import FloatArray, IntArray, check_same_length, divide_or_nan
from plumbline.measure.bootstrap import Bootstrap, TotalsStatistic
from plumbline.measure.figure import Figure
from plumbline.measure.krippendorff import (
    NO_VARIATION,
    MeasurementLevel,
    interval_alpha_of_totals,
    interval_columns,
    nominal_alpha_of_totals,
    nominal_columns,
    ordinal_alpha,
)
from plumbline.measure.pooling import Pooled, figure_of_values, pooled_figure
from plumbline.measure.rates import at_the_edge, mean_of_totals
from plumbline.measure.rating_tables import agreeing_pairs


@dataclass(frozen=True, eq=False)
class RatedUnits:
    """What was rated at least twice.

    Attributes:
        values: shape (c,); the distinct ratings, rising.
        counts: shape (units, c); how often a unit was given each value.
        clusters: shape (units,); what is drawn together; None: each unit alone.
        unit_count: units in all, those with one rating too.
    """

    values: FloatArray
    counts: FloatArray
    clusters: IntArray | None
    unit_count: int

    @classmethod
    def of(cls, unit_codes: IntArray, ratings: FloatArray, clusters: IntArray | None = None) -> RatedUnits:
        """Count judgements.

        Args:
            unit_codes: shape (n,); what each is about; integers, any. That nobody rated a unit twice is the caller's to
                see to.
            ratings: shape (n,); finite numbers.
            clusters: shape (n,); the cluster of each row's unit.
        Raises:
            ValueError: lengths differ, or a rating is not finite.
        """
        check_same_length(unit_codes=unit_codes, ratings=ratings)
        if not np.isfinite(ratings).all():
            raise ValueError("ratings: expected finite numbers, found one that is not.")
        if len(unit_codes) == 0:
            return cls(np.zeros(0), np.zeros((0, 0)), None, 0)
        _, first, units = np.unique(unit_codes, return_index=True, return_inverse=True)
        values, codes = np.unique(ratings, return_inverse=True)
        shape = (len(first), len(values))
        counts = np.bincount(units * len(values) + codes, minlength=shape[0] * shape[1]).reshape(shape)
        kept = counts.sum(axis=1) >= 2
        of_units = None if clusters is None else clusters[first][kept]
        return cls(values, counts[kept].astype(np.float64), of_units, len(first))


@dataclass(frozen=True)
class Agreement:
    """How far judgements agree.

    Attributes:
        percent: share of pairs of ratings of a unit that are equal, averaged over units; in [0, 1].
        fleiss_kappa: beyond chance, whatever the order of the values.
        alpha: Krippendorff's, by level.
        flops: additions and multiplications of the totals of all draws, which the figures share.
    """

    percent: Figure
    fleiss_kappa: Figure
    alpha: dict[MeasurementLevel, Figure]
    flops: int

    @classmethod
    def undefined(cls, n: int, why: str, levels: Sequence[MeasurementLevel]) -> Agreement:
        """None of it, and why."""
        figure = Figure.undefined(n, why)
        return cls(figure, figure, dict.fromkeys(levels, figure), 0)


def agreement_of_units(units: RatedUnits, levels: Sequence[MeasurementLevel], bootstrap: Bootstrap) -> Agreement:
    """Agreement of any number of raters, with gaps.

    Args:
        units: what was rated.
        levels: of measurement, for alpha; ordinal only where units are drawn alone.
        bootstrap: seed, number of draws, confidence; fewer draws where there are many kinds of units.
    Raises:
        ValueError: ordinal alpha of units that are drawn in clusters.
    Source: as `percent_agreement`, `fleiss_kappa` and `krippendorff_alpha`. Deviation: as there.
    """
    if not len(units.counts):
        why = "no item has two ratings" if units.unit_count else "no rows"
        return Agreement.undefined(0, why, levels)
    if "ordinal" in levels and units.clusters is not None:
        raise ValueError("levels: expected no ordinal alpha of units in clusters, found it.")
    columns, parts = _columns(units)
    pooled = Pooled.of(columns, units.clusters)
    weights = pooled.draws(bootstrap) if pooled.clusters > 1 else None
    every, drawn = pooled.weighted(pooled.once), None if weights is None else pooled.weighted(weights)

    def figure(part: str, statistic: TotalsStatistic) -> Figure:
        """The figure of a statistic of some of the columns."""
        of_draws = None if drawn is None else statistic(drawn[:, parts[part]])
        return figure_of_values(statistic(every[:, parts[part]]), of_draws, pooled.n, bootstrap, NO_VARIATION)

    def ordinal() -> Figure:
        """Its distances change with what is drawn: no totals of columns."""
        counts = pooled.totals[:, parts["counts"]]
        statistic = partial(ordinal_alpha, counts, counts.sum(axis=1))
        of_draws = None if weights is None else statistic(weights)
        return figure_of_values(statistic(pooled.once), of_draws, pooled.n, bootstrap, NO_VARIATION)

    alphas: dict[MeasurementLevel, Figure] = {}
    for level in levels:
        if len(units.values) < 2:
            alphas[level] = Figure.undefined(pooled.n, NO_VARIATION)
        elif level == "ordinal":
            alphas[level] = ordinal()
        elif level == "nominal":
            alphas[level] = figure("nominal", nominal_alpha_of_totals)
        else:
            alphas[level] = figure("interval", interval_alpha_of_totals)
    percent = at_the_edge(figure("agreeing", mean_of_totals), pooled.clusters, bootstrap)
    return Agreement(percent, figure("fleiss", fleiss_of_totals), alphas, pooled.flops(bootstrap))


def agreement_with_others(
    unit_codes: IntArray, ratings: FloatArray, is_own: NDArray[np.bool_], bootstrap: Bootstrap
) -> tuple[Figure, Figure]:
    """One rater against everybody else who rated the same.

    Args:
        unit_codes: shape (n,); what each judgement is about.
        ratings: shape (n,); category codes or grades.
        is_own: shape (n,); the one rater's; at most one a unit.
        bootstrap: seed, number of draws, confidence; units are drawn.
    Returns:
        Share of the others who said the same, averaged over the units, and Cohen's kappa, in which the others of a unit
        share its one vote; n = units that others rated too.
    Source: Cohen 1960. Deviation: the second rater's vote is the others' shares.
    """
    own_units = unit_codes[is_own]
    among = np.isin(unit_codes, own_units)
    codes, values = unit_codes[among], ratings[among]
    if not len(codes):
        return (Figure.undefined(0, "no rows"),) * 2
    units = np.unique(codes, return_inverse=True)[1]
    distinct, given = np.unique(values, return_inverse=True)
    width, count = len(distinct), int(units.max()) + 1
    counts = np.bincount(units * width + given, minlength=count * width).reshape(count, width).astype(np.float64)
    mine = np.zeros((count, width))
    own = is_own[among]
    mine[units[own], given[own]] = 1.0
    others = counts - mine
    kept = others.sum(axis=1) > 0
    if not kept.any():
        return (Figure.undefined(0, "nobody else rated the same items"),) * 2
    mine, others = mine[kept], others[kept] / others[kept].sum(axis=1, keepdims=True)
    agreed = (mine * others).sum(axis=1)
    pooled = Pooled.of(np.concatenate([agreed[:, None], mine, others], axis=1))
    percent = pooled_figure(pooled, _share_agreed, bootstrap, "no rows")
    why = "the one or the others gave every item the same category"
    kappa = pooled_figure(pooled, cohen_of_totals, bootstrap, why)
    return at_the_edge(percent, pooled.clusters, bootstrap), kappa


def _columns(units: RatedUnits) -> tuple[FloatArray, dict[str, slice]]:
    """Everything that the statistics are totals of, and which columns each takes."""
    counts, width = units.counts, len(units.values)
    shares = counts / counts.sum(axis=1, keepdims=True)
    fleiss = (agreeing_pairs(counts)[:, None], np.ones((len(counts), 1)), shares)
    columns = np.concatenate([*fleiss, nominal_columns(counts), interval_columns(units.values, counts)], axis=1)
    parts = {
        "agreeing": slice(0, 2),
        "fleiss": slice(0, 2 + width),
        "nominal": slice(2 + width, 3 + 2 * width),
        "counts": slice(3 + width, 3 + 2 * width),
        "interval": slice(3 + 2 * width, 7 + 2 * width),
    }
    return columns, parts


def _share_agreed(totals: FloatArray) -> FloatArray:
    width = (totals.shape[1] - 1) // 2
    return divide_or_nan(totals[:, 0], totals[:, 1 : 1 + width].sum(axis=1))
