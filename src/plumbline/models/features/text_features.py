"""Features of replies for linear models: weighted blocks of hashed n-grams, and the reply's length.

Covers: recipes (which blocks, how heavy), inverse document frequencies, and rows for single replies and for pairs.
Does not cover: cutting conversations into prompt and reply, or labels.

A row is the blocks side by side. In a block each n-gram count becomes ``count * inverse frequency``; the block's row is
then scaled to the length ``weight``. A pair's row is first − second, so its score is the difference of two
replies' scores. Which blocks and weights, and what did not help: ``docs/design/linear-features.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from plumbline.models.features.ngram_hashing import NgramSpace, as_strings, count_ngrams
from plumbline.models.features.row_blocks import BLOCK_ROWS, map_row_blocks
from plumbline.records.errors import UsageError

Frequencies = tuple[NDArray[np.float32], ...]

_TYPICAL_LOG_CHARACTERS = 5.0
_FREQUENCY_SAMPLE = 1 << 15


@dataclass(frozen=True)
class FeatureBlock:
    """One block of columns.

    Attributes:
        text: what is read: the reply, its first ``opening_words`` words, its ending (the last character that is not a
            blank), or the prompt (what was said before).
        space: n-grams and buckets; blocks of one recipe should differ in ``namespace``.
        weight: Euclidean length of a row of this block; > 0. Heavier blocks are penalised less.
        opening_words: how many words, cut at blanks, an opening has.
    """

    text: Literal["reply", "opening", "ending", "prompt"]
    space: NgramSpace
    weight: float = 1.0
    opening_words: int = 8


@dataclass(frozen=True)
class FeatureRecipe:
    """All columns of a linear model.

    Attributes:
        blocks: side by side, in this order.
        length_weight: what ``ln(1 + characters of the reply) − 5`` is multiplied by, in the last column; 0 for none.
    """

    blocks: tuple[FeatureBlock, ...]
    length_weight: float = 0.0

    @property
    def width(self) -> int:
        """Number of columns, the length's included."""
        return sum(block.space.width for block in self.blocks) + 1


@dataclass(frozen=True)
class Replies:
    """Replies to featurise, as columns.

    Attributes:
        texts: B replies; a sequence of strings or a pyarrow string array.
        prompts: what was said before each, B; needed only where the recipe reads prompts.
    """

    texts: Sequence[str] | Any
    prompts: Sequence[str] | Any | None = None

    def __len__(self) -> int:
        """B, the number of replies."""
        return len(self.texts)

    def take(self, positions: NDArray[np.int64]) -> Replies:
        """The replies at these positions, in their order, as pyarrow arrays."""
        return Replies(
            _as_arrow(self.texts).take(positions),
            None if self.prompts is None else _as_arrow(self.prompts).take(positions),
        )


def _as_arrow(texts: Sequence[str] | Any) -> pa.Array | pa.ChunkedArray:
    """The texts as a pyarrow column, without a copy where they are one already."""
    return texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())


_REPLY_CHARACTERS = NgramSpace(character_orders=(4,), bucket_bits=18, namespace=1)
_REPLY_WORD = NgramSpace(word_orders=(1,), bucket_bits=18, namespace=2)
_REPLY_WORDS = NgramSpace(word_orders=(1, 2), bucket_bits=18, namespace=2)
_OPENING_WORDS = NgramSpace(word_orders=(1, 2, 3), bucket_bits=16, namespace=3)
_PROMPT_WORDS = NgramSpace(word_orders=(1, 2), bucket_bits=18, namespace=4)
_LAST_CHARACTER = NgramSpace(character_orders=(1,), bucket_bits=8, namespace=5)

PAIR_RECIPE = FeatureRecipe(
    blocks=(FeatureBlock("reply", _REPLY_CHARACTERS, 1.0), FeatureBlock("ending", _LAST_CHARACTER, 0.7)),
    length_weight=0.3,
)
PAIR_WORDS_RECIPE = FeatureRecipe(
    blocks=(FeatureBlock("reply", _REPLY_WORD, 1.0), FeatureBlock("ending", _LAST_CHARACTER, 0.7)),
    length_weight=0.3,
)
MODERATION_RECIPE = FeatureRecipe(
    blocks=(
        FeatureBlock("reply", _REPLY_WORDS, 1.0),
        FeatureBlock("opening", _OPENING_WORDS, 0.55),
        FeatureBlock("prompt", _PROMPT_WORDS, 0.7),
    ),
)
MODERATION_CHARACTERS_RECIPE = FeatureRecipe(
    blocks=(
        FeatureBlock("reply", _REPLY_CHARACTERS, 1.0),
        FeatureBlock("opening", _OPENING_WORDS, 0.55),
        FeatureBlock("prompt", _PROMPT_WORDS, 0.7),
    ),
)


def fit_inverse_frequencies(replies: Sequence[Replies], recipe: FeatureRecipe, *, threads: int = 2) -> Frequencies:
    """Inverse document frequency of each bucket, ``1 + ln((1 + n) / (1 + texts with it))``.

    Past 32,768 replies every k-th is counted, k as small as keeps within that: the rest would cost a second pass
    over all texts and change the weights of rare buckets only.

    Args:
        replies: the training replies only, n in all; both sides of pairs.
        recipe: the blocks.
        threads: row ranges worked on at a time.

    Returns:
        For each block, shape (block.space.width,), float32, >= 1. Part of the model: scoring needs the same.

    Source: scikit-learn's ``TfidfTransformer(smooth_idf=True)``. Deviation: buckets take the place of terms.
    """
    stride = -(-sum(map(len, replies)) // _FREQUENCY_SAMPLE) or 1
    sample = [column if stride == 1 else _every(stride, column) for column in replies]
    row_count = sum(map(len, sample))
    tasks = [(column, start) for column in sample for start in range(0, len(column), BLOCK_ROWS)]

    def document_counts(task: tuple[Replies, int]) -> list[NDArray[np.int64]]:
        """How many texts of one row range have each bucket, block by block."""
        column, start = task
        texts = as_strings(column.texts[start : start + BLOCK_ROWS])
        counted = _count_blocks(texts, column, start, start + BLOCK_ROWS, recipe)
        return [np.bincount(counts.indices, minlength=counts.shape[1]) for counts in counted]

    totals = [np.zeros(block.space.width, np.int64) for block in recipe.blocks]
    with ThreadPoolExecutor(threads) as pool:
        for counted in pool.map(document_counts, tasks):
            for total, counts in zip(totals, counted, strict=True):
                total += counts
    return tuple(inverse_frequencies(total, row_count) for total in totals)


def inverse_frequencies(document_counts: NDArray[Any], reply_count: float) -> NDArray[np.float32]:
    """``1 + ln((1 + reply_count) / (1 + document_counts))``, in the counts' shape, >= 1."""
    frequencies: NDArray[np.float32] = (1.0 + np.log((1.0 + reply_count) / (1.0 + document_counts))).astype(np.float32)
    return frequencies


def count_replies(replies: Replies, recipe: FeatureRecipe, *, threads: int = 2) -> csr_array:
    """Raw counts of every block, side by side; 1 in the length's column, so that every row has an entry there.

    Args:
        replies: B replies.
        recipe: the blocks.
        threads: row ranges worked on at a time.
    Returns:
        CSR, shape (B, recipe.width), float32, sorted.
    Raises:
        UsageError: prompts are needed and absent, or lengths do not pair.
    """

    def counts(start: int, stop: int) -> csr_array:
        """One row range."""
        counted = _count_blocks(as_strings(replies.texts[start:stop]), replies, start, stop, recipe)
        ones = csr_array(np.ones((counted[0].shape[0], 1), np.float32))
        return csr_array(hstack([*counted, ones], format="csr", dtype=np.float32))

    return map_row_blocks(counts, len(replies), width=recipe.width, threads=threads)


def reply_lengths(replies: Replies, recipe: FeatureRecipe) -> NDArray[np.float32]:
    """The values of the length's column for replies, shape (B,)."""
    return weighted_lengths(as_strings(replies.texts), recipe)


def weighted_lengths(texts: Sequence[str], recipe: FeatureRecipe) -> NDArray[np.float32]:
    """The values of the length's column for texts, shape (B,)."""
    characters = np.fromiter(map(len, texts), np.float32, len(texts))
    return np.asarray(recipe.length_weight * (np.log1p(characters) - _TYPICAL_LOG_CHARACTERS), np.float32)


def featurise_replies(
    replies: Replies, recipe: FeatureRecipe, frequencies: Frequencies, *, threads: int = 2
) -> csr_array:
    """Rows of single replies, for scoring and for sign or moderation labels.

    Args:
        replies: B replies.
        recipe: the blocks.
        frequencies: from ``fit_inverse_frequencies`` with this recipe.
        threads: row ranges worked on at a time.

    Returns:
        CSR, shape (B, recipe.width), float32.

    Raises:
        UsageError: prompts are needed and absent, lengths do not pair, or the frequencies are another recipe's.
    """
    check_frequencies(recipe, frequencies)
    return map_row_blocks(
        lambda start, stop: _featurise_block(replies, start, stop, recipe, frequencies),
        len(replies),
        width=recipe.width,
        threads=threads,
    )


def featurise_pairs(
    first: Replies, second: Replies, recipe: FeatureRecipe, frequencies: Frequencies, *, threads: int = 2
) -> csr_array:
    """Difference rows, first − second, without ever holding both sides whole.

    Args:
        first: B replies; higher scores mean that this side is better (reward) or more harmful (cost).
        second: B replies, paired by position.
        recipe: the blocks; blocks of a shared prompt cancel.
        frequencies: from ``fit_inverse_frequencies`` with this recipe.
        threads: row ranges worked on at a time.

    Returns:
        CSR, shape (B, recipe.width), float32; equal replies give an empty row.

    Raises:
        UsageError: prompts are needed and absent, lengths do not pair, or the frequencies are another recipe's.
    """
    check_frequencies(recipe, frequencies)
    _check_paired("second", len(second), len(first))

    def difference(start: int, stop: int) -> csr_array:
        """One row range of first − second."""
        rows = _featurise_block(first, start, stop, recipe, frequencies)
        other = _featurise_block(second, start, stop, recipe, frequencies)
        return csr_array(rows - other)

    return map_row_blocks(difference, len(first), width=recipe.width, threads=threads)


def _every(stride: int, replies: Replies) -> Replies:
    """Every ``stride``-th reply, from the first."""
    return Replies(replies.texts[::stride], None if replies.prompts is None else replies.prompts[::stride])


def _count_blocks(
    texts: Sequence[str], replies: Replies, start: int, stop: int, recipe: FeatureRecipe
) -> list[csr_array]:
    """Raw counts of each block for one row range, whose texts are given."""
    return [count_ngrams(block_texts(block, texts, replies, start, stop), block.space) for block in recipe.blocks]


def block_texts(block: FeatureBlock, texts: Sequence[str], replies: Replies, start: int, stop: int) -> Sequence[str]:
    """The texts that a block reads."""
    if block.text == "reply":
        return texts
    if block.text == "ending":
        return [text.rstrip()[-1:] for text in texts]
    if block.text == "opening":
        return [" ".join(text.split(maxsplit=block.opening_words)[: block.opening_words]) for text in texts]
    if replies.prompts is None:
        raise UsageError(
            "PL-LIN-009",
            "prompts",
            "the recipe reads prompts and none were given",
            advice="pass Replies(texts, prompts), or use a recipe without a prompt block",
        )
    _check_paired("prompts", len(replies.prompts), len(replies.texts))
    return as_strings(replies.prompts[start:stop])


def _featurise_block(
    replies: Replies, start: int, stop: int, recipe: FeatureRecipe, frequencies: Frequencies
) -> csr_array:
    """All columns for one row range."""
    texts = as_strings(replies.texts[start:stop])
    counted = _count_blocks(texts, replies, start, stop, recipe)
    weighted = [
        _weigh(counts, frequency, block.weight)
        for counts, frequency, block in zip(counted, frequencies, recipe.blocks, strict=True)
    ]
    length_column = csr_array(weighted_lengths(texts, recipe)[:, None])
    return csr_array(hstack([*weighted, length_column], format="csr", dtype=np.float32))


def _weigh(counts: csr_array, frequency: NDArray[np.float32], weight: float) -> csr_array:
    """``count * inverse frequency``, each non-empty row scaled to the length ``weight``."""
    values = counts.data * frequency[counts.indices]
    entries = np.diff(counts.indptr)
    filled = np.flatnonzero(entries)
    if not len(filled):
        return counts
    squares = np.add.reduceat(values * values, counts.indptr[filled])
    values *= np.repeat(np.float32(weight) / np.sqrt(squares), entries[filled])
    return csr_array((values, counts.indices, counts.indptr), shape=counts.shape)


def check_frequencies(recipe: FeatureRecipe, frequencies: Frequencies) -> None:
    """Refuse frequencies of another recipe."""
    expected = [block.space.width for block in recipe.blocks]
    found = [len(frequency) for frequency in frequencies]
    if expected != found:
        raise UsageError(
            "PL-LIN-010",
            "frequencies",
            "the inverse frequencies belong to another recipe",
            expected=f"{len(expected)} blocks of {expected} buckets",
            found=f"{len(found)} blocks of {found}",
            advice="use the frequencies fitted with this recipe",
        )


def _check_paired(name: str, found: int, expected: int) -> None:
    """Refuse columns of different lengths."""
    if found != expected:
        raise UsageError(
            "PL-LIN-011",
            name,
            "the columns do not pair by position",
            expected=f"{expected} rows",
            found=f"{found}",
            advice=f"pass one {name} value a reply",
        )
