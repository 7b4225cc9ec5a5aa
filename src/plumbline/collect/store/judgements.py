"""Reading judgements. They are written by ``submission`` alone, and never changed."""

from __future__ import annotations

from sqlalchemy import Select, bindparam, select

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.rows import AssignmentState, Judgement
from plumbline.collect.store.tables import assignments, judgements

_OF_ASSIGNMENT = (
    select(*row_maps.JUDGEMENT.columns)
    .where(judgements.c.assignment_id == bindparam("assignment"))
    .order_by(judgements.c.id)
)
_newer = judgements.alias("newer")
_IS_CORRECTED = select(_newer.c.id).where(_newer.c.corrects == judgements.c.id).exists()


def read_judgement(store: Store, judgement_id: int) -> Judgement:
    """The judgement of this number.

    Raises:
        NotFoundError: PL-COL-010.
    """
    query = select(*row_maps.JUDGEMENT.columns).where(judgements.c.id == judgement_id)
    row = store.row(query)
    if row is None:
        raise not_found("judgement", judgement_id)
    return row_maps.JUDGEMENT.of(row)


def judgements_of_assignment(store: Store, assignment_id: int) -> list[Judgement]:
    """Every judgement of an assignment, corrected ones and corrections too, oldest first."""
    rows = store.rows(_OF_ASSIGNMENT, {"assignment": assignment_id})
    return [row_maps.JUDGEMENT.of(row) for row in rows]


def judgements_of_worker(
    store: Store, study_id: int, worker_id: str, *, before: int | None = None, limit: int = 100
) -> list[Judgement]:
    """What a worker judged in a study, as it stands after corrections, newest first, at most `limit`.

    Args:
        before: those before this number; None from the newest on.
    """
    query = select(*row_maps.JUDGEMENT.columns).where(
        judgements.c.worker_id == worker_id, judgements.c.study_id == study_id, ~_IS_CORRECTED
    )
    if before is not None:
        query = query.where(judgements.c.id < before)
    return _read(store, query.order_by(judgements.c.id.desc()).limit(limit))


def judgements_of_item(store: Store, item_id: int, *, counted: bool = True) -> list[Judgement]:
    """The judgements of an item, oldest first; `counted` as in ``read_judgements``."""
    query = select(*row_maps.JUDGEMENT.columns).where(judgements.c.item_id == item_id)
    return _read(store, _counted(query, counted).order_by(judgements.c.id))


def read_judgements(
    store: Store, study_id: int, *, after: int = 0, limit: int = 1000, counted: bool = True
) -> list[Judgement]:
    """The judgements of a study after number `after`, oldest first, at most `limit`.

    Args:
        counted: only those that stand: of finished assignments, and not corrected since. Otherwise every one.
    """
    query = select(*row_maps.JUDGEMENT.columns).where(judgements.c.study_id == study_id, judgements.c.id > after)
    return _read(store, _counted(query, counted).order_by(judgements.c.id).limit(limit))


def _counted(query: Select[tuple[object, ...]], counted: bool) -> Select[tuple[object, ...]]:
    if not counted:
        return query
    query = query.join(assignments, assignments.c.id == judgements.c.assignment_id)
    query = query.where(assignments.c.state == AssignmentState.SUBMITTED.value)
    return query.where(~_IS_CORRECTED)


def _read(store: Store, query: Select[tuple[object, ...]]) -> list[Judgement]:
    return [row_maps.JUDGEMENT.of(row) for row in store.rows(query)]
