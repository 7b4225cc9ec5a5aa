"""Examples laid out once, for all epochs, and what a batch of them gives a model: token tensors and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from plumbline.models.transformer.examples.batches import Sizes
from plumbline.models.transformer.examples.example import Example, Targets, gather_targets
from plumbline.models.transformer.scorer import PlainInputs, TreeInputs, plain_inputs, tree_inputs
from plumbline.models.tree_batch import Tree, build_tree, pack_trees


@dataclass(frozen=True)
class Collator:
    """Examples and their trees.

    Attributes:
        examples: what is learned from, or looked at.
        trees: one an example; None where each sequence is computed by itself.
        padding_id: any valid token id.
    """

    examples: Sequence[Example]
    trees: Sequence[Tree] | None
    padding_id: int

    @cached_property
    def sizes(self) -> Sizes:
        """What each example costs."""
        lengths = [[len(sequence) for sequence in example.sequences] for example in self.examples]
        sequence_tokens = np.array([sum(each) for each in lengths], np.int64)
        if self.trees is None:
            rows = np.array([len(each) for each in lengths], np.int64)
            longest = np.array([max(each) for each in lengths], np.int64)
            return Sizes(rows, longest, sequence_tokens, sequence_tokens, packs=False)
        own = np.array([len(tree) for tree in self.trees], np.int64)
        return Sizes(np.ones(len(own), np.int64), own, own, sequence_tokens, packs=True)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Shape (n, 4); each example's weight of pairs, signs, labels and values."""
        rows = [
            [sum(known.weight for known in each) for each in (row.preferences, row.signs, row.labels, row.values)]
            for row in self.examples
        ]
        return np.array(rows, np.float64).reshape(-1, 4)

    def inputs(self, numbers: Sequence[int], device: torch.device | str) -> TreeInputs | PlainInputs:
        """The sequences of some examples, one after the other; one token of padding where there is no example."""
        if self.trees is not None:
            trees = [self.trees[number] for number in numbers] or [build_tree([self._nothing])]
            return tree_inputs(pack_trees(trees, padding_id=self.padding_id), device)
        sequences = [sequence for number in numbers for sequence in self.examples[number].sequences]
        return plain_inputs(sequences or [self._nothing], padding_id=self.padding_id, device=device)

    def targets(self, numbers: Sequence[int]) -> Targets:
        """What is known of these sequences."""
        return gather_targets([self.examples[number] for number in numbers])

    @property
    def _nothing(self) -> NDArray[np.int64]:
        return np.array([self.padding_id], np.int64)


def lay_out(examples: Sequence[Example], *, padding_id: int, as_trees: bool) -> Collator:
    """Examples ready to be put into batches.

    Args:
        examples: n; may be none.
        padding_id: any valid token id.
        as_trees: compute what the sequences of an example share once.
    """
    trees = [build_tree(example.sequences) for example in examples] if as_trees else None
    return Collator(examples, trees, padding_id)
