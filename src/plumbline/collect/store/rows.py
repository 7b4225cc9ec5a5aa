"""What the store's functions take and give: frozen rows, one class a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from plumbline.collect.kinds.work import Purpose as Purpose
from plumbline.collect.store.column_types import JsonValue


class StudyState(StrEnum):
    """What a study hands out, ever less: all, nothing for now, nothing any more. Submissions are taken in every state."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


class Role(StrEnum):
    """What a person may do; which role a route needs is the API's rule."""

    WORKER = "worker"
    REVIEWER = "reviewer"
    MANAGER = "manager"
    OWNER = "owner"


class TokenUse(StrEnum):
    """A token that a client sends in a header, or one that a browser keeps in a cookie; never one for the other."""

    API = "api"
    SESSION = "session"


class AssignmentState(StrEnum):
    """Leased and submitted hold a slot of the item; expired and released gave it back."""

    LEASED = "leased"
    SUBMITTED = "submitted"
    RELEASED = "released"
    EXPIRED = "expired"


class Qualification(StrEnum):
    """How a worker stands to a study's training set."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


class Outcome(StrEnum):
    """What became of a submission: counted; kept apart because the slot was another's by then; the item given back."""

    ACCEPTED = "accepted"
    LATE = "late"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Study:
    """A study.

    Attributes:
        file: the text of its TOML file; ``digest`` is its SHA-256.
        secret: goes into all that is drawn, and nowhere else: no answer, log or export has it. None in a study that was
            made before studies had one.
    """

    id: int
    name: str
    kind: str
    file: str
    digest: str
    state: StudyState
    created_at: datetime
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Guidelines:
    """One version of what workers read; versions count from 1 and never change."""

    study_id: int
    version: int
    text: str
    sha256: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody. The pseudonym is drawn, never derived, and is all that leaves the store.

    Attributes:
        only_study_id: the one study that they can see and work in; None for whoever is of the whole store.
    """

    id: str
    pseudonym: str
    role: Role
    created_at: datetime
    blocked_at: datetime | None
    erased_at: datetime | None
    only_study_id: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A name and a password, of somebody who logs in.

    Attributes:
        name: as it was written; `name_key` is what makes two names the same.
        password_hash: argon2id, with its salt and costs.
        changed_at: when the password was set.
    """

    person_id: str
    name: str
    name_key: str
    password_hash: str = field(repr=False)
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """Lets somebody in who has its code, of which only the digest is stored.

    Attributes:
        role: of whoever comes by it.
        study_id: the one study that they come into; None for the whole store.
        person_id: somebody who is there already, and sets a password by it.
        created_by: None where the command line made it.
        uses_left: how many may still come.
        note: whom it is for, in the words of who made it; for managers alone.
    """

    id: int
    role: Role
    study_id: int | None
    person_id: str | None
    created_by: str | None
    created_at: datetime
    expires_at: datetime
    uses_left: int
    revoked_at: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Participation:
    """How a worker stands to one study: consent, and the training set."""

    worker_id: str
    study_id: int
    consented_at: datetime | None
    qualification: Qualification


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to enter.

    Attributes:
        key: names the item in its study; a second item of this key is not entered.
        payload: what the study's kind needs; JSON.
        purpose: the queue it stands in.
        priority: 0 to 9, highest first; within a priority returned items come first, then the order of entry.
        overlap: how many different workers judge it.
        author_id: whose own it is: they never get it.
        truth: the right answer of a training, gold or attention item; never shown.
    """

    key: str
    payload: JsonValue
    purpose: Purpose = Purpose.WORK
    priority: int = 0
    overlap: int = 1
    author_id: str | None = None
    truth: JsonValue = None


@dataclass(frozen=True, slots=True)
class Item:
    """An item as stored; ``open_slots`` is how many workers may still get it."""

    id: int
    study_id: int
    key: str
    purpose: Purpose
    payload: JsonValue
    priority: int
    overlap: int
    open_slots: int
    author_id: str | None
    truth: JsonValue
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """One item in one worker's hands; there is at most one row for a worker and an item.

    Attributes:
        slot: which of the item's places it holds, from 0; the last one held where it holds none now.
        fence: counts the leases of this row; a submission must name the one it was made under.
        ended_at: when it was submitted, released or expired.
    """

    id: int
    study_id: int
    item_id: int
    purpose: Purpose
    slot: int
    worker_id: str
    state: AssignmentState
    fence: int
    leased_at: datetime
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What ``take`` gives.

    Attributes:
        resumed: the worker had it in hand already.
        guidelines_version: the newest when it was taken.
    """

    assignment: Assignment
    item: Item
    resumed: bool
    guidelines_version: int


@dataclass(frozen=True, slots=True)
class NewJudgement:
    """A judgement to store.

    Attributes:
        part: which part of the assignment it judges, such as ``turn-2`` or ``harmlessness``; once per assignment.
        kind: what the payload is, as the study's kind names it.
        guidelines_version: the version that was shown.
        seconds: time the worker spent, where it was measured.
    """

    part: str
    kind: str
    payload: JsonValue
    guidelines_version: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judgement as stored; ``corrects`` names the judgement that it takes the place of."""

    id: int
    study_id: int
    item_id: int
    assignment_id: int
    worker_id: str
    part: str
    kind: str
    payload: JsonValue
    guidelines_version: int
    corrects: int | None
    idempotency_key: str
    seconds: float | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Submission:
    """What a worker hands in.

    Attributes:
        idempotency_key: drawn by the client once per act; the same key again gives the first receipt.
        body_sha256: digest of the request as it came; the same key with another body is refused.
        finished: False where the assignment goes on (a conversation's next turn): the slot stays leased.
        expires_at: the lease's new end where it goes on; None keeps the old one.
        follow_ups: items that come of it (a review, an adjudication), entered in the same transaction.
        answer: kept with the receipt and given again to a repeated request; without conversation text.
        consents: the worker agrees with it to take part in the study; stands where the submission does.
    """

    assignment_id: int
    worker_id: str
    fence: int
    idempotency_key: str
    body_sha256: str
    judgements: tuple[NewJudgement, ...]
    finished: bool = True
    expires_at: datetime | None = None
    follow_ups: tuple[NewItem, ...] = ()
    answer: Mapping[str, JsonValue] = field(default_factory=dict)
    consents: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a submission; ``repeated`` where this is the answer that was given before."""

    assignment_id: int
    outcome: Outcome
    judgement_ids: tuple[int, ...]
    answer: Mapping[str, JsonValue]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class LateSubmission:
    """A submission whose slot was another's by then: kept, told, not counted."""

    id: int
    assignment_id: int
    worker_id: str
    fence: int
    reason: str
    idempotency_key: str
    payload: JsonValue
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """What the worker wrote in one turn of a conversation; turns count from 1."""

    assignment_id: int
    number: int
    human: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewReply:
    """A reply to store before anybody sees it. ``side`` is 0 or 1; ``seed`` None where the model takes none."""

    side: int
    text: str
    model: str
    snapshot: str
    seed: int | None
    parameters: JsonValue


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as stored; ``draw`` counts the attempts of one turn from 0; only one draw of a turn is ever shown."""

    id: int
    assignment_id: int
    turn: int
    draw: int
    side: int
    text: str
    model: str
    snapshot: str
    seed: int | None
    parameters: JsonValue
    created_at: datetime
    shown_at: datetime | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a worker has written so far; ``version`` counts its savings from 1."""

    assignment_id: int
    version: int
    payload: JsonValue
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log; ``payload`` holds ids, counts and states, never conversation text."""

    seq: int
    at: datetime
    kind: str
    study_id: int | None
    person_id: str | None
    item_id: int | None
    assignment_id: int | None
    payload: JsonValue
