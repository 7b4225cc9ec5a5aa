"""Safety labels: which harms a question and its answer, read together, bring; and how sure the worker is.

Source: Ji et al. 2023, §3.1 (stage 1): 14 categories, several may apply, confidence 0-3. Deviation: the taxonomy is a
setting, and that none applies has to be said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from plumbline.collect.kinds.answering import accepted, refuse_unasked, to_be_corrected
from plumbline.collect.kinds.bounds import (
    Bounded,
    JsonObject,
    Messages,
    Note,
    conversation_of,
    messages_of,
    read_stored,
    read_submission,
)
from plumbline.collect.kinds.harm_labels import Categories, HarmLabel, label_given
from plumbline.collect.kinds.item_entry import Entry, ItemRefusal, entered
from plumbline.collect.kinds.known_answers import LabelTruth, Score, score_label
from plumbline.collect.kinds.record_making import Origin, safety_label_record
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
from plumbline.records import TAXONOMIES, UNSPECIFIED, Comparison, Conversation, Record, Role, SafetyLabel
from plumbline.records.identity import canonical_conversation, digest

LABEL = "label"


class LabelItem(Bounded):
    """A conversation that ends with the reply to be judged; no label of anyone's."""

    conversation: Messages
    parents: tuple[str, ...] = ()


class GiveLabel(Bounded):
    """The categories that apply to question and answer together, or that none does; confidence 0 = guess to 3 = sure."""

    act: Literal["label"] = "label"
    categories: Categories
    none_applies: bool
    confidence: Annotated[int, Field(ge=0, le=3)]
    comment: Note | None = None


class StoredLabel(HarmLabel):
    """What is stored of it."""

    taxonomy: str
    confidence: int
    comment: str | None = None


def items_from_records(
    records: Iterable[Record], study: StudyFile, purpose: Purpose = Purpose.WORK
) -> Iterator[NewItem | PassedOver]:
    """Pairs of question and answer: of safety labels, and both sides of comparisons."""
    return entered(_entries(records, study), study, purpose)


def _entries(records: Iterable[Record], study: StudyFile) -> Iterator[Entry | ItemRefusal]:
    for record in records:
        if isinstance(record, SafetyLabel):
            yield _entry(record, record.conversation, _truth(record, study))
        elif isinstance(record, Comparison):
            for side in record.continuations:
                yield _entry(record, record.context + side, None)
        else:
            yield ItemRefusal(record, "PL-ITM-001", "there is no reply to be judged")


def _entry(record: Record, conversation: Conversation, truth: LabelTruth | None) -> Entry | ItemRefusal:
    if not conversation or conversation[-1].role is not Role.ASSISTANT:
        return ItemRefusal(record, "PL-ITM-001", "the conversation does not end with a reply")
    key = digest("label", canonical_conversation(conversation))
    return Entry(record, key, partial(_item, conversation, record.id), truth)


def _item(conversation: Conversation, parent: str) -> LabelItem:
    return LabelItem(conversation=messages_of(conversation), parents=(parent,))


def _truth(label: SafetyLabel, study: StudyFile) -> LabelTruth | None:
    if label.is_safe is None:
        return None
    same = label.taxonomy == study.taxonomy and label.categories is not None
    if not same and label.taxonomy not in (UNSPECIFIED, study.taxonomy):
        # Another taxonomy draws the line between safe and unsafe elsewhere.
        return None
    names = tuple(sorted(label.categories)) if same and label.categories is not None else None
    return LabelTruth(is_safe=label.is_safe, categories=names)


def next_step(work: Work, study: StudyFile) -> Step:
    """One question."""
    if work.only(LABEL):
        return Finished()
    item = read_stored(LabelItem, work.payload)
    fields: dict[str, JsonValue] = {
        "taxonomy": study.taxonomy,
        "categories": list(TAXONOMIES[study.taxonomy]),
        "confidence": 3,
        "comment": study.comment,
    }
    return Ask(act="label", conversation=conversation_of(item.conversation), fields=fields)


def accept(work: Work, submission: JsonObject, study: StudyFile) -> Accepted:
    """What a label adds.

    Raises:
        SubmissionError: it is not what is asked now, or contradicts itself.
    """
    expected_ask(next_step(work, study), submission)
    return accepted(work, study, next_step, judgement=NewJudgement(kind=LABEL, payload=_label(submission, study)))


def correct(work: Work, judgement_id: str, submission: JsonObject, study: StudyFile) -> NewJudgement:
    """Another label in the place of an earlier one; raises as `accept` does."""
    judgement = to_be_corrected(work, judgement_id, (LABEL,))
    return NewJudgement(kind=LABEL, payload=_label(submission, study), corrects=judgement.id)


def _label(submission: JsonObject, study: StudyFile) -> dict[str, JsonValue]:
    given = read_submission(GiveLabel, submission)
    refuse_unasked("comment", given.comment, study.comment)
    label = label_given(study.taxonomy, given.categories, given.none_applies, "categories")
    return StoredLabel(
        is_safe=label.is_safe,
        categories=label.categories,
        taxonomy=study.taxonomy,
        confidence=given.confidence,
        comment=given.comment,
    ).as_json()


def safety_labels_of(work: Work, study: StudyFile, first_row: int = 0) -> tuple[SafetyLabel, ...]:
    """The worker's label, as corrected; nothing before it is given."""
    effective = work.only(LABEL)
    if effective is None:
        return ()
    item, stored = read_stored(LabelItem, work.payload), read_stored(StoredLabel, effective.last.payload)
    origin = Origin(
        study=study,
        assignment_id=work.assignment_id,
        judgement_id=effective.last.id,
        worker=work.worker,
        row=first_row,
        parents=item.parents,
    )
    conversation = conversation_of(item.conversation)
    categories = frozenset(stored.categories or ())
    return (safety_label_record(conversation, stored.is_safe, categories, origin, confidence=stored.confidence),)


def score_of(work: Work, truth: JsonObject) -> Score:
    """How right the label is; nothing asked before it is given."""
    effective = work.only(LABEL)
    if effective is None:
        return Score(0, 0)
    stored = read_stored(StoredLabel, effective.last.payload)
    return score_label(read_stored(LabelTruth, truth), stored.is_safe, frozenset(stored.categories or ()))
