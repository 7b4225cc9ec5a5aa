"""How far somebody is, what they do not want to see, how they feel; and arriving from elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from plumbline.collect.api.schemas.base import Body

Feeling = Annotated[int, Meta(ge=0, le=4)]
Topic = Annotated[str, Meta(min_length=1, max_length=200)]
OutsideId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}(?!\n)$")]
"""As Prolific and MTurk make them, with no line end, which ``$`` alone would let through.

A link whose blanks were not filled in holds braces, and is refused.
"""


# --- bodies ---


class Preferences(Body):
    """The topics whose items somebody does not want to get, in the place of those of before."""

    opted_out: Annotated[list[Topic], Meta(max_length=100)]


class Feelings(Body):
    """How somebody feels now: 0 not at all, to 4 very much."""

    calm: Feeling
    tense: Feeling
    cheerful: Feeling
    sad: Feeling
    interested: Feeling
    angry: Feeling
    confident: Feeling
    disgusted: Feeling
    rested: Feeling
    worn_out: Feeling


class NewMood(Body):
    """A survey: the feelings, or that they would rather not say."""

    feelings: Feelings | None = None
    declined: bool = False


class NewArrival(Body):
    """Our study, and what a link says: of Prolific PROLIFIC_PID, SESSION_ID, STUDY_ID; of MTurk workerId, assignmentId.

    `study_of_provider` is wanted of Prolific and of nobody else.
    """

    provider: Literal["prolific", "mturk"]
    study: Annotated[str, Meta(min_length=1, max_length=63)]
    participant: OutsideId
    visit: OutsideId
    study_of_provider: OutsideId | None = None


# --- answers ---


class PreferencesAnswer(Struct):
    """The topics that were opted out of, sorted."""

    opted_out: list[str]


class MoodAnswer(Struct):
    """Whether it was stored; not where one stands there already, and nothing was finished since."""

    stored: bool


class TopicsAnswer(Struct):
    """The topics that items bring, and those that somebody opted out of; both empty where the study has none."""

    all: list[str]
    opted_out: list[str]


class WellbeingAnswer(Struct):
    """What the study does so that nobody is hurt, as its file says."""

    warning: str | None
    blur: bool
    topics: bool
    mood_every: int | None
    break_after_minutes: int | None
    most_minutes_a_day: int | None


class CompletionAnswer(Struct):
    """What shows the platform that the work is done, and the page there that takes it: of MTurk the HIT's own form."""

    code: str
    url: str | None


class StandingAnswer(Struct):
    """How far one is. Gold and attention items count as work; `items_open` is 0, 1, 10 or 100: so many at least."""

    finished: int
    submitted: dict[str, int]
    training_items_left: int | None
    qualified: bool | None
    over: bool
    minutes_today: int
    enough_today: bool
    mood_due: bool
    feelings: list[str]
    feeling_scale: list[str]
    topics: TopicsAnswer
    wellbeing: WellbeingAnswer | None
    help: str | None
    completion: CompletionAnswer | None
    next_items_to_completion: int | None
    items_open: int
    newest_note_at: datetime | None
    """When a reviewer wrote the newest note on one's writing."""
