"""Training linear models: preference, cost and moderation from one solver, each calibrated out of fold.

A fit on every row is the model. What is known of it beforehand comes from fits that left some rows out (`folds`), with
inverse document frequencies that were fitted without them too (`training_features`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from plumbline.models.calibration import choose_threshold, fit_calibration
from plumbline.models.features.text_features import FeatureRecipe
from plumbline.models.linear.logistic import LogisticFit, LogisticSettings, fit_logistic, score_rows
from plumbline.models.linear.model import Head, LinearModel
from plumbline.models.linear.training_features import TrainingFeatures, TrainingReplies, training_features
from plumbline.models.rows.folds import (
    LEAST_GROUPS,
    LEAST_POSITIVES,
    Deal,
    OutOfFold,
    deal_folds,
    enough_rows,
    too_few_held_out,
)
from plumbline.models.rows.training_rows import LabelRows, PreferenceRows
from plumbline.models.rows.weighing import WeighedRows, parts_held_to_rate, weighed_rows
from plumbline.models.scored_model import UNSAFE
from plumbline.models.training_recipe import TrainingRecipe
from plumbline.records import NoDataError

Floats = NDArray[np.float64]
Step = Callable[[str], None]


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        recipe: the features.
        solver: regularisation and tolerance.
        seed: of folds.
        max_false_positive_rate: where moderation heads put their thresholds, on the out-of-fold scores of each deal.
        threads: row ranges worked on at a time.
        every_row: score every row out of fold, also of many, at the price of four more fits a head; the model is the same.
        training: how labels are weighed and thresholds set; None: all rows alike. Of moderation alone.
        sources: as they were named, to tell by which source a row came.
    """

    recipe: FeatureRecipe
    solver: LogisticSettings
    seed: int = 0
    max_false_positive_rate: float = 0.05
    threads: int = 2
    every_row: bool = False
    training: TrainingRecipe | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trained:
    """A model and what training showed.

    Attributes:
        out_of_fold: scores for figures by cross-validation; of a cost model, of its pairs.
        label_scores: of a cost model, out-of-fold costs of its labelled replies; else None.
        fits: head → the final fit, with its bound on the distance from the optimum.
        untrained: category → why it has no head.
        further, further_labels: the same scores of the rows that calibration and figures leave out, where every row was
            asked for; else None.
        bare: `out_of_fold` of the rows without their prompts, where a recipe trains on these too; else None.
        weighed: of a moderation model, how much each row counts.
    """

    model: LinearModel
    out_of_fold: OutOfFold
    label_scores: OutOfFold | None
    fits: dict[str, LogisticFit]
    untrained: dict[str, str]
    further: OutOfFold | None = None
    further_labels: OutOfFold | None = None
    bare: OutOfFold | None = None
    weighed: WeighedRows | None = None


def train_preference(rows: PreferenceRows, options: TrainingOptions, step: Step = lambda _: None) -> Trained:
    """Bradley–Terry on the difference of the sides' features.

    Raises:
        NoDataError: too few groups to leave some out.
    """
    step("counting n-grams")
    deal = deal_folds(rows.places.group_ids, options.seed, heads=1, every_row=options.every_row)
    replies = TrainingReplies(rows.first, rows.second)
    features = training_features(replies, options.recipe, deal, threads=options.threads)
    targets = _Targets(rows.first_is_better, rows.weights, None)
    fold_scorer = partial(_scored_fold, deal, targets, options)
    held_out = _held_out_scores(features, deal, fold_scorer, step)
    further = _further_scores(features, deal, fold_scorer, step)
    step("fitting on all rows")
    final = _fit(features.matrix, targets, np.arange(len(rows)), options)
    calibration = fit_calibration(
        held_out.scores, rows.first_is_better[deal.positions], weights=rows.weights[deal.positions], with_offset=False
    )
    head = Head(features.spread(final.weights), 0.0, calibration)
    model = LinearModel("preference", rows.axis, options.recipe, features.frequencies, {"reward": head})
    return Trained(model, held_out, None, {"reward": final}, {}, further)


def train_cost(
    pairs: PreferenceRows, labels: LabelRows, options: TrainingOptions, step: Step = lambda _: None
) -> Trained:
    """Cost: the more harmful side of a pair costs more, and a reply costs more than 0 exactly where it is unsafe.

    Each term weighs as much as its rows; the pairs' differences carry no intercept, single replies do.

    Args:
        pairs: judged on harmlessness.
        labels: of single replies; both safe and unsafe ones.
    Source: Dai et al. 2023 (arXiv 2310.12773), the cost model. Deviation: a linear cost; the sign terms are counted once a
        labelled reply, not once a pair it stands in.
    """
    step("counting n-grams")
    group_ids = np.concatenate([pairs.places.group_ids, labels.places.group_ids])
    targets = _Targets(
        np.concatenate([~pairs.first_is_better, labels.is_unsafe]),
        np.concatenate([pairs.weights, np.ones(len(labels))]),
        np.concatenate([np.zeros(len(pairs)), np.ones(len(labels))]),
    )

    def suffices(held: NDArray[np.int64]) -> bool:
        """Whether enough pairs, and labels of both kinds, are among these rows."""
        is_pair = held < len(pairs)
        return enough_rows(held[is_pair]) and not too_few_held_out(targets.is_positive[held[~is_pair]])

    deal = deal_folds(group_ids, options.seed, heads=1, suffices=suffices, every_row=options.every_row)
    replies = TrainingReplies(pairs.first, pairs.second, labels.replies)
    features = training_features(replies, options.recipe, deal, threads=options.threads)
    fold_scorer = partial(_scored_fold, deal, targets, options)
    held_out = _held_out_scores(features, deal, fold_scorer, step)
    further = _further_scores(features, deal, fold_scorer, step)
    step("fitting on all rows")
    final = _fit(features.matrix, targets, np.arange(deal.row_count), options)
    of_pair, known = deal.positions < len(pairs), targets.take(deal.positions)
    head = _cost_head(features.spread(final.weights), final.intercept, held_out.scores, known, of_pair)
    return Trained(
        LinearModel("cost", pairs.axis, options.recipe, features.frequencies, {"cost": head}),
        held_out.of_rows(0, len(pairs)),
        held_out.of_rows(len(pairs), deal.row_count),
        {"cost": final},
        {},
        further and further.of_rows(0, len(pairs)),
        further and further.of_rows(len(pairs), deal.row_count),
    )


def train_moderation(rows: LabelRows, options: TrainingOptions, step: Step = lambda _: None) -> Trained:
    """Safe or unsafe, and a head for each category with enough rows for and against it.

    Raises:
        NoDataError: too few groups to leave some out, or one class only.
    """
    step("counting n-grams")
    weighed = weighed_rows(rows, options.training, options.sources)
    targets, untrained = _label_targets(rows, weighed)
    group_ids, unsafe = rows.places.group_ids[weighed.positions], targets[UNSAFE]
    deal = deal_folds(
        group_ids,
        options.seed,
        heads=len(targets),
        suffices=lambda held: not too_few_held_out(unsafe.take(held).of_known),
        every_row=options.every_row,
    )
    for name in [name for name in targets if name != UNSAFE]:
        if why := too_few_held_out(targets[name].take(deal.positions).of_known):
            untrained[name] = why
            del targets[name]
    replies = TrainingReplies(single=weighed.replies(rows.replies))
    features = training_features(replies, options.recipe, deal, threads=options.threads)
    fold_scorer = partial(_scored_label_fold, deal, list(targets.values()), options)
    held_out = _held_out_scores(features, deal, fold_scorer, step)
    further = _further_scores(features, deal, fold_scorer, step)
    heads: dict[str, Head] = {}
    fits: dict[str, LogisticFit] = {}
    for column, (name, target) in enumerate(targets.items()):
        step(f"fitting {name}")
        fits[name] = _fit(features.matrix, target, np.flatnonzero(target.weights), options)
        weights = features.spread(fits[name].weights)
        scored = _Scored.of(held_out.scores[:, column], target.take(deal.positions), deal, weighed, options)
        heads[name] = _label_head(weights, fits[name].intercept, scored, options.max_false_positive_rate)
    model = LinearModel("moderation", None, options.recipe, features.frequencies, heads)
    whole = held_out.of_rows(0, len(rows))
    bare = held_out.of_rows(len(rows), deal.row_count) if weighed.is_bare.any() else None
    of_others = further and further.of_rows(0, len(rows))
    return Trained(model, whole, None, fits, untrained, of_others, bare=bare, weighed=weighed)


@dataclass(frozen=True)
class _Targets:
    """What rows are fitted to.

    Attributes:
        is_positive: shape (n,).
        weights: shape (n,); 0 where the row does not say.
        intercept: shape (n,), what the intercept is multiplied by; None where the fit has none.
    """

    is_positive: NDArray[np.bool_]
    weights: Floats
    intercept: Floats | None

    def take(self, positions: NDArray[np.int64]) -> _Targets:
        """The targets at these positions, in their order."""
        intercept = None if self.intercept is None else self.intercept[positions]
        return _Targets(self.is_positive[positions], self.weights[positions], intercept)

    @property
    def of_known(self) -> NDArray[np.bool_]:
        """`is_positive` of the rows that say."""
        known: NDArray[np.bool_] = self.is_positive[self.weights > 0]
        return known


def _fit(matrix: csr_array, targets: _Targets, chosen: NDArray[np.int64], options: TrainingOptions) -> LogisticFit:
    """Fit the chosen rows of a matrix."""
    of_rows = targets.take(chosen)
    return fit_logistic(
        matrix[chosen],
        of_rows.is_positive,
        row_weights=of_rows.weights,
        intercept_column=of_rows.intercept,
        settings=options.solver,
    )


_FoldScorer = Callable[[csr_array, NDArray[np.int64]], Floats]
"""A matrix of all rows and the positions of a fold → that fold's scores, by fits on the others."""


def _held_out_scores(features: TrainingFeatures, deal: Deal, scored: _FoldScorer, step: Step) -> OutOfFold:
    """Scores of the deal's positions, shape (k,) or (k, heads), by fits and frequencies without the row's fold."""
    scores = []
    for number, fold in enumerate(deal.folds):
        step(f"cross-validating, fold {number + 1} of {len(deal.folds)}")
        scores.append(scored(features.matrix_without(fold), fold))
    return deal.held_out(np.concatenate(scores))


def _further_scores(features: TrainingFeatures, deal: Deal, scored: _FoldScorer, step: Step) -> OutOfFold | None:
    """Scores of the deal's further rows, shape as above, by fits without the row's fold; None where there are none.

    Frequencies are the model's own, which these rows had a part in: they hold texts, and no labels.
    """
    scores = []
    for number, fold in enumerate(deal.further):
        step(f"scoring the rows that are left, fold {number + 1} of {len(deal.further)}")
        scores.append(scored(features.matrix, fold))
    return deal.held_out_further(np.concatenate(scores)) if scores else None


def _scored_fold(
    deal: Deal, targets: _Targets, options: TrainingOptions, matrix: csr_array, fold: NDArray[np.int64]
) -> Floats:
    """Scores of a fold's rows by a fit on the others; shape (rows,)."""
    fit = _fit(matrix, targets, deal.others(fold), options)
    return score_rows(matrix[fold], fit, targets.take(fold).intercept)


def _scored_label_fold(
    deal: Deal, heads: Sequence[_Targets], options: TrainingOptions, matrix: csr_array, fold: NDArray[np.int64]
) -> Floats:
    """Scores of a fold's rows by fits on the others that say whether the label applies; shape (rows, heads)."""
    others, held = deal.others(fold), matrix[fold]
    fits = [_fit(matrix, head, others[head.weights[others] > 0], options) for head in heads]
    return np.stack([score_rows(held, fit) for fit in fits], axis=1)


def _cost_head(
    weights: NDArray[np.float32], intercept: float, costs: Floats, targets: _Targets, of_pair: NDArray[np.bool_]
) -> Head:
    """The sign of a reply and the order of a pair are two questions: each has a scale of its own, and 0 stays 0."""
    of_signs, of_pairs = (
        fit_calibration(costs[part], targets.is_positive[part], weights=targets.weights[part], with_offset=False)
        for part in (~of_pair, of_pair)
    )
    return Head(weights, intercept, of_signs, threshold=0.5, pair_calibration=of_pairs)


def _label_targets(rows: LabelRows, weighed: WeighedRows) -> tuple[dict[str, _Targets], dict[str, str]]:
    """Head → what its rows are fitted to, category → why it gets no head."""
    everywhere = np.ones(len(rows), bool)
    if why := _too_few(rows.is_unsafe, everywhere, rows.places.group_ids):
        raise NoDataError(
            "PL-TRN-018",
            "training rows",
            "too few rows of both kinds to tell safe from unsafe",
            found=why,
            advice="add labels of the kind that is missing",
        )
    at, ones = weighed.positions, np.ones(len(weighed.positions))
    targets, untrained = {UNSAFE: _Targets(rows.is_unsafe[at], weighed.weights, ones)}, {}
    for name, applies in rows.categories.items():
        known = rows.knows(name)
        if why := _too_few(applies, known, rows.places.group_ids):
            untrained[name] = why
            continue
        targets[name] = _Targets(applies[at], weighed.weights * known[at], ones)
    return targets, untrained


def _too_few(applies: NDArray[np.bool_], known: NDArray[np.bool_], group_ids: NDArray[np.str_]) -> str | None:
    """Why a head cannot be trained; None where it can."""
    sides = [known & applies, known & ~applies]
    rows = [int(side.sum()) for side in sides]
    groups = [len(np.unique(group_ids[side])) for side in sides]
    if min(rows) >= LEAST_POSITIVES and min(groups) >= LEAST_GROUPS:
        return None
    return (
        f"{rows[0]} rows of {groups[0]} prompts for it and {rows[1]} of {groups[1]} against; "
        f"at least {LEAST_POSITIVES} rows of {LEAST_GROUPS} prompts of each needed"
    )


@dataclass(frozen=True)
class _Scored:
    """Out-of-fold scores of the rows that say whether a label applies.

    Attributes:
        scores, is_positive, weights: shape (k,); the weights are those of calibration.
        parts: shape (k,); which rows are held to the rate of false positives together: a deal's, or a part's of it.
    """

    scores: Floats
    is_positive: NDArray[np.bool_]
    weights: Floats
    parts: NDArray[np.int64]

    @classmethod
    def of(
        cls, scores: Floats, targets: _Targets, deal: Deal, weighed: WeighedRows, options: TrainingOptions
    ) -> _Scored:
        """The scores and targets at the deal's positions, without the rows that do not say."""
        known = targets.weights > 0
        at, is_positive = deal.positions[known], targets.is_positive[known]
        parts = np.repeat(np.arange(deal.repeats), len(scores) // deal.repeats)[known]
        if options.training is not None and options.training.threshold_for_each_part:
            names = np.char.add(np.where(weighed.is_bare, "bare ", ""), weighed.origins)[at]
            parts = parts_held_to_rate(parts, names, ~is_positive, options.max_false_positive_rate)
        return cls(scores[known], is_positive, weighed.calibration_weights[at], parts)


def _label_head(
    weights: NDArray[np.float32], intercept: float, scored: _Scored, max_false_positive_rate: float
) -> Head:
    """Calibration and threshold from out-of-fold scores of the rows that say whether the label applies."""
    calibration = fit_calibration(scored.scores, scored.is_positive, weights=scored.weights, with_offset=True)
    chances = calibration.probabilities(scored.scores)
    threshold = choose_threshold(chances, scored.is_positive, max_false_positive_rate, deals=scored.parts)
    return Head(weights, intercept, calibration, threshold)
