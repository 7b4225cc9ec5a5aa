"""The rows of goals → the examples that a transformer learns from, for one head or for several on one trunk.

Polarity: of a `Preference`, the side called `better` is the one whose score on that head should be higher. A reward is
higher for the better side; a cost is higher for the more harmful one, so on the head "cost" the sides change places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.models.rows.training_rows import SAME_TO_MODEL, LabelRows, PreferenceRows
from plumbline.models.scored_model import UNSAFE
from plumbline.models.transformer.examples.example import Example, Known, Preference
from plumbline.models.transformer.examples.goals import Goal
from plumbline.models.transformer.examples.head_names import CATEGORY, COST, head_names, reward_head
from plumbline.models.transformer.settings import LossSettings
from plumbline.models.transformer.trunk.conversation_tokens import ConversationEncoder, Encoded
from plumbline.records import ROLES, Axis, NoDataError, Role, role_codes

Turns = tuple[tuple[Role, str], ...]


@dataclass(frozen=True, slots=True)
class PreparedRows:
    """n examples and what became of the rows.

    Attributes:
        examples: one a comparison or label.
        head_names: what the heads' numbers in the examples mean.
        group_ids: n strings; the unit of splits and of the bootstrap.
        set_aside: rows left out, by code.
        truncated: conversations that lost something to the limit, each counted once, however many rows have it.
        tokens: ``sequences``, ``tokens``, ``longest``, ``dropped_turns``, of the different conversations.
    """

    examples: list[Example]
    head_names: tuple[str, ...]
    group_ids: tuple[str, ...]
    set_aside: dict[str, int]
    truncated: int
    tokens: dict[str, int]


def prepare_rows(
    goals: Sequence[Goal], encoder: ConversationEncoder, *, loss: LossSettings, seed: int, place: str = "the data"
) -> PreparedRows:
    """The examples of a training, for the heads of all of its goals; rows that several goals learn from stand once.

    Args:
        goals: as `goals_of` gives them. "preference" has a reward head an axis, "cost" the head "cost", "moderation"
            "unsafe" and one head a category that some row has.
        loss: its `margin` is multiplied by each comparison's strength.
        seed: of which side of a pair comes first, so that nothing can be read off the order.
        place: what errors call the data.
    Raises:
        NoDataError: nothing says where 0 of a cost is; or to the model, both sides of all pairs are the same.
    """
    names = head_names(goals)
    heads = {name: number for number, name in enumerate(names)}
    of_axes = {goal.rows.pairs.axis: goal.rows.pairs for goal in goals if goal.rows.pairs is not None}
    of_labels = next((goal.rows.labels for goal in goals if goal.rows.labels is not None), None)
    pairs = [_pair_turns(rows) for rows in of_axes.values()]
    labels = [] if of_labels is None else [_label_turns(of_labels)]
    judged = _judged(labels, pairs, place) if COST in heads else _Judged(Counter(), frozenset())
    order = np.random.default_rng(seed)
    parts = [_pair_examples(each, heads, encoder, loss, order, judged) for each in pairs]
    for axis, part in zip(of_axes, parts, strict=True):
        _require_different_sides(part, axis, place)
    parts += [_label_examples(each, heads, encoder, judged) for each in labels]
    set_aside = Counter({SAME_TO_MODEL: sum(part.same for part in parts)})
    for rows in (*of_axes.values(), of_labels):
        set_aside.update({} if rows is None else rows.set_aside)
    return _joined(parts, names, dict(+set_aside))


def conversations(column: pa.ChunkedArray | pa.ListArray) -> list[Turns]:
    """The conversations of a column, as an encoder takes them."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    messages = whole.flatten()
    roles = [ROLES[code] for code in role_codes(messages)]
    turns = list(zip(roles, messages.field("text").to_pylist(), strict=True))
    bounds = np.cumsum([0, *np.diff(whole.offsets.to_numpy())]).tolist()
    return [tuple(turns[first:last]) for first, last in pairwise(bounds)]


def paired_conversations(comparisons: pa.Table) -> list[tuple[Turns, Turns]]:
    """Both sides of each comparison as whole conversations, in the order of the record."""
    contexts = conversations(comparisons["context"])
    sides = conversations(comparisons["continuations"].combine_chunks().flatten())
    return [
        (context + first, context + second)
        for context, first, second in zip(contexts, sides[::2], sides[1::2], strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _LabelTurns:
    """Labels and their conversations."""

    rows: LabelRows
    turns: list[Turns]


def _label_turns(rows: LabelRows) -> _LabelTurns:
    return _LabelTurns(rows, conversations(rows.records.rows()["conversation"]))


@dataclass(frozen=True, slots=True)
class _PairTurns:
    """Comparisons, their sides as conversations, and what they say of each side's safety."""

    rows: PreferenceRows
    turns: list[tuple[Turns, Turns]]
    is_safe: list[Sequence[bool | None] | None]
    strengths: list[int | None]


def _pair_turns(rows: PreferenceRows) -> _PairTurns:
    table = rows.records.rows()
    return _PairTurns(rows, paired_conversations(table), table["is_safe"].to_pylist(), table["strength"].to_pylist())


@dataclass(frozen=True, slots=True)
class _Judged:
    """How often each reply was judged safe or unsafe; those in `labelled` by labels.

    Where a reply has labels, what a comparison says of its side stems from the same rows and is not counted again.
    """

    counts: Counter[Turns]
    labelled: Collection[Turns]

    def sign(self, turns: Turns, is_unsafe: bool, sequence: int, head: int) -> Known:
        """The sign term of one judgement; those of one reply weigh 1 together, however many there are."""
        return Known(sequence, head, 1.0 if is_unsafe else -1.0, 1 / self.counts[turns])


def _judged(labels: Sequence[_LabelTurns], pairs: Sequence[_PairTurns], place: str) -> _Judged:
    counts = Counter(turns for each in labels for turns in each.turns)
    labelled = frozenset(counts)
    values = {bool(value) for each in labels for value in each.rows.is_unsafe}
    for each in pairs:
        for turns, is_unsafe in _sides_judged(each, labelled):
            counts[turns] += 1
            values.add(is_unsafe)
    if len(values) == 2:
        return _Judged(counts, labelled)
    raise NoDataError(
        "PL-TRN-016",
        place,
        "a cost needs replies labelled safe and replies labelled unsafe: they fix where 0 is",
        found="labels of one class only" if values else "no labels",
        advice="add a source with labels, or train the pairs alone: plumbline train preference",
    )


def _sides_judged(pairs: _PairTurns, labelled: Collection[Turns]) -> Iterator[tuple[Turns, bool]]:
    for sides, safe in zip(pairs.turns, pairs.is_safe, strict=True):
        for turns, is_safe in zip(sides, safe or (), strict=False):
            if is_safe is not None and turns not in labelled:
                yield turns, not is_safe


@dataclass(frozen=True, slots=True)
class _Part:
    """Examples of one table.

    Attributes:
        same: comparisons whose sides are the same to the model.
        turns: the conversations, in the order of `encoded`.
    """

    examples: list[Example]
    group_ids: list[str]
    same: int
    turns: Sequence[Turns]
    encoded: Encoded


def _pair_examples(
    pairs: _PairTurns,
    heads: Mapping[str, int],
    encoder: ConversationEncoder,
    loss: LossSettings,
    order: np.random.Generator,
    judged: _Judged,
) -> _Part:
    """An example a comparison; its sides in random order."""
    rows = pairs.rows
    turns = [side for sides in pairs.turns for side in sides]
    encoded = encoder.encode(turns)
    swapped = order.random(len(rows)) < 0.5
    examples: list[Example] = []
    kept: list[int] = []
    for number, identity in enumerate(rows.places.ids):
        sides = encoded.sequences[2 * number : 2 * number + 2]
        if np.array_equal(sides[0], sides[1]):
            continue
        kept.append(number)
        places = (1, 0) if swapped[number] else (0, 1)  # where the first and the second side stand
        better = places[0] if rows.first_is_better[number] else places[1]
        margin = loss.margin * (pairs.strengths[number] or 0)
        examples.append(
            Example(
                (sides[places[0]], sides[places[1]]),
                preferences=_preferences(rows.axis, heads, better, margin, float(rows.weights[number])),
                signs=_side_signs(pairs, number, places, heads, judged),
                ids=(identity,),
            )
        )
    groups = [str(rows.places.group_ids[number]) for number in kept]
    return _Part(examples, groups, len(rows) - len(kept), turns, encoded)


def _preferences(
    axis: Axis, heads: Mapping[str, int], better: int, margin: float, weight: float
) -> tuple[Preference, ...]:
    """What a judgement says to each head: the less harmful side has the higher reward and the lower cost."""
    found: list[Preference] = []
    if reward_head(axis) in heads:
        found.append(Preference(better, 1 - better, heads[reward_head(axis)], margin, weight))
    if COST in heads and axis is Axis.HARMLESSNESS:
        found.append(Preference(1 - better, better, heads[COST], margin, weight))
    return tuple(found)


def _side_signs(
    pairs: _PairTurns, number: int, places: tuple[int, int], heads: Mapping[str, int], judged: _Judged
) -> tuple[Known, ...]:
    """The sign terms of a comparison's sides, where it says whether they are safe and no label does."""
    if COST not in heads:
        return ()
    return tuple(
        judged.sign(turns, not is_safe, place, heads[COST])
        for turns, is_safe, place in zip(pairs.turns[number], pairs.is_safe[number] or (), places, strict=False)
        if is_safe is not None and turns not in judged.labelled
    )


def _label_examples(
    labels: _LabelTurns, heads: Mapping[str, int], encoder: ConversationEncoder, judged: _Judged
) -> _Part:
    """An example a label."""
    rows = labels.rows
    encoded = encoder.encode(labels.turns)
    columns = _label_columns(rows, heads)
    examples = [
        Example(
            (encoded.sequences[number],),
            labels=tuple(Known(0, head, float(applies[number])) for head, applies, known in columns if known[number]),
            signs=(judged.sign(labels.turns[number], bool(rows.is_unsafe[number]), 0, heads[COST]),)
            if COST in heads
            else (),
            ids=(identity,),
        )
        for number, identity in enumerate(rows.places.ids)
    ]
    return _Part(examples, [str(group) for group in rows.places.group_ids], 0, labels.turns, encoded)


def _label_columns(rows: LabelRows, heads: Mapping[str, int]) -> list[tuple[int, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Head, whether its category applies, and whether the row knows: only its own taxonomy's categories."""
    if UNSAFE not in heads:
        return []
    everywhere = np.ones(len(rows), bool)
    columns = [(heads[UNSAFE], rows.is_unsafe, everywhere)]
    for name, head in heads.items():
        if not name.startswith(CATEGORY):
            continue
        category = name.removeprefix(CATEGORY)
        columns.append((head, rows.categories.get(category, ~everywhere), rows.knows(category)))
    return columns


def _require_different_sides(part: _Part, axis: Axis, place: str) -> None:
    """Some comparison on an axis must still have two sides after truncation."""
    if not part.examples:
        raise NoDataError(
            "PL-TRN-020",
            place,
            f"to the model, both sides are the same in every comparison on {axis}",
            expected="sides that still differ once cut and tokenised",
            found=f"{part.same:,} that do not",
            advice="allow more tokens, or take a model whose tokenizer tells these texts apart",
        )


def _joined(parts: Sequence[_Part], names: tuple[str, ...], set_aside: dict[str, int]) -> PreparedRows:
    # Rows of several axes and tables share conversations, which are encoded for each: they count once.
    distinct = {
        turns: (len(ids), bool(cut), int(dropped))
        for part in parts
        for turns, ids, cut, dropped in zip(
            part.turns, part.encoded.sequences, part.encoded.truncated, part.encoded.dropped_turns, strict=True
        )
    }
    lengths = [length for length, _, _ in distinct.values()]
    return PreparedRows(
        [example for part in parts for example in part.examples],
        names,
        tuple(group for part in parts for group in part.group_ids),
        set_aside,
        sum(cut for _, cut, _ in distinct.values()),
        {
            "sequences": len(lengths),
            "tokens": sum(lengths),
            "longest": max(lengths, default=0),
            "dropped_turns": sum(dropped for _, _, dropped in distinct.values()),
        },
    )
