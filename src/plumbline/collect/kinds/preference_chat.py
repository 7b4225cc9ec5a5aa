"""Preference chat: each turn two replies, judged for helpfulness or harmlessness with a strength; one goes on.

Source: Bai et al. 2022, §2 and app. D. Deviations: which reply goes on is a setting (see `chat`); a conversation has the
study's number of turns; where it has `least_turns` the worker says when it ends, as in the paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from plumbline.collect.kinds.answering import accepted, not_for_this_study, refuse_unasked, to_be_corrected
from plumbline.collect.kinds.bounds import Bounded, JsonObject, Note, read_submission
from plumbline.collect.kinds.chat import TURN, chat_entries, conversation_before, edited_before, next_turn_step
from plumbline.collect.kinds.chat_judging import corrected_turn, ended_chat, judged_turn, said_turn
from plumbline.collect.kinds.item_entry import entered
from plumbline.collect.kinds.refusals import PassedOver
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
from plumbline.collect.study_settings import StudyFile
from plumbline.records import Record

CLOSING = "closing"
RATINGS = ("bad", "rather bad", "rather good", "good")
"""The four steps of the rating at the end, 1 to 4."""


class Close(Bounded):
    """The end of a chat: rating 1 = bad to 4 = good, and a comment, where the study asks for them."""

    act: Literal["close"] = "close"
    rating: Annotated[int, Field(ge=1, le=4)] | None = None
    comment: Note | None = None


class Closing(Bounded):
    """What is stored of the end."""

    rating: int | None
    comment: str | None


def items_from_records(
    records: Iterable[Record], study: StudyFile, purpose: Purpose = Purpose.WORK
) -> Iterator[NewItem | PassedOver]:
    """Conversations that begin with the prompts, or with the contexts of comparisons."""
    return entered(chat_entries(records), study, purpose)


def next_step(work: Work, study: StudyFile) -> Step:
    """Turns first, then the end, where the study asks for something there."""
    turn_step = next_turn_step(work, study)
    if turn_step is not None:
        return turn_step
    if not (study.rating or study.comment) or work.only(CLOSING):
        return Finished()
    fields: dict[str, JsonValue] = {
        "rating": list(RATINGS) if study.rating else None,
        "comment": study.comment,
        **edited_before(work, study.turns + 1),
    }
    return Ask(act="close", conversation=conversation_before(work, study.turns + 1), fields=fields)


def accept(work: Work, submission: JsonObject, study: StudyFile) -> Accepted:
    """What a submission adds.

    Raises:
        SubmissionError: it is not what is asked now, or not within the rules.
    """
    ask = expected_ask(next_step(work, study), submission)
    if ask.act == "say":
        return accepted(work, study, next_step, turn=said_turn(ask, submission))
    if ask.act == "end":
        return accepted(work, study, next_step, judgement=ended_chat(ask, submission))
    if ask.act == "judge-turn":
        return accepted(work, study, next_step, judgement=judged_turn(work, study, ask, submission))
    return accepted(work, study, next_step, judgement=NewJudgement(kind=CLOSING, payload=_closing(submission, study)))


def _closing(submission: JsonObject, study: StudyFile) -> dict[str, JsonValue]:
    close = read_submission(Close, submission)
    if (close.rating is not None) != study.rating:
        raise not_for_this_study("rating", study.rating)
    refuse_unasked("comment", close.comment, study.comment)
    return Closing(rating=close.rating, comment=close.comment).as_json()


def correct(work: Work, judgement_id: str, submission: JsonObject, study: StudyFile) -> NewJudgement:
    """A judgement that takes the place of an earlier one: another step for a turn, another end.

    Raises:
        SubmissionError: there is no such judgement, it was corrected before, or the new one is not within the rules.
    """
    judgement = to_be_corrected(work, judgement_id, (TURN, CLOSING))
    if judgement.kind == TURN:
        return corrected_turn(work, study, judgement, submission)
    return NewJudgement(kind=CLOSING, payload=_closing(submission, study), corrects=judgement.id)
