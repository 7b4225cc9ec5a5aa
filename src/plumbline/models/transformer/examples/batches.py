"""Which examples are learned from together, and how a step is cut into what one device computes at a time.

A *step* is what the optimizer moves once for; a *batch* is what one device computes at a time. How a step is cut
changes nothing but memory and time: losses are divided by the weight of the whole step.

Numbers in, numbers out: nothing here knows of a model or of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plumbline.models.transformer.settings import TrainerSettings
from plumbline.models.tree_batch import Integers


@dataclass(frozen=True, slots=True)
class Sizes:
    """What n examples cost.

    Attributes:
        rows: shape (n,); rows of a batch an example takes: 1 for a tree, one a sequence otherwise.
        lengths: shape (n,); tokens of the longest of them.
        own_tokens: shape (n,); tokens computed for it, without padding.
        sequence_tokens: shape (n,); tokens of its sequences one by one.
        packs: several short examples may share a row, as trees do.
    """

    rows: Integers
    lengths: Integers
    own_tokens: Integers
    sequence_tokens: Integers
    packs: bool

    def __len__(self) -> int:
        """n."""
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one device computes at a time.

    Attributes:
        examples: numbers of examples, the longest first; none where a device has nothing to do.
        processed_tokens: rows × row length, padding included.
    """

    examples: tuple[int, ...]
    processed_tokens: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of the optimizer learns from.

    Attributes:
        examples: numbers of examples.
        batches: by process, then one after the other; as many for every process.
        own_tokens, sequence_tokens: sums over the examples, see `Sizes`.
    """

    examples: tuple[int, ...]
    batches: tuple[tuple[Batch, ...], ...]
    own_tokens: int
    sequence_tokens: int

    @property
    def processed_tokens(self) -> int:
        """Tokens computed by all processes, padding included."""
        return sum(batch.processed_tokens for batches in self.batches for batch in batches)


def plan_steps(sizes: Sizes, settings: TrainerSettings, *, epoch: int, processes: int = 1) -> list[Step]:
    """The steps of an epoch: every example in exactly one.

    The same for the same sizes, settings and epoch. Rows are shuffled; among the rows of `bucket_steps` steps those of
    like size come together; then the steps are shuffled. What is left over after whole steps is drawn before like sizes
    are looked for, so it is no particular size.

    Args:
        sizes: of n examples.
        settings: `rows_per_step`, `tokens_per_batch`, `bucket_steps` and `seed` are looked at.
        epoch: from 0.
        processes: devices that share each step.
    """
    rng = np.random.default_rng([settings.seed, epoch])
    order, rows = rng.permutation(len(sizes)), settings.rows_per_step
    whole = len(order) // rows * rows
    window = max(settings.bucket_steps, 1) * rows
    steps: list[Integers] = []
    for start in range(0, whole, window):
        alike = order[start : min(start + window, whole)]
        if settings.bucket_steps:
            alike = alike[np.argsort(sizes.lengths[alike], kind="stable")]
        steps.extend(alike.reshape(-1, rows))
    if whole < len(order):
        steps.append(order[whole:])
    return [_step(sizes, steps[number], settings.tokens_per_batch, processes) for number in rng.permutation(len(steps))]


def plan_evaluation(sizes: Sizes, settings: TrainerSettings, *, processes: int = 1) -> Step:
    """All examples once, cut as a step is.

    Args:
        sizes: of n examples.
        settings: `tokens_per_batch` is looked at.
        processes: devices that share the work.
    """
    return _step(sizes, np.arange(len(sizes)), settings.tokens_per_batch, processes)


def _step(sizes: Sizes, numbers: Integers, budget: int, processes: int) -> Step:
    numbers = numbers[np.argsort(-sizes.lengths[numbers], kind="stable")]
    return Step(
        tuple(numbers.tolist()),
        _cut(sizes, numbers.tolist(), budget, processes),
        int(sizes.own_tokens[numbers].sum()),
        int(sizes.sequence_tokens[numbers].sum()),
    )


def _cut(sizes: Sizes, numbers: list[int], budget: int, processes: int) -> tuple[tuple[Batch, ...], ...]:
    """As few batches a process as the budget allows, as equal as they can be, dealt out to the processes."""
    batches = _fill(sizes, numbers, budget)
    each = max(1, -(-len(batches) // processes))
    if each * processes > 1:
        batches = _evened(sizes, numbers, budget, each * processes)
    batches.sort(key=lambda batch: -batch.processed_tokens)
    batches += [Batch((), 0)] * (each * processes - len(batches))
    dealt: list[list[Batch]] = [[] for _ in range(processes)]
    for turn in range(each):
        hand = batches[turn * processes : (turn + 1) * processes]
        for process, batch in enumerate(hand if turn % 2 == 0 else reversed(hand)):
            dealt[process].append(batch)
    return tuple(map(tuple, dealt))


def _evened(sizes: Sizes, numbers: list[int], budget: int, count: int) -> list[Batch]:
    """At most `count` batches, the largest of them as small as can be."""
    low, high = 1, max(budget, 1)
    while low < high:
        middle = (low + high) // 2
        if len(_fill(sizes, numbers, middle)) <= count:
            high = middle
        else:
            low = middle + 1
    return _fill(sizes, numbers, high)


def _fill(sizes: Sizes, numbers: Sequence[int], budget: int) -> list[Batch]:
    """Batches under the budget, in the order of the numbers; an example larger than the budget stands alone.

    Args:
        numbers: the longest first, so that the first of a batch sets the length of its rows. Trees fill rows as
            `tree_batch.fit_rows` does, which takes them in this order.
    """
    batches: list[Batch] = []
    members: list[int] = []
    length = rows = 0
    room: list[int] = []  # of the rows begun
    for number in numbers:
        size = int(sizes.lengths[number])
        best = min((left for left in room if left >= size), default=None) if sizes.packs else None
        more = 0 if best is not None else int(sizes.rows[number])
        if members and (rows + more) * length > budget:
            batches.append(Batch(tuple(members), rows * length))
            members, length, rows, room, best = [], 0, 0, [], None
            more = int(sizes.rows[number])
        length = length or size
        rows += more
        if best is not None:
            room.remove(best)
        room.append((length if best is None else best) - size)
        members.append(number)
    if members:
        batches.append(Batch(tuple(members), rows * length))
    return batches
