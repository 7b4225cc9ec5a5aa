"""Adjudication: someone else rules on a meta-label that a worker disputes, or that workers are split on.

Source: Ji et al. 2023, §3.1: disputed labels go to the researchers. Deviation: whoever disputed it does not rule on it. Who
rules is told which label came with the data and which is a worker's, never whose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
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
from plumbline.collect.kinds.harm_labels import Categories, HarmLabel, label_given
from plumbline.collect.kinds.record_making import Origin, safety_label_record
from plumbline.collect.kinds.refusals import SubmissionError
from plumbline.collect.kinds.sides import shown_order
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
from plumbline.records import TAXONOMIES, Conversation, SafetyLabel
from plumbline.records.identity import digest

RULING = "ruling"


class DisputedItem(Bounded):
    """A pair of question and answer with the labels that stand against each other.

    `assignment` and `reply` say which ranking the dispute comes from, None for labels that workers are split on; they
    are not shown.
    """

    conversation: Messages
    labels: Annotated[tuple[HarmLabel, ...], Field(min_length=2, max_length=100)]
    note: Note | None = None
    item_key: Name
    assignment: Name | None = None
    reply: Annotated[int, Field(ge=0, lt=10)] | None = None


class Rule(Bounded):
    """The label that holds: one of those given, or another.

    `categories` null says unsafe without saying why: it upholds a label of the data that says no more, and is taken nowhere
    else.
    """

    act: Literal["rule"] = "rule"
    categories: Categories | None
    none_applies: bool
    note: Note | None = None


class StoredRuling(HarmLabel):
    """What is stored of it."""

    taxonomy: str
    note: str | None = None


def dispute_item(
    work: Work,
    *,
    conversation: Conversation,
    labels: tuple[HarmLabel, HarmLabel],
    reply: int,
    note: str | None,
    study: StudyFile,
) -> NewItem:
    """The item for a meta-label that a worker disputes.

    Args:
        work: the ranking's; its worker does not get the item.
        conversation: prompt and reply.
        labels: as it was shown, as the worker would have it.
        reply: its stored place in the ranking.
        note: what the worker says of it.
        study: names the taxonomy.
    """
    payload = DisputedItem(
        conversation=messages_of(conversation),
        labels=labels,
        note=note,
        item_key=work.item_key,
        assignment=work.assignment_id,
        reply=reply,
    )
    key = dispute_key(work.assignment_id, reply, study)
    return NewItem(key=key, purpose=Purpose.ADJUDICATION, payload=payload.as_json(), author=work.worker)


def dispute_key(assignment_id: str, reply: int, study: StudyFile) -> str:
    """The key of the item for a ranking's dispute of the reply at a stored place."""
    return digest("dispute", study.taxonomy, assignment_id, str(reply))


def split_item(item_key: str, conversation: Conversation, labels: Sequence[HarmLabel]) -> NewItem | None:
    """The item for a pair of question and answer whose labels settle nothing by majority; None where they do.

    Args:
        item_key: of the item that was labelled, by its whole overlap.
        conversation: the item's.
        labels: one of each worker.
    """
    if len(labels) < 2 or _is_settled(labels):
        return None
    payload = DisputedItem(conversation=messages_of(conversation), labels=tuple(labels), item_key=item_key)
    return NewItem(key=split_key(item_key), purpose=Purpose.ADJUDICATION, payload=payload.as_json())


def split_key(item_key: str) -> str:
    """The key of the item for labels that are split, by the key of what was labelled."""
    return digest("split", item_key)


def _is_settled(labels: Sequence[HarmLabel]) -> bool:
    """Whether more than half say safe, or more than half say unsafe and more than half of all name one category."""
    unsafe = [label for label in labels if not label.is_safe]
    if len(unsafe) * 2 <= len(labels):
        return len(unsafe) * 2 < len(labels)
    counts = Counter(name for label in unsafe for name in label.categories or ())
    return max(counts.values(), default=0) * 2 > len(labels)


def next_step(work: Work, study: StudyFile) -> Step:
    """One question; the labels in a drawn order."""
    if work.only(RULING):
        return Finished()
    item = read_stored(DisputedItem, work.payload)
    order = shown_order(study.seed, work.assignment_id, 0, len(item.labels))
    labels: list[JsonValue] = [label.as_json() for label in order.as_shown(item.labels)]
    # A dispute stores the label of the data first, see `dispute_item`; labels that are split are all of workers.
    givers = ["worker" if item.assignment is None else "data", *["worker"] * (len(item.labels) - 1)]
    return Ask(
        act="rule",
        conversation=conversation_of(item.conversation),
        order=order,
        fields={
            "labels": labels,
            "given_by": list(order.as_shown(givers)),
            "note": item.note,
            "taxonomy": study.taxonomy,
            "categories": list(TAXONOMIES[study.taxonomy]),
        },
    )


def accept(work: Work, submission: JsonObject, study: StudyFile) -> Accepted:
    """What a ruling adds.

    Raises:
        SubmissionError: it is not what is asked now, or contradicts itself.
    """
    expected_ask(next_step(work, study), submission)
    return accepted(
        work, study, next_step, judgement=NewJudgement(kind=RULING, payload=_ruling(work, submission, study))
    )


def correct(work: Work, judgement_id: str, submission: JsonObject, study: StudyFile) -> NewJudgement:
    """Another ruling in the place of an earlier one; raises as `accept` does."""
    judgement = to_be_corrected(work, judgement_id, (RULING,))
    return NewJudgement(kind=RULING, payload=_ruling(work, submission, study), corrects=judgement.id)


def _ruling(work: Work, submission: JsonObject, study: StudyFile) -> dict[str, JsonValue]:
    given = read_submission(Rule, submission)
    if given.categories is None:
        label = _without_categories(given, read_stored(DisputedItem, work.payload).labels)
    else:
        label = label_given(study.taxonomy, given.categories, given.none_applies, "categories")
    return StoredRuling(
        is_safe=label.is_safe, categories=label.categories, taxonomy=study.taxonomy, note=given.note
    ).as_json()


def _without_categories(given: Rule, labels: Iterable[HarmLabel]) -> HarmLabel:
    """Unsafe, which harms is not known: what holds where a label that was given says that, and nothing more."""
    if given.none_applies or not any(label.names_nothing for label in labels):
        raise SubmissionError(
            "PL-SUB-004",
            "no categories, where every label that was given has its own",
            expected="one or more categories, or none_applies",
            advice="say which apply, or that none does",
            field="categories",
        )
    return HarmLabel(is_safe=False)


def rulings_for(ranking: Work, adjudications: Iterable[Work]) -> dict[int, HarmLabel]:
    """The labels that hold for replies of a ranking whose disputes were ruled on, by stored place.

    Args:
        ranking: the work that disputed them.
        adjudications: work on adjudication items; those of other rankings, and unfinished ones, are passed over.
    """
    ruled = {}
    for work in adjudications:
        item, effective = read_stored(DisputedItem, work.payload), work.only(RULING)
        if effective is None or item.assignment != ranking.assignment_id or item.reply is None:
            continue
        stored = read_stored(StoredRuling, effective.last.payload)
        ruled[item.reply] = HarmLabel(is_safe=stored.is_safe, categories=stored.categories)
    return ruled


def safety_labels_of(work: Work, study: StudyFile, first_row: int = 0) -> tuple[SafetyLabel, ...]:
    """The ruling as a label of the adjudicator's."""
    effective = work.only(RULING)
    if effective is None:
        return ()
    item, stored = read_stored(DisputedItem, work.payload), read_stored(StoredRuling, effective.last.payload)
    origin = Origin(
        study=study,
        assignment_id=work.assignment_id,
        judgement_id=effective.last.id,
        worker=work.worker,
        row=first_row,
    )
    conversation = conversation_of(item.conversation)
    return (safety_label_record(conversation, stored.is_safe, stored.category_set, origin, more={"ruling": True}),)
