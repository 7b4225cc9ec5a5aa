"""A worker's work; what a submission holds is the kinds' to say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from plumbline.collect.api.schemas.base import Body, Fence, JsonObject, Seconds, Version


class Leased(Body):
    """Names the lease that a request is made under."""

    fence: Fence


class Turn(Leased):
    """The worker's turn of a conversation."""

    turn: Annotated[int, Meta(ge=1, le=50)]
    text: Annotated[str, Meta(min_length=1, max_length=16_000)]


class Submit(Leased):
    """The answer to a step; `submission` is one of the acts, named by its ``act``."""

    submission: JsonObject
    guidelines_version: Version
    seconds: Seconds | None = None


class Correct(Body):
    """What takes a judgement's place; an act of the same kind."""

    submission: JsonObject
    guidelines_version: Version
    seconds: Seconds | None = None


class SaveDraft(Body):
    """A draft over the version that was read; 0 for the first."""

    version: Annotated[int, Meta(ge=0, le=2**31)]
    payload: JsonObject


class Step(Struct, omit_defaults=True):
    """What is asked: state ask with a question, draw where ``step`` has to be asked for replies, or finished."""

    state: Literal["ask", "draw", "finished"]
    act: str | UnsetType = UNSET
    turn: int | UnsetType | None = UNSET
    conversation: list[dict[str, str]] | UnsetType = UNSET
    replies: list[str] | UnsetType = UNSET
    fields: JsonObject | UnsetType = UNSET


class Work(Struct, omit_defaults=True):
    """An item in hand; `assignment` null where there is none now, and `over` where none will come any more.

    `left` says then what waits for others alone: what one skipped, what one opted out of.
    """

    assignment: int | None
    over: bool = False
    left: list[Literal["skipped", "topics"]] = field(default_factory=list)
    study: str = ""
    queue: str = ""
    fence: int = 0
    expires_at: datetime | None = None
    guidelines_version: int = 0
    step: Step | UnsetType = UNSET


class StepAnswer(Struct):
    """What the assignment asks now."""

    assignment: int
    fence: int
    state: str
    expires_at: datetime
    step: Step


class SubmitAnswer(Struct):
    """What became of an answer: accepted, late (kept, not counted) or declined; `repeated` where it was sent before."""

    outcome: Literal["accepted", "late", "declined"]
    judgements: list[int]
    repeated: bool
    step: Step


class CorrectAnswer(Struct):
    """The judgement that takes the other's place."""

    judgements: list[int]
    repeated: bool


class Lease(Struct):
    """How an assignment stands."""

    assignment: int
    state: str
    fence: int
    expires_at: datetime


class DraftAnswer(Struct):
    """A draft; version 0 where there is none."""

    version: int
    payload: JsonObject | None


class JudgementLine(Struct):
    """A judgement of one's own; what was judged, and how, is told of each by itself."""

    id: int
    part: str
    kind: str
    corrects: int | None
    created_at: datetime


class Judgements(Struct):
    """In the order they were made."""

    judgements: list[JudgementLine]


class OwnJudgement(Struct):
    """A judgement of one's own as it stands; `corrects` is the one that it takes the place of."""

    id: int
    assignment: int
    part: str
    kind: str
    corrects: int | None
    created_at: datetime


class OwnJudgements(Struct):
    """Newest first; `before` is where the next page begins, null at the end."""

    judgements: list[OwnJudgement]
    before: int | None


class Judged(Struct):
    """A judgement of one's own: the step as it was asked, and what was answered, in the words of a submission."""

    id: int
    assignment: int
    study: str
    part: str
    kind: str
    corrects: int | None
    created_at: datetime
    guidelines_version: int
    can_be_corrected: bool
    step: Step
    answer: JsonObject
