"""Visits of workers of MTurk: each accepted HIT, an assignment there, is a visit of its own of the same person.

Who somebody is there, and the number of their assignment, are written here and compared here; what goes out is a token that
is made of the number under the study's secret, from which it cannot be told.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.identity.arrivals import (
    HIT,
    MTURK,
    Participant,
    add_arrival_in,
    complete_arrival_in,
    known_in,
)
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

    def work(connection: Connection) -> Person | None:
        """Within one transaction, so that nobody's visit is a HIT that turns out to be another's; None as for arrivals."""
        known = known_in(connection, study_id, participant)
        person = known or add_arrival_in(connection, study_id, participant, now)
        if person is None:
            return None
        about = {"study_id": study_id, "person_id": person.id}
        values = {"provider": HIT, "external_id": participant.visit, "visit": "", "created_at": now}
        query = insert_into(connection, arrivals).values(**values, **about).on_conflict_do_nothing()
        if connection.execute(query.returning(arrivals.c.id)).one_or_none() is None:
            of_whom = select(arrivals.c.person_id).where(arrivals.c.study_id == study_id, arrivals.c.provider == HIT)
            found = connection.execute(of_whom.where(arrivals.c.external_id == participant.visit)).scalar()
            if found not in (None, person.id):
                raise _of_another()
            return None if found is None else person
        if known is not None:  # the first is in the log as an arrival already
            add_event(connection, EventKind.ARRIVED, now, **about, payload={"provider": MTURK})
        return person

    person = store.write(work)
    while person is None:
        person = store.write(work)
    return person


def current_hit_visit(store: Store, study_id: int, person_id: str) -> HitVisit | None:
    """The HIT that somebody works for; None where they did not come for one."""
    row = store.row(_current(study_id, person_id))
    return None if row is None else _visit_of(row)


def finished_since(store: Store, study_id: int, person_id: str, since: datetime) -> dict[Purpose, int]:
    """How many assignments of ours somebody finished after a moment, by purpose."""
    rows = store.rows(_finished(study_id, person_id).where(assignments.c.ended_at > since))
    return {Purpose(row.purpose): row.finished for row in rows}


def complete_hit_visit(
    store: Store,
    study_id: int,
    person_id: str,
    is_enough: Callable[[Mapping[Purpose, int]], bool],
    clock: Callable[[], datetime],
) -> HitVisit | None:
    """Marks the HIT that somebody works for as complete, where enough was finished for it; the visit as it then stands.

    The worker's arrival is held meanwhile, and everything is read again under it: which HIT it is, when the last one was
    complete, what was finished since. Several HITs looked at in one moment would each be complete by the same work otherwise.

    Args:
        is_enough: given what was finished for it, by purpose; asks no database.
        clock: read under the lock. What is finished later than that moment counts for the next HIT.
    """

    def work(connection: Connection) -> HitVisit | None:
        """Within one transaction. The lock is a statement of its own: what follows it sees what others wrote before."""
        held = select(arrivals.c.id).where(arrivals.c.person_id == person_id, arrivals.c.study_id == study_id)
        connection.execute(held.where(arrivals.c.provider == MTURK).with_for_update())
        row = connection.execute(_current(study_id, person_id)).one_or_none()
        visit = None if row is None else _visit_of(row)
        if visit is None or visit.completed_at is not None:
            return visit
        now = clock()
        query = _finished(study_id, person_id).where(assignments.c.ended_at <= now)
        if visit.counts_from is not None:
            query = query.where(assignments.c.ended_at > visit.counts_from)
        if not is_enough({Purpose(row.purpose): row.finished for row in connection.execute(query)}):
            return visit
        complete_arrival_in(connection, visit.id, now)
        return replace(visit, completed_at=now)

    return store.write(work)


def hit_tokens(store: Store, study_id: int) -> dict[str, bool]:
    """Of every HIT of a study that somebody came for, by its token: whether enough was finished for it."""
    query = select(arrivals.c.external_id, arrivals.c.completed_at, studies.c.secret)
    query = query.join(studies, studies.c.id == arrivals.c.study_id)
    rows = store.rows(query.where(arrivals.c.study_id == study_id, arrivals.c.provider == HIT))
    return {
        visit_token(row.secret, row.external_id): row.completed_at is not None for row in rows if row.secret is not None
    }


def _current(study_id: int, person_id: str) -> Select[Any]:
    worker, hit = arrivals.alias("worker"), arrivals.alias("hit")
    ended = select(func.max(arrivals.c.completed_at)).where(
        arrivals.c.person_id == person_id, arrivals.c.study_id == study_id, arrivals.c.provider == HIT
    )
    query = select(
        hit.c.id, hit.c.external_id, hit.c.completed_at, studies.c.secret, ended.scalar_subquery().label("ended")
    )
    query = query.select_from(worker).join(studies, studies.c.id == worker.c.study_id)
    # Of the worker's own, whatever their arrival says.
    same = (hit.c.study_id == worker.c.study_id) & (hit.c.person_id == worker.c.person_id)
    query = query.join(hit, same & (hit.c.external_id == worker.c.visit))
    query = query.where(worker.c.person_id == person_id, worker.c.study_id == study_id)
    return query.where(worker.c.provider == MTURK, hit.c.provider == HIT, studies.c.secret.is_not(None))


def _visit_of(row: Row[Any]) -> HitVisit:
    return HitVisit(row.id, visit_token(row.secret, row.external_id), row.completed_at, row.ended)


def _finished(study_id: int, person_id: str) -> Select[Any]:
    query = select(assignments.c.purpose, func.count().label("finished"))
    query = query.where(assignments.c.worker_id == person_id, assignments.c.study_id == study_id)
    return query.where(assignments.c.state == AssignmentState.SUBMITTED.value).group_by(assignments.c.purpose)


def _of_another() -> ConflictError:
    return ConflictError(
        "PL-ARR-003",
        "visit",
        "this HIT is another worker's",
        expected="the link of the HIT that you accepted",
        advice="open the study from your own HIT on MTurk again, and do not copy addresses",
    )
