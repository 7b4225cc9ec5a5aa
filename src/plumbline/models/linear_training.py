"""Training linear models: preference, cost and moderation from one solver, each calibrated out of fold.

A fit on every row is the model. What is known of it beforehand comes from fits that left some rows out: with up to
`LARGEST_FOR_FOLDS` rows five folds by group score every row; above that one tenth of the groups is held out. Where that
is cheap (rows × heads up to `LARGEST_FOR_REPEATS`) the folds are dealt `REPEATS` times, for figures that depend less on
the deal. The inverse document frequencies are fitted on all training texts, without labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from plumbline.measure import assign_folds
from plumbline.models.calibration import fit_calibration
from plumbline.models.linear_model import UNSAFE, Head, LinearModel
from plumbline.models.logistic import LogisticFit, LogisticSettings, fit_logistic, score_rows
from plumbline.models.text_features import (
    FeatureRecipe,
    featurise_pairs,
    featurise_replies,
    fit_inverse_frequencies,
)
from plumbline.models.training_rows import LabelRows, PreferenceRows
from plumbline.records import NoDataError

Floats = NDArray[np.float64]
Step = Callable[[str], None]

FOLDS = 5
LARGEST_FOR_FOLDS = 20_000
REPEATS = 4
LARGEST_FOR_REPEATS = 6_000
LEAST_POSITIVES = 20
"""A category with fewer rows for or against it gets no head: its figures would mean nothing."""
LEAST_GROUPS = 2 * FOLDS
"""Both must come from at least as many prompts, so that every fold leaves some of each."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        recipe: the features.
        solver: regularisation and tolerance.
        seed: of folds.
        max_false_positive_rate: where moderation heads put their thresholds, on out-of-fold scores.
        threads: row ranges worked on at a time.
    """

    recipe: FeatureRecipe
    solver: LogisticSettings
    seed: int = 0
    max_false_positive_rate: float = 0.05
    threads: int = 2


@dataclass(frozen=True)
class OutOfFold:
    """Scores of training rows by models that had not seen them.

    Attributes:
        positions: shape (k,); which rows. With repeats a row stands here once a repeat, each time by another model; so
            intervals must draw whole groups, and k / repeats is the number of rows.
        scores: shape (k,) for pairs (first − second), (k, heads) for labels; not calibrated.
        repeats: how many times each row was scored; one repeat's rows stand together.
    """

    positions: NDArray[np.int64]
    scores: Floats
    repeats: int = 1

    def first(self, repeats: int) -> OutOfFold:
        """Only the first repeats."""
        if repeats == self.repeats:
            return self
        count = len(self.positions) // self.repeats * repeats
        return OutOfFold(self.positions[:count], self.scores[:count], repeats)


@dataclass(frozen=True)
class Trained:
    """A model and what training showed.

    Attributes:
        out_of_fold: scores for figures by cross-validation; of a cost model, of its pairs.
        label_scores: of a cost model, out-of-fold costs of its labelled replies; else None.
        fits: head → the final fit, with its bound on the distance from the optimum.
        untrained: category → why it has no head.
    """

    model: LinearModel
    out_of_fold: OutOfFold
    label_scores: OutOfFold | None
    fits: dict[str, LogisticFit]
    untrained: dict[str, str]


def train_preference(rows: PreferenceRows, options: TrainingOptions, step: Step = lambda _: None) -> Trained:
    """Bradley–Terry on the difference of the sides' features.

    Raises:
        NoDataError: too few groups to leave some out.
    """
    step("counting n-grams")
    frequencies = fit_inverse_frequencies([rows.first, rows.second], options.recipe, threads=options.threads)
    matrix = featurise_pairs(rows.first, rows.second, options.recipe, frequencies, threads=options.threads)
    folds, repeats = _folds(rows.places.group_ids, options.seed, heads=1)

    def fit(chosen: NDArray[np.int64]) -> LogisticFit:
        return fit_logistic(
            matrix[chosen], rows.first_is_better[chosen], row_weights=rows.weights[chosen], settings=options.solver
        )

    held, scores = [], []
    for number, fold in enumerate(folds):
        step(f"cross-validating, fit {number + 1} of {len(folds)}")
        held.append(fold)
        scores.append(matrix[fold] @ fit(_others(fold, len(rows))).weights)
    out_of_fold = OutOfFold(np.concatenate(held), np.concatenate(scores).astype(np.float64), repeats)
    step("fitting on all rows")
    final = fit(np.arange(len(rows)))
    calibration = fit_calibration(
        out_of_fold.scores,
        rows.first_is_better[out_of_fold.positions],
        weights=rows.weights[out_of_fold.positions],
        with_offset=False,
    )
    model = LinearModel(
        "preference", rows.axis, options.recipe, frequencies, {"reward": Head(final.weights, 0.0, calibration)}
    )
    return Trained(model, out_of_fold, None, {"reward": final}, {})


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
    replies = [pairs.first, pairs.second, labels.replies]
    frequencies = fit_inverse_frequencies(replies, options.recipe, threads=options.threads)
    difference = featurise_pairs(pairs.first, pairs.second, options.recipe, frequencies, threads=options.threads)
    single = featurise_replies(labels.replies, options.recipe, frequencies, threads=options.threads)
    matrix = csr_array(vstack([difference, single], format="csr"))
    more_harmful = np.concatenate([~pairs.first_is_better, labels.is_unsafe])
    weights = np.concatenate([pairs.weights, np.ones(len(labels))])
    intercept = np.concatenate([np.zeros(len(pairs)), np.ones(len(labels))])
    folds, repeats = _folds(np.concatenate([pairs.places.group_ids, labels.places.group_ids]), options.seed, heads=1)

    def fit(chosen: NDArray[np.int64]) -> LogisticFit:
        return fit_logistic(
            matrix[chosen],
            more_harmful[chosen],
            row_weights=weights[chosen],
            intercept_column=intercept[chosen],
            settings=options.solver,
        )

    held, scores = [], []
    for number, fold in enumerate(folds):
        step(f"cross-validating, fit {number + 1} of {len(folds)}")
        held.append(fold)
        scores.append(score_rows(matrix[fold], fit(_others(fold, len(more_harmful))), intercept[fold]))
    positions, costs = np.concatenate(held), np.concatenate(scores)
    step("fitting on all rows")
    final = fit(np.arange(len(more_harmful)))
    of_pair = positions < len(pairs)
    # The sign of a reply and the order of a pair are two questions: each has a scale of its own, and 0 stays 0.
    of_signs, of_pairs = (
        fit_calibration(costs[part], more_harmful[positions[part]], weights=weights[positions[part]], with_offset=False)
        for part in (~of_pair, of_pair)
    )
    head = Head(final.weights, final.intercept, of_signs, threshold=0.5, pair_calibration=of_pairs)
    return Trained(
        LinearModel("cost", pairs.axis, options.recipe, frequencies, {"cost": head}),
        OutOfFold(positions[of_pair], costs[of_pair], repeats),
        OutOfFold(positions[~of_pair] - len(pairs), costs[~of_pair], repeats),
        {"cost": final},
        {},
    )


def train_moderation(rows: LabelRows, options: TrainingOptions, step: Step = lambda _: None) -> Trained:
    """Safe or unsafe, and a head for each category with enough rows for and against it.

    Raises:
        NoDataError: too few groups to leave some out, or one class only.
    """
    step("counting n-grams")
    frequencies = fit_inverse_frequencies([rows.replies], options.recipe, threads=options.threads)
    matrix = featurise_replies(rows.replies, options.recipe, frequencies, threads=options.threads)
    targets, known, untrained = _targets(rows)
    folds, repeats = _folds(rows.places.group_ids, options.seed, heads=len(targets))
    positions = np.concatenate(folds)
    heads: dict[str, Head] = {}
    fits: dict[str, LogisticFit] = {}
    columns = []
    for name in [name for name in targets if name != UNSAFE]:
        if why := _too_few_held_out(targets[name][positions], known[name][positions]):
            untrained[name] = why
            del targets[name]
    for name, is_positive in targets.items():
        step(f"fitting {name}")
        scores = np.concatenate([_held_out_scores(matrix, is_positive, known[name], fold, options) for fold in folds])
        usable = known[name][positions]
        fits[name] = _fit_labels(matrix, is_positive, np.flatnonzero(known[name]), options)
        heads[name] = _head(fits[name], scores[usable], is_positive[positions][usable], options)
        columns.append(scores)
    model = LinearModel("moderation", None, options.recipe, frequencies, heads)
    return Trained(model, OutOfFold(positions, np.stack(columns, axis=1), repeats), None, fits, untrained)


def _targets(
    rows: LabelRows,
) -> tuple[dict[str, NDArray[np.bool_]], dict[str, NDArray[np.bool_]], dict[str, str]]:
    """Head → labels, head → which rows have one, category → why it gets no head."""
    targets = {UNSAFE: rows.is_unsafe}
    known = {UNSAFE: np.ones(len(rows), bool)}
    if why := _too_few(rows.is_unsafe, known[UNSAFE], rows.places.group_ids):
        raise NoDataError(
            "PL-TRN-018",
            "training rows",
            "too few rows of both kinds to tell safe from unsafe",
            found=why,
            advice="add labels of the kind that is missing",
        )
    untrained = {}
    for name, applies in rows.categories.items():
        known_rows = rows.knows(name)
        if why := _too_few(applies, known_rows, rows.places.group_ids):
            untrained[name] = why
            continue
        targets[name] = applies
        known[name] = known_rows
    return targets, known, untrained


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


def _too_few_held_out(applies: NDArray[np.bool_], known: NDArray[np.bool_]) -> str | None:
    """Why a head cannot be calibrated, where one tenth of many rows is held out; None where it can."""
    counts = int((known & applies).sum()), int((known & ~applies).sum())
    if min(counts) >= LEAST_GROUPS:
        return None
    return f"{counts[0]} rows for it and {counts[1]} against are held out; at least {LEAST_GROUPS} of each needed"


def _fit_labels(
    matrix: csr_array, is_positive: NDArray[np.bool_], chosen: NDArray[np.int64], options: TrainingOptions
) -> LogisticFit:
    return fit_logistic(
        matrix[chosen], is_positive[chosen], intercept_column=np.ones(len(chosen)), settings=options.solver
    )


def _held_out_scores(
    matrix: csr_array,
    is_positive: NDArray[np.bool_],
    known: NDArray[np.bool_],
    fold: NDArray[np.int64],
    options: TrainingOptions,
) -> Floats:
    others = _others(fold, len(known))
    return score_rows(matrix[fold], _fit_labels(matrix, is_positive, others[known[others]], options))


def _head(fit: LogisticFit, scores: Floats, is_positive: NDArray[np.bool_], options: TrainingOptions) -> Head:
    calibration = fit_calibration(scores, is_positive, with_offset=True)
    threshold = _threshold(calibration.probabilities(scores), is_positive, options.max_false_positive_rate)
    return Head(fit.weights, fit.intercept, calibration, threshold)


def _threshold(probabilities: Floats, is_positive: NDArray[np.bool_], max_false_positive_rate: float) -> float:
    """The lowest threshold that lets through no more false positives than allowed, out of fold.

    It lies halfway between the first negative that must not be flagged and the next score above it: where the classes
    lie far apart, the lowest positive seen would be a needlessly high bar for the next one.
    """
    negatives = np.sort(probabilities[~is_positive])[::-1]
    allowed = int(max_false_positive_rate * len(negatives))
    limit = negatives[allowed]
    above = probabilities[probabilities > limit]
    return float((limit + above.min()) / 2 if len(above) else (limit + 1) / 2)


def _folds(group_ids: NDArray[np.str_], seed: int, *, heads: int) -> tuple[list[NDArray[np.int64]], int]:
    """The rows of each fold to score, one repeat after the other, and the number of repeats.

    Of many rows one tenth; else five folds, dealt anew `REPEATS` times where rows × heads is small.
    """
    groups = len(np.unique(group_ids))
    if groups < FOLDS:
        raise NoDataError(
            "PL-TRN-013",
            "training rows",
            "too few different prompts to leave some out for calibration",
            expected=f"at least {FOLDS}",
            found=str(groups),
            advice="train on more data",
        )
    if len(group_ids) > LARGEST_FOR_FOLDS:
        return [np.flatnonzero(assign_folds(group_ids, 2 * FOLDS, seed=seed) == 0)], 1
    repeats = REPEATS if len(group_ids) * heads <= LARGEST_FOR_REPEATS else 1
    deals = [assign_folds(group_ids, FOLDS, seed=seed * REPEATS + repeat) for repeat in range(repeats)]
    return [np.flatnonzero(deal == number) for deal in deals for number in range(FOLDS)], repeats


def _others(fold: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    kept = np.ones(count, bool)
    kept[fold] = False
    return np.flatnonzero(kept)
