"""Messages and conversations, one row at a time and as Arrow columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray


class Role(StrEnum):
    """Who speaks."""

    HUMAN = "human"
    ASSISTANT = "assistant"
    SYSTEM = "system"


ROLES: tuple[Role, ...] = (Role.HUMAN, Role.ASSISTANT, Role.SYSTEM)
"""The dictionary of every ``role`` column, in this order: code 0 is human."""
CHAT_ROLES: dict[Role, str] = {Role.HUMAN: "user", Role.ASSISTANT: "assistant", Role.SYSTEM: "system"}
"""What chat templates, and the APIs and files made for them, call who speaks."""
_CODES = {role: code for code, role in enumerate(ROLES)}


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. The text is kept to the byte, leading and trailing blanks included."""

    role: Role
    text: str


Conversation = tuple[Message, ...]

ROLE_TYPE = pa.dictionary(pa.int8(), pa.string())
MESSAGE_TYPE = pa.struct([pa.field("role", ROLE_TYPE), pa.field("text", pa.string())])
CONVERSATION_TYPE = pa.list_(MESSAGE_TYPE)

_ROLE_DICTIONARY = pa.array([role.value for role in ROLES], pa.string())


def message_array(role_codes: pa.Array, texts: pa.Array) -> pa.StructArray:
    """Flat messages from role codes (int8, indices into `ROLES`) and texts (string), paired by position."""
    roles = pa.DictionaryArray.from_arrays(role_codes, _ROLE_DICTIONARY)
    return pa.StructArray.from_arrays([roles, texts], fields=list(MESSAGE_TYPE))


def role_codes(messages: pa.StructArray) -> NDArray[np.int8]:
    """The role of each message as an index into `ROLES`, shape (m,).

    The one way to read roles by number: a table that was built elsewhere may number its dictionary otherwise.
    """
    roles = messages.field("role")
    positions = np.array([ROLES.index(Role(name)) for name in roles.dictionary.to_pylist()], np.int8)
    codes: NDArray[np.int8] = positions[roles.indices.to_numpy(zero_copy_only=False)] if len(roles) else positions[:0]
    return codes


def conversation_array(offsets: pa.Array, messages: pa.StructArray) -> pa.ListArray:
    """Conversations from message offsets (int32, n + 1 of them) over flat messages."""
    return pa.ListArray.from_arrays(offsets, messages).cast(CONVERSATION_TYPE)


def conversation_column(conversations: list[Conversation]) -> pa.ListArray:
    """An Arrow column from conversations in Python; for few rows, tests and small formats."""
    offsets = [0]
    codes: list[int] = []
    texts: list[str] = []
    for conversation in conversations:
        for message in conversation:
            codes.append(_CODES[message.role])
            texts.append(message.text)
        offsets.append(len(codes))
    messages = message_array(pa.array(codes, pa.int8()), pa.array(texts, pa.string()))
    return conversation_array(pa.array(offsets, pa.int32()), messages)


def join_messages(conversations: pa.ListArray, written: pl.Series) -> pl.Series:
    """Join what was written for each message, conversation by conversation.

    Args:
        conversations: n conversations of m messages in all.
        written: m strings without nulls, one a message, in order.
    Returns:
        n strings. The text of a conversation is a contiguous run of its messages' texts, so only offsets are computed.
    """
    lengths = np.diff(conversations.offsets.to_numpy())
    message_offsets, data = string_buffers(written)
    bounds = message_offsets[np.concatenate([[0], np.cumsum(lengths)])].astype(np.int64)
    return pl.Series(pa.LargeStringArray.from_buffers(len(lengths), pa.py_buffer(bounds), data))


def string_buffers(texts: pl.Series) -> tuple[np.ndarray, pa.Buffer]:
    """Offsets (int64, n + 1) and UTF-8 bytes of n strings without nulls."""
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.large_string())
    _, offsets, data = array.buffers()
    if data is None:
        data = pa.py_buffer(b"")
    return np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1], data
