"""Columns of conversations from columns of texts, and back: questions, answers, pairs of answers.

What the formats of question and answer share. A block's texts are Python strings for a moment; the conversations are
Arrow columns from the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.records import ROLES, Role, conversation_array, message_array, role_codes

Turn = tuple[Role, str]
"""A role and a text: a message before it becomes part of a column."""


def turns_column(*turns: tuple[Role, Sequence[str]]) -> pa.ListArray:
    """n conversations of the same roles: one (role, n texts) a turn."""
    row_count, turn_count = len(turns[0][1]), len(turns)
    texts = [text for row in zip(*(texts for _, texts in turns), strict=True) for text in row]
    codes = np.tile(np.array([ROLES.index(role) for role, _ in turns], np.int8), row_count)
    offsets = np.arange(row_count + 1, dtype=np.int32) * np.int32(turn_count)
    return conversation_array(pa.array(offsets), message_array(pa.array(codes), pa.array(texts, pa.string())))


def question_column(questions: Sequence[str]) -> pa.ListArray:
    """n conversations of one human message."""
    return turns_column((Role.HUMAN, questions))


def question_answer_column(questions: Sequence[str], answers: Sequence[str]) -> pa.ListArray:
    """n conversations of a human message and an assistant's reply."""
    return turns_column((Role.HUMAN, questions), (Role.ASSISTANT, answers))


def answer_pair_column(first: Sequence[str], second: Sequence[str]) -> pa.ListArray:
    """n pairs of conversations of one assistant message: the two sides of comparisons."""
    sides = [text for pair in zip(first, second, strict=True) for text in pair]
    return paired(turns_column((Role.ASSISTANT, sides)))


def paired(sides: pa.ListArray) -> pa.ListArray:
    """2n conversations, first and second side in turn, as n pairs."""
    offsets = np.arange(0, len(sides) + 1, 2, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), sides)


def conversations_column(conversations: Iterable[Sequence[Turn]]) -> pa.ListArray:
    """Conversations of any length, from their turns."""
    offsets, codes, texts = [0], [], []
    for turns in conversations:
        codes += [_CODES[role] for role, _ in turns]
        texts += [text for _, text in turns]
        offsets.append(len(codes))
    messages = message_array(pa.array(codes, pa.int8()), pa.array(texts, pa.string()))
    return conversation_array(pa.array(offsets, pa.int32()), messages)


_CODES = {role: code for code, role in enumerate(ROLES)}


# --- back to texts ---


def turn_texts(conversations: pa.ListArray, *roles: Role) -> list[list[str | None]]:
    """The texts of conversations that consist of exactly these roles, one list a turn.

    Returns:
        As many lists of n texts as there are roles; None throughout where a conversation has other turns.
    """
    messages = conversations.flatten()
    codes = role_codes(messages)
    lengths = np.diff(conversations.offsets.to_numpy())
    starts = np.cumsum(lengths) - lengths
    fits: NDArray[np.bool_] = lengths == len(roles)
    positions = starts[fits]
    for turn, role in enumerate(roles):
        fits[fits] = codes[positions + turn] == ROLES.index(role)
        positions = starts[fits]
    texts = messages.field("text")
    return [
        texts.take(pa.array(np.where(fits, starts + turn, 0), mask=~fits)).to_pylist() for turn in range(len(roles))
    ]


def side_texts(continuations: pa.ListArray) -> tuple[list[str | None], list[str | None]]:
    """The texts of both sides where a side is exactly one assistant message, else None."""
    (texts,) = turn_texts(continuations.flatten(), Role.ASSISTANT)
    return texts[::2], texts[1::2]


def conversation_turns(conversations: pa.ListArray) -> list[list[Turn]]:
    """The turns of each conversation."""
    messages = conversations.flatten()
    codes = role_codes(messages).tolist()
    turns = [(ROLES[code], text) for code, text in zip(codes, messages.field("text").to_pylist(), strict=True)]
    ends = np.cumsum(np.diff(conversations.offsets.to_numpy())).tolist()
    return [turns[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)] if ends else []
