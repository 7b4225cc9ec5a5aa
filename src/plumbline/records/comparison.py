"""Comparisons: two continuations of one context, judged on one axis."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from plumbline.records.message import CONVERSATION_TYPE, Conversation


class Axis(StrEnum):
    """What a comparison is judged on. The two axes of safety work are never mixed."""

    HELPFULNESS = "helpfulness"
    HARMLESSNESS = "harmlessness"
    OVERALL = "overall"


class Outcome(StrEnum):
    """The better side on its axis; on harmlessness the less harmful one, whatever question was asked."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One judgement of two continuations of a conversation.

    Attributes:
        id: 128 bits of SHA-256, in hex, over the canonical fields, see `records.identity`.
        item_id: ignores side order, outcome and worker: finds repeated judgements.
        group_id: hash of the first human message; the unit of splits and of the bootstrap. Ignores side order.
        conversation_id: the conversation the context was cut from, where known.
        context: the longest common message prefix of both sides.
        continuations: first and second side; at least one message each.
        axis: what was judged.
        outcome: the better side; None = not judged yet.
        strength: steps of the judge's scale, 1 = barely; None = not asked.
        votes: (first, second, tie) counts once aggregated.
        weight: relative weight in training; None = 1 (Open-Assistant pairs carry 1/(k-1)).
        is_safe, categories, severity, models: one value a side, None where unknown; severity 0-3.
        worker: pseudonym of the judge.
        parents: ids of the records this one was changed or merged from.
        source, row: file and 0-based row; unique together within a source and record kind and axis.
        subset, tranche, split: where in the data set the row stands.
        extra: JSON text; ``raw`` keeps the line where formatting again would not give its bytes.
    """

    id: str
    item_id: str
    group_id: str
    conversation_id: str | None = None
    context: Conversation
    continuations: tuple[Conversation, Conversation]
    axis: Axis
    outcome: Outcome | None = None
    strength: int | None = None
    votes: tuple[int, int, int] | None = None
    weight: float | None = None
    is_safe: tuple[bool, bool] | None = None
    categories: tuple[frozenset[str], frozenset[str]] | None = None
    severity: tuple[int, int] | None = None
    models: tuple[str, str] | None = None
    worker: str | None = None
    parents: tuple[str, ...] = ()
    source: str
    row: int
    subset: str | None = None
    tranche: str | None = None
    split: str | None = None
    extra: str | None = None


NAME_TYPE = pa.dictionary(pa.int8(), pa.string())
"""Small closed vocabularies: axis, outcome."""
PLACE_TYPE = pa.dictionary(pa.int32(), pa.string())
"""Where a row comes from: source, subset, tranche, split."""

COMPARISON_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("conversation_id", pa.string()),
        pa.field("context", CONVERSATION_TYPE, nullable=False),
        pa.field("continuations", pa.list_(CONVERSATION_TYPE), nullable=False),
        pa.field("axis", NAME_TYPE, nullable=False),
        pa.field("outcome", NAME_TYPE),
        pa.field("strength", pa.int8()),
        pa.field("votes", pa.list_(pa.int32())),
        pa.field("weight", pa.float32()),
        pa.field("is_safe", pa.list_(pa.bool_())),
        pa.field("categories", pa.list_(pa.list_(pa.string()))),
        pa.field("severity", pa.list_(pa.int8())),
        pa.field("models", pa.list_(pa.string())),
        pa.field("worker", pa.string()),
        pa.field("parents", pa.list_(pa.string()), nullable=False),
        pa.field("source", PLACE_TYPE, nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("subset", PLACE_TYPE),
        pa.field("tranche", PLACE_TYPE),
        pa.field("split", PLACE_TYPE),
        pa.field("extra", pa.string()),
    ]
)
"""One row a `Comparison`. Lists of two stand for the two sides, of three for (first, second, tie)."""
