"""Examples whose sequences share beginnings → one example, so that what they share is computed once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from plumbline.models.transformer.examples.example import Example, Known, Preference
from plumbline.models.tree_batch import Integers, lexicographic_key

MOST_SEQUENCES = 8
_LOOK_BACK = 4


def share_conversations(
    examples: Sequence[Example], group_ids: Sequence[str] | None = None, *, most_sequences: int = MOST_SEQUENCES
) -> list[Example]:
    """Merge examples where a sequence of one shares at least half of the shorter with a sequence of the other.

    Equal sequences become one. The losses are those of the examples one by one; only they learn in the same step.

    Args:
        examples: n examples.
        group_ids: n strings; where given, only examples of one group are merged.
        most_sequences: of a merged example; an example that has more by itself stays as it is.
    Returns:
        At most n examples, by the first of their members; the same for the same input.
    """
    groups: dict[str, list[int]] = {}
    for number, group in enumerate(group_ids or [""] * len(examples)):
        groups.setdefault(group, []).append(number)
    bundles = [bundle for members in groups.values() for bundle in _bundles(examples, members, most_sequences)]
    bundles.sort(key=lambda bundle: bundle[0])
    return [_merged([examples[number] for number in bundle]) for bundle in bundles]


def _bundles(examples: Sequence[Example], members: Sequence[int], most_sequences: int) -> list[list[int]]:
    """Which examples of a group are merged, each bundle in ascending order.

    In lexicographic order those that share much stand together, so only the last few bundles are looked at.
    """
    ordered = sorted(members, key=lambda number: (lexicographic_key(examples[number].sequences[0]), number))
    bundles: list[list[int]] = []
    held: list[dict[bytes, Integers]] = []  # the different sequences of each bundle
    for number in ordered:
        own = {sequence.tobytes(): sequence for sequence in examples[number].sequences}
        for place in range(len(bundles) - 1, max(-1, len(bundles) - 1 - _LOOK_BACK), -1):
            together = {**held[place], **own}
            if len(together) <= most_sequences and _share_half(held[place].values(), own.values()):
                bundles[place].append(number)
                held[place] = together
                break
        else:
            bundles.append([number])
            held.append(own)
    return [sorted(bundle) for bundle in bundles]


def _share_half(some: Collection[Integers], others: Collection[Integers]) -> bool:
    """Whether a sequence of the one and one of the other share the first half of the shorter."""
    return any(_half_in_common(one, other) for one in some for other in others)


def _half_in_common(one: Integers, other: Integers) -> bool:
    half = (min(len(one), len(other)) + 1) // 2
    return np.array_equal(one[:half], other[:half])


def _merged(members: Sequence[Example]) -> Example:
    """One example with the different sequences of its members, and their targets renumbered."""
    if len(members) == 1:
        return members[0]
    numbers: dict[bytes, int] = {}
    sequences: list[Integers] = []
    preferences: list[Preference] = []
    labels: list[Known] = []
    signs: list[Known] = []
    values: list[Known] = []
    for example in members:
        places: list[int] = []
        for sequence in example.sequences:
            place = numbers.setdefault(sequence.tobytes(), len(sequences))
            sequences += [sequence] if place == len(sequences) else []
            places.append(place)
        preferences += [_moved_pair(pair, places) for pair in example.preferences]
        labels += [_moved(known, places) for known in example.labels]
        signs += [_moved(known, places) for known in example.signs]
        values += [_moved(known, places) for known in example.values]
    ids = tuple(identity for example in members for identity in example.ids)
    return Example(tuple(sequences), tuple(preferences), tuple(labels), tuple(signs), tuple(values), ids)


def _moved_pair(pair: Preference, places: Sequence[int]) -> Preference:
    return replace(pair, better=places[pair.better], worse=places[pair.worse])


def _moved(known: Known, places: Sequence[int]) -> Known:
    return replace(known, sequence=places[known.sequence])
