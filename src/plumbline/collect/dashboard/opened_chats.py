"""One chat with everything that was said and judged in it, for who looks after the study: both replies of each turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.collect.dashboard.item_texts import Said, StoredReply
from plumbline.collect.dashboard.opened import JudgementOfItem, told_judgements
from plumbline.collect.kinds.stored_work import OPENED
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.store.assignments import read_assignment
from plumbline.collect.store.conversations import read_replies, read_turns
from plumbline.collect.store.dashboard_rows import read_judging_people
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.judgements import judgements_of_assignment
from plumbline.collect.store.rows import Reply


@dataclass(frozen=True, slots=True)
class OpenedTurn:
    """What the worker said, and the replies that were shown, by stored side."""

    number: int
    human: str
    replies: tuple[StoredReply, ...]


@dataclass(frozen=True, slots=True)
class OpenedChat:
    """A chat, also one that is not finished.

    Attributes:
        assignment: its number.
        item: that it was about.
        pseudonym: whose it is.
        is_erased: they were erased, and what was said in it with them; what they chose stays.
        state: leased, submitted, released or expired.
        judgements: as they stand after corrections, oldest first.
    """

    assignment: int
    item: int
    pseudonym: str
    is_erased: bool
    state: str
    turns: tuple[OpenedTurn, ...]
    judgements: tuple[JudgementOfItem, ...]


def open_chat(store: Store, study: KnownStudy, assignment_id: int) -> OpenedChat:
    """A chat of the study.

    Raises:
        NotFoundError: PL-COL-010, the study has none of this number.
    """
    assignment = read_assignment(store, assignment_id)
    if assignment.study_id != study.id:
        raise not_found("assignment", assignment_id)
    (whose,) = read_judging_people(store, [assignment.worker_id])
    shown = [reply for reply in read_replies(store, assignment_id) if reply.shown_at is not None]
    return OpenedChat(
        assignment=assignment.id,
        item=assignment.item_id,
        pseudonym=whose.pseudonym,
        is_erased=whose.is_erased,
        state=assignment.state.value,
        turns=tuple(
            OpenedTurn(turn.number, "" if turn.human == OPENED else turn.human, _replies(shown, turn.number))
            for turn in read_turns(store, assignment_id)
        ),
        judgements=told_judgements(store, judgements_of_assignment(store, assignment_id, standing=True)),
    )


def _replies(shown: Sequence[Reply], turn: int) -> tuple[StoredReply, ...]:
    return tuple(
        StoredReply(reply.side, (Said("assistant", reply.text),), reply.model, None, None)
        for reply in shown
        if reply.turn == turn
    )
