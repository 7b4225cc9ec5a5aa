"""How good a model is on labelled rows: figures with intervals, by subset and category, and what they are drawn from.

The result is what ``evaluation.json`` holds and ``plumbline evaluate --json`` prints. Figures come from `measure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plumbline.measure import (
    Bootstrap,
    Figure,
    auprc,
    auroc,
    expected_calibration_error,
    f1_at_threshold,
    false_positive_rate_at_threshold,
    precision_at_threshold,
    precision_recall_curve,
    preference_accuracy,
    rate_figure,
    recall_at_fpr,
    recall_at_threshold,
    reliability_bins,
    threshold_at_fpr,
)
from plumbline.models.linear_model import UNSAFE, LinearModel
from plumbline.models.training_rows import LabelRows, Places, PreferenceRows

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Json = dict[str, Any]

FIGURE_KEYS = ("accuracy", "ece", "auroc", "auprc", "recall_at_fpr_01", "recall_at_fpr_05", "f1")
_HISTOGRAM_BINS = 30
_RELIABILITY_BINS = 10
_DISAGREEMENTS = 20
_TABLED_FALSE_POSITIVE_RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
_LENGTH_BINS = 7


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


def pair_figures(score_differences: Floats, rows: PreferenceRows, model: LinearModel, bootstrap: Bootstrap) -> Json:
    """Figures of ranked pairs.

    Args:
        score_differences: shape (n,); first − second, signed so that higher = the first side is better.
        rows: n decided comparisons.
        model: for its calibration.
        bootstrap: intervals, by group.
    """
    groups = rows.places.group_ids
    shown = _shown_in_random_order(score_differences, rows, model)
    figures: dict[str, Figure] = {
        key: Figure.undefined(len(rows), "pairs are ranked, not classified: see accuracy") for key in FIGURE_KEYS
    }
    figures["accuracy"] = preference_accuracy(
        score_differences, rows.first_is_better, bootstrap=bootstrap, group_ids=groups
    )
    figures["ece"] = _ece(shown, bootstrap)
    return {
        **_json(figures),
        "by_subset": {
            subset: {
                "accuracy": preference_accuracy(
                    score_differences[of_subset],
                    rows.first_is_better[of_subset],
                    bootstrap=bootstrap,
                    group_ids=groups[of_subset],
                ).to_json()
            }
            for subset, of_subset in _subsets(rows.places)
        },
        "by_category": {},
        "baselines": _length_baselines(rows, bootstrap),
        "length": _length_bias(score_differences, rows, bootstrap),
        "reliability": _reliability(shown),
        "precision_recall": [],
        "thresholds": [],
        "disagreements": _pair_disagreements(score_differences, rows, model),
        "rows": {"evaluated": len(rows), "set_aside": rows.set_aside},
    }


def pair_histogram(first_scores: Floats, second_scores: Floats, rows: PreferenceRows) -> Json:
    """Counts of the scores of the better and of the other sides."""
    better = np.where(rows.first_is_better, first_scores, second_scores)
    other = np.where(rows.first_is_better, second_scores, first_scores)
    return _histogram({"preferred": better, "other": other})


def label_figures(
    probabilities: Mapping[str, Floats], rows: LabelRows, thresholds: Mapping[str, float | None], bootstrap: Bootstrap
) -> Json:
    """Figures of safe against unsafe; unsafe is the positive class.

    Args:
        probabilities: head → shape (n,); at least the first, `unsafe` or `cost`.
        rows: n labelled conversations.
        thresholds: head → the probability from which it says yes.
        bootstrap: intervals, by group.
    """
    main = next(iter(probabilities))
    measured = Measured(probabilities[main], rows.is_unsafe, rows.places)
    everything = np.ones(len(rows))
    return {
        **_json(_label_figures(measured, thresholds[main], bootstrap)),
        "by_subset": {
            subset: _json(_label_figures(_part(measured, of_subset), thresholds[main], bootstrap))
            for subset, of_subset in _subsets(rows.places)
        },
        "by_category": {
            name: _category_figures(probabilities[name], rows, name, thresholds[name], bootstrap)
            for name in probabilities
            if name != main and name in rows.categories
        },
        "baselines": {
            "flag everything (F1)": f1_at_threshold(
                everything, rows.is_unsafe, 0.5, bootstrap=bootstrap, group_ids=rows.places.group_ids
            ).to_json(),
            "chance (AUPRC)": rate_figure(
                rows.is_unsafe.astype(float), bootstrap=bootstrap, group_ids=rows.places.group_ids
            ).to_json(),
        },
        "length": None,
        "reliability": _reliability(measured),
        "precision_recall": _precision_recall(measured),
        "score_histogram": _histogram(
            {"safe": measured.probabilities[~measured.labels], "unsafe": measured.probabilities[measured.labels]}
        ),
        "thresholds": _threshold_table(measured, thresholds[main], bootstrap),
        "disagreements": _label_disagreements(measured),
        "rows": {"evaluated": len(rows), "set_aside": rows.set_aside},
    }


def evaluate_model(
    model: LinearModel, pairs: PreferenceRows | None, labels: LabelRows | None, bootstrap: Bootstrap
) -> Json:
    """Figures of a model on rows of its task: pairs for a preference model, labels for moderation, both for cost.

    A cost model's accuracy is that of its pairs where there are some; its other figures are of its labels.
    """
    result: Json = {}
    if labels is not None:
        scores = model.score(labels.replies)
        heads = dict(zip(model.heads, scores.T, strict=True))
        chances = {name: model.heads[name].calibration.probabilities(values) for name, values in heads.items()}
        result = label_figures(chances, labels, {name: head.threshold for name, head in model.heads.items()}, bootstrap)
    if pairs is not None:
        first, second = model.score(pairs.first)[:, 0], model.score(pairs.second)[:, 0]
        sign = -1.0 if model.task == "cost" else 1.0
        of_pairs = pair_figures(sign * (first - second), pairs, model, bootstrap)
        of_pairs["score_histogram"] = pair_histogram(first, second, pairs)
        result = merge_cost_figures(of_pairs, result) if result else of_pairs
    return result


def merge_cost_figures(of_pairs: Json, of_labels: Json) -> Json:
    """A cost model's figures: accuracy, calibration and length from the pairs, the rest from the labels."""
    from_pairs = ("accuracy", "ece", "length", "reliability", "disagreements")
    baselines = {**of_pairs["baselines"], **of_labels["baselines"]}
    by_subset = {**of_labels["by_subset"]}
    for subset, figures in of_pairs["by_subset"].items():
        by_subset[subset] = {**by_subset.get(subset, {}), **figures}
    rows = {
        "evaluated": of_pairs["rows"]["evaluated"],
        "labels_evaluated": of_labels["rows"]["evaluated"],
        "set_aside": {**of_pairs["rows"]["set_aside"], **of_labels["rows"]["set_aside"]},
    }
    return {
        **of_labels,
        **{key: of_pairs[key] for key in from_pairs},
        "baselines": baselines,
        "by_subset": by_subset,
        "rows": rows,
    }


def figures_only(result: Mapping[str, Any]) -> Json:
    """The seven figures of an evaluation, without the rest."""
    return {key: result[key] for key in FIGURE_KEYS}


# --- pairs ---


def _shown_in_random_order(differences: Floats, rows: PreferenceRows, model: LinearModel) -> Measured:
    turned = _turned(rows)
    probabilities = model.pair_calibration.probabilities(np.where(turned, -differences, differences))
    return Measured(probabilities, rows.first_is_better ^ turned, rows.places)


def _turned(rows: PreferenceRows) -> Bools:
    """Which pairs are shown the other way round: half of them, by a bit of their id."""
    return np.array([int(identity[0], 16) & 1 for identity in rows.places.ids], bool)


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

    def share(values: Floats, chosen: Bools) -> Json:
        return rate_figure(values[chosen], bootstrap=bootstrap, group_ids=rows.places.group_ids[chosen]).to_json()

    # Sets that put the better side first in every row would show judges who always prefer the first: turn some round.
    turned = _turned(rows)
    shown_longer_by = np.where(turned, -longer_by, longer_by)
    shown_differences = np.where(turned, -differences, differences)
    judges_first = (rows.first_is_better ^ turned).astype(float)
    edges = np.unique(np.quantile(shown_longer_by, np.linspace(0, 1, _LENGTH_BINS + 1)).round().astype(int))
    bins = []
    for low, high in pairwise(edges):
        chosen = (shown_longer_by >= low) & (
            (shown_longer_by < high) | ((high == edges[-1]) & (shown_longer_by == high))
        )
        first_wins = np.where(shown_differences == 0, 0.5, (shown_differences > 0).astype(float))
        bins.append(
            {
                "low": int(low),
                "high": int(high),
                "judges_first": share(judges_first, chosen),
                "model_first": share(first_wins, chosen),
            }
        )
    return {
        "judges_prefer_longer": share(judged, unequal),
        "model_prefers_longer": share(model, unequal),
        "by_length_difference": bins,
    }


def _pair_disagreements(differences: Floats, rows: PreferenceRows, model: LinearModel) -> list[Json]:
    probabilities = model.pair_calibration.probabilities(differences)
    of_judged = np.where(rows.first_is_better, probabilities, 1 - probabilities)
    labels = np.where(rows.first_is_better, "first", "second")
    return _worst(of_judged, rows.places, labels.tolist())


# --- labels ---


def _label_figures(measured: Measured, threshold: float | None, bootstrap: Bootstrap) -> dict[str, Figure]:
    scores, labels, groups = measured.probabilities, measured.labels, measured.places.group_ids
    how: Any = {"bootstrap": bootstrap, "group_ids": groups}
    no_threshold = Figure.undefined(len(labels), "the model has no threshold")
    right = (scores >= (threshold or 0)) == labels
    return {
        "accuracy": no_threshold if threshold is None else rate_figure(right.astype(float), **how),
        "ece": _ece(measured, bootstrap),
        "auroc": auroc(scores, labels, **how),
        "auprc": auprc(scores, labels, **how),
        "recall_at_fpr_01": recall_at_fpr(scores, labels, 0.01, **how),
        "recall_at_fpr_05": recall_at_fpr(scores, labels, 0.05, **how),
        "f1": no_threshold if threshold is None else f1_at_threshold(scores, labels, threshold, **how),
    }


def _category_figures(
    probabilities: Floats, rows: LabelRows, name: str, threshold: float | None, bootstrap: Bootstrap
) -> Json:
    known = rows.knows(name)
    labels, scores = rows.categories[name][known], probabilities[known]
    how: Any = {"bootstrap": bootstrap, "group_ids": rows.places.group_ids[known]}
    return {
        "auprc": auprc(scores, labels, **how).to_json(),
        "auroc": auroc(scores, labels, **how).to_json(),
        "recall_at_fpr_05": recall_at_fpr(scores, labels, 0.05, **how).to_json(),
        "threshold": threshold,
        "positives": int(labels.sum()),
    }


def _precision_recall(measured: Measured) -> list[Json]:
    curve = precision_recall_curve(measured.probabilities, measured.labels)
    points = zip(curve.recall, curve.precision, curve.thresholds, strict=True)
    return [{"recall": float(r), "precision": float(p), "threshold": float(t)} for r, p, t in points]


def _threshold_table(measured: Measured, chosen: float | None, bootstrap: Bootstrap) -> list[Json]:
    """What each threshold would mean on these rows: the model's own, and those of round false-positive rates."""
    few = Bootstrap(seed=bootstrap.seed, resamples=100)
    scores, labels = measured.probabilities, measured.labels
    found = [threshold_at_fpr(scores, labels, rate, bootstrap=few).value for rate in _TABLED_FALSE_POSITIVE_RATES]
    listed = sorted({value for value in [*found, chosen] if value is not None})
    table = []
    for threshold in listed:
        false_positive_rate = false_positive_rate_at_threshold(scores, labels, threshold, bootstrap=few).value
        recall = recall_at_threshold(scores, labels, threshold, bootstrap=few).value
        if false_positive_rate is None or recall is None:
            continue
        table.append(
            {
                "threshold": threshold,
                "false_positive_rate": false_positive_rate,
                "recall": recall,
                "precision": precision_at_threshold(scores, labels, threshold, bootstrap=few).value,
                "f1": f1_at_threshold(scores, labels, threshold, bootstrap=few).value,
                "chosen": threshold == chosen,
            }
        )
    return table


def _label_disagreements(measured: Measured) -> list[Json]:
    of_label = np.where(measured.labels, measured.probabilities, 1 - measured.probabilities)
    return _worst(of_label, measured.places, np.where(measured.labels, "unsafe", "safe").tolist())


# --- both ---


def _worst(probability_of_label: Floats, places: Places, labels: Sequence[str]) -> list[Json]:
    """Where the model is surest of something else than the label, by id."""
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


def _ece(measured: Measured, bootstrap: Bootstrap) -> Figure:
    return expected_calibration_error(
        measured.probabilities, measured.labels, bootstrap=bootstrap, group_ids=measured.places.group_ids
    )


def _reliability(measured: Measured) -> list[Json]:
    bins = reliability_bins(measured.probabilities, measured.labels, bins=_RELIABILITY_BINS)
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


def _histogram(series: Mapping[str, Floats]) -> Json:
    everything = np.concatenate(list(series.values()))
    edges = np.histogram_bin_edges(everything, bins=_HISTOGRAM_BINS)
    counts = {name: np.histogram(values, edges)[0].tolist() for name, values in series.items()}
    return {"edges": edges.tolist(), "series": counts}


def _subsets(places: Places) -> list[tuple[str, Bools]]:
    return [(subset or "all", (places.subsets == subset).to_numpy()) for subset in sorted(places.subsets.unique())]


def _part(measured: Measured, chosen: Bools) -> Measured:
    positions = np.flatnonzero(chosen)
    return Measured(measured.probabilities[positions], measured.labels[positions], measured.places.take(positions))


def _json(figures: Mapping[str, Figure]) -> Json:
    return {name: figure.to_json() for name, figure in figures.items()}


__all__ = [
    "FIGURE_KEYS",
    "UNSAFE",
    "evaluate_model",
    "figures_only",
    "label_figures",
    "merge_cost_figures",
    "pair_figures",
    "pair_histogram",
]
