"""Who attends to whom in a tree batch, in the forms that attention implementations take.

- `dense_mask`: additive, 4-D, for SDPA and eager attention on every device;
- `masks_for`: the same, and for models with sliding windows one mask a kind of layer;
- `flex_mask`: a FlexAttention block mask, which skips blocks that nobody attends to; for GPUs.

All say the same: query i attends to key j where ``j <= i < exits[j]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

FULL, SLIDING = "full_attention", "sliding_attention"


def allowed_pairs(exits: Tensor) -> Tensor:
    """Shape (b, l, l), true where query i (second dimension) may look at key j (third).

    Args:
        exits: shape (b, l), as `TreeBatch.exits`.
    """
    index = torch.arange(exits.shape[1], device=exits.device)
    return (index[:, None] >= index[None, :]) & (index[None, :, None] < exits[:, None, :])


def dense_mask(exits: Tensor, dtype: torch.dtype, *, depths: Tensor | None = None, window: int | None = None) -> Tensor:
    """Shape (b, 1, l, l): 0 where allowed, the least number of `dtype` elsewhere.

    Args:
        exits, depths: shape (b, l), as in `TreeBatch`.
        window: where given, only keys fewer than so many positions back are allowed; needs `depths`.
    """
    allowed = allowed_pairs(exits)
    if window is not None and depths is not None:
        allowed = allowed & (depths[:, :, None] - depths[:, None, :] < window)
    mask = torch.zeros(allowed.shape, dtype=dtype, device=exits.device)
    return mask.masked_fill_(~allowed, torch.finfo(dtype).min)[:, None]


def masks_for(config: Any, exits: Tensor, depths: Tensor, dtype: torch.dtype) -> Tensor | dict[str, Tensor]:
    """The dense mask, or one a kind of layer where the model's configuration names sliding windows.

    Args:
        config: of the model; ``sliding_window`` and ``layer_types`` are looked at.
    """
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    kinds = set(getattr(config, "layer_types", None) or [])
    if window is None or kinds == {FULL}:
        return dense_mask(exits, dtype)
    sliding = dense_mask(exits, dtype, depths=depths, window=window)
    if SLIDING in kinds and len(kinds) > 1:
        return {FULL: dense_mask(exits, dtype), SLIDING: sliding}
    return sliding


def flex_mask(exits: Tensor) -> BlockMask:
    """The block mask of a batch; blocks without an allowed pair cost nothing."""
    from torch.nn.attention.flex_attention import create_block_mask

    def attends(row: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """``key <= query < exits[key]``."""
        return (key <= query) & (query < exits[row, key])

    rows, length = exits.shape
    return create_block_mask(attends, rows, None, length, length, device=exits.device)
