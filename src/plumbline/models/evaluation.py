"""How good a model is on labelled rows: figures with intervals, by subset and category, and what they are drawn from.

The result is what ``evaluation.json`` holds and ``plumbline evaluate --json`` prints. Figures come from `measure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline.measure import Bootstrap
from plumbline.models.label_figures import label_figures
from plumbline.models.linear_model import LinearModel
from plumbline.models.measured_rows import FIGURE_KEYS, Json
from plumbline.models.pair_figures import pair_figures, pair_histogram
from plumbline.models.training_rows import LabelRows, PreferenceRows


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


__all__ = ["FIGURE_KEYS", "evaluate_model", "figures_only", "merge_cost_figures"]
