"""What a worker's page asks between items: time worked, whether work is left; and the topics that items bring."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, case, exists, func, literal, or_, select, type_coerce

from plumbline.collect.store.database import Store
from plumbline.collect.store.items import read_item
from plumbline.collect.store.queue import is_about_had
from plumbline.collect.store.rows import AssignmentState, Purpose
from plumbline.collect.store.tables import IS_LEASED, IS_OPEN, assignments, items, judgements

# Statements are made once: building one takes longer than running it.
_SECONDS = select(func.sum(judgements.c.seconds)).where(
    judgements.c.worker_id == bindparam("worker_id"),
    judgements.c.created_at >= bindparam("since", type_=judgements.c.created_at.type),
)
_WORKER = bindparam("worker_id", type_=Text)
_OF_WORK = (items.c.study_id == bindparam("study_id"), items.c.purpose == Purpose.WORK.value)
_SOME_OPEN = select(literal(1).label("one")).select_from(items).where(*_OF_WORK, IS_OPEN).limit(bindparam("most"))
_COUNT_OPEN = select(func.count()).select_from(_SOME_OPEN.subquery())

_had = assignments.alias("had")
_HAD = exists().where(
    _had.c.item_id == items.c.id, _had.c.worker_id == _WORKER, _had.c.state != AssignmentState.EXPIRED.value
)
_MAY_HAVE = (or_(items.c.author_id.is_(None), items.c.author_id != _WORKER), ~_HAD)
_OPEN_TO = exists(select(items.c.id).where(*_OF_WORK, IS_OPEN, *_MAY_HAVE))
# A lease may lapse, and its item come to this worker; or it is their own.
_LEASED_OF_WORK = (
    *(assignments.c.study_id == bindparam("study_id"), assignments.c.purpose == Purpose.WORK.value),
    IS_LEASED,
)
_IN_HAND = exists(select(assignments.c.id).where(*_LEASED_OF_WORK, assignments.c.worker_id == _WORKER))
_MAY_LAPSE = exists(
    select(assignments.c.id)
    .join(items, items.c.id == assignments.c.item_id)
    .where(*_LEASED_OF_WORK, items.c.withdrawn_at.is_(None), *_MAY_HAVE)
)


def _waiting(*barred: ColumnElement[bool]) -> Select[Any]:
    of_queue = (items.c.study_id == bindparam("study_id"), items.c.purpose == bindparam("purpose"), IS_OPEN)
    found = select(literal(1).label("one")).select_from(items).where(*of_queue, *_MAY_HAVE, *(~each for each in barred))
    return select(func.count()).select_from(found.limit(bindparam("most")).subquery())


_WAITING = {
    dialect: (_waiting(), _waiting(is_about_had(dialect, items.c.id, _WORKER))) for dialect in ("sqlite", "postgresql")
}
_GIVEN_BACK = (
    select(assignments.c.excused)
    .distinct()
    .join(items, items.c.id == assignments.c.item_id)
    .where(
        assignments.c.worker_id == _WORKER,
        assignments.c.study_id == bindparam("study_id"),
        assignments.c.purpose.in_(bindparam("purposes", expanding=True)),
        assignments.c.state == AssignmentState.RELEASED.value,
        IS_OPEN,
    )
)
_ANSWERS: list[ColumnElement[Any]] = [_OPEN_TO, _IN_HAND, _MAY_LAPSE]
_MAY_COME = select(*_ANSWERS)


def seconds_since(store: Store, worker_id: str, since: datetime) -> float:
    """Seconds that a worker's judgements took since a moment, in all studies, as their clients measured them."""
    row = store.row(_SECONDS, {"worker_id": worker_id, "since": since})
    return 0.0 if row is None or row[0] is None else float(row[0])


def count_open(store: Store, study_id: int, *, most: int) -> int:
    """How many items for work have a place left; looks at no more than `most`."""
    return int(store.rows(_COUNT_OPEN, {"study_id": study_id, "most": most})[0][0])


def may_have_work(store: Store, study_id: int, worker_id: str) -> bool:
    """Whether an item for work is in this worker's hands or may come to them yet, be it from a lease that lapses.

    Looks at what is open until it finds one that they have not had.
    """
    return any(store.rows(_MAY_COME, {"study_id": study_id, "worker_id": worker_id})[0])


def given_back_open(store: Store, study_id: int, worker_id: str, purposes: Sequence[Purpose]) -> tuple[bool, bool]:
    """Whether items that this worker gave back, and whether items that were given back for them, still wait for others."""
    values = {"study_id": study_id, "worker_id": worker_id, "purposes": [each.value for each in purposes]}
    excused = {int(row[0]) for row in store.rows(_GIVEN_BACK, values)}
    return 0 in excused, 1 in excused


def count_waiting(store: Store, study_id: int, worker_id: str, purpose: Purpose, *, most: int) -> int:
    """How many items of a queue this worker could have now: open, not their own, not had before; looks at no more than `most`.

    For queues beside the work, whose items are few; of adjudications those of what they had themselves are left out.
    """
    query = _WAITING["sqlite" if store.is_sqlite else "postgresql"][purpose is Purpose.ADJUDICATION]
    values = {"study_id": study_id, "worker_id": worker_id, "purpose": purpose.value, "most": most}
    return int(store.rows(query, values)[0][0])


def topics_entered(store: Store, study_id: int, after: int) -> tuple[int, frozenset[str]]:
    """(number of the newest item for work, the topics of those after number `after`).

    Of gold and attention items nothing is read: their topics would tell them from the others.
    """
    query = _TOPICS["sqlite" if store.is_sqlite else "postgresql"]
    newest, found = after, set[str]()
    for start, number in store.rows(query, {"study_id": study_id, "after": after}):
        newest = max(newest, int(number))
        found.update(_topics_at(store, start, number))
    return newest, frozenset(found)


def _topics_at(store: Store, start: str | None, number: int) -> list[str]:
    """The topics that a payload begins with; read from the item itself where one of them holds a bracket."""
    if start is None:
        return []
    try:
        return list(json.loads(f"{start}}}")[_FIRST])
    except ValueError:
        return list(read_item(store, number).payload[_FIRST])


_FIRST = "topics"
_START = f'{{"{_FIRST}":['
_PAYLOAD = type_coerce(items.c.payload, Text)


def _topics_of(bracket: ColumnElement[int]) -> Select[Any]:
    """By what payloads begin with, up to the first bracket, the newest item of that; by number, not by the study's index.

    The rest of a payload is not read as JSON: that would take seconds for 100,000 items.
    """
    has_topics = func.substr(_PAYLOAD, 1, len(_START)) == _START
    start = case((has_topics, func.substr(_PAYLOAD, 1, bracket)))
    columns: list[ColumnElement[Any]] = [start, func.max(items.c.id)]
    in_study = items.c.study_id + 0 == bindparam("study_id")
    query = select(*columns).group_by(start)
    return query.where(in_study, items.c.purpose == Purpose.WORK.value, items.c.id > bindparam("after"))


_TOPICS = {
    "sqlite": _topics_of(func.instr(_PAYLOAD, "]")),
    "postgresql": _topics_of(func.strpos(_PAYLOAD, "]")),
}
