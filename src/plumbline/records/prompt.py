"""Prompts: conversations that wait for a reply."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from plumbline.records.comparison import PLACE_TYPE
from plumbline.records.message import CONVERSATION_TYPE, Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A conversation that ends where a reply is wanted, with the harm categories it is about, if known."""

    id: str
    group_id: str
    conversation: Conversation
    categories: frozenset[str] | None = None
    source: str
    row: int
    split: str | None = None
    extra: str | None = None


PROMPT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("conversation", CONVERSATION_TYPE, nullable=False),
        pa.field("categories", pa.list_(pa.string())),
        pa.field("source", PLACE_TYPE, nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("split", PLACE_TYPE),
        pa.field("extra", pa.string()),
    ]
)
