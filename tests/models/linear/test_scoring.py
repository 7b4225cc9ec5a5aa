"""Scores without rows: what rows times weights give, whoever else is scored with a reply."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.models.features.text_features import Replies, featurise_replies, fit_inverse_frequencies
from plumbline.models.linear import scoring as linear_scoring
from plumbline.models.linear.default_features import RECIPES
from plumbline.models.linear.scoring import score_replies, stack_weights
from plumbline.records import UsageError

RECIPE_NAMES = [(task, name) for task, recipes in RECIPES.items() for name in recipes]
TEXTS = ["I can't help with that.", "", "  ", "Ärger und Ärger, und «Ärger»", "the cat " * 300, "日本語のテキスト", "x"]
PROMPTS = ["how?\n", "", "one\ntwo\n", "\x00", "q" * 5000, "?", "the cat\n"]
DRAWN = np.random.default_rng(4)


def model_of(task, name, heads=3):
    recipe = RECIPES[task][name]
    frequencies = fit_inverse_frequencies([Replies(TEXTS, PROMPTS)], recipe)
    weights = [DRAWN.normal(size=recipe.width).astype(np.float32) for _ in range(heads)]
    intercepts = [0.5, -2.0, 0.0][:heads]
    return recipe, frequencies, weights, intercepts


@pytest.mark.parametrize(("task", "name"), RECIPE_NAMES)
def test_they_are_those_of_the_rows(task, name):
    recipe, frequencies, weights, intercepts = model_of(task, name)
    replies = Replies(TEXTS, PROMPTS)
    expected = featurise_replies(replies, recipe, frequencies) @ np.stack(weights, axis=1) + intercepts
    found = score_replies(replies, recipe, stack_weights(recipe, frequencies, weights, intercepts))
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


MODEL = model_of("moderation", "words")
STACKED = stack_weights(*MODEL)


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), min_size=1, max_size=6), st.data())
@settings(max_examples=60)
def test_a_reply_is_scored_the_same_alone_and_among_others(drawn, data):
    texts, prompts = (list(column) for column in zip(*drawn, strict=True))
    together = score_replies(Replies(texts, prompts), MODEL[0], STACKED)
    one = data.draw(st.integers(0, len(texts) - 1))
    alone = score_replies(Replies([texts[one]], [prompts[one]]), MODEL[0], STACKED)
    assert np.array_equal(together[one], alone[0])


def test_row_ranges_in_threads_change_nothing(monkeypatch):
    replies = Replies(TEXTS * 3, PROMPTS * 3)
    whole = score_replies(replies, MODEL[0], STACKED)
    monkeypatch.setattr(linear_scoring, "BLOCK_ROWS", 4)
    for threads in (1, 3):
        assert np.array_equal(score_replies(replies, MODEL[0], STACKED, threads=threads), whole)
    assert score_replies(Replies([], []), MODEL[0], STACKED).shape == (0, 3)


def test_what_does_not_belong_together_is_refused():
    recipe, frequencies, weights, intercepts = MODEL
    with pytest.raises(UsageError, match="PL-LIN-010"):
        stack_weights(recipe, frequencies[:1], weights, intercepts)
    with pytest.raises(UsageError, match="PL-LIN-009"):
        score_replies(Replies(["no prompt"]), recipe, STACKED)
    with pytest.raises(UsageError, match="PL-LIN-011"):
        score_replies(Replies(["one"], ["two", "three"]), recipe, STACKED)
