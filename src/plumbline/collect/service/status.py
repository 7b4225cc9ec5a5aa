"""How far a study is: counts of its queues, and how one worker stands. How much people agree is not said here."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.collect.kinds import Purpose, QualificationResult, Score
from plumbline.collect.service.beginning import standing_of
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.qualification import known_answer_scores, training_result
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.items import QueueCount, count_queues
from plumbline.collect.store.participation import read_participation, submitted_counts, takes_part
from plumbline.collect.store.people import find_person
from plumbline.collect.store.rows import Participation, Study
from plumbline.collect.store.studies import find_study, newest_version


@dataclass(frozen=True, slots=True)
class StudyStatus:
    """A study, its newest guidelines, and its queues."""

    study: Study
    guidelines_version: int
    queues: dict[Purpose, QueueCount]


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """How somebody stands in a study.

    Attributes:
        submitted: finished items by what they were for.
        finished: of those that the limit counts.
        training: None where the study has no training set.
        scores: answers to items with known answers.
    """

    pseudonym: str
    participation: Participation
    submitted: dict[Purpose, int]
    finished: int
    training: QualificationResult | None
    scores: dict[Purpose, Score]


def study_status(collecting: Collecting, name: str) -> StudyStatus:
    """Looks at every item: for a page that is opened now and then."""
    study = find_study(collecting.store, name)
    return StudyStatus(study, newest_version(collecting.store, study.id), count_queues(collecting.store, study.id))


def worker_status(collecting: Collecting, name: str, pseudonym: str) -> WorkerStatus:
    """Reads all of a worker's items with known answers.

    Raises:
        NotFoundError: PL-COL-010, there is no such study, or nobody of this pseudonym who is of it or took part in it.
    """
    study = collecting.catalogue.named(name)
    worker = find_person(collecting.store, pseudonym)
    if worker.only_study_id != study.id and not takes_part(collecting.store, study.id, worker.id):
        # In the words for nobody: managers of one study do not learn who else is there.
        raise not_found("person", "of this pseudonym")
    return WorkerStatus(
        pseudonym=pseudonym,
        participation=read_participation(collecting.store, study.id, worker.id),
        submitted=submitted_counts(collecting.store, study.id, worker.id),
        finished=standing_of(collecting, worker, study).finished,
        training=training_result(collecting, worker, study),
        scores=known_answer_scores(collecting, worker, study),
    )
