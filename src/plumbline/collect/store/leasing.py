"""Assignment: who gets which item, for how long. Overlap is exact, and nobody gets an item twice or their own.

A lease has an end. Once it is past, the slot may be given to somebody else; until that happens it is still the worker's,
and what they submit counts. ``docs/design/collect.md`` has the states and what a crash can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Update, bindparam, exists, func, insert, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.assignments import ASSIGNMENTS, find_in, lock_assignment
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import ConflictError, LeaseLostError
from plumbline.collect.store.people import lock_worker
from plumbline.collect.store.queue import Seeker, give_slot_back, lock_next_item, lock_queue, take_positions, use_slot
from plumbline.collect.store.rows import Assignment, AssignmentState, Purpose, Taken
from plumbline.collect.store.studies import OPENING, require_open
from plumbline.collect.store.tables import HOLDS_SLOT, IS_LEASED, assignments, items

_LAPSED_AT_ONCE = 50

# Statements are made once: building one takes longer than running it.
_IN_HAND = ASSIGNMENTS.where(
    assignments.c.worker_id == bindparam("worker_id"),
    assignments.c.study_id == bindparam("study_id"),
    assignments.c.purpose == bindparam("purpose"),
    IS_LEASED,
).with_for_update(key_share=True)
_IS_LAPSED = (
    assignments.c.study_id == bindparam("study"),
    IS_LEASED,
    assignments.c.expires_at <= bindparam("now"),
    assignments.c.worker_id != bindparam("but_of"),
)
_LAPSED = ASSIGNMENTS.where(*_IS_LAPSED).order_by(assignments.c.expires_at).limit(bindparam("size"))
_OPENING = OPENING.add_columns(exists().where(*_IS_LAPSED).label("has_lapsed"))
_LOCK_LAPSED = _LAPSED.with_for_update(key_share=True, skip_locked=True)
_LOCK_LAPSED_WAITING = _LAPSED.with_for_update(key_share=True)
_INSERT = insert(assignments).returning(*row_maps.ASSIGNMENT.columns)
_HELD = (assignments.c.item_id == bindparam("item"), HOLDS_SLOT)
_LAST_SLOT = select(func.max(assignments.c.slot)).where(*_HELD)
_SLOTS = select(assignments.c.slot).where(*_HELD)


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """On what terms an item is handed out.

    Attributes:
        purpose: which queue of the study.
        expires_at: when the lease ends.
    """

    expires_at: datetime
    purpose: Purpose = Purpose.WORK


def take(store: Store, study_id: int, worker_id: str, terms: LeaseTerms, *, now: datetime) -> Taken | None:
    """The worker's next item, leased to them; the one they have in hand already, where there is one.

    So a repeated call gives the same item: nothing is lost where the answer was. An item in hand whose lease is past
    is leased anew. Leases of others that are past are ended first, a few at a time, and their items come first. Where
    somebody else is at that, it is waited for before anybody is told that there is nothing.

    Returns:
        None where the queue holds nothing for this worker now.
    Raises:
        NotFoundError: no such study or person.
        NotAllowedError: PL-COL-030 the study is not open, PL-COL-031 blocked.
    """
    seeker = Seeker(worker_id, study_id, terms.purpose)

    def work(connection: Connection, *, past_lapsed: bool = False) -> tuple[bool, Taken | None]:
        """Within one transaction: whether a lease has lapsed; where none has, or it is passed over, an item is taken."""
        found = connection.execute(_OPENING, _lapsed(study_id, now, worker_id)).one_or_none()
        opening = require_open(study_id, found)
        if opening.has_lapsed and not past_lapsed:
            return True, None
        return False, _take(connection, seeker, terms, opening.guidelines_version, now)

    wait = False
    lapsed, taken = store.write(work)
    while lapsed:
        expire_leases(store, study_id, now=now, but_of=worker_id, wait=wait)
        _, taken = store.write(lambda connection: work(connection, past_lapsed=True))
        if taken is not None:
            return taken
        wait = True
        lapsed, taken = store.write(work)
    return taken


def expire_leases(
    store: Store,
    study_id: int,
    *,
    now: datetime,
    limit: int = _LAPSED_AT_ONCE,
    but_of: str | None = None,
    wait: bool = False,
) -> int:
    """Ends leases that are past, at most `limit`, and puts their items back; returns how many.

    Cheap where there is none. Where another process is at it, this one leaves it to that, unless it is to `wait`. A
    worker `but_of` keeps theirs: they are just asking for it again.
    """
    of_study = _lapsed(study_id, now, but_of)
    batch = {**of_study, "size": limit}
    if store.row(_LAPSED, {**of_study, "size": 1}) is None:
        return 0
    return store.write(lambda connection: _expire(connection, study_id, batch, now, wait=wait))


def extend(
    store: Store, assignment_id: int, worker_id: str, fence: int, *, now: datetime, expires_at: datetime
) -> Assignment:
    """A later end for a lease, as long as the worker is at it; never an earlier one.

    A lease that lapsed is had again where a slot of the item is still open and the worker holds no other item.

    Raises:
        NotFoundError: no such assignment of this worker.
        LeaseLostError: PL-COL-021, the slot is another's by now, the fence is old, or the item was given back.
        ConflictError: PL-COL-020, it is submitted already.
    """

    def work(connection: Connection) -> Assignment:
        """Within one transaction: a longer lease, taken anew where it had lapsed and the slot is free."""
        lock_worker(connection, worker_id)
        assignment = require_unsubmitted(lock_assignment(connection, assignment_id, worker_id))
        # What was given back stays so: an old tab is still open, or its answer came late.
        if assignment.fence != fence or assignment.state is AssignmentState.RELEASED:
            raise lease_lost(assignment, fence)
        if assignment.state is not AssignmentState.LEASED:
            if not reclaim(connection, assignment, AssignmentState.LEASED, now, expires_at):
                raise lease_lost(assignment, fence)
        elif expires_at > assignment.expires_at:
            change(connection, assignment_id, expires_at=expires_at)
        return find_in(connection, assignment_id)

    return store.write(work)


def release(
    store: Store, assignment_id: int, worker_id: str, fence: int, *, now: datetime, reason: str | None = None
) -> Assignment:
    """Gives an item back unjudged; this worker is not offered it again. Repeating it changes nothing.

    Args:
        reason: for the log, where it was not the worker who gave it back; it then counts as given back by nobody.

    Raises:
        NotFoundError: no such assignment of this worker.
        LeaseLostError: PL-COL-021, the fence is old.
        ConflictError: PL-COL-020, it is submitted already.
    """

    def work(connection: Connection) -> Assignment:
        """Within one transaction: the lease ended, its slot open again."""
        lock_worker(connection, worker_id)
        release_in(connection, assignment_id, worker_id, fence, now, reason=reason)
        return find_in(connection, assignment_id)

    return store.write(work)


# --- within a transaction ---


def require_unsubmitted(assignment: Assignment) -> Assignment:
    """Refuses what is over for good.

    Raises:
        ConflictError: PL-COL-020.
    """
    if assignment.state is AssignmentState.SUBMITTED:
        raise ConflictError(
            "PL-COL-020",
            f"assignment {assignment.id}",
            "it is submitted already",
            expected="one that is still in hand",
            advice="correct the judgement instead, which keeps both",
        )
    return assignment


def release_in(
    connection: Connection, assignment_id: int, worker_id: str, fence: int, now: datetime, *, reason: str | None = None
) -> bool:
    """Gives an item back, its worker locked by the transaction; False where it was given back before.

    Raises as `release`.
    """
    found = find_in(connection, assignment_id, worker_id)
    lock_queue(connection, found.study_id)
    assignment = require_unsubmitted(lock_assignment(connection, assignment_id, worker_id))
    if assignment.fence != fence:
        raise lease_lost(assignment, fence)
    if assignment.state is AssignmentState.RELEASED:
        return False
    held = assignment.state is AssignmentState.LEASED
    if held:
        position = take_positions(connection, assignment.study_id, 1)
        give_slot_back(connection, assignment.item_id, position)
    excused = int(reason is not None)
    change(connection, assignment_id, state=AssignmentState.RELEASED.value, ended_at=now, excused=excused)
    why = {} if reason is None else {"reason": reason}
    log(connection, EventKind.RELEASED if held else EventKind.DECLINED, assignment, now, **why)
    return True


def lease_lost(assignment: Assignment, fence: int) -> LeaseLostError:
    """PL-COL-021: the lease that the caller holds is over."""
    return LeaseLostError(
        "PL-COL-021",
        f"assignment {assignment.id}",
        "its lease is over and the item is another's, or it was leased anew",
        expected=f"fence {assignment.fence} and an open slot",
        found=f"fence {fence}, state {assignment.state}",
        advice="take the next item; what was written stays in the draft",
    )


def reclaim(
    connection: Connection, assignment: Assignment, state: AssignmentState, now: datetime, expires_at: datetime
) -> bool:
    """Gives an ended assignment a slot again, where one is open; False where there is none.

    A lease is not had again by a worker who holds another item of the queue: one item in hand at a time.
    """
    if state is AssignmentState.LEASED and _in_hand(connection, Seeker(*_queue_of(assignment))) is not None:
        return False
    query = select(items.c.open_slots, items.c.overlap).where(items.c.id == assignment.item_id)
    item = connection.execute(query.with_for_update(key_share=True)).one()
    if item.open_slots == 0:
        return False
    slot = _free_slot(connection, assignment.item_id, item.overlap)
    ended_at = None if state is AssignmentState.LEASED else now
    changed = {"state": state.value, "slot": slot, "expires_at": expires_at, "ended_at": ended_at, "excused": 0}
    change(connection, assignment.id, **changed)
    use_slot(connection, assignment.item_id)
    log(connection, EventKind.RECLAIMED, assignment, now, slot=slot)
    return True


def change(connection: Connection, assignment_id: int, **values: Any) -> None:
    """Changes columns of an assignment that the transaction has locked."""
    connection.execute(_changing(tuple(values)), {"number": assignment_id, **values})


@lru_cache
def _changing(names: tuple[str, ...]) -> Update:
    changed = {name: bindparam(name, type_=assignments.c[name].type) for name in names}
    return update(assignments).where(assignments.c.id == bindparam("number")).values(changed)


def log(connection: Connection, kind: EventKind, assignment: Assignment, now: datetime, **payload: Any) -> bool:
    """Logs an act on an assignment, with its fence; whether a webhook may want to be told, as `add_event`."""
    return add_event(
        connection,
        kind,
        now,
        study_id=assignment.study_id,
        person_id=assignment.worker_id,
        item_id=assignment.item_id,
        assignment_id=assignment.id,
        payload={"fence": assignment.fence, **payload},
    )


def _take(connection: Connection, seeker: Seeker, terms: LeaseTerms, version: int, now: datetime) -> Taken | None:
    lock_worker(connection, seeker.worker_id)
    held = _in_hand(connection, seeker)
    if held is not None:
        return _resume(connection, held, terms, version, now)
    found = lock_next_item(connection, seeker)
    if found is None:
        return None
    item = found.item
    slot = 0 if item.open_slots == item.overlap else _free_slot(connection, item.id, item.overlap)
    lease = {"slot": slot, "state": AssignmentState.LEASED.value, "leased_at": now, "expires_at": terms.expires_at}
    assignment = (_lease_again if found.again else _lease)(connection, seeker, item, lease)
    use_slot(connection, item.id)
    log(connection, EventKind.LEASED, assignment, now, slot=slot)
    return Taken(assignment, row_maps.ITEM.of(item), resumed=False, guidelines_version=version)


def _lease(connection: Connection, seeker: Seeker, item: Row[Any], lease: dict[str, Any]) -> Assignment:
    values = seeker.values | {"item_id": item.id, "overlap": item.overlap, "fence": 1} | lease
    return row_maps.ASSIGNMENT.of(connection.execute(_INSERT, values).one())


def _lease_again(connection: Connection, seeker: Seeker, item: Row[Any], lease: dict[str, Any]) -> Assignment:
    query = update(assignments).where(assignments.c.item_id == item.id, assignments.c.worker_id == seeker.worker_id)
    query = query.values(**lease, fence=assignments.c.fence + 1, ended_at=None)
    return row_maps.ASSIGNMENT.of(connection.execute(query.returning(*row_maps.ASSIGNMENT.columns)).one())


def _resume(connection: Connection, held: Assignment, terms: LeaseTerms, version: int, now: datetime) -> Taken:
    if held.expires_at <= now:
        # Past, but nobody has ended it: the slot is still theirs, under the same fence.
        change(connection, held.id, expires_at=terms.expires_at)
        log(connection, EventKind.RENEWED, held, now)
        held = find_in(connection, held.id)
    item = connection.execute(select(*row_maps.ITEM.columns).where(items.c.id == held.item_id)).one()
    return Taken(held, row_maps.ITEM.of(item), resumed=True, guidelines_version=version)


def _in_hand(connection: Connection, seeker: Seeker) -> Assignment | None:
    row = connection.execute(_IN_HAND, seeker.values).one_or_none()
    return None if row is None else row_maps.ASSIGNMENT.of(row)


def _free_slot(connection: Connection, item_id: int, overlap: int) -> int:
    """The next slot of an item, which the transaction has locked: the one after the last, else the first gap."""
    last = connection.execute(_LAST_SLOT, {"item": item_id}).scalar_one()
    if last is None or last + 1 < overlap:
        return 0 if last is None else int(last) + 1
    used = set(connection.execute(_SLOTS, {"item": item_id}).scalars())
    return next(slot for slot in range(overlap) if slot not in used)


def _lapsed(study_id: int, now: datetime, but_of: str | None) -> dict[str, Any]:
    return {"study": study_id, "now": now, "but_of": but_of or ""}


def _expire(connection: Connection, study_id: int, batch: dict[str, Any], now: datetime, *, wait: bool) -> int:
    if not lock_queue(connection, study_id, wait=wait):
        return 0
    found = connection.execute(_LOCK_LAPSED_WAITING if wait else _LOCK_LAPSED, batch)
    lapsed = sorted((row_maps.ASSIGNMENT.of(row) for row in found), key=lambda assignment: assignment.item_id)
    position = take_positions(connection, study_id, len(lapsed)) if lapsed else 0
    for offset, assignment in enumerate(lapsed):
        give_slot_back(connection, assignment.item_id, position + offset)
        change(connection, assignment.id, state=AssignmentState.EXPIRED.value, ended_at=now)
        log(connection, EventKind.EXPIRED, assignment, now)
    return len(lapsed)


def _queue_of(assignment: Assignment) -> tuple[str, int, Purpose]:
    return assignment.worker_id, assignment.study_id, assignment.purpose
