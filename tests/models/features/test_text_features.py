"""Feature rows: weights, differences, openings and prompts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from plumbline.models.features import row_blocks
from plumbline.models.features.ngram_hashing import NgramSpace, count_ngrams
from plumbline.models.features.text_features import (
    MODERATION_RECIPE,
    PAIR_RECIPE,
    FeatureBlock,
    FeatureRecipe,
    Replies,
    featurise_pairs,
    featurise_replies,
    fit_inverse_frequencies,
)
from plumbline.records.errors import UsageError

SPACE = NgramSpace(word_orders=(1,), bucket_bits=12)
WORDS = FeatureRecipe((FeatureBlock("reply", SPACE, 2.0),), length_weight=0.5)
TEXTS = ["the cat and the dog", "the cow", "", "a mouse, then a cat"]


def test_values_are_counts_times_inverse_frequency_scaled_to_the_weight() -> None:
    frequencies = fit_inverse_frequencies([Replies(TEXTS)], WORDS)
    rows = featurise_replies(Replies(TEXTS), WORDS, frequencies)
    assert rows.shape == (4, SPACE.width + 1)
    bucket = {word: int(count_ngrams([word], SPACE).indices[0]) for word in ("the", "cat", "and", "dog")}
    expected = {
        "the": 2 * (1 + np.log(5 / 3)),
        "cat": 1 + np.log(5 / 3),
        "and": 1 + np.log(5 / 2),
        "dog": 1 + np.log(5 / 2),
    }
    length = np.sqrt(sum(value**2 for value in expected.values()))
    for word, value in expected.items():
        assert rows[0, bucket[word]] == pytest.approx(2.0 * value / length, rel=1e-5)
    assert rows[0, SPACE.width] == pytest.approx(0.5 * (np.log1p(len(TEXTS[0])) - 5), rel=1e-5)
    assert rows[[2]].nnz == 1, "an empty reply has its length only"


def test_a_pair_is_the_difference_of_its_sides_and_flips_with_them() -> None:
    first, second = Replies(TEXTS), Replies(TEXTS[::-1])
    frequencies = fit_inverse_frequencies([first, second], PAIR_RECIPE)
    pairs = featurise_pairs(first, second, PAIR_RECIPE, frequencies)
    sides = featurise_replies(first, PAIR_RECIPE, frequencies) - featurise_replies(second, PAIR_RECIPE, frequencies)
    assert abs(pairs - sides).max() == 0
    assert abs(pairs + featurise_pairs(second, first, PAIR_RECIPE, frequencies)).max() == 0
    same = featurise_pairs(first, first, PAIR_RECIPE, frequencies)
    assert same.nnz == 0 or abs(same).max() == 0


def test_rows_do_not_depend_on_blocks_threads_or_input_type(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = Replies(TEXTS * 5, TEXTS[::-1] * 5)
    frequencies = fit_inverse_frequencies([replies], MODERATION_RECIPE)
    rows = featurise_replies(replies, MODERATION_RECIPE, frequencies)
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 3)
    monkeypatch.setattr("plumbline.models.features.text_features.BLOCK_ROWS", 3)
    arrow = Replies(pa.array(replies.texts), pa.chunked_array([replies.prompts[:7], replies.prompts[7:]]))
    for threads in (1, 3):
        again = fit_inverse_frequencies([arrow], MODERATION_RECIPE, threads=threads)
        assert all(np.array_equal(one, other) for one, other in zip(again, frequencies, strict=True))
        assert abs(featurise_replies(arrow, MODERATION_RECIPE, again, threads=threads) - rows).max() == 0


def test_an_opening_block_reads_the_first_words_only() -> None:
    recipe = FeatureRecipe((FeatureBlock("opening", SPACE, opening_words=2),))
    texts = Replies(["one  two three", "one two four", "two one"])
    rows = featurise_replies(texts, recipe, fit_inverse_frequencies([texts], recipe)).toarray()
    assert np.array_equal(rows[0, :-1], rows[1, :-1])


def test_an_ending_block_reads_the_last_character_that_is_no_blank() -> None:
    recipe = FeatureRecipe((FeatureBlock("ending", NgramSpace(character_orders=(1,), bucket_bits=8), 0.7),))
    texts = Replies(["It ends.", "Another.  \n", "cut o", "  ", ""])
    rows = featurise_replies(texts, recipe, fit_inverse_frequencies([texts], recipe)).toarray()
    assert np.array_equal(rows[0, :-1], rows[1, :-1])
    assert sorted(rows[0, :-1])[-2:] == pytest.approx([0, 0.7])
    assert rows[0, :-1] @ rows[2, :-1] == 0
    assert not rows[3:, :-1].any()


def test_prompt_and_reply_have_columns_of_their_own() -> None:
    recipe = FeatureRecipe((FeatureBlock("reply", SPACE), FeatureBlock("prompt", SPACE)))
    replies = Replies(["cat", ""], ["", "cat"])
    rows = featurise_replies(replies, recipe, fit_inverse_frequencies([replies], recipe)).toarray()
    assert np.flatnonzero(rows[0, :-1])[0] + SPACE.width == np.flatnonzero(rows[1, :-1])[0]


def test_no_replies_give_no_rows() -> None:
    frequencies = fit_inverse_frequencies([Replies([])], WORDS)
    assert featurise_replies(Replies([]), WORDS, frequencies).shape == (0, WORDS.width)


def test_frequencies_of_many_replies_are_those_of_every_kth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plumbline.models.features.text_features._FREQUENCY_SAMPLE", 7)
    many = Replies(TEXTS * 5, TEXTS * 5)
    few = Replies((TEXTS * 5)[::3], (TEXTS * 5)[::3])
    expected = fit_inverse_frequencies([few], MODERATION_RECIPE)
    for replies in (many, Replies(pa.array(many.texts), pa.chunked_array([TEXTS, TEXTS * 4]))):
        found = fit_inverse_frequencies([replies], MODERATION_RECIPE)
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_what_does_not_pair_is_refused() -> None:
    frequencies = fit_inverse_frequencies([Replies(TEXTS)], WORDS)
    with pytest.raises(UsageError, match="PL-LIN-011"):
        featurise_pairs(Replies(TEXTS), Replies(TEXTS[:2]), WORDS, frequencies)
    with pytest.raises(UsageError, match="PL-LIN-009"):
        fit_inverse_frequencies([Replies(TEXTS)], MODERATION_RECIPE)
    with pytest.raises(UsageError, match="PL-LIN-011"):
        fit_inverse_frequencies([Replies(TEXTS, TEXTS[:1])], MODERATION_RECIPE)
    with pytest.raises(UsageError, match="PL-LIN-010"):
        featurise_replies(Replies(TEXTS), PAIR_RECIPE, frequencies)
