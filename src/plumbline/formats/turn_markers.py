"""Texts with turn markers → messages, without copying: the turns of a text are slices of its own bytes.

A text is turns opened by ``\\n\\nHuman:`` and ``\\n\\nAssistant:``, each followed by one space that belongs to the
format; all else belongs to the turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.records import ROLES, Role, conversation_array, message_array, string_buffers

MARKERS: dict[Role, str] = {Role.HUMAN: "\n\nHuman:", Role.ASSISTANT: "\n\nAssistant:"}

Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]

_NEWLINE, _SPACE = ord("\n"), ord(" ")


@dataclass(frozen=True, slots=True)
class Turns:
    """n texts as m flat messages.

    Attributes:
        first, last: shape (n,); the messages of text i are first[i]:last[i].
        codes: shape (m,); index into `ROLES`.
        texts: m texts, the format's one space left out.
        spaced: shape (n,); every marker of the text is followed by that space.
    """

    first: Integers
    last: Integers
    codes: NDArray[np.int8]
    texts: pl.Series
    spaced: NDArray[np.bool_]


def split_turns(texts: pl.Series) -> Turns:
    """The turns of texts that each begin with a marker.

    Args:
        texts: n ≥ 1 strings, no nulls.
    """
    offsets, buffer = string_buffers(texts)
    data = np.frombuffer(buffer, np.uint8)[: offsets[-1]]
    opens, begins, codes = _markers(data)
    first, last = np.searchsorted(opens, offsets[:-1]), np.searchsorted(opens, offsets[1:])
    ends = np.append(opens[1:], offsets[-1])
    # A text begins with a newline, so that the byte after an empty turn is never the space of the next text.
    spaced = np.append(data, np.uint8(0))[begins] == _SPACE
    begins += spaced
    unspaced = np.concatenate([[0], np.cumsum(~spaced)])
    return Turns(first, last, codes, _slices(begins, ends, buffer), unspaced[last] == unspaced[first])


def _markers(data: Bytes) -> tuple[Integers, Integers, NDArray[np.int8]]:
    """Where each marker opens, where the turn behind it begins, and whose turn it is, in the order of the bytes.

    No marker can lie across the seam of two texts, because each text begins with a whole one.
    """
    newlines = np.flatnonzero(data == _NEWLINE)
    doubled = newlines[:-1][np.diff(newlines) == 1]
    found = []
    for role, marker in MARKERS.items():
        pattern = np.frombuffer(marker.encode(), np.uint8)
        opens = doubled[doubled + len(pattern) <= len(data)]
        for place in range(2, len(pattern)):
            opens = opens[data[opens + place] == pattern[place]]
        found.append((opens, opens + len(pattern), np.full(len(opens), ROLES.index(role), np.int8)))
    opens, begins, codes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(opens, kind="stable")
    return opens[order], begins[order], codes[order]


def _slices(begins: Integers, ends: Integers, buffer: pa.Buffer) -> pl.Series:
    """The strings ``buffer[begins[i]:ends[i]]``, over the buffer itself.

    The slices and what lies between them are one array of strings; every second one is a slice.
    """
    bounds = np.stack([begins, ends], axis=1).ravel().astype(np.int64)
    both = pa.LargeStringArray.from_buffers(max(len(bounds) - 1, 0), pa.py_buffer(bounds), buffer)
    return pl.Series(both, dtype=pl.String).gather_every(2)


# --- two sides of a pair ---


def common_context(chosen: Turns, rejected: Turns) -> tuple[pa.ListArray, pa.ListArray]:
    """The longest common message prefix of n pairs, and what follows on each side: at least one message.

    Returns:
        n contexts; n continuations of two conversations each, chosen first.
    """
    shared = _common_lengths(chosen, rejected)
    texts = pl.concat([chosen.texts, rejected.texts])
    codes = np.concatenate([chosen.codes, rejected.codes])
    context = _gather(texts, codes, chosen.first, shared)
    first = np.stack([chosen.first + shared, rejected.first + shared + len(chosen.codes)], axis=1).ravel()
    lengths = np.stack([chosen.last - chosen.first - shared, rejected.last - rejected.first - shared], axis=1).ravel()
    sides = _gather(texts, codes, first, lengths)
    pairs = pa.array(np.arange(0, len(sides) + 1, 2, dtype=np.int32))
    return context, pa.ListArray.from_arrays(pairs, sides)


def _common_lengths(chosen: Turns, rejected: Turns) -> Integers:
    """How many leading messages the sides share, leaving each side at least one of its own."""
    most = np.minimum(chosen.last - chosen.first, rejected.last - rejected.first) - 1
    left, right = _ranges(chosen.first, most), _ranges(rejected.first, most)
    equal = (chosen.texts.gather(left) == rejected.texts.gather(right)).to_numpy()
    equal &= chosen.codes[left] == rejected.codes[right]
    # The first unequal position of each pair, counted from its start; `most` where all are equal.
    bounds = np.concatenate([[0], np.cumsum(most)])
    unequal = np.append(np.flatnonzero(~equal), bounds[-1])
    first_unequal = unequal[np.searchsorted(unequal, bounds[:-1])]
    lengths: Integers = np.minimum(first_unequal, bounds[1:]) - bounds[:-1]
    return lengths


def _ranges(starts: Integers, lengths: Integers) -> Integers:
    """starts[i], starts[i] + 1, …, lengths[i] of them, one range after the other."""
    ends = np.cumsum(lengths)
    positions: Integers = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
    return positions


def _gather(texts: pl.Series, codes: NDArray[np.int8], starts: Integers, lengths: Integers) -> pa.ListArray:
    index = _ranges(starts, lengths)
    gathered = texts.gather(index).rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return conversation_array(pa.array(offsets), message_array(pa.array(codes[index]), gathered))
