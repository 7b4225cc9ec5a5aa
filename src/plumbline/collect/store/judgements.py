"""Reading judgements. They are written by ``submission`` alone, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, select

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.rows import AssignmentState, Judgement
from plumbline.collect.store.tables import assignments, items, judgements

_OF_ASSIGNMENT = (
    select(*row_maps.JUDGEMENT.columns)
    .where(judgements.c.assignment_id == bindparam("assignment"))
    .order_by(judgements.c.id)
)
_newer = judgements.alias("newer")
_HAS_LATER = (
    select(_newer.c.id)
    .where(_newer.c.assignment_id == judgements.c.assignment_id, _newer.c.id > judgements.c.id)
    .exists()
)
_IS_CORRECTED = select(_newer.c.id).where(_newer.c.corrects == judgements.c.id).exists()
_STANDING_OF_ASSIGNMENT = _OF_ASSIGNMENT.where(~_IS_CORRECTED)


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


def judgements_of_assignment(store: Store, assignment_id: int, *, standing: bool = False) -> list[Judgement]:
    """Every judgement of an assignment, corrected ones and corrections too, oldest first.

    Args:
        standing: only those that nothing stands in the place of.
    """
    query = _STANDING_OF_ASSIGNMENT if standing else _OF_ASSIGNMENT
    rows = store.rows(query, {"assignment": assignment_id})
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


def newest_version_judged_by(store: Store, study_id: int, worker_id: str) -> int | None:
    """The version of the guidelines that a worker's newest judgement in a study names; None where they judged nothing."""
    query = select(judgements.c.guidelines_version).where(
        judgements.c.worker_id == worker_id, judgements.c.study_id == study_id
    )
    row = store.row(query.order_by(judgements.c.created_at.desc(), judgements.c.id.desc()).limit(1))
    return None if row is None else int(row.guidelines_version)


def judgements_of_keys(store: Store, study_id: int, keys: Sequence[str]) -> list[tuple[str, Judgement]]:
    """(item's key, judgement) of what counts for the items of these keys, by the judgements' numbers."""
    if not keys:
        return []
    query: Select[Any] = select(*row_maps.JUDGEMENT.columns, items.c.key.label("of_key")).join(
        items, items.c.id == judgements.c.item_id
    )
    query = _counted(query.where(items.c.study_id == study_id, items.c.key.in_(keys)), counted=True)
    rows = store.rows(query.order_by(judgements.c.id))
    return [(str(row.of_key), row_maps.JUDGEMENT.of(row)) for row in rows]


def judgements_of_item(
    store: Store, item_id: int, *, counted: bool = True, limit: int | None = None
) -> list[Judgement]:
    """The judgements of an item, oldest first; `counted` as in ``read_judgements``.

    Args:
        limit: the newest of them, so many at the most; None for all.
    """
    query = select(*row_maps.JUDGEMENT.columns).where(judgements.c.item_id == item_id)
    return _read(store, _counted(query, counted).order_by(judgements.c.id.desc()).limit(limit))[::-1]


def newest_of_finished_work(
    store: Store, study_id: int, *, worker_id: str | None = None, before: int | None = None, limit: int = 100
) -> list[Judgement]:
    """The newest judgement of each finished assignment of a study, newest first, at most `limit`.

    The newest always stands: a correction would be newer.

    Args:
        worker_id: of one worker alone.
        before: those before this number; None from the newest on.
    """
    query = select(*row_maps.JUDGEMENT.columns).where(judgements.c.study_id == study_id)
    if worker_id is not None:
        query = query.where(judgements.c.worker_id == worker_id)
    if before is not None:
        query = query.where(judgements.c.id < before)
    query = query.where(~_HAS_LATER)
    return _read(store, _counted(query, counted=True).order_by(judgements.c.id.desc()).limit(limit))


def read_judgements(
    store: Store, study_id: int, *, after: int = 0, limit: int = 1000, counted: bool = True
) -> list[Judgement]:
    """The judgements of a study after number `after`, oldest first, at most `limit`.

    Args:
        counted: only those that stand: of finished assignments, and not corrected since. Otherwise every one.
    """
    query = select(*row_maps.JUDGEMENT.columns).where(judgements.c.study_id == study_id, judgements.c.id > after)
    return _read(store, _counted(query, counted).order_by(judgements.c.id).limit(limit))


def _counted(query: Select[Any], counted: bool) -> Select[Any]:
    if not counted:
        return query
    query = query.join(assignments, assignments.c.id == judgements.c.assignment_id)
    query = query.where(assignments.c.state == AssignmentState.SUBMITTED.value)
    return query.where(~_IS_CORRECTED)


def _read(store: Store, query: Select[tuple[object, ...]]) -> list[Judgement]:
    return [row_maps.JUDGEMENT.of(row) for row in store.rows(query)]
