"""An item given back, and a longer lease."""

from __future__ import annotations

from datetime import datetime, timedelta

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.failures import not_given_back
from plumbline.collect.store.assignments import read_assignment
from plumbline.collect.store.leasing import extend, release
from plumbline.collect.store.rows import Assignment, Person
from plumbline.collect.study_settings import StudyFile


def lease_end(study: StudyFile, now: datetime) -> datetime:
    """The end of a lease that begins or is extended now."""
    return now + timedelta(minutes=study.lease_minutes)


def give_back(collecting: Collecting, worker: Person, assignment_id: int, fence: int) -> Assignment:
    """Gives an item back unjudged; this worker is not offered it again. Repeating it changes nothing.

    Raises:
        ServiceError: PL-SVC-004, it is a training item.
        NotFoundError, LeaseLostError, ConflictError: see `store.leasing.release`.
    """
    assignment = read_assignment(collecting.store, assignment_id, worker.id)
    if assignment.purpose is Purpose.TRAINING:
        raise not_given_back()
    return release(collecting.store, assignment_id, worker.id, fence, now=collecting.clock())


def keep(collecting: Collecting, worker: Person, assignment_id: int, fence: int) -> Assignment:
    """A later end for a lease, as long as the worker is at it; raises as `store.leasing.extend`."""
    assignment = read_assignment(collecting.store, assignment_id, worker.id)
    now = collecting.clock()
    expires_at = lease_end(collecting.catalogue.of_id(assignment.study_id).settings, now)
    return extend(collecting.store, assignment_id, worker.id, fence, now=now, expires_at=expires_at)
