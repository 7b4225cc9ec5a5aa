"""What must hold of a store at every moment, checked row by row: nothing lost, nothing doubled, overlap exact.

The constraints forbid most of it. This looks again without trusting them, and at what no constraint can say: that what
was acknowledged to a worker stands there, that every lease has its beginning and its end in the log, that no item is
behind a worker's cursor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind
from plumbline.collect.store.faults import Fault as Fault
from plumbline.collect.store.judgement_checks import JUDGEMENT_CHECKS
from plumbline.collect.store.queue import is_about_had
from plumbline.collect.store.rows import AssignmentState, Outcome, Purpose
from plumbline.collect.store.stored_checks import STORED_CHECKS
from plumbline.collect.store.tables import (
    HOLDS_SLOT,
    IS_LEASED,
    IS_OPEN,
    assignments,
    cursors,
    erasing,
    events,
    items,
    judgements,
    late,
    people,
    requests,
    tallies,
)

_SHOWN_OF_A_KIND = 100


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A submission that a client was told is stored: what the client's own log says, beside the store."""

    worker_id: str
    idempotency_key: str
    outcome: Outcome


def check_store(store: Store, *, complete: bool = False, acknowledged: Iterable[Acknowledged] = ()) -> list[Fault]:
    """Looks for what must never be, on one snapshot.

    Args:
        complete: also ask that every item has exactly its overlap of submitted assignments.
        acknowledged: what clients were told; each must stand in the store, with the same outcome.
    Returns:
        Faults, at most 100 of a kind; none where all is well.
    """

    def work(connection: Connection) -> list[Fault]:
        """Within one transaction: every check, so that all see one state."""
        found = [fault for check in _CHECKS for fault in check(connection)]
        if complete:
            found += _incomplete_items(connection)
        return found + list(_lost_receipts(connection, acknowledged))

    counts = Counter[str]()
    kept = []
    for fault in store.read(work):
        counts[fault.kind] += 1
        if counts[fault.kind] <= _SHOWN_OF_A_KIND:
            kept.append(fault)
    return kept


def _slots(connection: Connection) -> Iterator[Fault]:
    held = (
        select(
            assignments.c.item_id,
            func.count().label("count"),
            func.count(assignments.c.slot.distinct()).label("different"),
            func.max(assignments.c.slot).label("last"),
        )
        .where(HOLDS_SLOT)
        .group_by(assignments.c.item_id)
        .subquery()
    )
    count = func.coalesce(held.c.count, 0)
    should_be = case((items.c.withdrawn_at.is_not(None), 0), else_=items.c.overlap - count)
    query = select(items.c.id, items.c.overlap, items.c.open_slots, count, held.c.different, held.c.last, should_be)
    query = query.outerjoin(held, held.c.item_id == items.c.id).where(
        or_(
            count > items.c.overlap,
            count != held.c.different,
            held.c.last >= items.c.overlap,
            items.c.open_slots != should_be,
        )
    )
    for item_id, overlap, open_slots, held_count, different, last, expected in connection.execute(query):
        place = f"item {item_id}"
        if held_count > overlap or (last is not None and last >= overlap):
            yield Fault("overlap_exceeded", place, f"overlap {overlap}, {held_count} slots held, the last is {last}")
        if held_count and held_count != different:
            yield Fault("slot_doubled", place, f"{held_count} assignments hold {different} different slots")
        if open_slots != expected:
            yield Fault("open_slots_wrong", place, f"{open_slots} said to be open, {expected} are")


def _incomplete_items(connection: Connection) -> Iterator[Fault]:
    done = (
        select(assignments.c.item_id, func.count().label("count"))
        .where(assignments.c.state == AssignmentState.SUBMITTED.value)
        .group_by(assignments.c.item_id)
        .subquery()
    )
    count = func.coalesce(done.c.count, 0)
    query = select(items.c.id, items.c.overlap, count).outerjoin(done, done.c.item_id == items.c.id)
    wanted = (count < items.c.overlap, items.c.withdrawn_at.is_(None))
    for item_id, overlap, found in connection.execute(query.where(*wanted)):
        yield Fault("overlap_missing", f"item {item_id}", f"overlap {overlap}, {found} submitted")


def _workers(connection: Connection) -> Iterator[Fault]:
    twice = select(assignments.c.item_id, assignments.c.worker_id, func.count())
    twice = twice.group_by(assignments.c.item_id, assignments.c.worker_id).having(func.count() > 1)
    for item_id, worker_id, count in connection.execute(twice):
        yield Fault("worker_twice", f"item {item_id}", f"{count} assignments of person {worker_id}")
    own = select(assignments.c.id, items.c.id).join(items, items.c.id == assignments.c.item_id)
    for assignment_id, item_id in connection.execute(own.where(items.c.author_id == assignments.c.worker_id)):
        yield Fault("own_item", f"assignment {assignment_id}", f"item {item_id} is the worker's own")
    ruled = select(assignments.c.id, items.c.id).join(items, items.c.id == assignments.c.item_id)
    ruled = ruled.where(_is_about_had(connection, assignments.c.worker_id, assignments.c.id))
    for assignment_id, item_id in connection.execute(ruled):
        yield Fault("own_item", f"assignment {assignment_id}", f"item {item_id} is about what the worker had")


def _is_about_had(
    connection: Connection, worker_id: ColumnElement[str], before: ColumnElement[int] | None = None
) -> ColumnElement[bool]:
    """Whether `items` is an adjudication of what the worker had; see ``queue.is_about_had``."""
    about_had = is_about_had(connection.dialect.name, items.c.id, worker_id, before)
    return and_(items.c.purpose == Purpose.ADJUDICATION.value, about_had)


def _hands(connection: Connection) -> Iterator[Fault]:
    keys = (assignments.c.worker_id, assignments.c.study_id, assignments.c.purpose)
    held = select(*keys, func.count()).where(IS_LEASED).group_by(*keys).having(func.count() > 1)
    for worker_id, study_id, purpose, count in connection.execute(held):
        place = f"person {worker_id}, study {study_id}, {purpose}"
        yield Fault("two_in_hand", place, f"{count} items in hand, one at a time may be")


def _opened(connection: Connection) -> Iterator[Fault]:
    """While a row stands in `erasing`, what is append-only may be changed; none can be committed."""
    count = connection.execute(select(func.count()).select_from(erasing)).scalar_one()
    if count:
        yield Fault("left_open", "table erasing", f"{count} rows: judgements and the log may be changed unseen")


def _withdrawn(connection: Connection) -> Iterator[Fault]:
    """Nobody holds an item that is withdrawn; what was submitted before stands."""
    held = select(assignments.c.id, items.c.id).join(items, items.c.id == assignments.c.item_id)
    held = held.where(items.c.withdrawn_at.is_not(None), IS_LEASED)
    for assignment_id, item_id in connection.execute(held):
        yield Fault("withdrawn_in_hand", f"assignment {assignment_id}", f"item {item_id} is withdrawn")


def _receipts(connection: Connection) -> Iterator[Fault]:
    """Each receipt's rows stand there, and each judgement and late submission has its receipt.

    Erasing removes a person's receipts, whose digests are of texts, and keeps what they judged.
    """
    erased = select(people.c.id).where(people.c.erased_at.is_not(None))
    of_all = select(judgements.c.worker_id, judgements.c.idempotency_key, judgements.c.id)
    of_all = of_all.where(judgements.c.worker_id.not_in(erased))
    stored = {(row.worker_id, row.idempotency_key, row.id) for row in connection.execute(of_all)}
    set_aside = select(late.c.worker_id, late.c.idempotency_key).where(late.c.worker_id.not_in(erased))
    kept = {tuple(row) for row in connection.execute(set_aside)}
    query = select(requests.c.worker_id, requests.c.idempotency_key, requests.c.receipt)
    for worker_id, key, receipt in connection.execute(query):
        place = f"request {key} of person {worker_id}"
        if receipt["outcome"] == Outcome.LATE and (worker_id, key) not in kept:
            yield Fault("receipt_lost", place, "told that it is late, and not kept")
        kept.discard((worker_id, key))
        for judgement_id in receipt["judgement_ids"]:
            if (worker_id, key, judgement_id) not in stored:
                yield Fault("judgement_lost", place, f"told of judgement {judgement_id}, which is not there")
            stored.discard((worker_id, key, judgement_id))
    for _, key, judgement_id in sorted(stored):
        yield Fault("judgement_doubled", f"judgement {judgement_id}", f"no receipt of request {key} names it")
    for worker_id, key in sorted(kept):
        yield Fault("receipt_lost", f"late request {key} of person {worker_id}", "nobody was told of it")


def _lost_receipts(connection: Connection, acknowledged: Iterable[Acknowledged]) -> Iterator[Fault]:
    told = list(acknowledged)
    if not told:
        return
    query = select(requests.c.worker_id, requests.c.idempotency_key, requests.c.receipt)
    stored = {(row[0], row[1]): row[2]["outcome"] for row in connection.execute(query)}
    for answer in told:
        found = stored.get((answer.worker_id, answer.idempotency_key))
        if found != answer.outcome:
            place = f"request {answer.idempotency_key} of person {answer.worker_id}"
            yield Fault("receipt_lost", place, f"the client was told {answer.outcome}, the store says {found}")


def _leases(connection: Connection) -> Iterator[Fault]:
    """Every lease began in the log as often as its fence says, and ended there as often as it holds no slot."""

    def count(*kinds: EventKind) -> Any:
        """How many events of these kinds."""
        return func.sum(case((events.c.kind.in_([kind.value for kind in kinds]), 1), else_=0))

    logged = (
        select(
            events.c.assignment_id,
            count(EventKind.LEASED).label("leased"),
            count(EventKind.LEASED, EventKind.RECLAIMED).label("begun"),
            count(EventKind.SUBMITTED).label("submitted"),
            count(EventKind.EXPIRED).label("expired"),
            count(EventKind.RELEASED).label("released"),
        )
        .where(events.c.assignment_id.is_not(None))
        .group_by(events.c.assignment_id)
        .subquery()
    )
    query = select(assignments.c.id, assignments.c.state, assignments.c.fence, logged)
    for row in connection.execute(query.outerjoin(logged, logged.c.assignment_id == assignments.c.id)):
        held = row.state in (AssignmentState.LEASED, AssignmentState.SUBMITTED)
        ended = (row.expired or 0) + (row.released or 0)
        balanced = (row.begun or 0) - int(held) == ended
        once = (row.submitted or 0) == int(row.state == AssignmentState.SUBMITTED)
        if row.leased != row.fence or not balanced or not once:
            found = f"state {row.state}, fence {row.fence}; leased {row.leased}, begun {row.begun}, ended {ended}"
            yield Fault("lease_unaccounted", f"assignment {row.id}", f"{found}, submitted {row.submitted}")


def _tallies(connection: Connection) -> Iterator[Fault]:
    keys = (assignments.c.worker_id, assignments.c.study_id, assignments.c.purpose)
    done = select(*keys, func.count()).where(assignments.c.state == AssignmentState.SUBMITTED.value).group_by(*keys)
    counted = {tuple(row[:3]): row[3] for row in connection.execute(done)}
    query = select(tallies.c.worker_id, tallies.c.study_id, tallies.c.purpose, tallies.c.submitted)
    tallied = {tuple(row[:3]): row[3] for row in connection.execute(query)}
    for key in sorted(counted.keys() | tallied.keys()):
        if counted.get(key, 0) != tallied.get(key, 0):
            place = f"person {key[0]}, study {key[1]}, {key[2]}"
            yield Fault("tally_wrong", place, f"{tallied.get(key, 0)} tallied, {counted.get(key, 0)} are")


def _passed_over(connection: Connection) -> Iterator[Fault]:
    """An open item at or before a worker's cursor which they never had: they would never get it."""
    had = (
        select(assignments.c.id)
        .where(assignments.c.item_id == items.c.id, assignments.c.worker_id == cursors.c.worker_id)
        .where(assignments.c.state != AssignmentState.EXPIRED.value)
    )
    query = (
        select(items.c.id, cursors.c.worker_id)
        .join(
            cursors,
            and_(
                cursors.c.study_id == items.c.study_id,
                cursors.c.purpose == items.c.purpose,
                cursors.c.lane == items.c.lane,
                cursors.c.position >= items.c.position,
            ),
        )
        .where(IS_OPEN, or_(items.c.author_id.is_(None), items.c.author_id != cursors.c.worker_id), ~had.exists())
        .where(~_is_about_had(connection, cursors.c.worker_id))
    )
    for item_id, worker_id in connection.execute(query):
        yield Fault("item_passed_over", f"item {item_id}", f"person {worker_id} would never get it")


_CHECKS: tuple[Callable[[Connection], Iterator[Fault]], ...] = (
    _slots,
    _workers,
    _hands,
    _opened,
    _withdrawn,
    *STORED_CHECKS,
    *JUDGEMENT_CHECKS,
    _receipts,
    _leases,
    _tallies,
    _passed_over,
)
