"""Trees against a trie made one prefix at a time; packing; and the counted tokens that the speed rests on."""

import gzip
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.models.tree_batch import build_tree, fit_rows, pack_trees

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=7)
GROUPS = st.lists(SEQUENCES, min_size=1, max_size=5)


def arrays(sequences):
    return [np.array(sequence, np.int64) for sequence in sequences]


def tree_of(*sequences):
    return build_tree(arrays(sequences))


def attends(exits):
    """Which token attends to which, shape (b, l, l): query i to key j where ``j <= i < exits[j]``."""
    index = np.arange(exits.shape[1])
    return (index[:, None] >= index[None, :]) & (index[None, :, None] < exits[:, None, :])


def prefixes(sequences):
    return {tuple(sequence[:length]) for sequence in sequences for length in range(1, len(sequence) + 1)}


def prefix_of_each(tree):
    """The prefix that each token of a tree stands for, by the tokens it attends to."""
    allowed = attends(tree.exits[None])[0]
    return [tuple(tree.tokens[row].tolist()) for row in allowed]


@given(SEQUENCES)
def test_a_tree_is_the_trie_of_its_sequences(sequences):
    tree = build_tree(arrays(sequences))
    found = prefix_of_each(tree)
    assert len(tree) == len(prefixes(sequences))
    assert set(found) == prefixes(sequences), "each token sees its ancestors and itself, in order, and nothing else"
    assert tree.depths.tolist() == [len(prefix) - 1 for prefix in found]
    assert [found[end] for end in tree.ends] == [tuple(sequence) for sequence in sequences]
    assert tree.sequence_tokens == sum(map(len, sequences))


@given(SEQUENCES)
def test_who_attends_to_whom_by_walking_parents(sequences):
    tree = build_tree(arrays(sequences))
    parents = []
    path: list[int] = []
    for index, depth in enumerate(tree.depths.tolist()):
        path = [*path[:depth], index]
        parents.append(path[-2] if depth else -1)
    expected = np.zeros((len(tree), len(tree)), bool)
    for index in range(len(tree)):
        at = index
        while at >= 0:
            expected[index, at] = True
            at = parents[at]
    assert np.array_equal(attends(tree.exits[None])[0], expected)


@given(groups=GROUPS, spare=st.integers(0, 30))
def test_packing_keeps_every_tree_once_and_apart(groups, spare):
    trees = [build_tree(arrays(group)) for group in groups]
    longest = max(map(len, trees))
    batch = pack_trees(trees, padding_id=9, capacity=longest + spare)
    allowed = attends(batch.exits)
    assert batch.own_tokens == sum(map(len, trees)) == int((batch.tokens != 9).sum())
    assert batch.sequence_tokens == sum(len(sequence) for group in groups for sequence in group)
    assert batch.tokens.shape[1] <= longest + spare
    found = []
    for row, column in zip(batch.end_rows, batch.end_columns, strict=True):
        seen = np.flatnonzero(allowed[row, column])
        found.append(batch.tokens[row, seen].tolist())
        assert batch.depths[row, seen].tolist() == list(range(len(seen)))
    assert found == [sequence for group in groups for sequence in group], "nobody sees another tree or padding"


@given(groups=GROUPS)
def test_padding_attends_to_itself_and_nobody_to_it(groups):
    batch = pack_trees([build_tree(arrays(group)) for group in groups], padding_id=9)
    allowed = attends(batch.exits)
    for row, column in zip(*np.nonzero(batch.tokens == 9), strict=True):
        assert np.flatnonzero(allowed[row, column]).tolist() == [column]
        assert np.flatnonzero(allowed[row, :, column]).tolist() == [column]
        assert batch.depths[row, column] == 0


@given(groups=GROUPS)
def test_trees_of_one_row_are_isolated(groups):
    trees = [build_tree(arrays(group)) for group in groups]
    batch = pack_trees(trees, padding_id=9, capacity=sum(map(len, trees)))
    assert batch.tokens.shape == (1, sum(map(len, trees)))
    allowed = attends(batch.exits)[0]
    bounds = np.cumsum([0, *sorted((len(tree) for tree in trees), reverse=True)]).tolist()
    for first, last in pairwise(bounds):
        assert not allowed[first:last, :first].any()
        assert not allowed[first:last, last:].any()


@given(st.lists(st.integers(1, 20), max_size=40), st.integers(20, 40))
def test_every_item_is_in_one_row_that_has_room(sizes, capacity):
    rows = fit_rows(sizes, capacity)
    assert sorted(number for row in rows for number in row) == list(range(len(sizes)))
    assert all(sum(sizes[number] for number in row) <= capacity for row in rows)
    filled = sorted(sum(sizes[number] for number in row) for row in rows)
    assert len(filled) < 2 or filled[0] + filled[1] > capacity, "no two rows could have been one"


def test_sequences_of_nothing_are_refused():
    for sequences in ([], [[]], [[1], []]):
        with pytest.raises(ValueError, match="at least one token"):
            build_tree(arrays(sequences))


@pytest.mark.parametrize(
    ("sequences", "tokens"),
    [
        ([[1, 2, 3]], 3),
        ([[1, 2, 3], [1, 2, 3]], 3),  # both the same
        ([[1, 2, 3], [1, 2]], 3),  # one begins the other
        ([[1, 2, 3], [4, 5]], 5),  # nothing shared
        ([[1, 2, 3, 4], [1, 2, 5], [1, 6]], 6),
        ([[0] * 100 + [number] * 20 for number in range(1, 17)], 100 + 16 * 20),  # best of 16 behind one prompt
    ],
)
def test_counted_tokens(sequences, tokens):
    tree = tree_of(*sequences)
    assert len(tree) == tokens
    assert tree.sequence_tokens == sum(map(len, sequences))


def test_best_of_16_computes_little_more_than_the_replies():
    one_prompt = tree_of(*([[0] * 512 + [number] * 44 for number in range(1, 17)]))
    assert len(one_prompt) / one_prompt.sequence_tokens == pytest.approx((512 + 16 * 44) / (16 * 556))


def test_counted_tokens_of_real_pairs(real_data):
    """A pair of harmless-base shares most of what it says: by words, a tree is at most two thirds of its sides."""
    path = real_data / "hh-rlhf" / "harmless-base" / "test.jsonl.gz"
    if not path.is_file():
        pytest.skip("hh-rlhf/harmless-base/test.jsonl.gz is not among the real samples")
    numbers: dict[str, int] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in lines][:500]
    assert len(pairs) >= 100
    trees = []
    for pair in pairs:
        sides = [[numbers.setdefault(word, len(numbers)) for word in pair[side].split()] for side in pair]
        tree = tree_of(*sides)
        shared = next((place for place, (one, other) in enumerate(zip(*sides, strict=False)) if one != other), None)
        shared = min(map(len, sides)) if shared is None else shared
        assert len(tree) == sum(map(len, sides)) - shared
        trees.append(tree)
    processed = pack_trees(trees, padding_id=0, capacity=2048).own_tokens
    naive = sum(tree.sequence_tokens for tree in trees)
    assert processed / naive < 0.67
