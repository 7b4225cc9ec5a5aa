"""Scores of replies by a linear model, without making their rows: what a service asks for, a few replies at a time.

A row of `text_features.featurise_replies` times the weights is a sum over the row's n-grams. Here each distinct n-gram fetches
its weights and the sums are made at once, so that few replies cost a handful of array operations and no sparse matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plumbline.models.features.ngram_hashing import as_strings, distinct_ngrams
from plumbline.models.features.row_blocks import BLOCK_ROWS
from plumbline.models.features.text_features import (
    FeatureBlock,
    FeatureRecipe,
    Frequencies,
    Replies,
    block_texts,
    check_frequencies,
    weighted_lengths,
)


@dataclass(frozen=True)
class StackedWeights:
    """The weights of k heads, as scoring reads them: side by side, bucket by bucket.

    Attributes:
        blocks: of each block of the recipe, shape (block.space.width, k), float32; inverse frequencies and the block's
            weight are in them.
        frequencies: of each block, shape (block.space.width,), float32.
        length: shape (k,); of the length's column.
        intercepts: shape (k,).
    """

    blocks: tuple[NDArray[np.float32], ...]
    frequencies: Frequencies
    length: NDArray[np.float32]
    intercepts: NDArray[np.float64]


def stack_weights(
    recipe: FeatureRecipe,
    frequencies: Frequencies,
    weights: Sequence[NDArray[np.float32]],
    intercepts: Sequence[float],
) -> StackedWeights:
    """The weights of k heads side by side.

    Args:
        recipe, frequencies: of the model.
        weights: k of shape (recipe.width,).
        intercepts: k.
    Raises:
        UsageError: the frequencies are another recipe's.
    """
    check_frequencies(recipe, frequencies)
    stacked = np.stack(list(weights), axis=1)
    blocks, start = [], 0
    for block, frequency in zip(recipe.blocks, frequencies, strict=True):
        stop = start + block.space.width
        blocks.append(stacked[start:stop] * (frequency * np.float32(block.weight))[:, None])
        start = stop
    return StackedWeights(tuple(blocks), frequencies, stacked[start], np.asarray(intercepts, np.float64))


def score_replies(
    replies: Replies, recipe: FeatureRecipe, weights: StackedWeights, *, threads: int = 2
) -> NDArray[np.float64]:
    """Scores of every head: what the rows of `featurise_replies` times the weights, and the intercepts, give.

    Args:
        replies: B replies.
        recipe: of the model.
        weights: k heads.
        threads: row ranges worked on at a time.
    Returns:
        Shape (B, k). A reply's scores do not depend on the others.
    Raises:
        UsageError: prompts are needed and absent, or lengths do not pair.
    """
    starts = range(0, len(replies), BLOCK_ROWS)
    scores = np.empty((len(replies), len(weights.intercepts)))

    def score(start: int) -> None:
        """One row range."""
        stop = min(start + BLOCK_ROWS, len(replies))
        scores[start:stop] = _score_rows(replies, start, stop, recipe, weights)

    if threads == 1 or len(starts) < 2:
        for start in starts:
            score(start)
        return scores
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(score, starts))
    return scores


def _score_rows(
    replies: Replies, start: int, stop: int, recipe: FeatureRecipe, weights: StackedWeights
) -> NDArray[np.float64]:
    texts = as_strings(replies.texts[start:stop])
    lengths = weighted_lengths(texts, recipe)
    scores = weights.intercepts + lengths[:, None] * weights.length.astype(np.float64)
    for block, of_block, frequency in zip(recipe.blocks, weights.blocks, weights.frequencies, strict=True):
        _add_block(scores, block, block_texts(block, texts, replies, start, stop), of_block, frequency)
    return scores


def _add_block(
    scores: NDArray[np.float64],
    block: FeatureBlock,
    texts: Sequence[str],
    weights: NDArray[np.float32],
    frequency: NDArray[np.float32],
) -> None:
    """Adds what a block says: of each row the mean of its n-grams' weights, scaled by the length of its counts."""
    for first, ngrams in distinct_ngrams(texts, block.space):
        entries = np.diff(ngrams.starts)
        filled = np.flatnonzero(entries)
        if not len(filled):
            continue
        rows = ngrams.starts[filled]
        buckets = ngrams.buckets.astype(np.intp)
        lengths = ngrams.counts * frequency.take(buckets)
        squares = np.add.reduceat(lengths * lengths, rows)
        sums = np.add.reduceat(weights.take(buckets, axis=0) * ngrams.counts[:, None], rows, axis=0)
        scores[first + filled] += sums / np.sqrt(squares)[:, None]
