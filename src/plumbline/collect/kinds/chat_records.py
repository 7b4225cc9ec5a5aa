"""Judged turns → comparisons: the two replies, and an edited reply above what it was made from.

Source: Bai et al. 2022, §2.3 and, for edits, the online data of §4.5 (edited above original).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from plumbline.collect.kinds.chat import (
    TurnVerdict,
    chat_item,
    conversation_through_question,
    judged_pair,
    verdicts,
)
from plumbline.collect.kinds.record_making import Origin, Sides, comparison_record
from plumbline.collect.kinds.strength import SIDE_OUTCOMES
from plumbline.collect.kinds.work import Work
from plumbline.collect.study_settings import StudyFile
from plumbline.records import Comparison, Conversation, Message, Role
from plumbline.records.identity import digest

EDITED = "edited by a worker"
"""What the edited side's model is called, after the model's name: ``llama (edited by a worker)``."""


def turn_comparisons(work: Work, study: StudyFile, first_row: int) -> tuple[Comparison, ...]:
    """The comparisons of a chat, in the order of its turns.

    Two rows a turn are counted whether a reply was edited or not, so that rows do not move when another turn is
    corrected.
    """
    made: list[Comparison] = []
    judged = verdicts(work)
    parents = chat_item(work).parents
    conversation_id = digest("conversation", study.name, work.assignment_id)
    for turn in sorted(judged):
        _, last, effective = judged[turn]
        origin = Origin(
            study=study,
            assignment_id=work.assignment_id,
            judgement_id=effective.last.id,
            worker=work.worker,
            row=first_row + 2 * (turn - 1),
            parents=parents,
        )
        context = conversation_through_question(work, turn, judged)
        sides = _sides(work, last, context, conversation_id)
        more: dict[str, JsonValue] = {
            "turn": turn,
            "question": last.question.value,
            "snapshots": _snapshots(work, last),
        }
        made.append(comparison_record(sides, last.axis, last.outcome, last.strength, origin, more))
        made += _edited(last, sides, replace(origin, row=origin.row + 1))
    return tuple(made)


def rows_of_chat(study: StudyFile) -> int:
    """How many row numbers one chat takes."""
    return 2 * study.turns


def _sides(work: Work, verdict: TurnVerdict, context: Conversation, conversation_id: str) -> Sides:
    first, second = judged_pair(work, verdict)
    return Sides(
        context=context,
        continuations=(_reply(first.text), _reply(second.text)),
        models=(first.model, second.model),
        conversation_id=conversation_id,
    )


def _snapshots(work: Work, verdict: TurnVerdict) -> list[JsonValue]:
    return [reply.snapshot for reply in judged_pair(work, verdict)]


def _reply(text: str) -> Conversation:
    return (Message(Role.ASSISTANT, text),)


def _edited(verdict: TurnVerdict, sides: Sides, origin: Origin) -> Iterator[Comparison]:
    """Edited > original. The edited text keeps its side and the original takes the other, so no side is favoured."""
    edit = verdict.edit
    if edit is None or sides.models is None:
        return
    original, model = sides.continuations[edit.side], sides.models[edit.side]
    both, names = (_reply(edit.text), original), (f"{model} ({EDITED})", model)
    if edit.side == 1:
        both, names = both[::-1], names[::-1]
    more: dict[str, JsonValue] = {"turn": verdict.turn, "edited": True}
    yield comparison_record(
        replace(sides, continuations=both, models=names), verdict.axis, SIDE_OUTCOMES[edit.side], None, origin, more
    )
