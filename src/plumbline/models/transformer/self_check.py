"""Before trees are trusted with a model: do they give the scores that the sequences give one by one?

An architecture whose layers see more than the tokens they are told to attend to (recurrent layers, windows counted in
places of the row, positions of its own) would be silently wrong. No list of names can be complete, so the model in hand
is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.reading_memory import is_out_of_memory
from plumbline.models.transformer.scorer import Scorer, plain_inputs, tree_inputs
from plumbline.models.tree_batch import Integers, build_tree, pack_trees

TOLERANCES: dict[torch.dtype, float] = {torch.float32: 2e-5, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Largest difference between two ways to compute what the heads read of a sequence, as a share of its length (2-norm).

Not of scores: heads are small before training, and would make any difference look small. Trees must differ by no more than
ten times what padding changes in the same model by rounding, where that is less, and always pass at a quarter of this: the
recurrent layers of an untrained model may change as little as 2e-5.
"""
_TRIED_LENGTHS = (7, 3, 5, 12)
_MEASURED_TREES = 64
_ROUNDED_SEQUENCES = 4


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Attributes:
    passed: what the heads read agrees.
    largest_difference: of all sequences, relative, see `TOLERANCES`; nan where the trunk refused the trees.
    sequences: how many were compared.
    refused: the kind of error where the trunk refused the trees, else "".
    """

    passed: bool
    largest_difference: float
    sequences: int
    refused: str = ""


@torch.no_grad()
def trim_where_right(scorer: Scorer, *, padding_id: int) -> None:
    """Let the last layer be computed whole where computing it at the read positions alone gives other scores.

    Asked of the model in hand, with a few short sequences that differ: no list of architectures can be complete.
    Together and trimmed they must give what each gives alone, computed whole.

    Args:
        scorer: left in the mode it was in.
        padding_id: any valid token id.
    """
    if scorer.pooling != "last":  # these are never trimmed
        return
    device = scorer.heads.weight.device
    sequences = _tried_sequences(scorer)
    was_training = scorer.training
    scorer.eval()
    try:
        alone = _features_alone(scorer, sequences, padding_id)
        trimmed = scorer.features(plain_inputs(sequences, padding_id=padding_id, device=device))
        is_same = _relative_difference(trimmed, alone) < _tolerance(scorer)
    except (ValueError, RuntimeError, TypeError, IndexError, AttributeError):
        is_same = False
    finally:
        scorer.train(was_training)
    if not is_same:
        scorer.read_everywhere()


def _tried_sequences(scorer: Scorer) -> list[Integers]:
    """Sequences of different lengths and tokens, always the same for one vocabulary."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, _vocabulary(scorer), length, np.int64) for length in _TRIED_LENGTHS]


def _features_alone(scorer: Scorer, sequences: Sequence[Integers], padding_id: int) -> Tensor:
    """What the heads read of each sequence by itself, the last layer computed whole, shape (n, d)."""
    device = scorer.heads.weight.device
    inputs = (plain_inputs([sequence], padding_id=padding_id, device=device) for sequence in sequences)
    return torch.cat([scorer.features(each, last_layer_whole=True) for each in inputs])


def _relative_difference(features: Tensor, expected: Tensor) -> float:
    """The largest of n differences, each as a share of what is expected, both of shape (n, d)."""
    expected = expected.float()
    size = torch.linalg.vector_norm(expected, dim=1).clamp(min=torch.finfo(torch.float32).tiny)
    return float((torch.linalg.vector_norm(features.float() - expected, dim=1) / size).max())


def _tolerance(scorer: Scorer) -> float:
    return TOLERANCES.get(next(scorer.trunk.parameters()).dtype, TOLERANCES[torch.float32])


def telling_groups(lengths: Sequence[int], tree_sizes: Sequence[int]) -> list[int]:
    """The numbers of two groups that a self-check is best asked of: one with the longest sequence, one with the largest tree.

    Windows counted in tokens show where a sequence outgrows them, those counted in places where a tree does.

    Args:
        lengths: of each group's longest sequence.
        tree_sizes: of each group's tree.
    """
    longest = max(range(len(lengths)), key=lambda number: (lengths[number], tree_sizes[number]))
    others = [number for number in range(len(lengths)) if number != longest]
    largest = max(others, key=lambda number: (tree_sizes[number], lengths[number]), default=None)
    return [longest] if largest is None else [longest, largest]


def _branching(scorer: Scorer, sequence: Integers) -> list[Integers]:
    """A sequence, and short ends behind its first half, laid out before the rest of it and behind.

    Tokens behind a long branch stand far from what they attend to: a window counted in places shows there, where it may
    not in the branches of the rows themselves.
    """
    last = _vocabulary(scorer) - 1
    beginning = sequence[: (len(sequence) + 1) // 2]
    return [sequence, *(np.concatenate([beginning, np.full(length, token)]) for token, length in ((0, 2), (last, 1)))]


def _vocabulary(scorer: Scorer) -> int:
    trunk: Any = scorer.trunk
    return int(trunk.get_input_embeddings().weight.shape[0])


def telling_examples(examples: Sequence[Example]) -> list[Example]:
    """Those of n examples that a self-check is best asked of, see `telling_groups`."""
    tokens = [sum(map(len, example.sequences)) for example in examples]
    lengths = [max(map(len, example.sequences)) for example in examples]
    most = sorted(range(len(examples)), key=lambda number: tokens[number])[-_MEASURED_TREES:]
    # The largest tree is looked for among those of most tokens: building all would take as long as an epoch's batches.
    looked_at = [*most, max(range(len(examples)), key=lambda number: lengths[number])]
    sizes = [len(build_tree(examples[number].sequences)) for number in looked_at]
    chosen = telling_groups([lengths[number] for number in looked_at], sizes)
    return [examples[looked_at[number]] for number in chosen]


@torch.no_grad()
def check_trees(scorer: Scorer, examples: Sequence[Example], *, padding_id: int) -> SelfCheck:
    """Compare what the heads read of trees with what they read of each sequence alone.

    Args:
        scorer: left in the mode it was in.
        examples: a few, see `telling_groups`.
        padding_id: any valid token id.
    """
    device = scorer.heads.weight.device
    groups = [list(example.sequences) for example in examples]
    count = sum(map(len, groups))
    groups.append(_branching(scorer, max((each for group in groups for each in group), key=len)))
    sequences = [sequence for group in groups for sequence in group]
    was_training = scorer.training
    scorer.eval()
    try:
        plain = _features_alone(scorer, sequences, padding_id)
        batch = pack_trees([build_tree(group) for group in groups], padding_id=padding_id)
        trees = scorer.features(tree_inputs(batch, device))
        few = sequences[:_ROUNDED_SEQUENCES]
        padded = scorer.features(plain_inputs(few, padding_id=padding_id, device=device), last_layer_whole=True)
    except (ValueError, RuntimeError, TypeError, NotImplementedError) as error:
        if is_out_of_memory(error):
            raise
        return SelfCheck(False, float("nan"), count, type(error).__name__)
    finally:
        scorer.train(was_training)
    difference, rounding = _relative_difference(trees, plain), _relative_difference(padded, plain[: len(few)])
    most = _tolerance(scorer)
    return SelfCheck(difference < min(max(10 * rounding, most / 4), most), difference, count)
