"""Pairs from a file: two continuations of one context, judged on one axis or on both.

The sides stand in an item in byte order, whichever came first in the file, so that a pair and its mirror image are one
item. What was judged of it before is not in the item; it serves as the known answer of training and gold items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from plumbline.collect.kinds.answering import accepted, not_for_this_study, refuse_unasked, to_be_corrected
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
from plumbline.collect.kinds.chat_judging import require_step
from plumbline.collect.kinds.harm_labels import HarmLabel
from plumbline.collect.kinds.item_entry import Entry, ItemRefusal, entered
from plumbline.collect.kinds.known_answers import KnownOrder, OrderTruth, Score, score_orders
from plumbline.collect.kinds.record_making import Origin, Sides, comparison_record
from plumbline.collect.kinds.refusals import PassedOver
from plumbline.collect.kinds.sides import shown_order
from plumbline.collect.kinds.strength import SIDE_OUTCOMES, Scale, asked_on, verdict
from plumbline.collect.kinds.topics import Topical, categories_of
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
from plumbline.collect.study_settings import Question, StudyFile
from plumbline.records import Axis, Comparison, Outcome, Record
from plumbline.records.identity import canonical_conversation, digest

PAIR = "pair"
StepOnScale = Annotated[int, Field(ge=1, le=20)]


class PairSide(Bounded):
    """One continuation, and what the file says of it; only the messages are shown."""

    messages: Annotated[Messages, Field(min_length=1)]
    model: Name | None = None
    label: HarmLabel | None = None


class PairItem(Topical):
    """Two continuations of a context, in byte order."""

    context: Messages
    sides: tuple[PairSide, PairSide]
    parents: tuple[str, ...] = ()


class JudgePair(Bounded):
    """A step for each axis of the study, from 1, all for A, to `strengths`, all for B; no step for another axis."""

    act: Literal["judge-pair"] = "judge-pair"
    helpfulness: StepOnScale | None = None
    harmlessness: StepOnScale | None = None
    comment: Note | None = None


class AxisVerdict(Bounded):
    """What was said on one axis. `outcome` is the better stored side, whatever `question` asked."""

    axis: Axis
    question: Question
    step: int
    outcome: Outcome
    strength: int


class PairVerdict(Bounded):
    """What is stored of a judged pair."""

    shown: tuple[int, ...]
    verdicts: Annotated[tuple[AxisVerdict, ...], Field(min_length=1, max_length=2)]
    comment: str | None = None


# --- items ---


def items_from_records(
    records: Iterable[Record], study: StudyFile, purpose: Purpose = Purpose.WORK
) -> Iterator[NewItem | PassedOver]:
    """The pairs of comparisons, each once, whatever axes it was judged on before."""
    return entered(_entries(records, study), study, purpose)


def _entries(records: Iterable[Record], study: StudyFile) -> Iterator[Entry | ItemRefusal]:
    for record in records:
        if not isinstance(record, Comparison):
            yield ItemRefusal(record, "PL-ITM-001", "it is no comparison")
            continue
        first, second = (canonical_conversation(side) for side in record.continuations)
        if first == second:
            yield ItemRefusal(record, "PL-ITM-005", "both sides are the same")
            continue
        order = (0, 1) if first.encode() < second.encode() else (1, 0)
        key = digest("pair", canonical_conversation(record.context), *sorted((first, second), key=str.encode))
        item, truth = partial(_item, record, order), _truth(record, order, study)
        yield Entry(record, key, item, truth, categories_of(record))


def _item(comparison: Comparison, order: tuple[int, int]) -> PairItem:
    sides = [_side(comparison, side) for side in order]
    return PairItem(context=messages_of(comparison.context), sides=(sides[0], sides[1]), parents=(comparison.id,))


def _side(comparison: Comparison, side: int) -> PairSide:
    categories = None if comparison.categories is None else comparison.categories[side]
    names = None if categories is None else tuple(sorted(categories))
    # One side of a row may be without a label, whatever the other has.
    is_safe = None if comparison.is_safe is None else comparison.is_safe[side]
    label = HarmLabel(is_safe=is_safe, categories=names) if isinstance(is_safe, bool) else None
    model = None if comparison.models is None else comparison.models[side]
    return PairSide(messages=messages_of(comparison.continuations[side]), model=model, label=label)


def _truth(comparison: Comparison, order: tuple[int, int], study: StudyFile) -> OrderTruth | None:
    if comparison.outcome not in SIDE_OUTCOMES or comparison.axis not in study.judged_axes:
        return None
    better = order.index(SIDE_OUTCOMES.index(comparison.outcome))
    return OrderTruth(orders=(KnownOrder(axis=comparison.axis, better=better, worse=1 - better),))


# --- judging ---


def next_step(work: Work, study: StudyFile) -> Step:
    """One question, on every axis of the study at once."""
    if work.only(PAIR):
        return Finished()
    item = read_stored(PairItem, work.payload)
    order = shown_order(study.seed, work.assignment_id, 0)
    fields: dict[str, JsonValue] = {
        "steps": study.strengths,
        "questions": {axis.value: asked_on(axis, study.question).value for axis in study.judged_axes},
        "continuations": [
            [{"role": message.role.value, "text": message.text} for message in side.messages]
            for side in order.as_shown(item.sides)
        ],
        "comment": study.comment,
    }
    replies = order.as_shown([side.messages[-1].text for side in item.sides])
    return Ask(
        act="judge-pair", conversation=conversation_of(item.context), replies=replies, order=order, fields=fields
    )


def accept(work: Work, submission: JsonObject, study: StudyFile) -> Accepted:
    """What a judgement of the pair adds.

    Raises:
        SubmissionError: it is not what is asked now, or not a step on each of the study's axes.
    """
    expected_ask(next_step(work, study), submission)
    return accepted(work, study, next_step, judgement=NewJudgement(kind=PAIR, payload=_pair(work, submission, study)))


def correct(work: Work, judgement_id: str, submission: JsonObject, study: StudyFile) -> NewJudgement:
    """Other steps in the place of earlier ones, the sides shown as before; raises as `accept` does."""
    judgement = to_be_corrected(work, judgement_id, (PAIR,))
    return NewJudgement(kind=PAIR, payload=_pair(work, submission, study), corrects=judgement.id)


def _pair(work: Work, submission: JsonObject, study: StudyFile) -> dict[str, JsonValue]:
    given = read_submission(JudgePair, submission)
    refuse_unasked("comment", given.comment, study.comment)
    steps = {Axis.HELPFULNESS: given.helpfulness, Axis.HARMLESSNESS: given.harmlessness}
    order, scale, verdicts = shown_order(study.seed, work.assignment_id, 0), Scale(study.strengths), []
    for axis, step in steps.items():
        if (step is not None) != (axis in study.judged_axes):
            raise not_for_this_study(axis.value, axis in study.judged_axes)
        if step is None:
            continue
        require_step(step, study, axis.value)
        question = asked_on(axis, study.question)
        ruled = verdict(step, scale, order, question)
        verdicts.append(
            AxisVerdict(axis=axis, question=question, step=step, outcome=ruled.outcome, strength=ruled.strength)
        )
    return PairVerdict(shown=order.sides, verdicts=tuple(verdicts), comment=given.comment).as_json()


# --- records and scores ---


def comparisons_of(work: Work, study: StudyFile, first_row: int = 0) -> tuple[Comparison, ...]:
    """A comparison for each axis, all under one row number; nothing before the pair is judged."""
    effective = work.only(PAIR)
    if effective is None:
        return ()
    item, stored = read_stored(PairItem, work.payload), read_stored(PairVerdict, effective.last.payload)
    origin = Origin(
        study=study,
        assignment_id=work.assignment_id,
        judgement_id=effective.last.id,
        worker=work.worker,
        row=first_row,
        parents=item.parents,
    )
    sides = _record_sides(item)
    return tuple(
        comparison_record(sides, said.axis, said.outcome, said.strength, origin, {"question": said.question.value})
        for said in stored.verdicts
    )


def _record_sides(item: PairItem) -> Sides:
    first, second = item.sides
    labels = (first.label, second.label)
    models = None if first.model is None or second.model is None else (first.model, second.model)
    is_safe, categories = None, None
    if labels[0] is not None and labels[1] is not None:
        is_safe = (labels[0].is_safe, labels[1].is_safe)
        sets = (labels[0].category_set, labels[1].category_set)
        categories = (sets[0], sets[1]) if sets[0] is not None and sets[1] is not None else None
    return Sides(
        context=conversation_of(item.context),
        continuations=(conversation_of(first.messages), conversation_of(second.messages)),
        models=models,
        is_safe=is_safe,
        categories=categories,
    )


def score_of(work: Work, truth: JsonObject) -> Score:
    """How many of the known axes were judged right; nothing asked before the pair is judged."""
    effective = work.only(PAIR)
    if effective is None:
        return Score(0, 0)
    stored = read_stored(PairVerdict, effective.last.payload)
    ranks = {said.axis: (1, 2) if said.outcome is Outcome.FIRST else (2, 1) for said in stored.verdicts}
    return score_orders(read_stored(OrderTruth, truth), ranks)
