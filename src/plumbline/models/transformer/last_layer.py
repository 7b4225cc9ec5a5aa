"""Only the ends of sequences are read, so the last layer need not compute anything else behind its attention.

Its output projection and its feed-forward part look at one position at a time, and nothing after them mixes positions.
Computing them at the positions that are read, and putting zeros elsewhere, gives the same scores and the same gradients
for a part of the work: of a model with 6 layers about a tenth, of one with 24 about a fortieth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

_FEED_FORWARD = ("mlp", "feed_forward", "ffn", "block_sparse_moe")
_ATTENTION = ("self_attn", "attention", "attn", "self_attention")
_OUTPUT_PROJECTION = ("o_proj", "c_proj", "dense", "out_proj", "wo")


class ReadPositions:
    """Which positions of a batch are read; the last layer of a model looks here at every forward pass.

    Attributes:
        modules: how many parts of the last layer it has taken hold of; 0 where it does not know the architecture.
    """

    def __init__(self, trunk: nn.Module) -> None:
        self._places: tuple[Tensor, Tensor] | None = None
        parts = _position_wise_parts(_last_layer(trunk))
        self.modules = len(parts)
        for part in parts:
            part.register_forward_pre_hook(self._take)
            part.register_forward_hook(self._put_back)
        self._shapes: dict[int, tuple[int, ...]] = {}

    def set(self, places: tuple[Tensor, Tensor] | None) -> None:
        """Read only these (rows, columns) from now on, each shape (n,); None reads every position.

        They stay until the next call: gradient checkpointing computes the layer again in the backward pass.
        """
        self._places = places

    def _take(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """(b, l, d) → (1, n, d)."""
        if self._places is None:
            return None
        self._shapes[id(module)] = tuple(inputs[0].shape)
        return (inputs[0][self._places][None], *inputs[1:])

    def _put_back(self, module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> Any:
        """(1, n, d) → (b, l, d), zeros where nothing was computed."""
        if self._places is None:
            return None
        values = output[0] if isinstance(output, tuple) else output
        rows, length = self._shapes[id(module)][:2]
        full = values.new_zeros(rows, length, values.shape[-1]).index_put(self._places, values[0])
        return (full, *output[1:]) if isinstance(output, tuple) else full


def _last_layer(trunk: nn.Module) -> nn.Module | None:
    """The last of the list of layers that is as long as the configuration says."""
    count = getattr(getattr(trunk, "config", None), "num_hidden_layers", None)
    lists = [each for each in trunk.modules() if isinstance(each, nn.ModuleList) and len(each) == count]
    return lists[0][-1] if len(lists) == 1 else None


def _position_wise_parts(layer: nn.Module | None) -> list[nn.Module]:
    if layer is None:
        return []
    attention = _child(layer, _ATTENTION)
    found = [_child(layer, _FEED_FORWARD), None if attention is None else _child(attention, _OUTPUT_PROJECTION)]
    return [part for part in found if part is not None]


def _child(module: nn.Module, names: Sequence[str]) -> nn.Module | None:
    return next((getattr(module, name) for name in names if isinstance(getattr(module, name, None), nn.Module)), None)
