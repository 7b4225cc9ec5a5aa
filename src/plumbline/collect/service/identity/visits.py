"""When a visit from Prolific is complete, and the code that shows it there.

The work of a visit is what its person has finished in the study: they are somebody of that study alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.store.identity.arrivals import Arrival, complete_arrival, find_arrival
from plumbline.collect.store.items import count_items
from plumbline.collect.store.rows import Person, StudyState
from plumbline.collect.store.standing import may_have_work
from plumbline.collect.store.studies import read_study

PROLIFIC = "prolific"
_COMPLETE_URL = "https://app.prolific.com/submissions/complete?cc="
"""Followed by a code of letters, digits, hyphens and underscores, which need no escaping."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a participant takes back: the code, and the page there that takes it."""

    code: str
    url: str


@dataclass(frozen=True, slots=True)
class VisitStanding:
    """How far a visit is.

    Attributes:
        completion: once it is complete, and from then on for good.
        items_to_go: until then, how many items are still to be finished; None where nobody came from elsewhere.
    """

    completion: Completion | None = None
    items_to_go: int | None = None


@dataclass(frozen=True, slots=True)
class WorkDone:
    """What somebody has finished in a study.

    Attributes:
        submitted: items by what they were for.
        finished: of those that count for the limit and for a visit.
        training_left: training items still to be done.
        is_over: nothing will ever come, by the study's settings: its limit, its training.
    """

    submitted: Mapping[Purpose, int]
    finished: int
    training_left: int
    is_over: bool


def visit_standing(collecting: Collecting, worker: Person, study: KnownStudy, done: WorkDone) -> VisitStanding:
    """How far the worker's visit is; what completes it is stored once. Asks nothing where the study is not on Prolific.

    It is complete with as many finished items as the study says, or where nothing is left for the worker ever, and they have
    finished something, be it training: who only gave items back has done no work.
    """
    prolific = study.settings.prolific
    arrival = None if prolific is None else find_arrival(collecting.store, study.id, worker.id)
    if prolific is None or arrival is None or arrival.provider != PROLIFIC:
        return VisitStanding()
    if arrival.completed_at is None and not _complete(collecting, worker, study, done, arrival):
        return VisitStanding(items_to_go=max(0, prolific.items - done.finished))
    code = prolific.completion_code
    return VisitStanding(Completion(code, _COMPLETE_URL + code))


def _complete(collecting: Collecting, worker: Person, study: KnownStudy, done: WorkDone, arrival: Arrival) -> bool:
    prolific = study.settings.prolific
    enough = prolific is not None and done.finished >= prolific.items
    if not enough and not (any(done.submitted.values()) and _nothing_is_left(collecting, worker, study, done)):
        return False
    complete_arrival(collecting.store, arrival.id, now=collecting.clock())
    return True


def _nothing_is_left(collecting: Collecting, worker: Person, study: KnownStudy, done: WorkDone) -> bool:
    """Whether no item will come to the worker, unless somebody enters new ones."""
    if done.is_over or read_study(collecting.store, study.id).state is StudyState.CLOSED:
        return True
    if done.training_left or may_have_work(collecting.store, study.id, worker.id):
        return False
    items = study.settings.items
    if not items.from_workers:
        return True
    return (
        items.conversations is not None and count_items(collecting.store, study.id, Purpose.WORK) >= items.conversations
    )
