"""Spot checks of the writing: which finished work someone looks at, and what they say of it.

Source: Bai et al. 2022, §2: spot checks of the writing served better than filters by agreement.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from plumbline.collect.kinds.answering import accepted, to_be_corrected
from plumbline.collect.kinds.bounds import (
    Bounded,
    JsonObject,
    Messages,
    Name,
    Note,
    ReplyText,
    conversation_of,
    messages_of,
    read_stored,
    read_submission,
)
from plumbline.collect.kinds.chat import edits_before, judged_pair, verdicts
from plumbline.collect.kinds.draws import drawn_share
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
from plumbline.records import Conversation
from plumbline.records.identity import digest

WRITING = "writing"
MARKS = ("unusable", "poor", "fine", "very good")


class EditedReply(Bounded):
    """A reply that the worker made better: `message` is the place of its turn's reply in the conversation, from 0.

    The text stands there where the reply went on; else the other reply does.
    """

    message: Annotated[int, Field(ge=0)]
    original: ReplyText
    text: ReplyText


class WritingItem(Bounded):
    """What a worker wrote, in its conversation, the replies that they edited, and what a red teamer set out to try.

    `assignment` is not shown.
    """

    assignment: Name
    conversation: Messages
    edited: tuple[EditedReply, ...] = ()
    task_description: Note | None = None


class CheckWriting(Bounded):
    """A mark for the worker's writing, 1 = unusable to 4 = very good, and a note for them."""

    act: Literal["check-writing"] = "check-writing"
    mark: Annotated[int, Field(ge=1, le=4)]
    note: Note | None = None


class StoredCheck(Bounded):
    """What is stored of it."""

    mark: int
    note: str | None


def is_spot_checked(study: StudyFile, work: Work, finished_before: int) -> bool:
    """Whether finished work is looked at: the first of each worker, then a share drawn by assignment.

    Args:
        study: its settings; without a spot check nothing is looked at.
        work: that was finished.
        finished_before: how many the same worker had finished before it.
    """
    if study.spot_check is None:
        return False
    if finished_before < study.spot_check.first:
        return True
    return drawn_share(study.seed, "spot check", work.assignment_id) < study.spot_check.share


def writing_key(assignment_id: str) -> str:
    """The key of the item for whoever looks at the writing of an assignment."""
    return digest("writing", assignment_id)


def writing_item(work: Work, conversation: Conversation, described: str | None = None) -> NewItem:
    """The item for who looks at the writing; never the worker themselves.

    Args:
        described: what a red teamer set out to try, where it is told.
    """
    payload = WritingItem(
        assignment=work.assignment_id,
        conversation=messages_of(conversation),
        edited=tuple(_edited(work)),
        task_description=described,
    )
    return NewItem(
        key=writing_key(work.assignment_id),
        purpose=Purpose.SPOT_CHECK,
        payload=payload.as_json(),
        author=work.worker,
    )


def _edited(work: Work) -> Iterator[EditedReply]:
    for place, turn_verdict, edit in edits_before(work, max(verdicts(work), default=0) + 1):
        original = judged_pair(work, turn_verdict)[edit.side].text
        yield EditedReply(message=place, original=original, text=edit.text)


def next_step(work: Work, study: StudyFile) -> Step:  # noqa: ARG001 - every task takes its study
    """One question."""
    if work.only(WRITING):
        return Finished()
    item = read_stored(WritingItem, work.payload)
    fields: dict[str, JsonValue] = {"marks": list(MARKS)}
    if item.edited:
        fields["edited"] = [each.as_json() for each in item.edited]
    if item.task_description is not None:
        fields["task_description"] = item.task_description
    return Ask(act="check-writing", conversation=conversation_of(item.conversation), fields=fields)


def accept(work: Work, submission: JsonObject, study: StudyFile) -> Accepted:
    """What a spot check adds.

    Raises:
        SubmissionError: it is not what is asked now.
    """
    expected_ask(next_step(work, study), submission)
    return accepted(work, study, next_step, judgement=NewJudgement(kind=WRITING, payload=_check(submission)))


def correct(work: Work, judgement_id: str, submission: JsonObject, study: StudyFile) -> NewJudgement:  # noqa: ARG001 - as above
    """Another mark in the place of an earlier one; raises as `accept` does."""
    judgement = to_be_corrected(work, judgement_id, (WRITING,))
    return NewJudgement(kind=WRITING, payload=_check(submission), corrects=judgement.id)


def _check(submission: JsonObject) -> dict[str, JsonValue]:
    given = read_submission(CheckWriting, submission)
    return StoredCheck(mark=given.mark, note=given.note).as_json()
