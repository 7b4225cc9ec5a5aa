"""Figures of ranked pairs: accuracy, calibration, what length alone would reach, and where model and judges differ."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plumbline.measure import Bootstrap, Figure, preference_accuracy, rate_figure
from plumbline.models.calibration import Calibration
from plumbline.models.figures.judge_agreement import judge_figures, strength_figures
from plumbline.models.figures.measured_rows import (
    FIGURE_KEYS,
    Bools,
    Floats,
    Json,
    Measured,
    bits_of_ids,
    calibration_error,
    figures_json,
    reliability_points,
    rows_by_subset,
    score_histogram,
    worst_disagreements,
)
from plumbline.models.rows.training_rows import PreferenceRows

_LENGTH_BINS = 7
RANKED = "pairs are ranked, not classified: see accuracy"
"""Why figures of safe against unsafe are undefined of pairs."""


def pair_figures(
    score_differences: Floats, rows: PreferenceRows, calibration: Calibration, bootstrap: Bootstrap
) -> Json:
    """Figures of ranked pairs.

    Args:
        score_differences: shape (n,); first − second, signed so that higher = the first side is better.
        rows: n decided comparisons.
        calibration: of such differences.
        bootstrap: intervals, by group.
    """
    groups = rows.places.group_ids
    shown = _shown_in_random_order(score_differences, rows, calibration)
    figures: dict[str, Figure] = {key: Figure.undefined(len(rows), RANKED) for key in FIGURE_KEYS}
    figures["accuracy"] = preference_accuracy(
        score_differences, rows.first_is_better, bootstrap=bootstrap, group_ids=groups
    )
    figures["ece"] = calibration_error(shown, bootstrap)
    return {
        **figures_json(figures),
        "by_subset": {
            subset: {
                "accuracy": preference_accuracy(
                    score_differences[of_subset],
                    rows.first_is_better[of_subset],
                    bootstrap=bootstrap,
                    group_ids=groups[of_subset],
                ).to_json()
            }
            for subset, of_subset in rows_by_subset(rows.places)
        },
        "by_category": {},
        "by_strength": strength_figures(score_differences, rows, bootstrap),
        "uncertainty": None,
        "judges": judge_figures(score_differences, rows, calibration, bootstrap),
        "baselines": _length_baselines(rows, bootstrap),
        "length": _length_bias(score_differences, rows, bootstrap),
        "reliability": reliability_points(shown),
        "precision_recall": [],
        "thresholds": [],
        "disagreements": _pair_disagreements(score_differences, rows, calibration),
        "rows": {"evaluated": len(rows), "set_aside": rows.set_aside},
    }


def pair_histogram(first_scores: Floats, second_scores: Floats, rows: PreferenceRows) -> Json:
    """Counts of the scores of the better and of the other sides."""
    better = np.where(rows.first_is_better, first_scores, second_scores)
    other = np.where(rows.first_is_better, second_scores, first_scores)
    return score_histogram({"preferred": better, "other": other})


def _shown_in_random_order(differences: Floats, rows: PreferenceRows, calibration: Calibration) -> Measured:
    turned = _turned(rows)
    probabilities = calibration.probabilities(np.where(turned, -differences, differences))
    return Measured(probabilities, rows.first_is_better ^ turned, rows.places)


def _turned(rows: PreferenceRows) -> Bools:
    """Which pairs are shown the other way round: half of them."""
    return bits_of_ids(rows.places.ids)


def _lengths(texts: Any) -> NDArray[np.int64]:
    lengths: NDArray[np.int64] = pl.Series(texts).str.len_chars().cast(pl.Int64).to_numpy()
    return lengths


def _length_baselines(rows: PreferenceRows, bootstrap: Bootstrap) -> Json:
    longer = (_lengths(rows.first.texts) - _lengths(rows.second.texts)).astype(float)
    groups = rows.places.group_ids
    return {
        "longer is better": preference_accuracy(
            longer, rows.first_is_better, bootstrap=bootstrap, group_ids=groups
        ).to_json(),
        "shorter is better": preference_accuracy(
            -longer, rows.first_is_better, bootstrap=bootstrap, group_ids=groups
        ).to_json(),
    }


def _length_bias(differences: Floats, rows: PreferenceRows, bootstrap: Bootstrap) -> Json:
    """How often the longer side wins, with the judges and with the model; pairs of one length are left out."""
    longer_by = _lengths(rows.first.texts) - _lengths(rows.second.texts)
    unequal = longer_by != 0
    first_is_longer = longer_by > 0
    judged = (rows.first_is_better == first_is_longer).astype(float)
    # A score difference of 0 prefers neither side.
    model = np.where(differences == 0, 0.5, ((differences > 0) == first_is_longer).astype(float))
    return {
        "judges_prefer_longer": _share(judged, unequal, rows, bootstrap),
        "model_prefers_longer": _share(model, unequal, rows, bootstrap),
        "by_length_difference": _length_bins(longer_by, differences, rows, bootstrap),
    }


def _length_bins(
    longer_by: NDArray[np.int64], differences: Floats, rows: PreferenceRows, bootstrap: Bootstrap
) -> list[Json]:
    """How often the first shown side wins, by how much longer it is.

    Sets that put the better side first in every row would show judges who always prefer the first: some are turned.
    """
    turned = _turned(rows)
    shown_longer_by = np.where(turned, -longer_by, longer_by)
    shown_differences = np.where(turned, -differences, differences)
    judges_first = (rows.first_is_better ^ turned).astype(float)
    first_wins = np.where(shown_differences == 0, 0.5, (shown_differences > 0).astype(float))
    edges = np.unique(np.quantile(shown_longer_by, np.linspace(0, 1, _LENGTH_BINS + 1)).round().astype(int))
    bins = []
    for low, high in pairwise(edges):
        chosen = (shown_longer_by >= low) & (
            (shown_longer_by < high) | ((high == edges[-1]) & (shown_longer_by == high))
        )
        bins.append(
            {
                "low": int(low),
                "high": int(high),
                "judges_first": _share(judges_first, chosen, rows, bootstrap),
                "model_first": _share(first_wins, chosen, rows, bootstrap),
            }
        )
    return bins


def _share(values: Floats, chosen: Bools, rows: PreferenceRows, bootstrap: Bootstrap) -> Json:
    """Mean of the chosen rows' values, as a figure."""
    return rate_figure(values[chosen], bootstrap=bootstrap, group_ids=rows.places.group_ids[chosen]).to_json()


def _pair_disagreements(differences: Floats, rows: PreferenceRows, calibration: Calibration) -> list[Json]:
    probabilities = calibration.probabilities(differences)
    of_judged = np.where(rows.first_is_better, probabilities, 1 - probabilities)
    labels = np.where(rows.first_is_better, "first", "second")
    return worst_disagreements(of_judged, rows.places, labels.tolist())
