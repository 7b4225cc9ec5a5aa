"""What a transformer learns from: a few token sequences that belong together, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plumbline.models.tree_batch import Integers


@dataclass(frozen=True, slots=True)
class Preference:
    """One side is better than the other. `better` and `worse` are numbers of sequences, `head` that of a column."""

    better: int
    worse: int
    head: int
    margin: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Known:
    """A number known of one sequence on one head: a label (0 or 1), a sign (+1 or −1) or a value."""

    sequence: int
    head: int
    value: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Example:
    """One row, or the rows of one conversation.

    Attributes:
        sequences: token ids, each as the trunk reads it.
        ids: of the records; for naming rows where something goes wrong.
    """

    sequences: tuple[Integers, ...]
    preferences: tuple[Preference, ...] = ()
    labels: tuple[Known, ...] = ()
    signs: tuple[Known, ...] = ()
    values: tuple[Known, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownColumns:
    """Many `Known`, by column, each shape (e,)."""

    sequences: Integers
    heads: Integers
    values: NDArray[np.float32]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Targets:
    """What is known of the sequences of several examples, numbered one after the other.

    Attributes:
        better, worse, pair_heads, margins, pair_weights: shape (p,).
    """

    better: Integers
    worse: Integers
    pair_heads: Integers
    margins: NDArray[np.float32]
    pair_weights: NDArray[np.float32]
    labels: KnownColumns
    signs: KnownColumns
    values: KnownColumns


def gather_targets(examples: Sequence[Example]) -> Targets:
    """The targets of a batch; sequence numbers count through the batch."""
    starts = np.cumsum([0, *(len(example.sequences) for example in examples)]).tolist()
    placed = list(zip(starts[:-1], examples, strict=True))
    pairs = [(start, pair) for start, example in placed for pair in example.preferences]
    return Targets(
        np.array([start + pair.better for start, pair in pairs], np.int64),
        np.array([start + pair.worse for start, pair in pairs], np.int64),
        np.array([pair.head for _, pair in pairs], np.int64),
        np.array([pair.margin for _, pair in pairs], np.float32),
        np.array([pair.weight for _, pair in pairs], np.float32),
        _columns((start, known) for start, example in placed for known in example.labels),
        _columns((start, known) for start, example in placed for known in example.signs),
        _columns((start, known) for start, example in placed for known in example.values),
    )


def _columns(entries: Iterable[tuple[int, Known]]) -> KnownColumns:
    placed = list(entries)
    return KnownColumns(
        np.array([start + known.sequence for start, known in placed], np.int64),
        np.array([known.head for _, known in placed], np.int64),
        np.array([known.value for _, known in placed], np.float32),
        np.array([known.weight for _, known in placed], np.float32),
    )
