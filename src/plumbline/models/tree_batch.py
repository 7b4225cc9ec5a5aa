"""Conversation trees: token sequences that share beginnings, laid out so that each shared stretch stands once.

A *group* is a few sequences that may share a beginning: the two sides of a comparison, the records of one
conversation, n candidates for one prompt. Its sequences are merged into a tree of tokens and laid out depth first, so
that all that follows from a token stands directly behind it: token i attends to token j where ``j <= i < exits[j]``,
which are its ancestors and itself. Its position is its depth. The scores are those of the sequences computed one by
one; only the work is less.

Several groups stand in one *row* of a batch, one after the other: trees of a forest, which never see each other.

Arrays in, arrays out: nothing here knows of a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tree:
    """One group, depth first.

    Attributes:
        tokens: shape (t,); ids, each shared stretch once.
        depths: shape (t,); the position of a token in its sequence.
        exits: shape (t,); the index behind the last token that follows from this one.
        ends: shape (n,); where the last token of each sequence stands.
        sequence_tokens: tokens of the n sequences one by one.
    """

    tokens: Integers
    depths: Integers
    exits: Integers
    ends: Integers
    sequence_tokens: int

    def __len__(self) -> int:
        """t."""
        return len(self.tokens)


def build_tree(sequences: Sequence[Integers]) -> Tree:
    """The tree of a group.

    Args:
        sequences: n arrays of token ids, each of at least one.
    Raises:
        ValueError: there is no sequence, or one is empty.
    """
    if not sequences or not all(len(each) for each in sequences):
        raise ValueError(f"expected sequences of at least one token, found lengths {[len(each) for each in sequences]}")
    # In lexicographic order the longest beginning that a sequence shares with any earlier one is that with the last.
    order = sorted(range(len(sequences)), key=lambda number: lexicographic_key(sequences[number]))
    tokens: list[Integers] = []
    depths: list[Integers] = []
    exits = np.empty(sum(map(len, sequences)), np.int64)
    ends = np.empty(len(sequences), np.int64)
    path = np.empty(0, np.int64)  # where the tokens of the last sequence stand, by depth
    last: Integers = np.empty(0, np.int64)
    laid_out = 0
    for number in order:
        sequence = sequences[number]
        shared = common_length(last, sequence)
        exits[path[shared:]] = laid_out
        own = len(sequence) - shared
        path = np.concatenate([path[:shared], np.arange(laid_out, laid_out + own)])
        tokens.append(sequence[shared:])
        depths.append(np.arange(shared, len(sequence)))
        ends[number] = path[-1]
        last = sequence
        laid_out += own
    exits[path] = laid_out
    return Tree(np.concatenate(tokens), np.concatenate(depths), exits[:laid_out], ends, sum(map(len, sequences)))


def lexicographic_key(sequence: Integers) -> bytes:
    """What sorts sequences of token ids by their first difference: a list of the numbers takes several times the room."""
    return sequence.astype(">u4").tobytes()


def common_length(one: Integers, other: Integers) -> int:
    """How many leading tokens two sequences share."""
    most = min(len(one), len(other))
    unequal = np.flatnonzero(one[:most] != other[:most])
    return int(unequal[0]) if len(unequal) else most


@dataclass(frozen=True, slots=True)
class TreeBatch:
    """Trees packed into rows of one length.

    Attributes:
        tokens, depths, exits: shape (b, l); of padding the token is `padding_id`, the depth 0, and it attends to itself.
        end_rows, end_columns: shape (n,); where the last token of each sequence stands, in the order of the sequences
            of the groups one after the other.
        own_tokens: tokens that are no padding.
        sequence_tokens: tokens of the n sequences one by one.
    """

    tokens: Integers
    depths: Integers
    exits: Integers
    end_rows: Integers
    end_columns: Integers
    own_tokens: int
    sequence_tokens: int


def pack_trees(trees: Sequence[Tree], *, padding_id: int, capacity: int = 0) -> TreeBatch:
    """Lay trees out in rows.

    Args:
        trees: at least one.
        padding_id: any valid token id.
        capacity: tokens a row has room for; at least the longest tree's, which is the default.
    """
    length = max(capacity, max(map(len, trees)))
    rows = fit_rows([len(tree) for tree in trees], length)
    width = max(sum(len(trees[number]) for number in row) for row in rows)
    tokens = np.full((len(rows), width), padding_id, np.int64)
    depths = np.zeros((len(rows), width), np.int64)
    exits = np.tile(np.arange(1, width + 1), (len(rows), 1))
    places: dict[int, tuple[int, int]] = {}
    for row, members in enumerate(rows):
        start = 0
        for number in members:
            tree, stop = trees[number], start + len(trees[number])
            tokens[row, start:stop], depths[row, start:stop] = tree.tokens, tree.depths
            exits[row, start:stop] = tree.exits + start
            places[number] = (row, start)
            start = stop
    end_rows = [np.full(len(tree.ends), places[number][0]) for number, tree in enumerate(trees)]
    end_columns = [tree.ends + places[number][1] for number, tree in enumerate(trees)]
    return TreeBatch(
        tokens,
        depths,
        exits,
        np.concatenate(end_rows),
        np.concatenate(end_columns),
        sum(map(len, trees)),
        sum(tree.sequence_tokens for tree in trees),
    )


def fit_rows(sizes: Sequence[int], capacity: int) -> list[list[int]]:
    """Which items share a row: the largest first, each into the fullest row that has room (best fit decreasing).

    Args:
        sizes: n sizes, each at most `capacity`.
    Returns:
        Rows of item numbers; every item once.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for number in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
        fitting = [row for row, left in enumerate(room) if left >= sizes[number]]
        if fitting:
            best = min(fitting, key=lambda row: room[row])
            rows[best].append(number)
            room[best] -= sizes[number]
        else:
            rows.append([number])
            room.append(capacity - sizes[number])
    return rows
