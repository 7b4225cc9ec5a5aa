"""Red-team attempts: one person's (or program's) conversation that tries to make a model do harm."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from plumbline.records.comparison import NAME_TYPE, PLACE_TYPE
from plumbline.records.message import CONVERSATION_TYPE, Conversation


class AttemptOutcome(StrEnum):
    """How an attempt ended; an attempt that no one could score is unscored, never a failure."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNSCORED = "unscored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A blind review of an attempt: rating 0-4 and the reviewer's tags."""

    reviewer: str
    rating: float | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedTeamAttempt:
    """One attempt with its transcript.

    Attributes:
        transcript: the whole conversation.
        task_description: what the attacker intended, written before the conversation.
        rating: the attacker's own, 0 (failed) to 4 (succeeded); None = not given.
        outcome: None = no outcome recorded.
        transcript_score: minimum harmlessness over the assistant's turns; lower = more harmful.
        description_score: harmlessness of the description; lower = more harmful.
        model_type, model_size: what was attacked ("rlhf", "52B").
        worker, tags, reviews: pseudonym, tags of the set, blind reviews.
        id, group_id, source, row, split, extra: as in `Comparison`.
    """

    id: str
    group_id: str
    transcript: Conversation
    task_description: str | None = None
    rating: float | None = None
    outcome: AttemptOutcome | None = None
    transcript_score: float | None = None
    description_score: float | None = None
    model_type: str | None = None
    model_size: str | None = None
    worker: str | None = None
    tags: tuple[str, ...] | None = None
    reviews: tuple[Review, ...] = ()
    parents: tuple[str, ...] = ()
    source: str
    row: int
    split: str | None = None
    extra: str | None = None


REVIEW_TYPE = pa.struct(
    [pa.field("reviewer", pa.string()), pa.field("rating", pa.float64()), pa.field("tags", pa.list_(pa.string()))]
)

RED_TEAM_ATTEMPT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("transcript", CONVERSATION_TYPE, nullable=False),
        pa.field("task_description", pa.string()),
        pa.field("rating", pa.float64()),
        pa.field("outcome", NAME_TYPE),
        pa.field("transcript_score", pa.float64()),
        pa.field("description_score", pa.float64()),
        pa.field("model_type", pa.string()),
        pa.field("model_size", pa.string()),
        pa.field("worker", pa.string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("reviews", pa.list_(REVIEW_TYPE), nullable=False),
        pa.field("parents", pa.list_(pa.string()), nullable=False),
        pa.field("source", PLACE_TYPE, nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("split", PLACE_TYPE),
        pa.field("extra", pa.string()),
    ]
)
