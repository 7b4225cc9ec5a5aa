"""Rows reduced to what figures need, and the parts of an evaluation that pairs and labels have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plumbline.measure import Bootstrap, Figure, calibration_bins, expected_calibration_error, reliability_bins
from plumbline.models.rows.training_rows import Places

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Json = dict[str, Any]

FIGURE_KEYS = ("accuracy", "ece", "auroc", "auprc", "recall_at_fpr_01", "recall_at_fpr_05", "f1")
_HISTOGRAM_BINS = 30
_RELIABILITY_BINS = 10
_DISAGREEMENTS = 20


@dataclass(frozen=True)
class Measured:
    """Rows reduced to what figures need.

    Attributes:
        probabilities: shape (n,); of the label.
        labels: shape (n,); for pairs whether the first of the *shown* sides is better, sides shown in an order drawn
            from the id, so that a set which always puts the better side first does not flatter calibration.
        places: n.
    """

    probabilities: Floats
    labels: Bools
    places: Places


def bits_of_ids(ids: pl.Series) -> Bools:
    """A bit of each id, hexadecimal digits: which way round a pair is shown must hang on nothing that was judged."""
    return np.array([int(identity[0], 16) & 1 for identity in ids], bool)


def worst_disagreements(probability_of_label: Floats, places: Places, labels: Sequence[str]) -> list[Json]:
    """Where the model is surest of something else than the label, by id; up to twenty rows."""
    order = np.argsort(probability_of_label, kind="stable")[:_DISAGREEMENTS]
    return [
        {
            "id": places.ids[int(position)],
            "source": places.sources[int(position)],
            "row": int(places.rows[position]),
            "probability": float(probability_of_label[position]),
            "label": labels[int(position)],
        }
        for position in order
        if probability_of_label[position] < 0.5
    ]


def calibration_error(measured: Measured, bootstrap: Bootstrap) -> Figure:
    """Expected calibration error of the probabilities, with an interval by group; undefined below 30 groups of rows."""
    return expected_calibration_error(
        measured.probabilities, measured.labels, bootstrap=bootstrap, group_ids=measured.places.group_ids
    )


def reliability_points(measured: Measured) -> list[Json]:
    """Mean probability and observed rate of ten bins, with intervals; of fewer where there are few groups, at least one."""
    groups = len(np.unique(measured.places.group_ids))
    bins = reliability_bins(
        measured.probabilities, measured.labels, bins=max(1, calibration_bins(groups, _RELIABILITY_BINS))
    )
    return [
        {
            "mean_predicted": each.mean_probability,
            "observed": each.observed.value,
            "low": each.observed.low,
            "high": each.observed.high,
            "n": each.observed.n,
        }
        for each in bins
    ]


def score_histogram(series: Mapping[str, Floats]) -> Json:
    """Counts of each series in the same thirty bins."""
    everything = np.concatenate(list(series.values()))
    edges = np.histogram_bin_edges(everything, bins=_HISTOGRAM_BINS)
    counts = {name: np.histogram(values, edges)[0].tolist() for name, values in series.items()}
    return {"edges": edges.tolist(), "series": counts}


def rows_by_subset(places: Places) -> list[tuple[str, Bools]]:
    """Subset → which rows are of it, by name; rows without one are of `all`."""
    return [(subset or "all", (places.subsets == subset).to_numpy()) for subset in sorted(places.subsets.unique())]


def part_of(measured: Measured, chosen: Bools) -> Measured:
    """The chosen rows alone."""
    positions = np.flatnonzero(chosen)
    return Measured(measured.probabilities[positions], measured.labels[positions], measured.places.take(positions))


def figures_json(figures: Mapping[str, Figure]) -> Json:
    """Each figure as it stands in ``evaluation.json``."""
    return {name: figure.to_json() for name, figure in figures.items()}
