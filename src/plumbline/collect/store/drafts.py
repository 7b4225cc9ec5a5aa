"""Drafts: what a worker has written so far, kept on the server. Two tabs cannot overwrite each other unseen."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.assignments import find_in, lock_assignment
from plumbline.collect.store.column_types import JsonValue, format_json
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import DraftConflictError, not_found
from plumbline.collect.store.leasing import require_unsubmitted
from plumbline.collect.store.people import lock_worker
from plumbline.collect.store.rows import AssignmentState, Draft
from plumbline.collect.store.submission import refuse_withdrawn
from plumbline.collect.store.tables import drafts


def save_draft(
    store: Store, assignment_id: int, worker_id: str, payload: JsonValue, *, version_read: int, now: datetime
) -> Draft:
    """Stores a draft over the version that was read; 0 for the first. The stored payload again changes nothing.

    A lease that is over does not matter: what was written is kept. A finished assignment has no draft.

    Raises:
        NotFoundError: no such assignment of this worker. ConflictError: PL-COL-020, it is submitted; PL-COL-029, its item
            was withdrawn.
        DraftConflictError: PL-COL-022, saved from elsewhere meanwhile; carries the stored draft.
    """

    def work(connection: Connection) -> Draft:
        """Within one transaction: the draft, unless another version stands there."""
        lock_worker(connection, worker_id)
        assignment = require_unsubmitted(lock_assignment(connection, assignment_id, worker_id))
        if assignment.state is not AssignmentState.LEASED:  # leases end where an item is withdrawn
            refuse_withdrawn(connection, assignment)
        stored = _draft_in(connection, assignment_id)
        # As JSON: for Python 1, True and 1.0 are the same.
        if stored is not None and format_json(stored.payload) == format_json(payload):
            return stored
        if version_read != (stored.version if stored else 0):
            if stored is None:
                raise not_found(f"draft of assignment {assignment_id}, version", version_read)
            raise DraftConflictError(stored, version_read)
        values = {"version": version_read + 1, "payload": payload, "updated_at": now}
        if stored is None:
            connection.execute(insert(drafts), {"assignment_id": assignment_id, **values})
        else:
            connection.execute(update(drafts).where(drafts.c.assignment_id == assignment_id).values(**values))
        return Draft(assignment_id, version_read + 1, payload, now)

    return store.write(work)


def read_draft(store: Store, assignment_id: int, worker_id: str) -> Draft | None:
    """The draft as it stands; None where there is none.

    Raises:
        NotFoundError: no such assignment of this worker.
    """

    def work(connection: Connection) -> Draft | None:
        """Within one transaction: the draft of one's own assignment."""
        find_in(connection, assignment_id, worker_id)
        return _draft_in(connection, assignment_id)

    return store.read(work)


def _draft_in(connection: Connection, assignment_id: int) -> Draft | None:
    query = select(*row_maps.DRAFT.columns).where(drafts.c.assignment_id == assignment_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else row_maps.DRAFT.of(row)
