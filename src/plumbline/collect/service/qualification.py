"""Known answers: who is qualified, and how right gold and attention items were."""

from __future__ import annotations

from collections.abc import Iterator

from plumbline.collect.kinds import Purpose, QualificationResult, Score, qualification_result, score_of, total
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.held_work import held_with
from plumbline.collect.store.assignments import submitted_by
from plumbline.collect.store.items import count_items, read_item
from plumbline.collect.store.participation import set_qualification
from plumbline.collect.store.rows import Person, Qualification


def settle_qualification(collecting: Collecting, worker: Person, study: KnownStudy) -> bool:
    """Stores what came of a worker's training, once no training item is left for them; whether anything did.

    Worked out from what is stored, so that a crash after the last item changes nothing.
    """
    result = training_result(collecting, worker, study)
    if result is None or result.passed is None:
        return False
    outcome = Qualification.PASSED if result.passed else Qualification.FAILED
    set_qualification(collecting.store, study.id, worker.id, outcome, now=collecting.clock())
    return True


def training_result(collecting: Collecting, worker: Person, study: KnownStudy) -> QualificationResult | None:
    """How a worker stands with the training set; None where the study has none."""
    if study.settings.qualification is None:
        return None
    scores = list(_scores(collecting, worker, study, Purpose.TRAINING))
    count = count_items(collecting.store, study.id, Purpose.TRAINING)
    return qualification_result(study.settings.qualification, scores, count)


def known_answer_scores(collecting: Collecting, worker: Person, study: KnownStudy) -> dict[Purpose, Score]:
    """How many known answers a worker got right, by what the items were for."""
    purposes = (Purpose.TRAINING, Purpose.GOLD, Purpose.ATTENTION)
    return {purpose: total(_scores(collecting, worker, study, purpose)) for purpose in purposes}


def _scores(collecting: Collecting, worker: Person, study: KnownStudy, purpose: Purpose) -> Iterator[Score]:
    for assignment in submitted_by(collecting.store, study.id, worker.id, purpose):
        item = read_item(collecting.store, assignment.item_id)
        if item.truth is not None:
            held = held_with(collecting, assignment, item, worker)
            yield score_of(held.work, study.settings, item.truth)
