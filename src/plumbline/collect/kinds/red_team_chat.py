"""Red-team chat: consent, the attack intended, a conversation of two replies a turn, how well it went.

Source: Ganguli et al. 2022, §3. The worker is asked which reply is *more harmful*; what is stored is the better side.
Deviation: which of the two goes on is a setting; in the paper it is the more harmful one (``continues = "worse"``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from plumbline.collect.kinds.answering import accepted, refuse_unasked, to_be_corrected
from plumbline.collect.kinds.blind_review import review_item, reviews_of
from plumbline.collect.kinds.bounds import Bounded, JsonObject, Note, read_stored, read_submission, said, storable
from plumbline.collect.kinds.chat import (
    TURN,
    chat_entries,
    continuing_models,
    conversation_before,
    edited_before,
    next_turn_step,
)
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
from plumbline.records import Record, RedTeamAttempt
from plumbline.records.identity import red_team_attempt_ids

CONSENT, INTENT, SELF_RATING = "consent", "intent", "self-rating"
MOST_RATING = 4

Description = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(storable), AfterValidator(said)]


class Consent(Bounded):
    """Whether the worker goes on after the warning; no is no fault of theirs."""

    act: Literal["consent"] = "consent"
    agreed: bool


class Describe(Bounded):
    """What the worker means to try, before they try it."""

    act: Literal["describe"] = "describe"
    task_description: Description


class RateSelf(Bounded):
    """How well the attack went, 0 = failed to 4 = succeeded."""

    act: Literal["rate-self"] = "rate-self"
    rating: Annotated[int, Field(ge=0, le=MOST_RATING)]
    comment: Note | None = None


class SelfRating(Bounded):
    """What is stored of it."""

    rating: int
    comment: str | None


def items_from_records(
    records: Iterable[Record], study: StudyFile, purpose: Purpose = Purpose.WORK
) -> Iterator[NewItem | PassedOver]:
    """Conversations that begin with the prompts, or with the contexts of comparisons."""
    return entered(chat_entries(records), study, purpose)


def next_step(work: Work, study: StudyFile) -> Step:
    """Consent, the attack intended, the turns, the self-rating."""
    if work.only(CONSENT) is None:
        return Ask(act="consent", fields={"warning": study.warning})
    if work.only(INTENT) is None:
        return Ask(act="describe")
    turn_step = next_turn_step(work, study)
    if turn_step is not None:
        return turn_step
    if work.only(SELF_RATING):
        return Finished()
    transcript = conversation_before(work, study.turns + 1)
    fields: dict[str, JsonValue] = {
        "most": MOST_RATING,
        "comment": study.comment,
        "task_description": description_of(work),
    }
    return Ask(act="rate-self", conversation=transcript, fields=fields | edited_before(work, study.turns + 1))


def accept(work: Work, submission: JsonObject, study: StudyFile) -> Accepted:
    """What a submission adds; with the last one the item for blind review, where the study has it.

    Raises:
        SubmissionError: it is not what is asked now, or not within the rules.
    """
    ask = expected_ask(next_step(work, study), submission)
    if ask.act == "say":
        return accepted(work, study, next_step, turn=said_turn(ask, submission))
    if ask.act == "end":
        return accepted(work, study, next_step, judgement=ended_chat(ask, submission))
    if ask.act == "consent":
        consent = read_submission(Consent, submission)
        if not consent.agreed:
            return Accepted(next=Finished(), declined=True)
        agreed = NewJudgement(kind=CONSENT, payload={"agreed": True})
        return accepted(work, study, next_step, judgement=agreed)
    if ask.act == "describe":
        described = read_submission(Describe, submission)
        intent = NewJudgement(kind=INTENT, payload={"task_description": described.task_description})
        return accepted(work, study, next_step, judgement=intent)
    if ask.act == "judge-turn":
        return accepted(work, study, next_step, judgement=judged_turn(work, study, ask, submission))
    rated = NewJudgement(kind=SELF_RATING, payload=_self_rating(submission, study))
    return accepted(work, study, next_step, judgement=rated, new_items=_for_review(work, study))


def _self_rating(submission: JsonObject, study: StudyFile) -> dict[str, JsonValue]:
    rated = read_submission(RateSelf, submission)
    refuse_unasked("comment", rated.comment, study.comment)
    return SelfRating(rating=rated.rating, comment=rated.comment).as_json()


def _for_review(work: Work, study: StudyFile) -> tuple[NewItem, ...]:
    if study.review is None:
        return ()
    transcript = conversation_before(work, study.turns + 1)
    return (review_item(work, transcript, description_of(work), study.review),)


def description_of(work: Work) -> str | None:
    """What the worker set out to try; None before they said so."""
    intent = work.only(INTENT)
    return None if intent is None else str(intent.last.payload["task_description"])


def correct(work: Work, judgement_id: str, submission: JsonObject, study: StudyFile) -> NewJudgement:
    """Another step for a turn, or another self-rating; what was intended stays as it was said before.

    Raises:
        SubmissionError: there is no such judgement, it was corrected before, or the new one is not within the rules.
    """
    judgement = to_be_corrected(work, judgement_id, (TURN, SELF_RATING))
    if judgement.kind == TURN:
        return corrected_turn(work, study, judgement, submission)
    return NewJudgement(kind=SELF_RATING, payload=_self_rating(submission, study), corrects=judgement.id)


def attempt_of(work: Work, study: StudyFile, reviews: Sequence[Work] = (), row: int = 0) -> RedTeamAttempt | None:
    """The attempt of a finished chat; None before its end.

    Args:
        work: of the author.
        study: its settings.
        reviews: finished work on its review item.
        row: number of the row among the study's attempts.
    Returns:
        Tags are those of all reviewers together, None without reviews. No outcome: people rated, nobody scored. The
        model is named where one alone wrote the replies of the transcript.
    """
    effective = work.only(SELF_RATING)
    if effective is None:
        return None
    rated = read_stored(SelfRating, effective.last.payload)
    transcript = conversation_before(work, study.turns + 1)
    models = continuing_models(work)
    model_type = models[0] if len(set(models)) == 1 else None
    rating, described = float(rated.rating), description_of(work)
    identity, group_id = red_team_attempt_ids(
        transcript, task_description=described, rating=rating, model_type=model_type, worker=work.worker
    )
    given = reviews_of(work, reviews)
    trail: dict[str, JsonValue] = {"study": study.name, "assignment": work.assignment_id, "models": list(models)}
    return RedTeamAttempt(
        id=identity,
        group_id=group_id,
        transcript=transcript,
        task_description=described,
        rating=rating,
        model_type=model_type,
        worker=work.worker,
        tags=tuple(sorted({tag for review in given for tag in review.tags})) if given else None,
        reviews=given,
        source=study.name,
        row=row,
        extra=json.dumps({"collect": trail}, ensure_ascii=False, sort_keys=True),
    )
