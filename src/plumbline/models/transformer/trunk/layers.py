"""The layers of a trunk: how many, how wide, which they are, and what comes out of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def hidden_size(trunk: nn.Module) -> int:
    """d, the width of the hidden states."""
    config: Any = trunk.config
    return int(config.get_text_config().hidden_size)


def layer_count(trunk: nn.Module) -> int:
    """L, how many layers a trunk has."""
    config: Any = trunk.config
    return int(config.get_text_config().num_hidden_layers)


def layer_list(trunk: nn.Module) -> Sequence[nn.Module]:
    """The layers of a trunk; empty where they are not found."""
    count = layer_count(trunk)
    lists = [each for each in trunk.modules() if isinstance(each, nn.ModuleList) and len(each) == count]
    return list(lists[0]) if len(lists) == 1 else []


@contextmanager
def kept_outputs(trunk: nn.Module, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
    """Keep the hidden states behind these layers, by number, from the next forward pass; of all but the last."""
    outputs: dict[int, Tensor] = {}
    modules = layer_list(trunk) if layers else []
    handles = []
    for layer in set(layers):

        def keep(_module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], layer: int = layer) -> None:
            """What goes into the next layer is what came out of this one."""
            outputs[layer] = arguments[0] if arguments else named["hidden_states"]

        handles.append(modules[layer].register_forward_pre_hook(keep, with_kwargs=True))
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
