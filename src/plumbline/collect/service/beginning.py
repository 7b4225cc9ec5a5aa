"""A worker's next item: what they have in hand, else training, then gold and attention items among the real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from plumbline.collect.kinds import KNOWN_ANSWERS, Finished, Purpose, WorkerStanding, purposes_due
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.entering import more_from_workers
from plumbline.collect.service.failures import no_such_queue
from plumbline.collect.service.giving_back import lease_end
from plumbline.collect.service.held_work import Held, held_with
from plumbline.collect.service.qualification import settle_qualification
from plumbline.collect.service.studies import queues_of
from plumbline.collect.service.wellbeing.skipping import MOST_SKIPPED, give_back_unwanted
from plumbline.collect.store.assignments import find_in_hand
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.items import read_item
from plumbline.collect.store.leasing import LeaseTerms, extend, take
from plumbline.collect.store.participation import read_participation, submitted_counts
from plumbline.collect.store.rows import Person, Qualification
from plumbline.collect.store.standing import given_back_open
from plumbline.collect.store.studies import newest_version
from plumbline.collect.study_settings import StudyFile

Left = Literal["skipped", "topics"]
"""What waits for others where nothing is left for a worker: what they skipped, what they opted out of."""
COUNTED = (Purpose.WORK, Purpose.GOLD, Purpose.ATTENTION)
"""What the limit per worker counts, and what cannot be told apart from the outside."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An item for a worker, and the version of the guidelines to show with it."""

    held: Held
    guidelines_version: int


def begin_work(collecting: Collecting, worker: Person, study_name: str, queue: Purpose = Purpose.WORK) -> Begun | None:
    """The worker's next item of a queue; the one in hand, where there is one, also while the study is paused.

    Items with a topic that the worker opted out of are given back for them, `MOST_SKIPPED` at a time.

    Args:
        queue: one of `queues_of`; training, gold and attention items come with the work.
    Returns:
        None where the queue holds nothing for this worker now.
    Raises:
        NotFoundError: no such study. ServiceError: PL-SVC-005, it has no such queue.
        NotAllowedError: PL-COL-030 the study is not open, PL-COL-031 the worker is blocked.
    """
    study = collecting.catalogue.named(study_name)
    if queue not in queues_of(study.settings):
        raise no_such_queue(study_name, queue.value)
    for _ in range(MOST_SKIPPED):
        begun = _begin(collecting, worker, study, queue)
        if begun is None or not give_back_unwanted(collecting, worker, begun.held):
            return begun
    return None


def left_to_others(collecting: Collecting, worker: Person, study: KnownStudy, queue: Purpose) -> list[Left]:
    """Why nothing is left for the worker, of what they know themselves; not how much, which is others' work."""
    purposes = COUNTED if queue is Purpose.WORK else (queue,)
    skipped, passed_over = given_back_open(collecting.store, study.id, worker.id, purposes)
    found: list[tuple[Left, bool]] = [("skipped", skipped), ("topics", passed_over)]
    return [left for left, is_there in found if is_there]


def _begin(collecting: Collecting, worker: Person, study: KnownStudy, queue: Purpose) -> Begun | None:
    purposes = (Purpose.TRAINING, *COUNTED) if queue is Purpose.WORK else (queue,)
    held = _in_hand(collecting, worker, study, purposes)
    # What is in hand may be finished while it is read, by a submission whose answer its worker did not wait for.
    if held is None or isinstance(held.step, Finished):
        return _next(collecting, worker, study, queue)
    return Begun(held, newest_version(collecting.store, study.id))


def standing_of(collecting: Collecting, worker: Person, study: KnownStudy) -> WorkerStanding:
    """What is known of a worker in a study; only what its settings ask for is read.

    Attention items come after every so many others, so how many others came since the last one follows from the counts.
    """
    settings = study.settings
    qualified = is_qualified(collecting, worker, study)
    counts: dict[Purpose, int] = {}
    if settings.gold is not None or settings.attention is not None or settings.per_worker_limit is not None:
        counts = submitted_counts(collecting.store, study.id, worker.id)
    return standing_with(worker, settings, qualified, counts)


def is_qualified(collecting: Collecting, worker: Person, study: KnownStudy) -> bool | None:
    """What came of the worker's training; None where it is not done, or the study has none."""
    if study.settings.qualification is None:
        return None
    found = read_participation(collecting.store, study.id, worker.id).qualification
    return None if found is Qualification.PENDING else found is Qualification.PASSED


def standing_with(
    worker: Person, settings: StudyFile, qualified: bool | None, counts: Mapping[Purpose, int]
) -> WorkerStanding:
    """What is known of a worker, from what came of their training and how much of each purpose they finished."""
    checks = counts.get(Purpose.ATTENTION, 0)
    finished = sum(counts.get(purpose, 0) for purpose in COUNTED)
    every = 0 if settings.attention is None else settings.attention.every
    return WorkerStanding(
        worker=worker.pseudonym,
        qualified=qualified,
        finished=finished,
        since_attention=finished - checks - checks * every,
    )


def _in_hand(collecting: Collecting, worker: Person, study: KnownStudy, purposes: Sequence[Purpose]) -> Held | None:
    assignment = find_in_hand(collecting.store, study.id, worker.id, purposes)
    if assignment is None:
        return None
    now = collecting.clock()
    if assignment.expires_at <= now:
        end = lease_end(study.settings, now)
        try:
            assignment = extend(collecting.store, assignment.id, worker.id, assignment.fence, now=now, expires_at=end)
        except ConflictError:
            return None  # submitted, or its slot another's, since it was looked up
    return held_with(collecting, assignment, read_item(collecting.store, assignment.item_id), worker)


def _next(collecting: Collecting, worker: Person, study: KnownStudy, queue: Purpose) -> Begun | None:
    if queue is not Purpose.WORK:
        return _take(collecting, worker, study, queue)
    due = purposes_due(study.settings, standing_of(collecting, worker, study))
    begun = _first(collecting, worker, study, due)
    if begun is None and due == (Purpose.TRAINING,) and settle_qualification(collecting, worker, study):
        due = purposes_due(study.settings, standing_of(collecting, worker, study))
        begun = _first(collecting, worker, study, due)
    return begun


def _first(collecting: Collecting, worker: Person, study: KnownStudy, due: Sequence[Purpose]) -> Begun | None:
    found = (_take(collecting, worker, study, purpose) for purpose in due)
    return next((begun for begun in found if begun is not None), None)


def _take(collecting: Collecting, worker: Person, study: KnownStudy, purpose: Purpose) -> Begun | None:
    now = collecting.clock()
    terms = LeaseTerms(lease_end(study.settings, now), purpose)
    taken = take(collecting.store, study.id, worker.id, terms, now=now)
    if taken is None and purpose is Purpose.WORK and more_from_workers(collecting, study):
        taken = take(collecting.store, study.id, worker.id, terms, now=now)
    if taken is None:
        return None
    fresh = not taken.resumed and taken.assignment.fence == 1
    held = held_with(collecting, taken.assignment, taken.item, worker, fresh=fresh)
    return Begun(held, taken.guidelines_version)


def shown_purpose(purpose: Purpose) -> Purpose:
    """What a worker is told an item is: gold and attention items look like any other."""
    return Purpose.WORK if purpose in KNOWN_ANSWERS and purpose is not Purpose.TRAINING else purpose


def is_over(study: StudyFile, standing: WorkerStanding) -> bool:
    """Whether nothing will ever come for this worker: they failed the training, or reached the limit."""
    return not purposes_due(study, standing)
