"""Features of training rows, with inverse frequencies that held-out rows had no part in.

Few rows are counted once; each fold then weighs the counts by the frequencies of its other rows, which reads no text
again. Of many rows a single fold is held out: there the frequencies of the other rows are the model's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from plumbline.models.features.text_features import (
    FeatureRecipe,
    Frequencies,
    Replies,
    count_replies,
    featurise_pairs,
    featurise_replies,
    fit_inverse_frequencies,
    inverse_frequencies,
    reply_lengths,
)
from plumbline.models.rows.folds import Deal

Weights = NDArray[np.float32]

_SECOND_PLACE = float(1 << 26)
"""What a count of the second side is multiplied by in a double that holds both; counts below 2**26 stay exact."""


@dataclass(frozen=True)
class TrainingReplies:
    """What rows are made of: pairs, then single replies; either may be absent.

    Attributes:
        first, second: sides of P pairs; both or neither.
        single: S replies.
    """

    first: Replies | None = None
    second: Replies | None = None
    single: Replies | None = None

    @property
    def pairs(self) -> tuple[Replies, Replies] | None:
        """Both sides; None where there are no pairs."""
        return None if self.first is None or self.second is None else (self.first, self.second)

    def of_rows(self, kept: NDArray[np.int64]) -> list[Replies]:
        """The replies of the rows at these positions; the pairs' positions come before those of single replies."""
        pair_count = len(self.first) if self.first is not None else 0
        of_pairs, of_single = kept[kept < pair_count], kept[kept >= pair_count] - pair_count
        sides = [side.take(of_pairs) for side in self.pairs or ()]
        return sides + ([self.single.take(of_single)] if self.single is not None else [])


class TrainingFeatures(Protocol):
    """Rows to fit on: differences of pairs, then single replies.

    Attributes:
        frequencies: the model's own inverse frequencies.
        matrix: CSR, shape (P + S, columns), float32, weighed by `frequencies`.
    """

    frequencies: Frequencies
    matrix: csr_array

    def matrix_without(self, held: NDArray[np.int64]) -> csr_array:
        """The same rows, weighed by frequencies that the held-out rows had no part in."""
        ...

    def spread(self, weights: Weights) -> Weights:
        """Weights of the matrix's columns → of the recipe's, shape (recipe.width,)."""
        ...


def training_features(replies: TrainingReplies, recipe: FeatureRecipe, deal: Deal, *, threads: int) -> TrainingFeatures:
    """Features of rows for all fits of a deal.

    Args:
        replies: what the rows are made of.
        recipe: the features.
        deal: which rows are held out.
        threads: row ranges worked on at a time.
    Raises:
        UsageError: as `featurise_replies`.
    """
    if deal.holds_out_all:
        return CountedFeatures(replies, recipe, threads=threads)
    return HeldOutFeatures(replies, recipe, deal, threads=threads)


class HeldOutFeatures:
    """Rows weighed by the frequencies of all rows but the one fold held out."""

    def __init__(self, replies: TrainingReplies, recipe: FeatureRecipe, deal: Deal, *, threads: int) -> None:
        """Read the texts: once for the frequencies, of a sample, and once for the rows."""
        others = replies.of_rows(deal.others(deal.folds[0]))
        self.frequencies: Frequencies = fit_inverse_frequencies(others, recipe, threads=threads)
        parts = []
        if replies.pairs is not None:
            parts.append(featurise_pairs(*replies.pairs, recipe, self.frequencies, threads=threads))
        if replies.single is not None:
            parts.append(featurise_replies(replies.single, recipe, self.frequencies, threads=threads))
        self.matrix: csr_array = parts[0] if len(parts) == 1 else csr_array(vstack(parts, format="csr"))

    def matrix_without(self, held: NDArray[np.int64]) -> csr_array:  # noqa: ARG002  there is one fold, known from the start
        """The one matrix: its frequencies are those of the rows not held out."""
        return self.matrix

    def spread(self, weights: Weights) -> Weights:
        """The weights as they are."""
        return weights


class CountedFeatures:
    """Rows as raw counts, weighed anew for each fold: a few passes over the entries, and no text is read again.

    Columns that no row uses are left out.
    """

    def __init__(self, replies: TrainingReplies, recipe: FeatureRecipe, *, threads: int) -> None:
        """Read the texts, once."""
        self._recipe = recipe
        self._counts = _count_rows(replies, recipe, threads)
        everywhere = np.zeros(recipe.width)
        everywhere[self._counts.columns] = self._counts.documents_with(np.ones(len(self._counts.documents)))
        edges = np.cumsum([block.space.width for block in recipe.blocks])
        every = inverse_frequencies(everywhere, float(self._counts.documents.sum()))
        self.frequencies: Frequencies = tuple(np.split(every[:-1], edges[:-1]))
        self.matrix: csr_array = self._counts.weigh(every[self._counts.columns])

    def matrix_without(self, held: NDArray[np.int64]) -> csr_array:
        """The same rows, weighed by the frequencies of the rows not held out."""
        kept = np.ones(len(self._counts.documents))
        kept[held] = 0.0
        reply_count = float(self._counts.documents @ kept)
        return self._counts.weigh(inverse_frequencies(self._counts.documents_with(kept), reply_count))

    def spread(self, weights: Weights) -> Weights:
        """Weights of the columns in use → of all columns; 0 elsewhere."""
        full = np.zeros(self._recipe.width, np.float32)
        full[self._counts.columns] = weights
        return full


@dataclass(frozen=True)
class _RowCounts:
    """Raw counts of both sides of N rows, on one pattern of columns; a single reply is a first side alone.

    Attributes:
        columns: shape (K,), ascending; the recipe's columns that are in use.
        presence: CSR, shape (N, K); how many of the row's replies have the n-gram: 1 or 2.
        first, second: counts of each entry of `presence`; `second` is None where no row is a pair.
        starts: the first entry of each segment: one row's entries in one block.
        sizes: entries of each segment.
        segment_weights: the block's weight, for each segment.
        lengths: shape (N,); the last column's values.
        documents: shape (N,); replies of each row.
    """

    columns: NDArray[np.intp]
    presence: csr_array
    first: Weights
    second: Weights | None
    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]
    segment_weights: Weights
    lengths: Weights
    documents: NDArray[np.float64]

    def documents_with(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        """Replies with each n-gram, shape (K,), in the rows whose `kept` is 1 and not 0."""
        return np.asarray(self.presence.T @ kept)

    def weigh(self, frequencies: Weights) -> csr_array:
        """First − second, each weighed by frequencies of shape (K,) and scaled block by block; shape (N, K)."""
        of_entry = frequencies[self.presence.indices]
        values = self._scale(self.first * of_entry)
        if self.second is not None:
            values -= self._scale(self.second * of_entry)
        values[self.presence.indptr[1:] - 1] = self.lengths
        return csr_array((values, self.presence.indices, self.presence.indptr), shape=self.presence.shape)

    def _scale(self, values: Weights) -> Weights:
        """Every segment scaled to the length of its block's weight; one of zeros stays so."""
        squares = np.add.reduceat(values * values, self.starts)
        scales = np.divide(self.segment_weights, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)
        values *= np.repeat(scales, self.sizes)
        return values


def _count_rows(replies: TrainingReplies, recipe: FeatureRecipe, threads: int) -> _RowCounts:
    """Count the n-grams of every reply, and lay the two sides of a row on one pattern."""
    firsts = [column for column in (replies.first, replies.single) if column is not None]
    first = csr_array(vstack([count_replies(column, recipe, threads=threads) for column in firsts], format="csr"))
    pair_count = 0 if replies.second is None else len(replies.second)
    documents = np.ones(first.shape[0])
    documents[:pair_count] = 2.0
    lengths = np.concatenate([reply_lengths(column, recipe) for column in firsts])
    second_counts = None
    if replies.second is None:
        pattern, first_counts = first, first.data
    else:
        second = count_replies(replies.second, recipe, threads=threads)
        second.resize(first.shape)
        pattern, first_counts, second_counts = _shared_pattern(first, second)
        lengths[:pair_count] -= reply_lengths(replies.second, recipe)
    starts, of_block = _segments(pattern, recipe)
    columns, narrow = _columns_in_use(pattern.indices, recipe.width)
    present = (first_counts > 0).astype(np.float64) + (0.0 if second_counts is None else second_counts > 0)
    return _RowCounts(
        columns=columns,
        presence=csr_array((present, narrow, pattern.indptr), shape=(first.shape[0], len(columns))),
        first=first_counts,
        second=second_counts,
        starts=starts,
        sizes=np.diff(starts, append=pattern.nnz),
        segment_weights=np.array([*(block.weight for block in recipe.blocks), 1.0], np.float32)[of_block],
        lengths=lengths,
        documents=documents,
    )


def _shared_pattern(first: csr_array, second: csr_array) -> tuple[csr_array, Weights, Weights]:
    """A matrix with an entry where either has one, and the counts of each there; exact, in one sparse addition."""
    both = csr_array(first.astype(np.float64) + second.astype(np.float64) * _SECOND_PLACE)
    of_second = np.floor(both.data / _SECOND_PLACE)
    of_first = both.data - of_second * _SECOND_PLACE
    return both, of_first.astype(np.float32), of_second.astype(np.float32)


def _segments(pattern: csr_array, recipe: FeatureRecipe) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each row's entries of each block start, and which block it is; the length's column is the last block."""
    edges = np.cumsum([block.space.width for block in recipe.blocks])
    block = np.searchsorted(edges, pattern.indices, side="right")
    row = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    starts = np.flatnonzero(np.diff(row * (len(edges) + 1) + block, prepend=-1))
    return starts, block[starts]


def _columns_in_use(indices: NDArray[np.int32], width: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """The columns with entries, ascending, and for each entry its column's place among them."""
    columns = np.flatnonzero(np.bincount(indices, minlength=width))
    position = np.zeros(width, np.int32)
    position[columns] = np.arange(len(columns), dtype=np.int32)
    return columns, position[indices]
