"""A trunk with heads: sequences of tokens → scores, one row a sequence, one column a head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from plumbline.models.transformer.attention import block_attention
from plumbline.models.transformer.attention.block_attention import QueryBlock, plan_blocks
from plumbline.models.transformer.attention.last_layer import read_positions
from plumbline.models.transformer.attention.masks import flex_mask, masks_for
from plumbline.models.transformer.frozen.layer_reading import LayerReading
from plumbline.models.transformer.trunk.layers import hidden_size, kept_outputs, layer_count
from plumbline.models.tree_batch import Integers, TreeBatch

Pooling = Literal["last", "mean", "first"]


@dataclass(frozen=True, slots=True)
class TreeInputs:
    """A tree batch as tensors, see `TreeBatch`.

    Attributes:
        blocks: for `block_attention`, where they spare something and no gradient is wanted; else None.
    """

    tokens: Tensor
    depths: Tensor
    exits: Tensor
    end_rows: Tensor
    end_columns: Tensor
    blocks: list[QueryBlock] | None


@dataclass(frozen=True, slots=True)
class PlainInputs:
    """Sequences one a row, padded at the end.

    Attributes:
        tokens, is_token: shape (n, l); `is_token` is false on padding.
        lengths: shape (n,).
    """

    tokens: Tensor
    is_token: Tensor
    lengths: Tensor


def tree_inputs(batch: TreeBatch, device: torch.device | str = "cpu") -> TreeInputs:
    """The batch on a device."""
    columns = (batch.tokens, batch.depths, batch.exits, batch.end_rows, batch.end_columns)
    tokens, depths, exits, end_rows, end_columns = (torch.from_numpy(column).to(device) for column in columns)
    # Taking keys out by place is slow to differentiate: where gradients are wanted the dense mask is faster.
    blocks = None if torch.is_grad_enabled() else plan_blocks(batch.exits, device)
    return TreeInputs(tokens, depths, exits, end_rows, end_columns, blocks)


def plain_inputs(sequences: Sequence[Integers], *, padding_id: int, device: torch.device | str = "cpu") -> PlainInputs:
    """Sequences padded to the longest, on a device."""
    lengths = np.array([len(each) for each in sequences], np.int64)
    tokens = np.full((len(sequences), int(lengths.max())), padding_id, np.int64)
    for row, sequence in enumerate(sequences):
        tokens[row, : len(sequence)] = sequence
    is_token = np.arange(tokens.shape[1]) < lengths[:, None]
    return PlainInputs(*(torch.from_numpy(column).to(device) for column in (tokens, is_token, lengths)))


class Scorer(nn.Module):
    """A trunk and linear heads on it.

    Attributes:
        trunk: a model that gives ``last_hidden_state``.
        head_names: k names, in the order of the columns of the scores.
        pooling: what of a sequence the heads read: its last token, the mean of its tokens, or its first token.
        layer_reading: what the heads read instead of the last layer, see `read_through`; None for the last layer.
        origin: what the trunk was loaded from, by name: a run goes on from a checkpoint only with the same.
    """

    def __init__(self, trunk: nn.Module, head_names: Sequence[str], *, pooling: Pooling, seed: int = 0) -> None:
        super().__init__()
        self.trunk = trunk
        self.head_names = tuple(head_names)
        self.pooling = pooling
        self.heads = nn.Linear(hidden_size(trunk), len(self.head_names))
        self.layer_reading: LayerReading | None = None
        self.origin: dict[str, str] = {}
        self._read = read_positions(trunk) if pooling == "last" else None
        generator = torch.Generator().manual_seed(seed)
        nn.init.normal_(self.heads.weight, std=1 / (hidden_size(trunk) + 1), generator=generator)
        nn.init.zeros_(self.heads.bias)

    def read_everywhere(self) -> None:
        """Compute the last layer at every position from now on."""
        if self._read:
            self._read.release()
        self._read = None

    def read_through(self, reading: LayerReading) -> None:
        """Let the heads read several layers; they become heads of that width, all of it 0."""
        self.layer_reading = reading
        self.heads = nn.Linear(reading.width, len(self.head_names))
        nn.init.zeros_(self.heads.weight)
        nn.init.zeros_(self.heads.bias)
        self.heads.to(reading.turn.device)

    @property
    def padding_free_parts(self) -> int:
        """How many parts of the last layer are computed at the read positions only."""
        return self._read.modules if self._read else 0

    def forward(self, inputs: TreeInputs | PlainInputs, *, last_layer_whole: bool = False) -> Tensor:
        """Scores, shape (n, k).

        Args:
            inputs: n sequences as trees or one by one.
            last_layer_whole: compute the last layer at every position; to check that it makes no difference.
        """
        return self.read(self.features(inputs, last_layer_whole=last_layer_whole))

    def read(self, features: Tensor) -> Tensor:
        """Scores of features, (n, d) → (n, k); in 32 bits, whatever the trunk computes in."""
        with torch.autocast(features.device.type, enabled=False):
            return nn.functional.linear(features.float(), self.heads.weight.float(), self.heads.bias.float())

    def features(self, inputs: TreeInputs | PlainInputs, *, last_layer_whole: bool = False) -> Tensor:
        """What the heads read, shape (n, d)."""
        if self.layer_reading is None:
            return self._last_layer(inputs, last_layer_whole)
        features: Tensor = self.layer_reading(self.layer_features(inputs, self.layer_reading.layers))
        return features

    def layer_features(self, inputs: TreeInputs | PlainInputs, layers: Sequence[int]) -> Tensor:
        """What `pooling` reads of several layers, side by side.

        Args:
            inputs: n sequences.
            layers: numbers as in `FeatureSettings`; at least one.
        Returns:
            Shape (n, len(layers) * d).
        """
        count = layer_count(self.trunk)
        with kept_outputs(self.trunk, [layer for layer in layers if layer < count]) as outputs:
            last = self._last_layer(inputs, last_layer_whole=False)
        pooled = {layer: self.pool(hidden, inputs) for layer, hidden in outputs.items()}
        return torch.cat([last if layer == count else pooled[layer] for layer in layers], dim=1)

    def _last_layer(self, inputs: TreeInputs | PlainInputs, last_layer_whole: bool) -> Tensor:
        if isinstance(inputs, TreeInputs):
            return self._tree_features(inputs, last_layer_whole)
        return self._plain_features(inputs, last_layer_whole)

    def _tree_features(self, inputs: TreeInputs, last_layer_whole: bool) -> Tensor:
        if self.pooling != "last":
            raise ValueError(f"trees are read at the last token of a sequence, found pooling {self.pooling!r}")
        places = (inputs.end_rows, inputs.end_columns)
        self._set_read(places, last_layer_whole)
        config: Any = self.trunk.config
        uses_flex = getattr(config, "_attn_implementation", None) == "flex_attention"
        dtype = _computing_dtype(self.trunk, inputs.tokens.device)
        mask = flex_mask(inputs.exits) if uses_flex else masks_for(config, inputs.exits, inputs.depths, dtype)
        if isinstance(mask, Tensor) and config._attn_implementation == block_attention.NAME:
            block_attention.carry_blocks(mask, inputs.blocks)
        hidden = self._hidden(input_ids=inputs.tokens, position_ids=inputs.depths, attention_mask=mask)
        return self.pool(hidden, inputs)

    def _plain_features(self, inputs: PlainInputs, last_layer_whole: bool) -> Tensor:
        rows = torch.arange(len(inputs.lengths), device=inputs.lengths.device)
        places = (rows, inputs.lengths - 1)
        self._set_read(places, last_layer_whole)
        hidden = self._hidden(input_ids=inputs.tokens, attention_mask=inputs.is_token.long())
        return self.pool(hidden, inputs)

    def pool(self, hidden: Tensor, inputs: TreeInputs | PlainInputs) -> Tensor:
        """What `pooling` reads of hidden states, (b, l, d) → (n, d)."""
        if isinstance(inputs, TreeInputs):
            return hidden[inputs.end_rows, inputs.end_columns]
        if self.pooling == "last":
            return hidden[torch.arange(len(hidden), device=hidden.device), inputs.lengths - 1]
        if self.pooling == "first":
            return hidden[:, 0]
        weights = inputs.is_token.to(hidden.dtype)[..., None]
        return (hidden * weights).sum(1) / weights.sum(1)

    def _set_read(self, places: tuple[Tensor, Tensor], last_layer_whole: bool) -> None:
        if self._read:
            self._read.set(None if last_layer_whole else places)

    def _hidden(self, **arguments: Any) -> Tensor:
        """Hidden states, shape (b, l, d); encoders take no cache argument."""
        if getattr(self.trunk.config, "use_cache", None) is not None:
            arguments["use_cache"] = False
        hidden: Tensor = self.trunk(**arguments).last_hidden_state
        return hidden


def _computing_dtype(trunk: nn.Module, device: torch.device) -> torch.dtype:
    """What attention computes in: that of autocast where it is on, else that of the weights."""
    if torch.is_autocast_enabled(device.type):
        return torch.get_autocast_dtype(device.type)
    return next(trunk.parameters()).dtype
