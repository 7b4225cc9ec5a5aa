"""When a visit from Prolific or MTurk is complete, and the code that shows it there.

The work of a visit from Prolific is what its person has finished in the study: they are somebody of that study alone. The
work of a visit from MTurk, which is a HIT, is what they have finished since their last complete one: nothing counts for two,
and what was judged under a HIT that was returned counts for the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.beginning import COUNTED
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.identity.hit_codes import completion_code
from plumbline.collect.store.identity.arrivals import complete_arrival, find_arrival
from plumbline.collect.store.identity.hit_visits import (
    HitVisit,
    complete_hit_visit,
    current_hit_visit,
    finished_since,
)
from plumbline.collect.store.items import count_items
from plumbline.collect.store.rows import Person, StudyState
from plumbline.collect.store.standing import may_have_work
from plumbline.collect.store.studies import read_study

PROLIFIC = "prolific"
_COMPLETE_URL = "https://app.prolific.com/submissions/complete?cc="
"""Followed by a code of letters, digits, hyphens and underscores, which need no escaping."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a participant takes back: the code, and the page there that takes it; None where the HIT's own form does."""

    code: str
    url: str | None


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
    """How far the worker's visit is; what completes it is stored once. Asks nothing where the study is on no platform.

    It is complete with as many finished items as the study says, or where nothing is left for the worker ever, and they have
    finished something for it, be it training: who only gave items back has done no work.
    """
    if study.settings.prolific is None and study.settings.mturk is None:
        return VisitStanding()
    arrival = find_arrival(collecting.store, study.id, worker.id)
    if arrival is None:
        return VisitStanding()
    if arrival.provider != PROLIFIC:
        return _hit_standing(collecting, worker, study, done)
    prolific = study.settings.prolific
    if prolific is None:
        return VisitStanding()
    if arrival.completed_at is None:
        if not _is_enough(collecting, worker, study, done, prolific.items):
            return VisitStanding(items_to_go=max(0, prolific.items - done.finished))
        complete_arrival(collecting.store, arrival.id, now=collecting.clock())
    code = prolific.completion_code
    return VisitStanding(Completion(code, _COMPLETE_URL + code))


def _hit_standing(collecting: Collecting, worker: Person, study: KnownStudy, done: WorkDone) -> VisitStanding:
    mturk, hit = study.settings.mturk, current_hit_visit(collecting.store, study.id, worker.id)
    if mturk is None or hit is None:
        return VisitStanding()
    if hit.completed_at is None:
        done_for_it = _done_for(collecting, worker, study, done, hit)
        if _is_enough(collecting, worker, study, done_for_it, mturk.items):
            # Where it is not by its items, nothing is left for the worker: that holds whichever HIT it is by now.
            nothing_is_left, items = done_for_it.finished < mturk.items, mturk.items

            def is_enough(submitted: Mapping[Purpose, int]) -> bool:
                """Of what is read once more, in the transaction that completes the HIT."""
                return _counted(submitted) >= items or (nothing_is_left and any(submitted.values()))

            hit = complete_hit_visit(collecting.store, study.id, worker.id, is_enough, collecting.clock) or hit
            done_for_it = _done_for(collecting, worker, study, done, hit)
        if hit.completed_at is None:
            return VisitStanding(items_to_go=max(0, mturk.items - done_for_it.finished))
    return VisitStanding(Completion(completion_code(hit.token), None))


def _done_for(collecting: Collecting, worker: Person, study: KnownStudy, done: WorkDone, hit: HitVisit) -> WorkDone:
    """What was finished for a HIT: of the first one all, of others what came since the last that was complete."""
    if hit.counts_from is None:
        return done
    submitted = finished_since(collecting.store, study.id, worker.id, hit.counts_from)
    return replace(done, submitted=submitted, finished=_counted(submitted))


def _counted(submitted: Mapping[Purpose, int]) -> int:
    return sum(submitted.get(purpose, 0) for purpose in COUNTED)


def _is_enough(collecting: Collecting, worker: Person, study: KnownStudy, done: WorkDone, wanted: int) -> bool:
    return done.finished >= wanted or (
        any(done.submitted.values()) and _nothing_is_left(collecting, worker, study, done)
    )


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
