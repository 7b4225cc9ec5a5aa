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

from plumbline.models.transformer.attention.last_layer import read_places
from plumbline.models.tree_batch import Integers

NAME = "plumbline_tree"
"""What transformers knows this attention by; see `register`."""

QUERY_BLOCK = 128
LEAST_SAVING = 0.25
"""Blocks are used where they spare at least this share of all query-key pairs; below it the calls cost more."""


@dataclass(frozen=True, slots=True)
class QueryBlock:
    """Queries ``start:stop`` of a row, and the places of the keys they need, in order; None for all before `stop`."""

    row: int
    start: int
    stop: int
    keys: Tensor | None

    def keys_of(self, values: Tensor, dimension: int) -> Tensor:
        """What stands at the keys' places along a dimension."""
        if self.keys is None:
            return values.narrow(dimension, 0, self.stop)
        return values.index_select(dimension, self.keys)


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
            places = torch.from_numpy(keys).to(device) if len(keys) < stop else None
            blocks.append(QueryBlock(row, start, stop, places))
            pairs += (stop - start) * len(keys)
    return blocks if pairs <= (1 - LEAST_SAVING) * rows * length * length else None


def register() -> None:
    """Make the attention known to transformers, with the masks of SDPA for batches that are no trees."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(NAME, tree_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def carry_blocks(mask: Tensor, blocks: list[QueryBlock] | None) -> None:
    """Let a dense mask carry its blocks to the attention, each with its own part of it, cut out once for all layers.

    Models hand a 4-D mask on as it is. Where one does not (a copy carries nothing), the attention takes the mask alone,
    which says the same.
    """
    parts = None if blocks is None else [(block, _part_of(mask, block)) for block in blocks]
    mask.tree_blocks = parts  # type: ignore[attr-defined]  # models hand nothing else through


def _part_of(mask: Tensor, block: QueryBlock) -> Tensor:
    return block.keys_of(mask[block.row : block.row + 1, :, block.start : block.stop], 3).contiguous()


def tree_attention(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> tuple[Tensor, None]:
    """As transformers calls it: (b, heads, l, d) in, (b, l, heads, d) out."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    places = read_places(module)
    if places is not None and attention_mask is not None:
        return _read_attention(module, (query, key, value), attention_mask, places, **kwargs), None
    blocks: list[tuple[QueryBlock, Tensor]] | None = getattr(attention_mask, "tree_blocks", None)
    if blocks is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    parts: list[list[Tensor]] = [[] for _ in range(query.shape[0])]
    for block, mask in blocks:
        row = slice(block.row, block.row + 1)
        keys, values = block.keys_of(key[row], 2), block.keys_of(value[row], 2)
        queries = query[row, :, block.start : block.stop]
        found, _ = sdpa_attention_forward(module, queries, keys, values, mask, **kwargs)
        parts[block.row].append(found)
    return torch.cat([torch.cat(row_parts, dim=1) for row_parts in parts]), None


def _read_attention(
    module: torch.nn.Module,
    states: tuple[Tensor, Tensor, Tensor],
    mask: Tensor,
    places: tuple[Tensor, Tensor],
    **kwargs: Any,
) -> Tensor:
    """The attention of the queries that are read; zeros elsewhere."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    query, key, value = states
    whole = query.new_zeros(query.shape[0], query.shape[2], query.shape[1], value.shape[3])
    rows, columns = places
    for number in range(len(query)):
        row, read = slice(number, number + 1), columns[rows == number]
        asked = query[row].index_select(2, read)
        allowed = mask[number : number + 1] if len(mask) > 1 else mask
        found, _ = sdpa_attention_forward(module, asked, key[row], value[row], allowed.index_select(2, read), **kwargs)
        whole = whole.index_put((torch.full_like(read, number), read), found[0].to(whole.dtype))
    return whole
