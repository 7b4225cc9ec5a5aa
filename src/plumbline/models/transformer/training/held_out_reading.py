"""How the scores of heads are read: calibrations and thresholds fitted on rows that training had not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from plumbline.models.calibration import choose_threshold, fit_calibration
from plumbline.models.figures.evaluation import RowScores, require_numbers, told_apart
from plumbline.models.rows.folds import too_few_held_out
from plumbline.models.scored_model import UNSAFE, Floats
from plumbline.models.training import TaskRows
from plumbline.models.transformer.examples.held_out_prompts import held_positions, not_calibratable
from plumbline.models.transformer.examples.side_safety import judged_sides
from plumbline.models.transformer.frozen.ensemble_fitting import calibrated_ensemble
from plumbline.models.transformer.model import TransformerHead, TransformerModel

_HOLD_MORE = "train on more data, or hold more of it out: --held-out 0.3 --restart"


def read_held_out(
    model: TransformerModel, rows: TaskRows, held_groups: frozenset[str], max_false_positive_rate: float
) -> tuple[TransformerModel, RowScores, dict[str, str]]:
    """Score held-out rows and calibrate the model on them.

    Returns:
        The calibrated model, the rows with the scores of its heads, and which categories have no head and why.
    Raises:
        NoDataError: as `calibrated_heads`; or to the model both sides of all pairs are the same.
        ModelError: it gives no finite number for some of the rows.
    """
    pairs = None if rows.pairs is None else rows.pairs.take(held_positions(rows.pairs, held_groups))
    labels = None if rows.labels is None else rows.labels.take(held_positions(rows.labels, held_groups))
    of_pairs = model.read_pairs(pairs.records.rows()) if pairs is not None and len(pairs) else None
    if pairs is not None and of_pairs is not None:
        pairs, of_pairs = told_apart(pairs, of_pairs)
    of_labels = None
    if labels is not None and len(labels):
        of_labels = model.read_conversations(labels.records.rows()["conversation"])
    require_numbers(of_pairs, of_labels, advice="lower --learning-rate with --restart")
    scored = RowScores(
        pairs if of_pairs is not None else None, of_pairs, labels if of_labels is not None else None, of_labels
    )
    heads, untrained = calibrated_heads(model, scored, max_false_positive_rate)
    columns = [number for number, name in enumerate(model.heads) if name in heads]
    kept = replace(
        scored,
        pair_scores=of_pairs and replace(of_pairs, heads=of_pairs.heads[:, :, columns]),
        label_scores=of_labels and replace(of_labels, heads=of_labels.heads[:, columns]),
    )
    calibrated = replace(model, heads=heads, ensemble=calibrated_ensemble(model, kept))
    return calibrated, kept, untrained


def calibrated_heads(
    model: TransformerModel, scored: RowScores, max_false_positive_rate: float
) -> tuple[dict[str, TransformerHead], dict[str, str]]:
    """The model's heads with calibrations and thresholds, and which categories are left out and why.

    Raises:
        NoDataError: no row of a kind that the main head is calibrated on was held out.
    """
    if model.task == "moderation":
        return _label_heads(model, scored, max_false_positive_rate)
    name, head = next(iter(model.heads.items()))
    if scored.pairs is None or scored.pair_scores is None:
        raise not_calibratable("no comparison", _HOLD_MORE)
    of_sides, weights = scored.pair_scores.heads, scored.pairs.weights
    lead = of_sides[:, 0, 0] - of_sides[:, 1, 0]
    if model.task == "preference":
        fitted = fit_calibration(lead, scored.pairs.first_is_better, weights=weights, with_offset=False)
        return {name: replace(head, calibration=fitted)}, {}
    scores, is_unsafe = _signs(scored)
    if why := too_few_held_out(is_unsafe):
        raise not_calibratable(why, _HOLD_MORE)
    # The sign of a reply and the order of a pair are two questions: each has a scale of its own, and 0 stays 0.
    of_signs = fit_calibration(scores, is_unsafe, with_offset=False)
    of_pairs = fit_calibration(lead, ~scored.pairs.first_is_better, weights=weights, with_offset=False)
    return {name: replace(head, calibration=of_signs, threshold=0.5, pair_calibration=of_pairs)}, {}


def _signs(scored: RowScores) -> tuple[Floats, NDArray[np.bool_]]:
    """Costs of held-out replies, and whether they were judged unsafe: by labels, where there are none by pairs."""
    if scored.labels is not None and scored.label_scores is not None:
        return scored.label_scores.heads[:, 0], scored.labels.is_unsafe
    if scored.pairs is None or scored.pair_scores is None:
        return np.empty(0), np.empty(0, bool)
    judged = judged_sides(scored.pairs)
    return scored.pair_scores.heads[judged.rows, judged.sides, 0], judged.is_unsafe


def _label_heads(
    model: TransformerModel, scored: RowScores, max_false_positive_rate: float
) -> tuple[dict[str, TransformerHead], dict[str, str]]:
    if scored.labels is None or scored.label_scores is None:
        raise not_calibratable("no label", _HOLD_MORE)
    heads: dict[str, TransformerHead] = {}
    left_out: dict[str, str] = {}
    everywhere = np.ones(len(scored.labels), bool)
    for column, (name, head) in enumerate(model.heads.items()):
        is_main = name == UNSAFE
        known = everywhere if is_main else scored.labels.knows(name)
        applies = scored.labels.is_unsafe if is_main else scored.labels.categories[name]
        scores, positive = scored.label_scores.heads[known, column], applies[known]
        if why := too_few_held_out(positive):
            if is_main:
                raise not_calibratable(why, _HOLD_MORE)
            left_out[name] = why
            continue
        calibration = fit_calibration(scores, positive, with_offset=True)
        chances, one_deal = calibration.probabilities(scores), np.zeros(len(scores), np.int64)
        threshold = choose_threshold(chances, positive, max_false_positive_rate, deals=one_deal)
        heads[name] = replace(head, calibration=calibration, threshold=threshold)
    return heads, left_out
