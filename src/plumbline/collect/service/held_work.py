"""An item in a worker's hands: everything stored about it, and what is asked next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from plumbline.collect.kinds import (
    KNOWN_ANSWERS,
    Ask,
    Draw,
    Purpose,
    Step,
    Task,
    Work,
    task_for,
)
from plumbline.collect.kinds.stored_work import OPENED as OPENED
from plumbline.collect.kinds.stored_work import drawn_reply, human_turns, stored_judgement
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.wellbeing.topics import with_topics
from plumbline.collect.store.assignments import read_with_item
from plumbline.collect.store.conversations import read_replies, read_turns, show_replies
from plumbline.collect.store.judgements import judgements_of_assignment
from plumbline.collect.store.rows import Assignment, AssignmentState, Item, Person
from plumbline.collect.study_settings import CHATS, StudyFile, StudyKind


@dataclass(frozen=True, slots=True)
class Held:
    """An assignment with all that belongs to it."""

    study: KnownStudy
    assignment: Assignment
    item: Item
    work: Work

    @property
    def settings(self) -> StudyFile:
        """The study's."""
        return self.study.settings

    @property
    def task(self) -> Task:
        """The logic of the item."""
        return task_for(self.settings, self.item.purpose)

    @property
    def step(self) -> Step:
        """What is asked next."""
        return self.task.next_step(self.work, self.settings)


def hold(collecting: Collecting, assignment_id: int, worker: Person) -> Held:
    """A worker's own assignment.

    Raises:
        NotFoundError: PL-COL-010, there is none, or it is another's.
    """
    assignment, item = read_with_item(collecting.store, assignment_id, worker.id)
    return held_with(collecting, assignment, item, worker)


def held_with(
    collecting: Collecting, assignment: Assignment, item: Item, worker: Person, *, fresh: bool = False
) -> Held:
    """The assignment with what is stored about it.

    Args:
        worker: whose it is.
        fresh: it was leased just now for the first time, so nothing is stored yet.
    """
    study = collecting.catalogue.of_id(assignment.study_id)
    stored: dict[str, Any] = {} if fresh else _stored(collecting, assignment, is_chat(study.settings, item.purpose))
    work = Work(
        assignment_id=str(assignment.id), item_key=item.key, worker=worker.pseudonym, payload=item.payload, **stored
    )
    return Held(study, assignment, item, work)


def is_chat(study: StudyFile, purpose: Purpose) -> bool:
    """Whether items of this purpose are live conversations."""
    if purpose is Purpose.WORK:
        return study.kind in CHATS
    return purpose in KNOWN_ANSWERS and study.kind is StudyKind.RED_TEAM_CHAT


def _stored(collecting: Collecting, assignment: Assignment, chat: bool) -> dict[str, Any]:
    store, number = collecting.store, assignment.id
    turns = read_turns(store, number) if chat else []
    replies = read_replies(store, number) if turns else []
    return {
        "turns": human_turns((turn.number, turn.human) for turn in turns),
        "replies": tuple(
            drawn_reply(reply.id, reply.turn, reply.draw, reply.side, reply.text, reply.model, reply.snapshot)
            for reply in replies
        ),
        "judgements": tuple(
            stored_judgement(judgement.id, judgement.kind, judgement.payload, judgement.corrects)
            for judgement in judgements_of_assignment(store, number)
        ),
    }


def step_to_show(collecting: Collecting, held: Held) -> Step:
    """What is asked next, the replies in it marked as shown: nothing is handed out that is not stored as seen.

    Raises:
        LeaseLostError: PL-COL-021, there are replies to show and the item is not in hand any more.
    """
    step = held.step
    if isinstance(step, Ask) and step.act == "judge-turn" and step.turn is not None:
        assignment = held.assignment
        now = collecting.clock()
        if assignment.state is not AssignmentState.SUBMITTED:
            show_replies(collecting.store, assignment.id, assignment.worker_id, assignment.fence, step.turn, now=now)
    return with_topics(collecting, held.study, held.item.payload, step)


def step_json(step: Step) -> dict[str, JsonValue]:
    """A step as it leaves the server: ``state`` ask, draw or finished, and the question where one is asked."""
    if isinstance(step, Ask):
        return {"state": "ask", **step.as_json()}
    if isinstance(step, Draw):
        return {"state": "draw", "turn": step.turn}
    return {"state": "finished"}
