"""A trained transformer: what it reads, its heads, and its scores."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import torch

from plumbline.models.calibration import Calibration
from plumbline.models.scored_model import UNSAFE, Advance, Floats, Scores, Task, Turns
from plumbline.models.transformer.attention.group_parts import plain_parts, tree_parts
from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.examples.head_names import CATEGORY, COST, reward_head
from plumbline.models.transformer.frozen.head_ensemble import HeadEnsemble
from plumbline.models.transformer.reading_memory import reading_memory_watched
from plumbline.models.transformer.scorer import PlainInputs, Scorer, TreeInputs, plain_inputs, tree_inputs
from plumbline.models.transformer.self_check import SelfCheck, check_trees, telling_groups
from plumbline.models.transformer.settings import TokenSettings
from plumbline.models.transformer.trunk.conversation_tokens import ConversationEncoder
from plumbline.models.tree_batch import Integers, Tree, pack_trees
from plumbline.records import Axis, Role

_LOG = logging.getLogger("plumbline.models")
_BLOCK_ROWS = 2_048
"""Conversations are read and scored so many at a time: few enough to hold, enough to find like lengths among."""
_PASS_TOKENS_CPU, _PASS_TOKENS = 128, 4_096
"""What a pass costs besides its tokens, in tokens: a small encoder on two cores takes the time of about a hundred."""


@dataclass(frozen=True, slots=True)
class TransformerHead:
    """How one head of the scorer is read.

    Attributes:
        column: the head's name in the scorer, like ``reward:helpfulness``.
        calibration: score → probability; of a reward, the difference of two scores → that the first is preferred.
        threshold: probability from which the head says yes; None where nothing is decided by one.
        pair_calibration: of a cost, the difference of two costs → that the first is the more harmful; else None.
    """

    column: str
    calibration: Calibration = field(default_factory=Calibration)
    threshold: float | None = None
    pair_calibration: Calibration | None = None


def task_columns(task: Task, head_names: Sequence[str], axis: Axis | None) -> dict[str, TransformerHead]:
    """The heads of a task among those of a scorer, read as they are; the main one first.

    Args:
        axis: of a preference model.
    """
    if task == "preference":
        return {"reward": TransformerHead(next(name for name in head_names if axis and name == reward_head(axis)))}
    if task == "cost":
        return {COST: TransformerHead(COST)}
    categories = {name.removeprefix(CATEGORY): name for name in head_names if name.startswith(CATEGORY)}
    return {UNSAFE: TransformerHead(UNSAFE), **{name: TransformerHead(column) for name, column in categories.items()}}


@dataclass(frozen=True, slots=True)
class BaseModel:
    """What the trunk started from.

    Attributes:
        name: an absolute path or a hub id.
        revision: of a hub id, the commit that was loaded; None of a path.
        sha256: of the weights that were loaded, see `trunk.identity`.
    """

    name: str
    revision: str | None = None
    sha256: str | None = None

    @property
    def origin(self) -> dict[str, str]:
        """What tells it from other trunks of the same shapes."""
        found = {"trunk weights": self.sha256, "trunk revision": self.revision}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """How scores are computed; none of it changes them beyond rounding.

    Attributes:
        tokens_per_batch: computed at a time, padding included.
        as_trees: compute what sequences share once, where a self-check finds the same scores.
    """

    tokens_per_batch: int = 8_192
    as_trees: bool = True


@dataclass(frozen=True)
class TransformerModel:
    """A trunk with heads, one task of it.

    Attributes:
        axis: of a preference model.
        tokenizer: the one that `encoder` uses.
        encoder: conversations → tokens, by `tokens`.
        padding_id: what batches are padded with.
        heads: name within the task (``reward``, ``cost``, ``unsafe`` and categories) → how it is read; main one first.
        ensemble: heads beside the main one, which say how sure it is and have no part in its scores.
    """

    task: Task
    axis: Axis | None
    scorer: Scorer
    tokenizer: Any
    encoder: ConversationEncoder
    tokens: TokenSettings
    padding_id: int
    heads: dict[str, TransformerHead]
    base: BaseModel
    scoring: ScoringSettings = ScoringSettings()
    ensemble: HeadEnsemble | None = None

    def compute_in_half(self) -> None:
        """Let the trunk hold its weights, and compute, in bfloat16; heads stay in 32 bits."""
        self.scorer.trunk.to(torch.bfloat16)

    def reading(self, task: Task, axis: Axis | None) -> TransformerModel:
        """Another task of the same scorer, its heads read as they are, without an ensemble."""
        heads = task_columns(task, self.scorer.head_names, axis)
        return replace(self, task=task, axis=axis, heads=heads, ensemble=None)

    def read_pairs(self, comparisons: pa.Table, *, advance: Advance | None = None) -> Scores:
        """Scores of both sides of n comparisons, the ensemble's from the same pass."""

        def read(block: pa.Table) -> list[tuple[Turns, ...]]:
            """Both sides of each."""
            contexts, sides = block["context"].to_pylist(), block["continuations"].to_pylist()
            return [
                tuple(_turns([*context, *side]) for side in both) for context, both in zip(contexts, sides, strict=True)
            ]

        table = comparisons.select(["context", "continuations"])
        return self._read_blocks(table, read, 2, advance).of_pairs()

    def read_conversations(
        self, conversations: pa.ListArray | pa.ChunkedArray, *, advance: Advance | None = None
    ) -> Scores:
        """Scores of the last reply of n conversations, the ensemble's from the same pass."""

        def read(block: pa.Table) -> list[tuple[Turns, ...]]:
            """One conversation each."""
            return [(_turns(messages),) for messages in block["conversation"].to_pylist()]

        return replace(self._read_blocks(pa.table({"conversation": conversations}), read, 1, advance), alike=None)

    def read_groups(self, groups: Sequence[Sequence[Turns]], *, advance: Advance | None = None) -> Scores:
        """Scores of conversations that share beginnings, as n candidates for one prompt do; the ensemble's as well.

        Args:
            groups: conversations that belong together; what a group's share is computed once.
        Returns:
            Scores of the conversations of all groups, in their order.
        """
        return replace(self._read_groups(groups, advance), alike=None)

    def _read_groups(self, groups: Sequence[Sequence[Turns]], advance: Advance | None) -> Scores:
        """The same, with which groups are of conversations that the model cannot tell apart, shape (groups,)."""
        encoded = self.encoder.encode([turns for group in groups for turns in group])
        starts = np.cumsum([0, *map(len, groups)])
        split = [tuple(encoded.sequences[start:stop]) for start, stop in pairwise(starts)]
        how = GroupScoring(self.padding_id, self.scoring, self.ensemble)
        scores = score_sequences(self.scorer, split, how, advance=advance)
        names = self.scorer.head_names
        columns = [names.index(head.column) for head in self.heads.values()]
        members = None if self.ensemble is None else scores[:, len(names) :]
        alike = np.array([all(np.array_equal(each, group[0]) for each in group) for group in split], bool)
        return Scores(scores[:, columns], members, encoded.truncated, alike)

    def _read_blocks(
        self,
        table: pa.Table,
        read: Callable[[pa.Table], list[tuple[Turns, ...]]],
        replies: int,
        advance: Advance | None,
    ) -> Scores:
        """Scores of all replies, one a row; those of a row are a group."""
        total, parts = replies * len(table), []
        for start in range(0, max(len(table), 1), _BLOCK_ROWS):

            def told(done: int, _of_block: int, before: int = replies * start) -> None:
                """Count on from the blocks before."""
                if advance:
                    advance(before + done, total)

            parts.append(self._read_groups(read(table.slice(start, _BLOCK_ROWS)), told))
        return Scores.joined(parts)


def _turns(messages: Sequence[Any]) -> Turns:
    """Messages of a table as (role, text)."""
    return [(Role(message["role"]), message["text"]) for message in messages]


@dataclass(frozen=True, slots=True)
class _Checked:
    """What a scorer's self-check found, with sequences of up to `length` tokens and trees of up to `size`."""

    passed: bool
    length: int
    size: int


_TREES_HOLD: WeakKeyDictionary[Scorer, _Checked] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class GroupScoring:
    """How groups of sequences are scored: the padding's token id, the settings, and heads that read along."""

    padding_id: int
    settings: ScoringSettings = ScoringSettings()
    ensemble: HeadEnsemble | None = None


@torch.no_grad()
def score_sequences(
    scorer: Scorer, groups: Sequence[Sequence[Integers]], how: GroupScoring, *, advance: Advance | None = None
) -> Floats:
    """Scores of token sequences.

    Args:
        scorer: left in the mode it was in.
        groups: token ids of sequences that may share a beginning.
        how: batches, whether as trees, and heads that read along.
        advance: told how many sequences are done, of how many.
    Returns:
        Shape (sequences of all groups, heads of the scorer and then of the ensemble), in their order.
    """
    members = 0 if how.ensemble is None else len(how.ensemble.weights)
    scores = np.empty((sum(map(len, groups)), len(scorer.head_names) + members))
    was_training = scorer.training
    if was_training:
        scorer.eval()
    try:
        parts, trees = _laid_out(scorer, groups, how)
        starts, done = np.cumsum([0, *map(len, parts)]), 0
        for numbers, values in _scored_batches(scorer, parts, trees, how):
            rows = np.concatenate([np.arange(starts[number], starts[number + 1]) for number in numbers])
            scores[rows] = values
            done += len(rows)
            if advance:
                advance(done, len(scores))
    finally:
        if was_training:
            scorer.train()
    return scores


def _laid_out(
    scorer: Scorer, groups: Sequence[Sequence[Integers]], how: GroupScoring
) -> tuple[list[Sequence[Integers]], list[Tree] | None]:
    """Groups in parts that stay within a batch, in order, and their trees where these give the model's scores."""
    tokens, known = how.settings.tokens_per_batch, _TREES_HOLD.get(scorer)
    may_share = scorer.pooling == "last" and any(len(group) > 1 for group in groups)
    if how.settings.as_trees and may_share and (known is None or known.passed):
        laid_out = [part for group in groups for part in tree_parts(group, tokens)]
        parts, trees = [part for part, _ in laid_out], [tree for _, tree in laid_out]
        if trees_hold(scorer, parts, trees, how.padding_id):
            return parts, trees
    return [part for group in groups for part in plain_parts(group, tokens)], None


def trees_hold(scorer: Scorer, groups: Sequence[Sequence[Integers]], trees: Sequence[Tree], padding_id: int) -> bool:
    """Whether trees give this model's scores, looked up on its longest groups; says so in the log where they do not.

    A scorer is asked once, and again where sequences or trees are more than twice as long as those it was asked about.

    Args:
        groups, trees: n groups, and the tree of each.
    """
    lengths, sizes = [max(map(len, group)) for group in groups], [len(tree) for tree in trees]
    length, size = max(lengths), max(sizes)
    known = _TREES_HOLD.get(scorer)
    if known is not None and (not known.passed or (length <= 2 * known.length and size <= 2 * known.size)):
        return known.passed
    chosen = telling_groups(lengths, sizes)
    with reading_memory_watched(sum(len(groups[each]) for each in chosen), sum(sizes[each] for each in chosen)):
        check = check_trees(scorer, [Example(tuple(groups[each])) for each in chosen], padding_id=padding_id)
    _TREES_HOLD[scorer] = _Checked(check.passed, length, size)
    if not check.passed:
        _LOG.warning("%s", told_refusal(check))
    return check.passed


def told_refusal(check: SelfCheck) -> str:
    """Why trees are not used, for a person."""
    why = check.refused or f"a difference of {check.largest_difference:.1e}"
    return f"conversation trees give other scores with this model ({why}): each sequence is computed by itself, slower"


def _scored_batches(
    scorer: Scorer, groups: Sequence[Sequence[Integers]], trees: Sequence[Tree] | None, how: GroupScoring
) -> Iterator[tuple[list[int], Floats]]:
    """Batches of groups, the longest first (where memory is short it shows at once), and their sequences' scores."""
    device, read = scorer.heads.weight.device, _reader(scorer, how.ensemble)
    if trees is None:
        lengths, rows = [max(map(len, group)) for group in groups], [len(group) for group in groups]
    else:
        lengths, rows = [len(tree) for tree in trees], [1] * len(trees)
    padding = _PASS_TOKENS_CPU if device.type == "cpu" else _PASS_TOKENS
    for members in like_sizes(lengths, rows, how.settings.tokens_per_batch, padding):
        sequences = [sequence for number in members for sequence in groups[number]]
        tokens = lengths[members[0]] * sum(rows[number] for number in members)
        with reading_memory_watched(len(sequences), tokens):
            inputs: TreeInputs | PlainInputs
            if trees is None:
                inputs = plain_inputs(sequences, padding_id=how.padding_id, device=device)
            else:
                inputs = tree_inputs(pack_trees([trees[each] for each in members], padding_id=how.padding_id), device)
            values = _numbers(read(inputs))
        yield members, values


def _reader(scorer: Scorer, ensemble: HeadEnsemble | None) -> Callable[[TreeInputs | PlainInputs], torch.Tensor]:
    """What gives the scores of a batch: the scorer, or with an ensemble the scores of both from one forward pass."""
    if ensemble is None:
        return scorer
    device = scorer.heads.weight.device
    weights = torch.from_numpy(ensemble.weights).to(device, torch.float32)
    intercepts = torch.from_numpy(ensemble.intercepts).to(device, torch.float32)

    def read(inputs: TreeInputs | PlainInputs) -> torch.Tensor:
        """Shape (n, heads + k)."""
        features = scorer.features(inputs)
        with torch.autocast(device.type, enabled=False):
            members = torch.nn.functional.linear(features.float(), weights, intercepts)
        return torch.cat([scorer.read(features), members], dim=1)

    return read


def like_sizes(lengths: Sequence[int], rows: Sequence[int], tokens: int, padding: int | None = None) -> list[list[int]]:
    """Batches of items of like length under a budget.

    Args:
        lengths, rows: tokens of an item's rows, and how many rows it has.
        tokens: a batch's rows times its longest length stay within it, unless one item alone goes beyond.
        padding: tokens of it that a batch may have: as many as one more pass takes the time of. None for any number.
    Returns:
        Numbers of items, each once, the longest first.
    """
    batches: list[list[int]] = []
    held = padded = 0
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        longest = lengths[batches[-1][0]] if batches else 0
        added = (longest - lengths[number]) * rows[number]
        is_full = (held + rows[number]) * longest > tokens
        if not batches or is_full or (padding is not None and padded + added > padding):
            batches.append([])
            held = padded = added = 0
        batches[-1].append(number)
        held += rows[number]
        padded += added
    return batches


def _numbers(scores: torch.Tensor) -> Floats:
    numbers: Floats = scores.double().cpu().numpy()
    return numbers
