"""Counts of a study for whoever looks after it: how many work on it, what came late, what failed lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, exists, func, or_, select

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store
from plumbline.collect.store.rows import Event, Person, Purpose, Role
from plumbline.collect.store.tables import IS_LEASED, IS_OPEN, assignments, events, items, late, people, tallies

_OF_REVIEWERS = (Purpose.ADJUDICATION, Purpose.SPOT_CHECK)
_OPEN_ITEMS = (
    select(items.c.purpose, func.count())
    .where(items.c.study_id == bindparam("study_id"), items.c.purpose.in_(bindparam("purposes", expanding=True)))
    .where(IS_OPEN)
    .group_by(items.c.purpose)
)
_FALLING_BACK = (
    select(assignments.c.purpose, func.count(assignments.c.item_id.distinct()))
    .join(items, items.c.id == assignments.c.item_id)
    .where(assignments.c.study_id == bindparam("study_id"), IS_LEASED, items.c.open_slots == 0)
    .where(assignments.c.purpose.in_(bindparam("purposes", expanding=True)), items.c.withdrawn_at.is_(None))
    .where(or_(assignments.c.expires_at <= bindparam("now"), assignments.c.worker_id == bindparam("worker_id")))
    .group_by(assignments.c.purpose)
)


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often something failed with one code, and when last."""

    code: str
    count: int
    last: datetime


@dataclass(frozen=True, slots=True)
class PersonCount:
    """Somebody, and how many items of the work itself they have finished in all studies of the store.

    As in the dashboard's list of workers: training, gold and attention items, reviews, rulings and checks are not among them.
    """

    person: Person
    finished: int


def count_workers(store: Store, study_id: int) -> int:
    """How many people have taken an item of the study; whoever only ruled on labels or checked writing did not."""
    query = select(func.count(assignments.c.worker_id.distinct())).where(assignments.c.study_id == study_id)
    query = query.where(assignments.c.purpose.not_in([purpose.value for purpose in _OF_REVIEWERS]))
    return int(store.rows(query)[0][0])


def count_to_take(
    store: Store, study_id: int, purposes: Iterable[Purpose], *, worker_id: str, now: datetime
) -> dict[Purpose, int]:
    """Items that somebody could work on now, by what they are for; queues without any are left out.

    Those with a free slot, those whose lease is over, and the one that `worker_id` has in hand. Looks at open items alone.
    """
    about = {"study_id": study_id, "purposes": [purpose.value for purpose in purposes]}
    found: Counter[Purpose] = Counter()
    for query, values in ((_OPEN_ITEMS, about), (_FALLING_BACK, {**about, "now": now, "worker_id": worker_id})):
        for purpose, count in store.rows(query, values):
            found[Purpose(purpose)] += int(count)
    return dict(found)


def list_person_counts(store: Store) -> list[PersonCount]:
    """Everybody whom the store knows, also who is blocked or erased, in the order in which they came."""
    finished = func.coalesce(func.sum(tallies.c.submitted), 0)
    query = select(*row_maps.PERSON.columns, finished.label("finished"))
    of_work = (tallies.c.worker_id == people.c.id) & (tallies.c.purpose == Purpose.WORK.value)
    query = query.select_from(people.outerjoin(tallies, of_work))
    query = query.group_by(*row_maps.PERSON.columns).order_by(people.c.created_at, people.c.pseudonym)
    return [PersonCount(row_maps.PERSON.of(row), int(row.finished)) for row in store.rows(query)]


def count_late(store: Store, study_id: int) -> int:
    """How many submissions came when the slot was another's by then: kept, not counted."""
    query = select(func.count()).select_from(late.join(assignments, late.c.assignment_id == assignments.c.id))
    query = query.where(assignments.c.study_id == study_id)
    return int(store.rows(query)[0][0])


def count_people(store: Store) -> dict[Role, int]:
    """How many people there are of each role, erased ones apart; roles without any are left out."""
    query = select(people.c.role, func.count()).where(people.c.erased_at.is_(None)).group_by(people.c.role)
    rows = store.rows(query)
    return {Role(role): int(count) for role, count in rows}


def has_event(store: Store, study_id: int, kind: str) -> bool:
    """Whether something of this kind was ever logged of the study."""
    query = select(exists().where(events.c.study_id == study_id, events.c.kind == kind))
    return bool(store.rows(query)[0][0])


def latest_events(store: Store, study_id: int, kind: str, *, limit: int = 100) -> list[Event]:
    """The newest events of a kind, newest first."""
    query = select(*row_maps.EVENT.columns).where(events.c.study_id == study_id, events.c.kind == kind)
    query = query.order_by(events.c.seq.desc()).limit(limit)
    return [row_maps.EVENT.of(row) for row in store.rows(query)]


def failures_by_code(store: Store, study_id: int, kind: str, *, limit: int = 1000) -> list[CodeCount]:
    """The newest failures of a kind by their code, the most frequent first; `limit` bounds how far back it looks."""
    found = latest_events(store, study_id, kind, limit=limit)
    counts: Counter[str] = Counter()
    last: dict[str, datetime] = {}
    for event in found:
        code = str(event.payload.get("code", "")) if isinstance(event.payload, dict) else ""
        counts[code] += 1
        last.setdefault(code, event.at)
    return [CodeCount(code, count, last[code]) for code, count in counts.most_common()]
