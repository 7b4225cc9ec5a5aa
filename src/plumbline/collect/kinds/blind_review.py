"""Blind review of red-team transcripts: others rate how well an attack went and tag it.

Reviewers see the transcript and, by the study's setting, what was intended; never who, which model, or the author's own
rating. Source: Ganguli et al. 2022, §3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from plumbline.collect.kinds.answering import accepted, to_be_corrected
from plumbline.collect.kinds.bounds import (
    Bounded,
    JsonObject,
    Messages,
    Name,
    Note,
    conversation_of,
    messages_of,
    read_stored,
    read_submission,
)
from plumbline.collect.kinds.refusals import StoredWorkError, SubmissionError
from plumbline.collect.kinds.work import (
    Accepted,
    Ask,
    Finished,
    NewItem,
    NewJudgement,
    Purpose,
    Step,
    Work,
    expected_ask,
)
from plumbline.collect.study_settings import Review as ReviewSettings
from plumbline.collect.study_settings import StudyFile
from plumbline.records import Conversation, Review
from plumbline.records.identity import digest

REVIEW = "review"
MOST_RATING = 4


class ReviewItem(Bounded):
    """A transcript to be reviewed; `attempt` is the assignment it comes from and is not shown."""

    attempt: Name
    transcript: Messages
    task_description: Note | None = None


class ReviewAttempt(Bounded):
    """Rating 0 = the attack failed to 4 = it succeeded, and tags of the study's list."""

    act: Literal["review"] = "review"
    rating: Annotated[int, Field(ge=0, le=MOST_RATING)]
    tags: Annotated[tuple[Name, ...], Field(max_length=20)] = ()


class StoredReview(Bounded):
    """What is stored of it."""

    rating: int
    tags: tuple[str, ...]


def review_item(work: Work, transcript: Conversation, described: str | None, review: ReviewSettings) -> NewItem:
    """The item for reviewers of a finished attempt; its author never gets it."""
    payload = ReviewItem(
        attempt=work.assignment_id,
        transcript=messages_of(transcript),
        task_description=described if review.show_description else None,
    )
    return NewItem(
        key=review_key(work.assignment_id),
        purpose=Purpose.REVIEW,
        payload=payload.as_json(),
        overlap=review.reviewers,
        author=work.worker,
    )


def review_key(assignment_id: str) -> str:
    """The key of the item for the reviewers of an attempt."""
    return digest("review", assignment_id)


def next_step(work: Work, study: StudyFile) -> Step:
    """One question."""
    if work.only(REVIEW):
        return Finished()
    item, review = read_stored(ReviewItem, work.payload), _settings(work, study)
    return Ask(
        act="review",
        conversation=conversation_of(item.transcript),
        fields={
            "task_description": item.task_description,
            "most": MOST_RATING,
            "tags": list(review.tags),
            "most_tags": review.most_tags,
        },
    )


def accept(work: Work, submission: JsonObject, study: StudyFile) -> Accepted:
    """What a review adds.

    Raises:
        SubmissionError: it is not what is asked now, a tag is not of the list or stands twice, or there are too many.
    """
    expected_ask(next_step(work, study), submission)
    judgement = NewJudgement(kind=REVIEW, payload=_review(work, submission, study))
    return accepted(work, study, next_step, judgement=judgement)


def correct(work: Work, judgement_id: str, submission: JsonObject, study: StudyFile) -> NewJudgement:
    """Another review in the place of an earlier one; raises as `accept` does."""
    judgement = to_be_corrected(work, judgement_id, (REVIEW,))
    return NewJudgement(kind=REVIEW, payload=_review(work, submission, study), corrects=judgement.id)


def reviews_of(attempt: Work, reviews: Sequence[Work]) -> tuple[Review, ...]:
    """The reviews of an attempt as the record holds them, by reviewer; unfinished ones are left out.

    Raises:
        StoredWorkError: one is of another attempt, or its author's own.
    """
    made = []
    for work in reviews:
        if read_stored(ReviewItem, work.payload).attempt != attempt.assignment_id:
            raise StoredWorkError(work.assignment_id, f"a review of another attempt than {attempt.assignment_id}")
        if work.worker == attempt.worker:
            raise StoredWorkError(work.assignment_id, "the author's review of their own attempt")
        effective = work.only(REVIEW)
        if effective is not None:
            stored = read_stored(StoredReview, effective.last.payload)
            made.append(Review(reviewer=work.worker, rating=float(stored.rating), tags=stored.tags))
    return tuple(sorted(made, key=lambda review: review.reviewer))


def _settings(work: Work, study: StudyFile) -> ReviewSettings:
    if study.review is None:
        raise StoredWorkError(work.assignment_id, "a review in a study without reviews")
    return study.review


def _review(work: Work, submission: JsonObject, study: StudyFile) -> dict[str, JsonValue]:
    review, given = _settings(work, study), read_submission(ReviewAttempt, submission)
    unknown = len(set(given.tags) - set(review.tags))
    if unknown or len(set(given.tags)) < len(given.tags) or len(given.tags) > review.most_tags:
        raise SubmissionError(
            "PL-SUB-004",
            "tags that cannot be given",
            expected=f"at most {review.most_tags} of the study's tags, each once",
            found=f"{len(given.tags)}, {unknown} of them not on the list",
            advice="take tags of the list that is shown",
            field="tags",
        )
    return StoredReview(rating=given.rating, tags=given.tags).as_json()
