"""Examples that share beginnings, as one example: no loss changes, and what is shared is bounded."""

import numpy as np
import pytest
import torch

from plumbline.models.transformer.examples.conversation_sharing import share_conversations
from plumbline.models.transformer.examples.example import Example, Known, Preference, gather_targets
from plumbline.models.transformer.training.losses import label_loss, preference_loss, sign_loss


def example(number, *sequences, **known):
    return Example(tuple(np.array(each, np.int64) for each in sequences), ids=(str(number),), **known)


def total_loss(examples):
    """The losses of examples under scores that only depend on the sequence and the head."""
    targets = gather_targets(examples)
    sequences = [sequence for each in examples for sequence in each.sequences]
    scores = torch.tensor(
        [[np.sin(sequence @ np.arange(1, len(sequence) + 1)), len(sequence)] for sequence in sequences]
    )

    def of(known):
        return scores[known.sequences, known.heads], torch.from_numpy(known.values), torch.from_numpy(known.weights)

    better, worse = (scores[side, targets.pair_heads] for side in (targets.better, targets.worse))
    pairs = preference_loss(better, worse, margin=torch.from_numpy(targets.margins))
    found = [float(pairs @ torch.from_numpy(targets.pair_weights).double())]
    for loss, known in ((label_loss, targets.labels), (sign_loss, targets.signs)):
        logits, values, weights = of(known)
        found.append(float(loss(logits, values.double()) @ weights.double()))
    return found


def records_of_a_conversation(count, seed=0):
    chance = np.random.default_rng(seed)
    examples, groups = [], []
    for number in range(count):
        talk = [number % 5 + 10] * 8 + chance.integers(0, 3, chance.integers(0, 4)).tolist()
        ends = chance.integers(3, 9, (2, 3)).tolist()
        examples.append(
            example(
                number,
                talk + ends[0],
                talk + ends[1],
                preferences=(Preference(number % 2, 1 - number % 2, 0, number / 10, 1 + number % 3),),
                labels=(Known(1, 1, 1.0, 0.5),),
                signs=(Known(0, 0, -1.0),),
            )
        )
        groups.append(str(number % 5))
    return examples, groups


@pytest.mark.parametrize("grouped", [True, False])
def test_sharing_changes_no_loss(grouped):
    examples, groups = records_of_a_conversation(23)
    shared = share_conversations(examples, groups if grouped else None)
    assert len(shared) < len(examples)
    assert total_loss(shared) == pytest.approx(total_loss(examples), rel=1e-9)
    assert max(len(each.sequences) for each in shared) <= 8
    assert sorted(name for each in shared for name in each.ids) == sorted(
        name for each in examples for name in each.ids
    )
    again = share_conversations(examples, groups if grouped else None)
    assert [each.ids for each in again] == [each.ids for each in shared]


def test_what_is_shared():
    long, short = [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4]
    whole, half = example(0, long, [*long, 9]), example(1, [*short, 7, 7, 7, 7])
    less = example(2, [1, 2, 3, 9, 9, 9, 9, 9])
    assert [each.ids for each in share_conversations([whole, half], ["a", "a"])] == [("0", "1")]
    assert [each.ids for each in share_conversations([whole, half], ["a", "b"])] == [("0",), ("1",)]
    assert [each.ids for each in share_conversations([whole, less], ["a", "a"])] == [("0",), ("2",)]


def test_equal_sequences_become_one():
    known = {"signs": (Known(0, 0, 1.0),)}
    (merged,) = share_conversations([example(0, [1, 2], [1, 3]), example(1, [1, 3], **known)], ["a", "a"])
    assert [sequence.tolist() for sequence in merged.sequences] == [[1, 2], [1, 3]]
    assert merged.signs[0].sequence == 1


def test_at_most_eight_sequences_share():
    examples = [example(number, [1, 2, 3, number], [1, 2, 3, 50 + number]) for number in range(10)]
    shared = share_conversations(examples, ["a"] * 10)
    assert [len(each.sequences) for each in shared] == [8, 8, 4]
    many = example(0, *([1, 2, 3, number] for number in range(12)))
    assert share_conversations([many, examples[0]], ["a", "a"])[0] is many
