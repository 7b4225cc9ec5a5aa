"""Figures of safe against unsafe, by subset and category, and what each threshold would mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plumbline.measure import (
    Bootstrap,
    Figure,
    auprc,
    auroc,
    decision_figures,
    f1_at_threshold,
    false_positive_rate_at_threshold,
    majority_accuracy,
    precision_at_threshold,
    precision_recall_curve,
    rate_figure,
    recall_at_fpr,
    recall_at_threshold,
    threshold_at_fpr,
    wilson_figure,
)
from plumbline.models.calibration import safe_rows_needed
from plumbline.models.figures.measured_rows import (
    Bools,
    Floats,
    Json,
    Measured,
    calibration_error,
    figures_json,
    part_of,
    reliability_points,
    rows_by_subset,
    score_histogram,
    worst_disagreements,
)
from plumbline.models.rows.training_rows import LabelRows

_TABLED_FALSE_POSITIVE_RATES = (0.01, 0.02, 0.05, 0.1, 0.2)


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
    return {
        **figures_json(_label_figures(measured, thresholds[main], bootstrap)),
        "by_subset": {
            subset: figures_json(_label_figures(part_of(measured, of_subset), thresholds[main], bootstrap))
            for subset, of_subset in rows_by_subset(rows.places)
        },
        "by_category": _by_category(probabilities, rows, thresholds, bootstrap),
        "by_strength": {},
        "judges": None,
        "uncertainty": None,
        "baselines": _baselines(rows, bootstrap),
        "length": None,
        "reliability": reliability_points(measured),
        "precision_recall": _precision_recall(measured),
        "score_histogram": score_histogram(
            {"safe": measured.probabilities[~measured.labels], "unsafe": measured.probabilities[measured.labels]}
        ),
        "thresholds": _threshold_table(measured, thresholds[main], bootstrap),
        "disagreements": _label_disagreements(measured),
        "rows": {"evaluated": len(rows), "set_aside": rows.set_aside},
    }


def _baselines(rows: LabelRows, bootstrap: Bootstrap) -> Json:
    """What rules without a model reach."""
    how: Any = {"bootstrap": bootstrap, "group_ids": rows.places.group_ids}
    return figures_json(
        {
            "flag everything (F1)": f1_at_threshold(np.ones(len(rows)), rows.is_unsafe, 0.5, **how),
            "majority label (accuracy of labels)": majority_accuracy(rows.is_unsafe, **how),
            "chance (AUPRC)": rate_figure(rows.is_unsafe.astype(float), **how),
        }
    )


def _by_category(
    probabilities: Mapping[str, Floats], rows: LabelRows, thresholds: Mapping[str, float | None], bootstrap: Bootstrap
) -> Json:
    """Figures of each further head whose category the rows have, on the rows that know of it."""
    result = {}
    for name in list(probabilities)[1:]:
        if name in rows.categories:
            known = rows.knows(name)
            result[name] = category_figures(
                probabilities[name][known],
                rows.categories[name][known],
                threshold=thresholds[name],
                bootstrap=bootstrap,
                group_ids=rows.places.group_ids[known],
            )
    return result


def _label_figures(measured: Measured, threshold: float | None, bootstrap: Bootstrap) -> dict[str, Figure]:
    scores, labels, groups = measured.probabilities, measured.labels, measured.places.group_ids
    how: Any = {"bootstrap": bootstrap, "group_ids": groups}
    no_threshold = Figure.undefined(len(labels), "the model has no threshold")
    right = (scores >= (threshold or 0)) == labels
    return {
        "accuracy": no_threshold if threshold is None else rate_figure(right.astype(float), **how),
        "ece": calibration_error(measured, bootstrap),
        "auroc": auroc(scores, labels, **how),
        "auprc": auprc(scores, labels, **how),
        "recall_at_fpr_01": recall_at_fpr(scores, labels, 0.01, **how),
        "recall_at_fpr_05": recall_at_fpr(scores, labels, 0.05, **how),
        "f1": no_threshold if threshold is None else f1_at_threshold(scores, labels, threshold, **how),
    }


def told_few_safe_rows(figures: Mapping[str, Any], max_false_positive_rate: float) -> list[str]:
    """A sentence where the threshold of `unsafe` rests on too few safe rows to promise its rate; none where it does not.

    Args:
        figures: as `label_figures` gives them, of the rows that the threshold was chosen on.
        max_false_positive_rate: what it promises; at least 0 and below 1.
    """
    if not max_false_positive_rate:
        return []
    needed = safe_rows_needed(max_false_positive_rate)
    rates = [row["figures"]["false_positive_rate"] for row in figures["thresholds"] if row["chosen"]]
    return [
        f"the threshold rests on only {rate['n']} safe rows: {100 * max_false_positive_rate:g} % false positives is no "
        f"promise for other rows, which may show up to {100 * _upper_end(rate):.0f} %; it takes at least {needed} safe rows"
        for rate in rates
        if rate["n"] < needed
    ]


def _upper_end(rate: Mapping[str, Any]) -> float:
    """Of Wilson's interval: resampling so few rows would leave it too low."""
    return wilson_figure(round(rate["value"] * rate["n"]), rate["n"], 0.95).high or 0.0


def category_figures(
    probabilities: Floats, applies: Bools, *, threshold: float | None, bootstrap: Bootstrap, group_ids: NDArray[np.str_]
) -> Json:
    """Figures of one category.

    Args:
        probabilities: shape (n,); of rows whose categories are known.
        applies: shape (n,).
        threshold: the probability from which the head says yes; None where there is none.
        bootstrap: intervals, by group.
        group_ids: n strings.
    """
    how: Any = {"bootstrap": bootstrap, "group_ids": group_ids}
    return {
        "auprc": auprc(probabilities, applies, **how).to_json(),
        "auroc": auroc(probabilities, applies, **how).to_json(),
        "recall_at_fpr_05": recall_at_fpr(probabilities, applies, 0.05, **how).to_json(),
        "threshold": threshold,
        "positives": int(applies.sum()),
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
                "figures": figures_json(
                    decision_figures(
                        scores, labels, threshold, bootstrap=bootstrap, group_ids=measured.places.group_ids
                    )
                ),
            }
        )
    return table


def _label_disagreements(measured: Measured) -> list[Json]:
    of_label = np.where(measured.labels, measured.probabilities, 1 - measured.probabilities)
    return worst_disagreements(of_label, measured.places, np.where(measured.labels, "unsafe", "safe").tolist())
