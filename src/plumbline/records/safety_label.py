"""Safety labels: whether a question-and-answer pair is harmful, and in which categories."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from plumbline.records.comparison import NAME_TYPE, PLACE_TYPE
from plumbline.records.message import CONVERSATION_TYPE, Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyLabel:
    """One judgement of one conversation's harm, its last reply judged together with what led to it.

    Attributes:
        id, item_id, group_id: see `records.identity`; item_id ignores the label and the worker.
        conversation: the whole pair of question and answer, or a longer conversation.
        taxonomy: which set of categories, a key of `records.taxonomies.TAXONOMIES`.
        categories: None = unknown; empty = none applies.
        is_safe: the label; None = unknown.
        severity: 0-3 where the source gives it.
        confidence: the worker's, 0-3.
        worker, parents, source, row, subset, split, extra: as in `Comparison`.
        side: which reply of a preference row this label is about (0 or 1); None for a row of one reply.
    """

    id: str
    item_id: str
    group_id: str
    conversation: Conversation
    taxonomy: str
    categories: frozenset[str] | None = None
    is_safe: bool | None = None
    severity: int | None = None
    confidence: int | None = None
    worker: str | None = None
    parents: tuple[str, ...] = ()
    source: str
    row: int
    side: int | None = None
    subset: str | None = None
    split: str | None = None
    extra: str | None = None


SAFETY_LABEL_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("conversation", CONVERSATION_TYPE, nullable=False),
        pa.field("taxonomy", NAME_TYPE, nullable=False),
        pa.field("categories", pa.list_(pa.string())),
        pa.field("is_safe", pa.bool_()),
        pa.field("severity", pa.int8()),
        pa.field("confidence", pa.int8()),
        pa.field("worker", pa.string()),
        pa.field("parents", pa.list_(pa.string()), nullable=False),
        pa.field("source", PLACE_TYPE, nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("side", pa.int8()),
        pa.field("subset", PLACE_TYPE),
        pa.field("split", PLACE_TYPE),
        pa.field("extra", pa.string()),
    ]
)
