"""How good a model is on labelled rows: figures with intervals, by subset and category, and what they are drawn from.

The result is what ``evaluation.json`` holds and ``plumbline evaluate --json`` prints. Figures come from `measure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plumbline.measure import Bootstrap
from plumbline.models.figures.accuracy_ceiling import accuracy_ceiling
from plumbline.models.figures.label_figures import label_figures
from plumbline.models.figures.measured_rows import FIGURE_KEYS, Json
from plumbline.models.figures.pair_figures import pair_figures, pair_histogram
from plumbline.models.figures.uncertainty import pair_spread, reply_spread, uncertainty_figures
from plumbline.models.rows.training_rows import SAME_TO_MODEL, LabelRows, PreferenceRows
from plumbline.models.scored_model import Advance, ScoredModel, Scores, better_sign, pair_calibration
from plumbline.records import ModelError, NoDataError

_ASK_WHICH = (
    "plumbline score MODEL SOURCE -o FILE: where its score is null, the model says nothing; train it again, or copy it again "
    "from where it came"
)


def evaluate_model(
    model: ScoredModel,
    pairs: PreferenceRows | None,
    labels: LabelRows | None,
    bootstrap: Bootstrap,
    *,
    advance: Advance | None = None,
) -> Json:
    """Figures of a model on rows of its task: pairs for a preference model, labels for moderation, both for cost.

    A cost model's accuracy is that of its pairs where there are some; its other figures are of its labels. Pairs whose
    sides are the same to the model say nothing of it: they are set aside and counted, as in training. ``noise_ceiling``
    is that of the rows that accuracy is counted on.

    Raises:
        NoDataError: all pairs are such.
        ModelError: it gives no finite number for some rows.
    """
    of_pairs = None if pairs is None else model.read_pairs(pairs.records.rows(), advance=advance)
    if pairs is not None and of_pairs is not None:
        pairs, of_pairs = told_apart(pairs, of_pairs)
    of_labels = None
    if labels is not None:
        of_labels = model.read_conversations(labels.records.rows()["conversation"], advance=advance)
    require_numbers(of_pairs, of_labels)
    figures = evaluate_scores(model, RowScores(pairs, of_pairs, labels, of_labels), bootstrap)
    judged = labels if pairs is None else pairs
    return figures if judged is None else {**figures, "noise_ceiling": accuracy_ceiling(judged, bootstrap)}


def told_apart(pairs: PreferenceRows, scores: Scores) -> tuple[PreferenceRows, Scores]:
    """Pairs whose sides are not the same to the model, and their scores; the others are counted as set aside.

    Raises:
        NoDataError: there were pairs, and none is left.
    """
    if scores.alike is None or not scores.alike.any():
        return pairs, scores
    kept = np.flatnonzero(~scores.alike)
    if not len(kept):
        raise NoDataError(
            "PL-TRN-020",
            "rows to measure on",
            "to the model, both sides are the same in every comparison",
            expected="sides that still differ once cut and tokenised",
            found=f"{len(pairs):,} that do not",
            advice="train with more tokens (--max-tokens), or on a model whose tokenizer tells these texts apart",
        )
    set_aside = {**pairs.set_aside, SAME_TO_MODEL: len(pairs) - len(kept)}
    return replace(pairs.take(kept), set_aside=set_aside), scores.take(kept)


def require_numbers(*scores: Scores | None, advice: str | None = None) -> None:
    """Refuse scores that are no numbers: what they come to would be chance, or nothing at all.

    Args:
        advice: what to do next; None of a model that stands in a folder.
    Raises:
        ModelError: some are not finite.
    """
    for each in scores:
        if each is None:
            continue
        parts = [each.heads] if each.members is None else [each.heads, each.members]
        known = np.all([np.isfinite(part).reshape(len(part), -1).all(axis=1) for part in parts], axis=0)
        if not known.all():
            raise ModelError(
                "PL-MOD-008",
                "rows to measure on",
                "for some of them the model gives no finite number",
                expected="a number for each of the rows",
                found=f"none for {int((~known).sum()):,} of {len(known):,}",
                advice=advice or _ASK_WHICH,
            )


@dataclass(frozen=True)
class RowScores:
    """Rows and what a model says of them.

    Attributes:
        pair_scores: of the n `pairs`.
        label_scores: of the m `labels`.
    """

    pairs: PreferenceRows | None
    pair_scores: Scores | None
    labels: LabelRows | None
    label_scores: Scores | None


def evaluate_scores(model: ScoredModel, scored: RowScores, bootstrap: Bootstrap) -> Json:
    """Figures of scores, as `evaluate_model`; the model is asked for its calibration and thresholds alone."""
    result: Json = {}
    if scored.labels is not None and scored.label_scores is not None:
        heads = dict(zip(model.heads, scored.label_scores.heads.T, strict=True))
        chances = {name: model.heads[name].calibration.probabilities(values) for name, values in heads.items()}
        thresholds = {name: head.threshold for name, head in model.heads.items()}
        result = label_figures(chances, scored.labels, thresholds, bootstrap)
        spread = reply_spread(model, scored.label_scores.members)
        own = next(iter(chances.values()))
        result["uncertainty"] = uncertainty_figures(
            own, spread, scored.labels.is_unsafe, bootstrap=bootstrap, group_ids=scored.labels.places.group_ids
        )
    if scored.pairs is not None and scored.pair_scores is not None:
        of_pairs = _pair_figures(model, scored.pairs, scored.pair_scores, bootstrap)
        result = merge_cost_figures(of_pairs, result) if result else of_pairs
    truncated = [each.truncated for each in (scored.pair_scores, scored.label_scores) if each is not None]
    if any(each is not None for each in truncated):
        result["truncated_replies"] = sum(int(each.sum()) for each in truncated if each is not None)
    return result


def _pair_figures(model: ScoredModel, pairs: PreferenceRows, scores: Scores, bootstrap: Bootstrap) -> Json:
    first, second = scores.heads[:, 0, 0], scores.heads[:, 1, 0]
    leads = better_sign(model) * (first - second)
    own = pair_calibration(model).probabilities(leads)
    spread, groups = pair_spread(model, scores.members), pairs.places.group_ids
    return {
        **pair_figures(leads, pairs, pair_calibration(model), bootstrap),
        "score_histogram": pair_histogram(first, second, pairs),
        "uncertainty": uncertainty_figures(own, spread, pairs.first_is_better, bootstrap=bootstrap, group_ids=groups),
    }


def merge_cost_figures(of_pairs: Json, of_labels: Json) -> Json:
    """A cost model's figures: what its pairs say of accuracy, calibration, length, doubt and judges, the rest of its labels."""
    from_pairs = ("accuracy", "ece", "length", "reliability", "disagreements", "judges", "by_strength", "uncertainty")
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
