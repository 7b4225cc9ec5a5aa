"""Before trees are trusted with a model: do they give the scores that the sequences give one by one?

An architecture whose layers see more than the tokens they are told to attend to (recurrent layers, windows counted in
places of the row, positions of its own) would be silently wrong. No list of names can be complete, so the model in hand
is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plumbline.models.transformer.examples import Example
from plumbline.models.transformer.scorer import Scorer, plain_inputs, tree_inputs
from plumbline.models.tree_batch import build_tree, pack_trees

TOLERANCES: dict[torch.dtype, float] = {torch.float32: 1e-5, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Largest difference between two ways to compute one score, relative where scores are above 1."""


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Attributes:
    passed: the scores agree.
    largest_difference: of all scores; nan where the trunk refused the trees.
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

    Asked of the model in hand, with two short sequences: no list of architectures can be complete.
    """
    device = scorer.heads.weight.device
    sequences = [np.full(length, padding_id, np.int64) for length in (3, 5)]
    inputs = plain_inputs(sequences, padding_id=padding_id, device=device)
    was_training = scorer.training
    scorer.eval()
    try:
        whole = scorer.features(inputs, last_layer_whole=True)
        trimmed = scorer.features(inputs)
        tolerance = TOLERANCES.get(whole.dtype, 1e-5)
        is_same = bool(torch.allclose(trimmed, whole, rtol=tolerance, atol=tolerance))
    except (ValueError, RuntimeError, TypeError, IndexError, AttributeError):
        is_same = False
    finally:
        scorer.train(was_training)
    if not is_same:
        scorer.read_everywhere()


@torch.no_grad()
def check_trees(scorer: Scorer, examples: Sequence[Example], *, padding_id: int) -> SelfCheck:
    """Compare tree scores with plain scores.

    Args:
        scorer: left in the mode it was in.
        examples: a few; the longest ones tell most, since windows show only where a sequence outgrows them.
        padding_id: any valid token id.
    """
    device = scorer.heads.weight.device
    sequences = [sequence for example in examples for sequence in example.sequences]
    was_training = scorer.training
    scorer.eval()
    try:
        alone = [
            scorer(plain_inputs([sequence], padding_id=padding_id, device=device), last_layer_whole=True)
            for sequence in sequences
        ]
        plain = torch.cat(alone)
        batch = pack_trees([build_tree(example.sequences) for example in examples], padding_id=padding_id)
        trees = scorer(tree_inputs(batch, device))
    except (ValueError, RuntimeError, TypeError, NotImplementedError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        return SelfCheck(False, float("nan"), len(sequences), type(error).__name__)
    finally:
        scorer.train(was_training)
    difference = float(((trees - plain).abs() / plain.abs().clamp(min=1)).max())
    tolerance = TOLERANCES.get(next(scorer.trunk.parameters()).dtype, 1e-5)
    return SelfCheck(difference < tolerance, difference, len(sequences))
