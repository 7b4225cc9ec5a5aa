"""How good a model is on labelled rows: figures with intervals, by subset and category, and what they are drawn from.

The result is what ``evaluation.json`` holds and ``plumbline evaluate --json`` prints. Figures come from `measure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plumbline.measure import Bootstrap
from plumbline.models.label_figures import label_figures
from plumbline.models.measured_rows import FIGURE_KEYS, Json
from plumbline.models.pair_figures import pair_figures, pair_histogram
from plumbline.models.scored_model import Advance, Floats, ScoredModel, better_sign, pair_calibration
from plumbline.models.training_rows import LabelRows, PreferenceRows


def evaluate_model(
    model: ScoredModel,
    pairs: PreferenceRows | None,
    labels: LabelRows | None,
    bootstrap: Bootstrap,
    *,
    advance: Advance | None = None,
) -> Json:
    """Figures of a model on rows of its task: pairs for a preference model, labels for moderation, both for cost.

    A cost model's accuracy is that of its pairs where there are some; its other figures are of its labels.
    """
    of_pairs = None if pairs is None else model.score_pairs(pairs.records.rows(), advance=advance)
    of_labels = None
    if labels is not None:
        of_labels = model.score_conversations(labels.records.rows()["conversation"], advance=advance)
    return evaluate_scores(model, RowScores(pairs, of_pairs, labels, of_labels), bootstrap)


@dataclass(frozen=True)
class RowScores:
    """Rows and what a model says of them.

    Attributes:
        pair_scores: shape (n, 2, heads), of `pairs`.
        label_scores: shape (m, heads), of `labels`.
    """

    pairs: PreferenceRows | None
    pair_scores: Floats | None
    labels: LabelRows | None
    label_scores: Floats | None


def evaluate_scores(model: ScoredModel, scored: RowScores, bootstrap: Bootstrap) -> Json:
    """Figures of scores, as `evaluate_model`; the model is asked for its calibration and thresholds alone."""
    result: Json = {}
    if scored.labels is not None and scored.label_scores is not None:
        heads = dict(zip(model.heads, scored.label_scores.T, strict=True))
        chances = {name: model.heads[name].calibration.probabilities(values) for name, values in heads.items()}
        thresholds = {name: head.threshold for name, head in model.heads.items()}
        result = label_figures(chances, scored.labels, thresholds, bootstrap)
    if scored.pairs is not None and scored.pair_scores is not None:
        first, second = scored.pair_scores[:, 0, 0], scored.pair_scores[:, 1, 0]
        of_pairs = pair_figures(better_sign(model) * (first - second), scored.pairs, pair_calibration(model), bootstrap)
        of_pairs["score_histogram"] = pair_histogram(first, second, scored.pairs)
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


__all__ = ["FIGURE_KEYS", "RowScores", "evaluate_model", "evaluate_scores", "figures_only", "merge_cost_figures"]
