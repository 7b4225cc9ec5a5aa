"""What goes in and comes out: strict, no unknown fields. What a submission holds is the kinds' to say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Fence = Annotated[int, Meta(ge=1, le=2**62)]
Number = Annotated[int, Meta(ge=1, le=2**62)]
Version = Annotated[int, Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
RoleName = Literal["worker", "reviewer", "manager", "owner"]
StateName = Literal["open", "paused", "closed"]
JsonObject = dict[str, Any]


class Body(Struct, forbid_unknown_fields=True):
    """What comes in."""


# --- bodies ---


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


class NewStudy(Body):
    """A study: the text of its TOML file, and of its guidelines in Markdown."""

    file: str
    guidelines: Annotated[str, Meta(min_length=1)]


class NewState(Body):
    """Open hands out work, paused none for now, closed none any more."""

    state: StateName


class NewGuidelines(Body):
    """Markdown."""

    text: Annotated[str, Meta(min_length=1)]


class NewPerson(Body):
    """Somebody new; a pseudonym is drawn."""

    role: RoleName = "worker"
    token_days: Annotated[int, Meta(ge=1, le=3650)] = 90


class NewToken(Body):
    """Another token."""

    token_days: Annotated[int, Meta(ge=1, le=3650)] = 90


class Blocked(Body):
    """Blocked or not."""

    blocked: bool


# --- answers ---


class Health(Struct):
    """The database answers."""

    status: str = "ok"


class Step(Struct, omit_defaults=True):
    """What is asked: state ask with a question, draw where ``step`` has to be asked for replies, or finished."""

    state: Literal["ask", "draw", "finished"]
    act: str | UnsetType = UNSET
    turn: int | UnsetType | None = UNSET
    conversation: list[dict[str, str]] | UnsetType = UNSET
    replies: list[str] | UnsetType = UNSET
    fields: JsonObject | UnsetType = UNSET


class Work(Struct, omit_defaults=True):
    """An item in hand; `assignment` null where there is none now, and `over` where none will come any more."""

    assignment: int | None
    over: bool = False
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


class StudyAnswer(Struct):
    """A study as everyone may see it."""

    name: str
    kind: str
    state: StateName
    queues: list[str]
    guidelines_version: int


class Studies(Struct):
    """In the order they were made."""

    studies: list[StudyAnswer]


class StudyFileAnswer(Struct):
    """The text of its file, and its SHA-256."""

    file: str
    sha256: str


class GuidelinesAnswer(Struct):
    """One version of the guidelines."""

    version: int
    text: str
    sha256: str
    created_at: datetime


class Queue(Struct):
    """How far a queue is: items, those complete, places for judgements, and how many are in hand or done."""

    items: int
    complete: int
    slots: int | None
    leased: int
    submitted: int


class StatusAnswer(Struct):
    """How far a study is."""

    study: StudyAnswer
    queues: dict[str, Queue]


class ScoreAnswer(Struct):
    """Known answers that were right, of those asked."""

    right: int
    asked: int


class WorkerAnswer(Struct):
    """How somebody stands in a study."""

    pseudonym: str
    consented_at: datetime | None
    qualification: str
    training_items_left: int | None
    finished: int
    submitted: dict[str, int]
    scores: dict[str, ScoreAnswer]


class EnteredAnswer(Struct):
    """What became of data: new items, known ones, known ones of another content, and what made none, by code."""

    new: int
    known: int
    differing: int
    passed_over: dict[str, int]
    faults: dict[str, int]
    rows_read: int


class ItemAnswer(Struct):
    """An item with all that is known of it."""

    id: int
    key: str
    purpose: str
    priority: int
    overlap: int
    open_slots: int
    payload: Any
    truth: Any


class Items(Struct):
    """In the order of entry; `after` is where the next page begins, null at the end."""

    items: list[ItemAnswer]
    after: int | None


class PersonAnswer(Struct):
    """Somebody, by pseudonym."""

    pseudonym: str
    role: RoleName
    created_at: datetime
    blocked: bool
    erased: bool


class People(Struct):
    """`after` is where the next page begins, null at the end."""

    people: list[PersonAnswer]
    after: str | None


class TokenAnswer(Struct):
    """A token; it cannot be read again."""

    pseudonym: str
    role: RoleName
    token: str
    expires_at: datetime


class Revoked(Struct):
    """How many tokens were ended."""

    revoked: int


class LateLine(Struct):
    """A submission that came when the slot was another's."""

    id: int
    assignment: int
    fence: int
    reason: str
    payload: Any
    created_at: datetime


class LateAnswer(Struct):
    """Oldest first."""

    late: list[LateLine]


class ProblemAnswer(Struct):
    """RFC 9457. `fields` says what a form should mark; some problems have members of their own."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    advice: str
    request_id: str | UnsetType = UNSET
    fields: list[dict[str, str]] | UnsetType = UNSET
