"""Open places that nobody who is there can fill: whoever may work has judged these items, has them in hand or gave them back.

Such a place stays open until somebody new comes. Only the end of a study is looked at, where few items are open: then the
question matters, and an answer costs a bounded number of look-ups by index, however large the study is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, case, func, or_, select

from plumbline.collect.store.database import Store
from plumbline.collect.store.rows import AssignmentState, Purpose, Qualification, Role
from plumbline.collect.store.standing import count_open
from plumbline.collect.store.tables import IS_OPEN, assignments, items, participation, people, tallies

MOST_OPEN = 2_000
"""Where more items are open than these, nobody waits for the last places yet."""
_NO_LIMIT = 2**40


@dataclass(frozen=True, slots=True)
class Unfillable:
    """What stays open as things are.

    Attributes:
        places: open places of work that nobody can fill who is there now.
        people: who may work: workers of the study or of the whole store, and whoever finished work in it; not blocked, not
            erased, not failed in training, not at the study's limit.
    """

    places: int
    people: int


# Statements are made once: building one takes longer than running it.
_STUDY, _ABLE_PEOPLE = bindparam("study_id", type_=BigInteger), bindparam("able", type_=BigInteger)
_SUBMITTED = (
    select(func.coalesce(func.sum(tallies.c.submitted), 0))
    .where(
        tallies.c.study_id == _STUDY,
        tallies.c.worker_id == people.c.id,
        tallies.c.purpose.in_(bindparam("purposes", expanding=True)),
    )
    .correlate(people)
    .scalar_subquery()
)
_FAILED = (
    select(participation.c.worker_id)
    .where(
        participation.c.study_id == _STUDY,
        participation.c.worker_id == people.c.id,
        participation.c.qualification == Qualification.FAILED.value,
    )
    .correlate(people)
    .exists()
)
_ABLE = (
    people.c.blocked_at.is_(None),
    people.c.erased_at.is_(None),
    or_(people.c.only_study_id.is_(None), people.c.only_study_id == _STUDY),
    or_(people.c.role == Role.WORKER.value, _SUBMITTED > 0),
    bindparam("limit", type_=BigInteger) > _SUBMITTED,
    ~_FAILED,
)
_COUNT_ABLE = select(func.count()).select_from(people).where(*_ABLE)
# Whoever ran out of time may have the item again.
_HAD = (
    select(func.count())
    .where(
        assignments.c.item_id == items.c.id,
        assignments.c.state != AssignmentState.EXPIRED.value,
        assignments.c.worker_id.in_(select(people.c.id).where(*_ABLE)),
    )
    .correlate(items)
    .scalar_subquery()
)
_OPEN = (
    select((items.c.open_slots + _HAD - _ABLE_PEOPLE).label("beyond"))
    .where(items.c.study_id == _STUDY, items.c.purpose == Purpose.WORK.value, IS_OPEN)
    .subquery()
)
_BEYOND = select(func.sum(case((_OPEN.c.beyond > 0, _OPEN.c.beyond), else_=0)))


def count_unfillable(
    store: Store, study_id: int, *, limit: int | None, counted: Sequence[Purpose], most: int = MOST_OPEN
) -> Unfillable | None:
    """How many open places of a study's work nobody can fill who is there; None where no item is open, or more than `most` are.

    An item with a topic that somebody opted out of counts as one they can do until it was given back for them, which is
    when they first ask for work after that.

    Args:
        limit: items that one worker may finish; None for no limit.
        counted: purposes of the items that the limit counts.
    """
    if not 0 < count_open(store, study_id, most=most + 1) <= most:
        return None
    about = {
        "study_id": study_id,
        "limit": _NO_LIMIT if limit is None else limit,
        "purposes": [each.value for each in counted],
    }
    able = int(store.rows(_COUNT_ABLE, about)[0][0])
    return Unfillable(int(store.rows(_BEYOND, {**about, "able": able})[0][0] or 0), able)
