"""Reading assignments, and locking one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.rows import Assignment, AssignmentState, Item, Purpose
from plumbline.collect.store.tables import IS_LEASED, assignments, items

# Statements are made once: building one takes longer than running it.
ASSIGNMENTS = select(*row_maps.ASSIGNMENT.columns)
_OF_NUMBER = ASSIGNMENTS.where(assignments.c.id == bindparam("number"))
_WITH_ITEM = _OF_NUMBER.join(items, items.c.id == assignments.c.item_id).add_columns(
    *row_maps.ITEM.labelled("of_item_")
)
_LOCK_NUMBER = _OF_NUMBER.with_for_update(key_share=True)
# Not sorted here: for that SQLite would go through everything the worker ever had. There is one of a purpose at most.
_ANY_IN_HAND = ASSIGNMENTS.where(
    assignments.c.worker_id == bindparam("worker_id"), assignments.c.study_id == bindparam("study_id")
).where(assignments.c.purpose.in_(bindparam("purposes", expanding=True)), IS_LEASED)


def read_assignment(store: Store, assignment_id: int, worker_id: str | None = None) -> Assignment:
    """The assignment of this number; with `worker_id` only where it is theirs.

    Raises:
        NotFoundError: PL-COL-010.
    """
    return _found(store.row(_OF_NUMBER, {"number": assignment_id}), assignment_id, worker_id)


def read_with_item(store: Store, assignment_id: int, worker_id: str) -> tuple[Assignment, Item]:
    """The worker's assignment and its item.

    Raises:
        NotFoundError: PL-COL-010, there is none, or it is another's.
    """
    row = store.row(_WITH_ITEM, {"number": assignment_id})
    if row is None or row.worker_id != worker_id:
        raise not_found("assignment", assignment_id)
    return row_maps.ASSIGNMENT.of(row), row_maps.ITEM.of(row, "of_item_")


def find_in_hand(store: Store, study_id: int, worker_id: str, purposes: Sequence[Purpose]) -> Assignment | None:
    """What the worker has in hand of a study, of any of these purposes; also where the study is not open now."""
    values = {"worker_id": worker_id, "study_id": study_id, "purposes": [purpose.value for purpose in purposes]}
    rows = store.rows(_ANY_IN_HAND, values)
    return min(map(row_maps.ASSIGNMENT.of, rows), key=lambda assignment: assignment.id, default=None)


def submitted_by(
    store: Store, study_id: int, worker_id: str, purpose: Purpose, *, batch: int = 1000
) -> Iterator[Assignment]:
    """What a worker has finished of one queue of a study, oldest first."""
    of_queue = (assignments.c.study_id == study_id, assignments.c.purpose == purpose.value)
    finished = assignments.c.state == AssignmentState.SUBMITTED.value
    query = ASSIGNMENTS.where(
        assignments.c.worker_id == worker_id, *of_queue, finished, assignments.c.id > bindparam("after")
    )
    query = query.order_by(assignments.c.id).limit(batch)

    def page(after: int) -> list[Assignment]:
        """The next of them."""
        rows = store.rows(query, {"after": after})
        return [row_maps.ASSIGNMENT.of(row) for row in rows]

    found = page(0)
    while found:
        yield from found
        found = page(found[-1].id)


def newest_submitted(store: Store, study_id: int, worker_id: str, purpose: Purpose, *, limit: int) -> list[int]:
    """The numbers of what a worker finished last in one queue of a study, newest first, at most `limit`."""
    query = select(assignments.c.id).where(
        assignments.c.worker_id == worker_id,
        assignments.c.study_id == study_id,
        assignments.c.purpose == purpose.value,
        assignments.c.state == AssignmentState.SUBMITTED.value,
    )
    return [int(row.id) for row in store.rows(query.order_by(assignments.c.id.desc()).limit(limit))]


# --- within a transaction ---


def find_in(connection: Connection, assignment_id: int, worker_id: str | None = None) -> Assignment:
    """The assignment, without a lock."""
    row = connection.execute(_OF_NUMBER, {"number": assignment_id}).one_or_none()
    return _found(row, assignment_id, worker_id)


def lock_assignment(connection: Connection, assignment_id: int, worker_id: str) -> Assignment:
    """The worker's assignment, locked until the transaction ends; another's is not found."""
    row = connection.execute(_LOCK_NUMBER, {"number": assignment_id}).one_or_none()
    return _found(row, assignment_id, worker_id)


def _found(row: Row[Any] | None, assignment_id: int, worker_id: str | None) -> Assignment:
    if row is None or worker_id not in (None, row.worker_id):
        raise not_found("assignment", assignment_id)
    return row_maps.ASSIGNMENT.of(row)
