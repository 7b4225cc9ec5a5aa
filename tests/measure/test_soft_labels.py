import numpy as np
import pytest

from plumbline.measure import (
    NO_VOTES,
    TIED,
    majority_labels,
    pair_disagreement,
    vote_counts,
    vote_disagreement,
    vote_shares,
)

VOTES = [[3, 0], [1, 1], [1, 2], [0, 0], [0, 1]]


def test_votes_are_counted_by_item_and_label() -> None:
    counted = vote_counts([0, 2, 2, 2, 0], [1, 0, 1, 1, 1], item_count=4, class_count=2)
    assert counted.tolist() == [[0, 2], [0, 0], [1, 2], [0, 0]]


def test_a_tie_stays_a_tie_and_no_vote_is_no_label() -> None:
    assert majority_labels(VOTES).tolist() == [0, TIED, 1, NO_VOTES, 1]
    flipped = np.fliplr(np.array(VOTES))
    assert majority_labels(flipped).tolist() == [1, TIED, 0, NO_VOTES, 0]


def test_soft_labels_and_disagreement_by_hand() -> None:
    np.testing.assert_allclose(vote_shares(VOTES), [[1, 0], [0.5, 0.5], [1 / 3, 2 / 3], [np.nan] * 2, [0, 1]])
    np.testing.assert_allclose(vote_disagreement(VOTES), [0, 0.5, 4 / 9, np.nan, 0])
    # Of the three pairs of (0, 1, 1) two differ; one vote makes no pair.
    np.testing.assert_allclose(pair_disagreement(VOTES), [0, 1, 2 / 3, np.nan, np.nan])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: vote_counts([0, 3], [0, 0], item_count=3, class_count=2), "item_indices: expected 0 … 2, found 3"),
        (lambda: vote_counts([0], [0.5], item_count=1, class_count=2), "labels: expected whole numbers"),
        (lambda: vote_counts([0, 0], [0], item_count=1, class_count=2), "expected equal lengths"),
        (lambda: majority_labels([[1, -1]]), "votes: expected whole numbers >= 0, found -1 at item 0"),
        (lambda: vote_shares([1, 2]), r"expected shape \(items, classes\)"),
    ],
)
def test_what_is_no_count_is_refused(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=words):
        call()
