"""Submitting: one transaction from the request's key to the judgements, so that a repeated request changes nothing.

The answer is one of three: *accepted* (counted), *late* (kept apart and told: the slot was another's by then), or an
error that stored nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from math import isfinite
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from plumbline.collect.store import row_maps
from plumbline.collect.store.assignments import find_in, lock_assignment
from plumbline.collect.store.column_types import JsonValue
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind
from plumbline.collect.store.failures import ConflictError, not_found, value_refused
from plumbline.collect.store.items import enter_batch
from plumbline.collect.store.leasing import change, log, reclaim, release_in, require_unsubmitted
from plumbline.collect.store.outbox import tell_submitted
from plumbline.collect.store.participation import count_submitted, record_consent
from plumbline.collect.store.people import lock_worker
from plumbline.collect.store.queue import lock_queue
from plumbline.collect.store.rows import (
    Assignment,
    AssignmentState,
    Judgement,
    LateSubmission,
    NewJudgement,
    Outcome,
    Receipt,
    Submission,
)
from plumbline.collect.store.tables import assignments, drafts, items, judgements, late, requests

# Statements are made once: building one takes longer than running it.
_REQUEST = select(requests).where(
    requests.c.worker_id == bindparam("worker"), requests.c.idempotency_key == bindparam("key")
)
_OF_ASSIGNMENT = judgements.c.assignment_id == bindparam("assignment")
# Corrections are left out afterwards: told to leave them out, SQLite reads all rows that correct nothing.
_PARTS_OF_ASSIGNMENT = select(judgements.c.part, judgements.c.corrects).where(_OF_ASSIGNMENT)
_INSERT = insert(judgements).returning(judgements.c.id)
_END_DRAFT = delete(drafts).where(drafts.c.assignment_id == bindparam("assignment"))
_KEEP = insert(requests)
_WITHDRAWN = select(items.c.withdrawn_at).where(items.c.id == bindparam("item"))


def submit(store: Store, submission: Submission, *, now: datetime) -> Receipt:
    """Stores what a worker hands in, or finds that it stands there already.

    A lease that is past counts as long as its slot is nobody else's. ``finished`` False stores a part (one turn of a
    conversation) and keeps the assignment in hand.

    Returns:
        A receipt; ``outcome`` late where the slot was another's by then or the fence is old. A late submission is kept
        for the study's manager, is not counted, and enters no follow-ups.
    Raises:
        NotFoundError: no such assignment of this worker.
        NotAllowedError: PL-COL-031, blocked or erased.
        ConflictError: PL-COL-023 the key was used with another body, PL-COL-020 submitted under another key,
            PL-COL-024 this part was judged under another key, PL-COL-026 nothing was judged, PL-COL-029 the item was
            withdrawn.
    """
    return store.write(lambda connection: _submit(connection, submission, now))


def correct(
    store: Store,
    judgement_id: int,
    worker_id: str,
    judgement: NewJudgement,
    *,
    idempotency_key: str,
    body_sha256: str,
    now: datetime,
) -> Receipt:
    """A new judgement that takes the place of an old one; both stay. Who may correct whom is the caller's rule.

    Raises:
        NotFoundError: PL-COL-010, no such judgement.
        ConflictError: PL-COL-027, it was corrected already, so correct the newer one; PL-COL-023; PL-COL-029, the item
            was withdrawn; PL-COL-032, the worker gave it back.
    """

    def work(connection: Connection) -> Receipt:
        """Within one transaction: an earlier receipt of this key, else the correction."""
        lock_worker(connection, worker_id)
        earlier = _earlier_receipt(connection, worker_id, idempotency_key, body_sha256)
        if earlier is not None:
            return earlier
        old = _judgement_in(connection, judgement_id)
        assignment = find_in(connection, old.assignment_id)
        assignment = lock_assignment(connection, assignment.id, assignment.worker_id)
        refuse_withdrawn(connection, assignment)
        _refuse_given_back(assignment)
        _refuse_corrected(connection, old)
        new = replace(judgement, part=old.part)
        ids = _insert_judgements(
            connection, replace(assignment, worker_id=worker_id), (new,), idempotency_key, now, corrects=old.id
        )
        log(connection, EventKind.CORRECTED, assignment, now, corrects=old.id, judgement=ids[0])
        receipt = Receipt(assignment.id, Outcome.ACCEPTED, ids, {})
        _keep_receipt(connection, worker_id, idempotency_key, body_sha256, receipt, now)
        return receipt

    return store.write(work)


def decline(
    store: Store,
    assignment_id: int,
    worker_id: str,
    fence: int,
    *,
    idempotency_key: str,
    body_sha256: str,
    now: datetime,
) -> Receipt:
    """Gives an item back because its worker does not consent; logged once, however often they say so.

    Raises:
        NotFoundError: no such assignment of this worker. NotAllowedError: PL-COL-031.
        LeaseLostError: PL-COL-021, the fence is old.
        ConflictError: PL-COL-020, it is submitted already; PL-COL-023.
    """

    def work(connection: Connection) -> Receipt:
        """Within one transaction: an earlier receipt of this key, else the item given back and that logged."""
        lock_worker(connection, worker_id)
        earlier = _earlier_receipt(connection, worker_id, idempotency_key, body_sha256)
        if earlier is not None:
            return earlier
        if release_in(connection, assignment_id, worker_id, fence, now):
            log(connection, EventKind.CONSENT_DECLINED, find_in(connection, assignment_id), now)
        receipt = Receipt(assignment_id, Outcome.DECLINED, (), {})
        _keep_receipt(connection, worker_id, idempotency_key, body_sha256, receipt, now)
        return receipt

    return store.write(work)


def list_late(store: Store, study_id: int, *, after: int = 0, limit: int = 1000) -> list[LateSubmission]:
    """Submissions to a study that came when the slot was another's, oldest first."""
    query = select(*row_maps.LATE.columns).join(assignments, assignments.c.id == late.c.assignment_id)
    query = query.where(assignments.c.study_id == study_id, late.c.id > after).order_by(late.c.id).limit(limit)
    return [row_maps.LATE.of(row) for row in store.rows(query)]


def find_receipt(store: Store, worker_id: str, idempotency_key: str, body_sha256: str) -> Receipt | None:
    """The receipt that was given for this request; None where it was never answered.

    Raises:
        ConflictError: PL-COL-023, the key was used with another body.
    """
    row = store.row(_REQUEST, {"worker": worker_id, "key": idempotency_key})
    return _receipt_of(row, worker_id, body_sha256)


def _submit(connection: Connection, submission: Submission, now: datetime) -> Receipt:
    worker_id, key = submission.worker_id, submission.idempotency_key
    lock_worker(connection, worker_id)
    # Under the lock: the same request may have come twice at once.
    earlier = _earlier_receipt(connection, worker_id, key, submission.body_sha256)
    if earlier is not None:
        return earlier
    if submission.follow_ups:
        lock_queue(connection, find_in(connection, submission.assignment_id, worker_id).study_id)
    assignment = require_unsubmitted(lock_assignment(connection, submission.assignment_id, worker_id))
    reason = _why_late(connection, assignment, submission, now)
    receipt = (
        _accept(connection, assignment, submission, now)
        if reason is None
        else _set_aside(connection, assignment, submission, reason, now)
    )
    _keep_receipt(connection, worker_id, key, submission.body_sha256, receipt, now)
    return receipt


def _why_late(connection: Connection, assignment: Assignment, submission: Submission, now: datetime) -> str | None:
    """None where the assignment holds a slot, or got one again just now."""
    is_of_lease = submission.fence == assignment.fence
    if is_of_lease and assignment.state is AssignmentState.LEASED:
        return None
    refuse_withdrawn(connection, assignment)
    if not is_of_lease:
        return "fence"
    if assignment.state is AssignmentState.RELEASED and not submission.finished:
        return "released"  # it is not taken in hand again, whatever came late: its worker gave it back
    state = AssignmentState.SUBMITTED if submission.finished else AssignmentState.LEASED
    expires_at = submission.expires_at or assignment.expires_at
    return None if reclaim(connection, assignment, state, now, expires_at) else "slot"


def refuse_withdrawn(connection: Connection, assignment: Assignment) -> None:
    """Nothing more is kept about words that were erased: a tab that stood open may still quote them.

    Nor of labels that were split, and are not any more.

    Raises:
        ConflictError: PL-COL-029.
    """
    withdrawn = connection.execute(_WITHDRAWN, {"item": assignment.item_id}).scalar_one()
    if withdrawn is not None:
        raise ConflictError(
            "PL-COL-029",
            f"assignment {assignment.id}",
            "its item was withdrawn: what it was made of is erased, or the labels it is about agree by now",
            expected="an item that is still asked about",
            advice="take the next item; nothing of this one is kept",
        )


def _accept(connection: Connection, assignment: Assignment, submission: Submission, now: datetime) -> Receipt:
    parts = _parts_with(connection, assignment, submission.judgements)
    if submission.finished and not parts:
        raise _nothing_judged(assignment)
    ids = _insert_judgements(connection, assignment, submission.judgements, submission.idempotency_key, now)
    if submission.finished:
        _finish(connection, assignment, now)
    elif submission.expires_at is not None and submission.expires_at > assignment.expires_at:
        change(connection, assignment.id, expires_at=submission.expires_at)
    if submission.consents:
        record_consent(connection, assignment.study_id, assignment.worker_id, now=now)
    kind = EventKind.SUBMITTED if submission.finished else EventKind.JUDGED
    is_told = log(connection, kind, assignment, now, judgements=list(ids))
    enter_batch(connection, assignment.study_id, submission.follow_ups, now)
    if is_told:
        tell_submitted(connection, assignment, submission.judgements, now)
    return Receipt(assignment.id, Outcome.ACCEPTED, ids, dict(submission.answer))


def _nothing_judged(assignment: Assignment) -> ConflictError:
    return ConflictError(
        "PL-COL-026",
        f"assignment {assignment.id}",
        "it would be finished without a judgement",
        advice="submit the judgement with it, or release the item",
    )


def _finish(connection: Connection, assignment: Assignment, now: datetime) -> None:
    change(connection, assignment.id, state=AssignmentState.SUBMITTED.value, ended_at=now)
    count_submitted(connection, assignment.study_id, assignment.worker_id, assignment.purpose)
    connection.execute(_END_DRAFT, {"assignment": assignment.id})


def _set_aside(
    connection: Connection, assignment: Assignment, submission: Submission, reason: str, now: datetime
) -> Receipt:
    payload = {
        "finished": submission.finished,
        "judgements": [asdict(judgement) for judgement in submission.judgements],
    }
    values = {
        "assignment_id": assignment.id,
        "worker_id": assignment.worker_id,
        "fence": submission.fence,
        "reason": reason,
        "idempotency_key": submission.idempotency_key,
        "payload": payload,
        "created_at": now,
    }
    connection.execute(insert(late), values)
    log(connection, EventKind.LATE, assignment, now, reason=reason, shown_fence=submission.fence)
    return Receipt(assignment.id, Outcome.LATE, (), dict(submission.answer))


def _insert_judgements(
    connection: Connection,
    assignment: Assignment,
    new: Sequence[NewJudgement],
    idempotency_key: str,
    now: datetime,
    corrects: int | None = None,
) -> tuple[int, ...]:
    about = {
        "study_id": assignment.study_id,
        "item_id": assignment.item_id,
        "assignment_id": assignment.id,
        "worker_id": assignment.worker_id,
        "idempotency_key": idempotency_key,
        "corrects": corrects,
        "created_at": now,
    }
    # asdict would copy the payload; the fields are named as the columns are.
    return tuple(
        int(connection.execute(_INSERT, about | _fields(judgement)).scalar_one()) for judgement in new
    )  # fmt: skip


def _fields(judgement: NewJudgement) -> dict[str, JsonValue]:
    if judgement.seconds is not None and not isfinite(judgement.seconds):
        raise value_refused("seconds of a judgement", "a finite number", str(judgement.seconds))
    return {
        "part": judgement.part,
        "kind": judgement.kind,
        "payload": judgement.payload,
        "guidelines_version": judgement.guidelines_version,
        "seconds": judgement.seconds,
    }


def _parts_with(connection: Connection, assignment: Assignment, new: Sequence[NewJudgement]) -> list[str]:
    """The parts of the assignment that are judged once the new ones are; each once."""
    stored = connection.execute(_PARTS_OF_ASSIGNMENT, {"assignment": assignment.id})
    parts = [row.part for row in stored if row.corrects is None] + [judgement.part for judgement in new]
    twice = next((part for part in parts if parts.count(part) > 1), None)
    if twice is not None:
        raise ConflictError(
            "PL-COL-024",
            f"assignment {assignment.id}",
            f"its part {twice} is judged already",
            expected="each part once",
            advice="read the assignment again, or correct the judgement",
        )
    return parts


def _refuse_given_back(assignment: Assignment) -> None:
    if assignment.state is AssignmentState.RELEASED:
        raise ConflictError(
            "PL-COL-032",
            f"assignment {assignment.id}",
            "it was given back: what was judged in it counts nowhere, and stays as it is",
            advice="take the next item",
        )


def _refuse_corrected(connection: Connection, old: Judgement) -> None:
    newer = connection.execute(select(judgements.c.id).where(judgements.c.corrects == old.id)).scalar_one_or_none()
    if newer is not None:
        raise ConflictError(
            "PL-COL-027",
            f"judgement {old.id}",
            "it was corrected already",
            found=f"judgement {newer} in its place",
            advice=f"look at judgement {newer} and correct that one",
        )


def _judgement_in(connection: Connection, judgement_id: int) -> Judgement:
    query = select(*row_maps.JUDGEMENT.columns).where(judgements.c.id == judgement_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise not_found("judgement", judgement_id)
    return row_maps.JUDGEMENT.of(row)


def _earlier_receipt(connection: Connection, worker_id: str, key: str, body_sha256: str) -> Receipt | None:
    row = connection.execute(_REQUEST, {"worker": worker_id, "key": key}).one_or_none()
    return _receipt_of(row, worker_id, body_sha256)


def _receipt_of(row: Any, worker_id: str, body_sha256: str) -> Receipt | None:
    if row is None:
        return None
    if row.body_sha256 != body_sha256:
        raise ConflictError(
            "PL-COL-023",
            f"request of person {worker_id}",
            "its key was used before with another body",
            expected="a new key for every act, and the same body where it is repeated",
            advice="draw a new key",
        )
    receipt: Mapping[str, JsonValue] = row.receipt
    outcome, ids = Outcome(receipt["outcome"]), tuple(receipt["judgement_ids"])
    return Receipt(row.assignment_id, outcome, ids, receipt["answer"], repeated=True)


def _keep_receipt(
    connection: Connection, worker_id: str, key: str, body_sha256: str, receipt: Receipt, now: datetime
) -> None:
    values = {
        "worker_id": worker_id,
        "idempotency_key": key,
        "assignment_id": receipt.assignment_id,
        "body_sha256": body_sha256,
        "receipt": {
            "outcome": receipt.outcome.value,
            "judgement_ids": list(receipt.judgement_ids),
            "answer": dict(receipt.answer),
        },
        "created_at": now,
    }
    connection.execute(_KEEP, values)
