"""Visits of workers of MTurk: each accepted HIT, an assignment there, is a visit of its own of the same person.

Who somebody is there, and the number of their assignment, are written here and compared here; what goes out is a token that
is made of the number under the study's secret, from which it cannot be told.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.identity.arrivals import HIT, MTURK, Participant, add_arrival, find_arrived
from plumbline.collect.store.rows import AssignmentState, Person, Purpose
from plumbline.collect.store.tables import arrivals, assignments, people, studies


@dataclass(frozen=True, slots=True)
class HitVisit:
    """The HIT that somebody works for now.

    Attributes:
        id: of the visit.
        token: see `visit_token`.
        completed_at: once enough was finished for it.
        counts_from: when the last visit before was complete; what was finished since counts for this one. None for the first.
    """

    id: int
    token: str = field(repr=False)
    completed_at: datetime | None
    counts_from: datetime | None


def visit_token(secret: str, assignment: str) -> str:
    """What stands for an assignment outside of the store: HMAC-SHA256 under the secret of the study, in hexadecimal."""
    return hmac.new(secret.encode(), b"mturk assignment " + assignment.encode(), "sha256").hexdigest()


def find_hit_visit(store: Store, study_id: int, participant: Participant) -> Person | None:
    """The person whose visit this is, where it was begun before; it is their visit of now from here on.

    Raises:
        ConflictError: PL-ARR-003, it is the visit of another worker.
    """

    def work(connection: Connection) -> Person | None:
        """Within one transaction."""
        worker, hit = arrivals.alias("worker"), arrivals.alias("hit")
        query = select(worker.c.id, worker.c.external_id, *row_maps.PERSON.labelled("person_"))
        query = query.select_from(hit).join(people, people.c.id == hit.c.person_id)
        same_study = (worker.c.person_id == hit.c.person_id) & (worker.c.study_id == hit.c.study_id)
        query = query.join(worker, same_study & (worker.c.provider == MTURK))
        query = query.where(hit.c.provider == HIT, hit.c.external_id == participant.visit, hit.c.study_id == study_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        if row.external_id != participant.external_id:
            raise _of_another()
        connection.execute(update(arrivals).where(arrivals.c.id == row.id).values(visit=participant.visit))
        return row_maps.PERSON.of(row, "person_")

    return store.write(work)


def begin_hit_visit(store: Store, study_id: int, participant: Participant, *, now: datetime) -> Person:
    """A visit of somebody who is known by now, or of somebody new: a worker of this study alone.

    Raises:
        NotFoundError: PL-COL-010, no such study. ConflictError: PL-ARR-003, it is the visit of another worker.
    """
    person = find_arrived(store, study_id, participant) or add_arrival(store, study_id, participant, now=now)

    def work(connection: Connection) -> None:
        """Within one transaction: the visit, once; the first is in the log as an arrival already."""
        both = {"study_id": study_id, "person_id": person.id}
        earlier = select(func.count()).where(
            arrivals.c.person_id == person.id, arrivals.c.study_id == study_id, arrivals.c.provider == HIT
        )
        is_first = connection.execute(earlier).scalar_one() == 0
        values = {"provider": HIT, "external_id": participant.visit, "visit": "", "created_at": now}
        query = insert_into(connection, arrivals).values(**values, **both)
        if connection.execute(query.on_conflict_do_nothing().returning(arrivals.c.id)).one_or_none() is None:
            return
        if not is_first:
            add_event(connection, EventKind.ARRIVED, now, **both, payload={"provider": MTURK})

    store.write(work)
    return find_hit_visit(store, study_id, participant) or person


def current_hit_visit(store: Store, study_id: int, person_id: str) -> HitVisit | None:
    """The HIT that somebody works for; None where they did not come for one."""
    worker, hit = arrivals.alias("worker"), arrivals.alias("hit")
    ended = select(func.max(arrivals.c.completed_at)).where(
        arrivals.c.person_id == person_id, arrivals.c.study_id == study_id, arrivals.c.provider == HIT
    )
    query = select(
        hit.c.id, hit.c.external_id, hit.c.completed_at, studies.c.secret, ended.scalar_subquery().label("ended")
    )
    query = query.select_from(worker).join(studies, studies.c.id == worker.c.study_id)
    query = query.join(hit, (hit.c.external_id == worker.c.visit) & (hit.c.study_id == worker.c.study_id))
    query = query.where(worker.c.person_id == person_id, worker.c.study_id == study_id)
    row = store.row(query.where(worker.c.provider == MTURK, hit.c.provider == HIT))
    if row is None or row.secret is None:
        return None
    return HitVisit(row.id, visit_token(row.secret, row.external_id), row.completed_at, row.ended)


def finished_since(store: Store, study_id: int, person_id: str, since: datetime) -> dict[Purpose, int]:
    """How many assignments of ours somebody finished after a moment, by purpose."""
    query = select(assignments.c.purpose, func.count().label("finished")).where(
        assignments.c.worker_id == person_id,
        assignments.c.study_id == study_id,
        assignments.c.state == AssignmentState.SUBMITTED.value,
        assignments.c.ended_at > since,
    )
    return {Purpose(row.purpose): row.finished for row in store.rows(query.group_by(assignments.c.purpose))}


def hit_tokens(store: Store, study_id: int) -> dict[str, bool]:
    """Of every HIT of a study that somebody came for, by its token: whether enough was finished for it."""
    query = select(arrivals.c.external_id, arrivals.c.completed_at, studies.c.secret)
    query = query.join(studies, studies.c.id == arrivals.c.study_id)
    rows = store.rows(query.where(arrivals.c.study_id == study_id, arrivals.c.provider == HIT))
    return {
        visit_token(row.secret, row.external_id): row.completed_at is not None for row in rows if row.secret is not None
    }


def _of_another() -> ConflictError:
    return ConflictError(
        "PL-ARR-003",
        "visit",
        "this HIT is another worker's",
        expected="the link of the HIT that you accepted",
        advice="open the study from your own HIT on MTurk again, and do not copy addresses",
    )
