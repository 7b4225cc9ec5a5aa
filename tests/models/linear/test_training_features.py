"""Features of training rows: as `featurise_*` gives them, by frequencies of the rows that are not held out, and no others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, vstack

from plumbline.models.features.text_features import (
    FeatureRecipe,
    Frequencies,
    Replies,
    featurise_pairs,
    featurise_replies,
    fit_inverse_frequencies,
)
from plumbline.models.linear.default_features import RECIPES
from plumbline.models.linear.training_features import CountedFeatures, TrainingReplies, training_features
from plumbline.models.rows.folds import Deal

WORDS = ["of", "course", "here", "is", "a", "clear", "answer", "go", "away", "and", "never", "ask", "again"]
PAIRS, SINGLES = 40, 30


def replies(count: int, seed: int) -> Replies:
    chance = np.random.default_rng(seed)
    texts = [" ".join(chance.choice(WORDS, size=chance.integers(0, 12))) for _ in range(count)]
    return Replies(texts, [f"question {row % 7}?\n" for row in range(count)])


ALL = TrainingReplies(replies(PAIRS, 0), replies(PAIRS, 1), replies(SINGLES, 2))
FOLDS = Deal(tuple(np.arange(fold, PAIRS + SINGLES, 5) for fold in range(5)), PAIRS + SINGLES, 1)
TENTH = Deal((np.arange(0, PAIRS + SINGLES, 10),), PAIRS + SINGLES, 1)


def expected(recipe: FeatureRecipe, frequencies: Frequencies) -> csr_array:
    """The rows as scoring makes them."""
    first, second = ALL.pairs or (Replies([]), Replies([]))
    single = ALL.single or Replies([])
    return vstack(
        [featurise_pairs(first, second, recipe, frequencies), featurise_replies(single, recipe, frequencies)],
        format="csr",
    )


def spread(features: object, matrix: csr_array, recipe: FeatureRecipe) -> csr_array:
    """The matrix with all columns."""
    if not isinstance(features, CountedFeatures):
        return matrix
    shape = (matrix.shape[0], recipe.width)
    return csr_array((matrix.data, features._counts.columns[matrix.indices], matrix.indptr), shape)


def largest_difference(found: csr_array, wanted: csr_array) -> float:
    return float(abs(found - wanted).max())


@pytest.mark.parametrize("recipe", [*RECIPES["cost"].values(), RECIPES["moderation"]["words"]])
def test_rows_counted_once_are_those_read_anew_for_every_fold(recipe: FeatureRecipe) -> None:
    features = training_features(ALL, recipe, FOLDS, threads=2)
    frequencies = fit_inverse_frequencies(ALL.of_rows(np.arange(FOLDS.row_count)), recipe)
    for ours, fitted in zip(features.frequencies, frequencies, strict=True):
        assert np.array_equal(ours, fitted)
    assert largest_difference(spread(features, features.matrix, recipe), expected(recipe, frequencies)) < 1e-6
    for fold in FOLDS.folds:
        without = fit_inverse_frequencies(ALL.of_rows(FOLDS.others(fold)), recipe)
        found = spread(features, features.matrix_without(fold), recipe)
        assert largest_difference(found, expected(recipe, without)) < 1e-6
        assert largest_difference(found, expected(recipe, frequencies)) > 1e-5, "all rows took part"


def test_where_one_tenth_is_held_out_the_model_s_own_frequencies_are_those_of_the_others() -> None:
    recipe = RECIPES["cost"]["characters"]
    features = training_features(ALL, recipe, TENTH, threads=1)
    without = fit_inverse_frequencies(ALL.of_rows(TENTH.others(TENTH.folds[0])), recipe)
    for ours, fitted in zip(features.frequencies, without, strict=True):
        assert np.array_equal(ours, fitted)
    assert largest_difference(features.matrix, expected(recipe, without)) < 1e-6
    assert features.matrix_without(TENTH.folds[0]) is features.matrix


@pytest.mark.parametrize("deal", [FOLDS, TENTH])
def test_weights_score_replies_as_they_score_rows(deal: Deal) -> None:
    recipe = RECIPES["cost"]["words"]
    features = training_features(ALL, recipe, deal, threads=1)
    weights = np.random.default_rng(0).normal(size=features.matrix.shape[1]).astype(np.float32)
    of_rows = features.matrix @ weights
    anew = expected(recipe, features.frequencies) @ features.spread(weights)
    assert of_rows == pytest.approx(anew, abs=1e-4)


@pytest.mark.parametrize(
    ("alone", "count"), [(TrainingReplies(ALL.first, ALL.second), PAIRS), (TrainingReplies(single=ALL.single), SINGLES)]
)
@pytest.mark.parametrize("fold_count", [5, 1])
def test_pairs_alone_and_single_replies_alone(alone: TrainingReplies, count: int, fold_count: int) -> None:
    recipe = RECIPES["moderation"]["words"]
    deal = Deal(tuple(np.arange(fold, count, 5) for fold in range(fold_count)), count, 1)
    features = training_features(alone, recipe, deal, threads=1)
    again = fit_inverse_frequencies(
        alone.of_rows(deal.others(deal.folds[0]) if fold_count == 1 else np.arange(count)), recipe
    )
    rows = (
        featurise_pairs(*alone.pairs, recipe, again) if alone.pairs else featurise_replies(alone.single, recipe, again)
    )
    assert largest_difference(spread(features, features.matrix, recipe), rows) < 1e-6
