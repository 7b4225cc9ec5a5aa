"""Messages and conversations, one row at a time and as Arrow columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa


class Role(StrEnum):
    """Who speaks."""

    HUMAN = "human"
    ASSISTANT = "assistant"
    SYSTEM = "system"


ROLES: tuple[Role, ...] = (Role.HUMAN, Role.ASSISTANT, Role.SYSTEM)
"""The dictionary of every ``role`` column, in this order: code 0 is human."""


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
            codes.append(ROLES.index(message.role))
            texts.append(message.text)
        offsets.append(len(codes))
    messages = message_array(pa.array(codes, pa.int8()), pa.array(texts, pa.string()))
    return conversation_array(pa.array(offsets, pa.int32()), messages)
