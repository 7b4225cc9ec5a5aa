"""Turns and the replies to them. Replies are stored before anybody sees them, and both sides are shown together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.assignments import lock_assignment
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind
from plumbline.collect.store.failures import ConflictError, not_found
from plumbline.collect.store.leasing import lease_lost, log, require_unsubmitted
from plumbline.collect.store.people import lock_worker
from plumbline.collect.store.rows import Assignment, AssignmentState, NewReply, Reply, Turn
from plumbline.collect.store.tables import replies, turns

_SIDES = 2


def add_turn(
    store: Store, assignment_id: int, worker_id: str, fence: int, number: int, human: str, *, now: datetime
) -> Turn:
    """What the worker wrote in turn `number`; the same text again changes nothing.

    Raises:
        NotFoundError, LeaseLostError: not theirs, or not in hand any more.
        ConflictError: PL-COL-028, the turn stands there with another text, or an earlier turn is missing.
    """

    def work(connection: Connection) -> Turn:
        """Within one transaction: the turn, or the same one that stands there already."""
        assignment = _held(connection, assignment_id, worker_id, fence)
        stored = connection.execute(
            select(*row_maps.TURN.columns).where(turns.c.assignment_id == assignment_id).order_by(turns.c.number)
        ).all()
        known = {row.number: row_maps.TURN.of(row) for row in stored}
        if number in known and known[number].human == human:
            return known[number]
        if number != len(known) + 1:
            raise _turn_refused(assignment, number, len(known) + 1)
        turn = Turn(assignment_id, number, human, now)
        connection.execute(insert(turns), asdict(turn))
        return turn

    return store.write(work)


def add_replies(
    store: Store, assignment_id: int, worker_id: str, turn: int, new: Sequence[NewReply], *, now: datetime
) -> list[Reply]:
    """Stores the two replies of a turn, as one draw; they are not shown by that.

    Where two requests drew at once, both draws stand and one of them is shown. Needs no fence: replies cost money and
    time, and a lease that ended meanwhile may still be had again.

    Raises:
        NotFoundError: PL-COL-010, not their assignment, or no such turn.
    """

    def work(connection: Connection) -> list[Reply]:
        """Within one transaction: the replies, as the next draw of the turn."""
        lock_worker(connection, worker_id)
        assignment = lock_assignment(connection, assignment_id, worker_id)
        _require_turn(connection, assignment_id, turn)
        last = select(func.max(replies.c.draw)).where(replies.c.assignment_id == assignment_id, replies.c.turn == turn)
        drawn = connection.execute(last).scalar_one()
        draw = 0 if drawn is None else int(drawn) + 1
        for reply in new:
            connection.execute(insert(replies), _values(assignment_id, turn, draw, reply, now))
        log(connection, EventKind.REPLIES_STORED, assignment, now, turn=turn, draw=draw, count=len(new))
        return [reply for reply in _replies_in(connection, assignment_id, turn) if reply.draw == draw]

    return store.write(work)


def show_replies(
    store: Store, assignment_id: int, worker_id: str, fence: int, turn: int, *, now: datetime
) -> list[Reply]:
    """The replies of a turn that the worker sees, by side: the first whole draw, marked as shown from now on.

    The same ones at every call, whatever was drawn since.

    Raises:
        NotFoundError: PL-COL-010, no replies are stored for this turn.
        LeaseLostError: not in hand any more.
    """

    def work(connection: Connection) -> list[Reply]:
        """Within one transaction: the first whole draw marked as shown."""
        assignment = _held(connection, assignment_id, worker_id, fence)
        stored = _replies_in(connection, assignment_id, turn)
        if not any(reply.shown_at for reply in stored):
            whole = [draw for draw, count in Counter(reply.draw for reply in stored).items() if count == _SIDES]
            if not whole:
                raise not_found(f"two replies of assignment {assignment_id}, turn", turn)
            draw = min(whole)
            first = (replies.c.assignment_id == assignment_id, replies.c.turn == turn, replies.c.draw == draw)
            connection.execute(update(replies).where(*first).values(shown_at=now))
            log(connection, EventKind.REPLIES_SHOWN, assignment, now, turn=turn, draw=draw)
            stored = _replies_in(connection, assignment_id, turn)
        return [reply for reply in stored if reply.shown_at]

    return store.write(work)


def read_turns(store: Store, assignment_id: int) -> list[Turn]:
    """The turns of an assignment, in order."""
    query = select(*row_maps.TURN.columns).where(turns.c.assignment_id == assignment_id).order_by(turns.c.number)
    return [row_maps.TURN.of(row) for row in store.rows(query)]


def first_turns(store: Store, assignment_ids: Sequence[int]) -> dict[int, str]:
    """What was said first in chats, by assignment; a page of them, not all."""
    query = select(turns.c.assignment_id, turns.c.human).where(
        turns.c.assignment_id.in_(assignment_ids), turns.c.number == 1
    )
    return {row.assignment_id: row.human for row in store.rows(query)} if assignment_ids else {}


def read_replies(store: Store, assignment_id: int, turn: int | None = None) -> list[Reply]:
    """All replies of an assignment, or of one turn, shown or not, by turn, draw and side."""
    return [row_maps.REPLY.of(row) for row in store.rows(_replies_of(assignment_id, turn))]


def _held(connection: Connection, assignment_id: int, worker_id: str, fence: int) -> Assignment:
    lock_worker(connection, worker_id)
    assignment = require_unsubmitted(lock_assignment(connection, assignment_id, worker_id))
    if assignment.state is not AssignmentState.LEASED or assignment.fence != fence:
        raise lease_lost(assignment, fence)
    return assignment


def _replies_in(connection: Connection, assignment_id: int, turn: int | None) -> list[Reply]:
    return [row_maps.REPLY.of(row) for row in connection.execute(_replies_of(assignment_id, turn))]


def _replies_of(assignment_id: int, turn: int | None) -> Select[Any]:
    query = select(*row_maps.REPLY.columns).where(replies.c.assignment_id == assignment_id)
    if turn is not None:
        query = query.where(replies.c.turn == turn)
    return query.order_by(replies.c.turn, replies.c.draw, replies.c.side)


def _require_turn(connection: Connection, assignment_id: int, turn: int) -> None:
    query = select(turns.c.number).where(turns.c.assignment_id == assignment_id, turns.c.number == turn)
    if connection.execute(query).one_or_none() is None:
        raise not_found(f"turn of assignment {assignment_id}, number", turn)


def _values(assignment_id: int, turn: int, draw: int, reply: NewReply, now: datetime) -> dict[str, object]:
    return {
        "assignment_id": assignment_id,
        "turn": turn,
        "draw": draw,
        "side": reply.side,
        "text": reply.text,
        "model": reply.model,
        "snapshot": reply.snapshot,
        "seed": reply.seed,
        "parameters": reply.parameters,
        "created_at": now,
    }


def _turn_refused(assignment: Assignment, number: int, expected: int) -> ConflictError:
    return ConflictError(
        "PL-COL-028",
        f"assignment {assignment.id}",
        f"turn {number} cannot be written",
        expected=f"turn {expected}, or a turn that stands there word for word",
        advice="read the conversation again and go on from its last turn",
    )
