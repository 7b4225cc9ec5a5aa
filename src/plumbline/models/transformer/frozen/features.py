"""One pass over token sequences through a trunk that does not learn; then heads cost seconds, and so do sweeps.

Covers: what a head would read (`Scorer.features`), and the same of layers further down, side by side; equal sequences
computed once; what they share computed once where the trunk's trees hold; features kept on disk by digest of the trunk,
of how it is read and of each sequence, so that new rows cost only themselves.

Does not cover: making tokens of conversations (`conversation_tokens`), fitting heads (`dense_logistic`,
`head_ensemble`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from plumbline.lineage import json_digest
from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.frozen.feature_store import FeatureStore, drop_oldest, mark_used, sequence_digest
from plumbline.models.transformer.frozen.layer_reading import LayerReading
from plumbline.models.transformer.model import like_sizes
from plumbline.models.transformer.reading_memory import reading_memory_watched
from plumbline.models.transformer.scorer import (
    PlainInputs,
    Scorer,
    TreeInputs,
    plain_inputs,
    tree_inputs,
)
from plumbline.models.transformer.self_check import check_trees, telling_groups
from plumbline.models.transformer.trunk.layers import hidden_size, layer_count, layer_list
from plumbline.models.tree_batch import Integers, build_tree, common_length, lexicographic_key, pack_trees
from plumbline.records import ModelError, UsageError

Progress = Callable[[int, int], None]

FEATURES_VERSION = 1
"""Raised whenever the same trunk and sequence would give other features."""

_LEAST_SHARED_TOKENS = 16
_LIMIT_BYTES = 20 << 30


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """How features are computed.

    Attributes:
        layers: whose output is read, side by side: 0 the embeddings, L the last of L layers with whatever follows it;
            empty for the last. Of encoders trained for something else the middle layers often tell more.
        as_trees: compute shared beginnings once, where the trunk is read at the last token and its trees hold.
        tokens_per_batch: tokens computed at a time, padding included.
        block_sequences: sequences kept on disk at a time; a killed run loses at most one block.
        dtype: of the features on disk.
    """

    layers: tuple[int, ...] = ()
    as_trees: bool = True
    tokens_per_batch: int = 16_384
    block_sequences: int = 2048
    dtype: Literal["float16", "float32"] = "float16"


@dataclass(frozen=True)
class FrozenFeatures:
    """Features of n sequences.

    Attributes:
        parts: arrays of shape (rows, d), mapped into memory where they stand on disk.
        part_of, row_of: shape (n,); where each sequence's features are.
        width: d, of what is taken: the layers' widths together, or that of `through`.
        distinct: different sequences among the n.
        computed: how many of those went through the trunk in this call; the others were on disk.
        notes: what a person should know, a sentence each.
        through: what rows go through when they are taken; None takes them as they are.
    """

    parts: tuple[NDArray[np.floating], ...]
    part_of: Integers
    row_of: Integers
    width: int
    distinct: int
    computed: int
    notes: tuple[str, ...] = ()
    through: LayerReading | None = None

    def __len__(self) -> int:
        """n."""
        return len(self.part_of)

    def take(self, positions: Integers | Sequence[int]) -> NDArray[np.float32]:
        """Features of the sequences at these positions, shape (k, d); only their rows are read."""
        chosen = np.asarray(positions, np.int64)
        rows = np.empty((len(chosen), self.parts[0].shape[1] if self.parts else self.width), np.float32)
        for number, part in enumerate(self.parts):
            here = np.flatnonzero(self.part_of[chosen] == number)
            rows[here] = part[self.row_of[chosen[here]]]
        return rows if self.through is None else self.through.of_rows(rows)

    def read_through(self, reading: LayerReading) -> FrozenFeatures:
        """The same features, taken through a reading of their layers."""
        return replace(self, through=reading, width=reading.width)

    def matrix(self) -> NDArray[np.float32]:
        """Features of all sequences, shape (n, d)."""
        return self.take(np.arange(len(self)))


def frozen_features(
    scorer: Scorer,
    sequences: Sequence[Integers],
    *,
    padding_id: int,
    settings: FeatureSettings | None = None,
    cache: Path | None = None,
    reading: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> FrozenFeatures:
    """Features of token sequences by a trunk as it stands.

    Args:
        scorer: its trunk and pooling; its heads play no part. Left in the mode it was in.
        sequences: n arrays of token ids, each of at least one.
        padding_id: any valid token id.
        settings: layers, batches, what is kept.
        cache: folder that features of all trunks are kept in; None keeps nothing.
        reading: how texts became tokens (template, longest sequence …), JSON-able; it goes into the key of the cache.
        progress: told how many of the distinct sequences are there, of how many, at each batch.
    Raises:
        UsageError: there is no such layer, or a feature does not fit `dtype`.
        ModelError: a feature is not a number.
    """
    settings = settings or FeatureSettings()
    through = None if settings.layers else scorer.layer_reading
    layers = _known_layers(scorer.trunk, settings.layers if through is None else through.layers)
    width = len(layers) * hidden_size(scorer.trunk)
    folder = None if cache is None else cache / feature_key(scorer, layers, settings, reading)
    store = FeatureStore(folder, width)
    digests = [sequence_digest(sequence) for sequence in sequences]
    distinct = dict(zip(digests, sequences, strict=True))
    missing = [digest for digest in distinct if digest not in store]
    notes = [f"{len(store.damaged)} damaged files of cached features were computed anew"] if store.damaged else []
    if missing:
        work = _Pass(scorer, layers, padding_id, settings)
        done = len(distinct) - len(missing)

        def advance(count: int) -> None:
            """Tell of sequences just computed."""
            nonlocal done
            done += count
            if progress:
                progress(done, len(distinct))

        notes += _compute(work, {digest: distinct[digest] for digest in missing}, store, advance)
    if store.unwritten:
        notes.append(f"features are not kept on disk: {store.unwritten}")
    elif folder is not None and cache is not None:
        mark_used(folder)
        drop_oldest(cache, _LIMIT_BYTES)
    places = np.array([store.place(digest) for digest in digests], np.int64).reshape(-1, 2)
    found = FrozenFeatures(
        tuple(store.parts), places[:, 0], places[:, 1], width, len(distinct), len(missing), tuple(notes)
    )
    return found if through is None else found.read_through(through)


def feature_key(
    scorer: Scorer, layers: Sequence[int], settings: FeatureSettings, reading: Mapping[str, Any] | None
) -> str:
    """What features depend on beside the sequence, as one digest."""
    return json_digest(
        [
            FEATURES_VERSION,
            trunk_digest(scorer.trunk),
            str(next(scorer.trunk.parameters()).dtype),
            scorer.pooling,
            list(layers),
            settings.dtype,
            dict(reading or {}),
        ]
    )


def trunk_digest(trunk: nn.Module) -> str:
    """SHA-256 of a trunk's class, shape and weights: what it is, wherever it came from."""
    config: Any = trunk.config
    told = {name: value for name, value in config.to_dict().items() if not name.startswith("_")}
    told = {name: value for name, value in told.items() if name != "transformers_version"}
    digest = hashlib.sha256(f"{type(trunk).__name__} {json_digest(_plain(told))}".encode())
    for name, tensor in sorted(trunk.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _plain(value: object) -> object:
    """The value in what JSON knows."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


@dataclass(frozen=True)
class _Pass:
    """How sequences go through the trunk."""

    scorer: Scorer
    layers: tuple[int, ...]
    padding_id: int
    settings: FeatureSettings


def _compute(
    work: _Pass, missing: Mapping[bytes, Integers], store: FeatureStore, advance: Callable[[int], None]
) -> list[str]:
    """Compute sequences block by block into the store; what to note."""
    sequences, digests = list(missing.values()), list(missing)
    was_training = work.scorer.training
    work.scorer.eval()
    try:
        order = sorted(range(len(sequences)), key=lambda number: lexicographic_key(sequences[number]))
        as_trees, notes = _trees_hold(work, [sequences[number] for number in order])
        if not as_trees:  # sequences of like length then stand in one block, and one beginning does not matter
            order = sorted(range(len(sequences)), key=lambda number: (len(sequences[number]), digests[number]))
        for start in range(0, len(order), work.settings.block_sequences):
            block = order[start : start + work.settings.block_sequences]
            rows = _block_features(work, [sequences[number] for number in block], as_trees, advance)
            store.add([digests[number] for number in block], rows)
    finally:
        work.scorer.train(was_training)
    return notes


def _trees_hold(work: _Pass, ordered: Sequence[Integers]) -> tuple[bool, list[str]]:
    """Whether to compute trees; asks the model on the groups with the longest sequences and the largest tree."""
    if not work.settings.as_trees or work.scorer.pooling != "last":
        return False, []
    groups = [group for group in _groups(ordered, work.settings.tokens_per_batch) if len(group) > 1]
    if not groups:
        return False, []
    lengths = [max(len(ordered[number]) for number in group) for group in groups]
    sizes = [len(build_tree([ordered[number] for number in group])) for group in groups]
    examples = [Example(tuple(ordered[each] for each in groups[number])) for number in telling_groups(lengths, sizes)]
    sequences = sum(len(example.sequences) for example in examples)
    with reading_memory_watched(sequences, work.settings.tokens_per_batch):
        check = check_trees(work.scorer, examples, padding_id=work.padding_id)
    if check.passed:
        return True, []
    why = check.refused or f"a difference of {check.largest_difference:.1e}"
    return False, [f"trees give other features with this model ({why}): each sequence was computed by itself"]


def _groups(ordered: Sequence[Integers], tokens: int) -> list[list[int]]:
    """Neighbours in lexicographic order that share enough of a beginning; a group's tree stays within `tokens`."""
    groups: list[list[int]] = []
    size = 0
    for number, sequence in enumerate(ordered):
        shared = common_length(ordered[number - 1], sequence) if number else 0
        if shared < _LEAST_SHARED_TOKENS or size + len(sequence) - shared > tokens // 4:
            groups.append([])
            size = shared = 0
        groups[-1].append(number)
        size += len(sequence) - shared
    return groups


@torch.no_grad()
def _block_features(
    work: _Pass, sequences: Sequence[Integers], as_trees: bool, advance: Callable[[int], None]
) -> NDArray[np.floating]:
    """Features of one block, shape (m, d)."""
    rows = np.empty((len(sequences), len(work.layers) * hidden_size(work.scorer.trunk)), np.float32)
    for numbers, inputs in _batches(work, sequences, as_trees):
        with reading_memory_watched(len(numbers), inputs.tokens.numel()):
            rows[numbers] = work.scorer.layer_features(inputs, work.layers).float().cpu().numpy()
        advance(len(numbers))
    if not np.isfinite(rows).all():
        raise ModelError(
            "PL-FRZ-002",
            "frozen features",
            "the trunk gives features that are no finite numbers",
            found=f"{int((~np.isfinite(rows)).any(axis=1).sum())} of {len(rows)} sequences of one block",
            advice="check the model's weights, or load it in 32 bits",
        )
    if np.abs(rows).max(initial=0.0) > np.finfo(work.settings.dtype).max:
        raise UsageError(
            "PL-FRZ-003",
            "frozen features",
            f"a feature does not fit {work.settings.dtype}",
            expected=f"at most {np.finfo(work.settings.dtype).max:.0f} in size",
            found=f"{float(np.abs(rows).max()):.0f}",
            advice='dtype="float32"',
        )
    return rows.astype(work.settings.dtype)


def _batches(
    work: _Pass, sequences: Sequence[Integers], as_trees: bool
) -> Iterator[tuple[list[int], TreeInputs | PlainInputs]]:
    """Numbers of sequences and what the trunk reads of them, in the same order."""
    device, tokens = work.scorer.heads.weight.device, work.settings.tokens_per_batch
    if not as_trees:
        for numbers in like_sizes([len(each) for each in sequences], [1] * len(sequences), tokens):
            chosen = [sequences[number] for number in numbers]
            yield numbers, plain_inputs(chosen, padding_id=work.padding_id, device=device)
        return
    groups = _groups(sequences, tokens)
    trees = [build_tree([sequences[number] for number in group]) for group in groups]
    for members in like_sizes([len(tree) for tree in trees], [1] * len(trees), tokens):
        packed = pack_trees([trees[member] for member in members], padding_id=work.padding_id)
        yield [number for member in members for number in groups[member]], tree_inputs(packed, device)


def _known_layers(trunk: nn.Module, layers: Sequence[int]) -> tuple[int, ...]:
    """The layers to read.

    Raises:
        UsageError: the trunk has no such layer, or its layers cannot be told apart.
    """
    count = layer_count(trunk)
    chosen = tuple(layers) or (count,)
    readable = range(count + 1) if layer_list(trunk) else range(count, count + 1)
    unknown = [layer for layer in chosen if layer not in readable]
    if unknown:
        raise UsageError(
            "PL-FRZ-001",
            "layers",
            "the trunk has no such layer, or does not show it",
            expected=f"numbers from {readable[0]} to {count}",
            found=", ".join(map(str, unknown)),
            advice=f"layers=({count},) reads the last",
        )
    return chosen
