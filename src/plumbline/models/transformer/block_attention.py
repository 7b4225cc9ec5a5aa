"""Attention over a tree batch by blocks of queries, each with only the keys that some query of the block attends to.

A dense mask makes every token look at every other and throws most of it away: of 16 candidates behind one prompt, each
looks at the 15 others for nothing. Here a block of queries takes the prompt's keys and its own. It is what FlexAttention
does on GPUs, made of SDPA calls, so that it also runs (and has gradients) on a processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plumbline.models.tree_batch import Integers

NAME = "plumbline_tree"
"""What transformers knows this attention by; see `register`."""

QUERY_BLOCK = 128
LEAST_SAVING = 0.25
"""Blocks are used where they spare at least this share of all query-key pairs; below it the calls cost more."""


@dataclass(frozen=True, slots=True)
class QueryBlock:
    """Queries ``start:stop`` of a row, and the places of the keys they need, in order."""

    row: int
    start: int
    stop: int
    keys: Tensor


def plan_blocks(exits: Integers, device: torch.device | str = "cpu") -> list[QueryBlock] | None:
    """The blocks of a batch; None where a dense mask is as good.

    Args:
        exits: shape (b, l), as `TreeBatch.exits`.
    """
    rows, length = exits.shape
    blocks: list[QueryBlock] = []
    pairs = 0
    for row in range(rows):
        for start in range(0, length, QUERY_BLOCK):
            stop = min(start + QUERY_BLOCK, length)
            keys = np.flatnonzero(exits[row, :stop] > start)
            blocks.append(QueryBlock(row, start, stop, torch.from_numpy(keys).to(device)))
            pairs += (stop - start) * len(keys)
    return blocks if pairs <= (1 - LEAST_SAVING) * rows * length * length else None


def register() -> None:
    """Make the attention known to transformers, with the masks of SDPA for batches that are no trees."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(NAME, tree_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def carry_blocks(mask: Tensor, blocks: list[QueryBlock] | None) -> None:
    """Let a dense mask carry its blocks to the attention; models hand a 4-D mask on as it is.

    Where one does not (a copy carries nothing), the attention takes the mask alone, which says the same.
    """
    mask.tree_blocks = blocks  # type: ignore[attr-defined]


def tree_attention(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> tuple[Tensor, None]:
    """As transformers calls it: (b, heads, l, d) in, (b, l, heads, d) out."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    blocks: list[QueryBlock] | None = getattr(attention_mask, "tree_blocks", None)
    if blocks is None or attention_mask is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    parts: list[list[Tensor]] = [[] for _ in range(query.shape[0])]
    for block in blocks:
        row = slice(block.row, block.row + 1)
        found, _ = sdpa_attention_forward(
            module,
            query[row, :, block.start : block.stop],
            key[row].index_select(2, block.keys),
            value[row].index_select(2, block.keys),
            attention_mask[row, :, block.start : block.stop].index_select(3, block.keys),
            **kwargs,
        )
        parts[block.row].append(found)
    return torch.cat([torch.cat(row_parts, dim=1) for row_parts in parts]), None
