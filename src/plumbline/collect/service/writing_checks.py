"""What reviewers said of a worker's writing: the notes for the worker, marks and notes for whoever runs the study."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from plumbline.collect.kinds import Purpose, writing_key
from plumbline.collect.kinds.bounds import read_stored
from plumbline.collect.kinds.spot_check import MARKS, WRITING, StoredCheck
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.store.assignments import newest_submitted
from plumbline.collect.store.judgements import judgements_of_keys

MOST_LOOKED_AT = 200
"""Of a worker's finished conversations, newest first: how many are looked at for checks."""


@dataclass(frozen=True, slots=True)
class WritingCheck:
    """A check of a worker's writing, as it stands after corrections.

    Attributes:
        assignment_id: the conversation that was looked at, an assignment of the worker's.
        judgement_id: the reviewer's judgement.
        mark: 1 to 4, in words: unusable, poor, fine, very good. For whoever runs the study, not for the worker.
        note: for the worker; None where none was written.
        at: when it was made.
    """

    assignment_id: int
    judgement_id: int
    mark: str
    note: str | None
    at: datetime


def writing_checks(collecting: Collecting, study: KnownStudy, worker_id: str) -> list[WritingCheck]:
    """The checks of somebody's newest `MOST_LOOKED_AT` conversations in a study, the newest check first.

    A study without spot checks costs no query, any other two. Who checked is in none of them.
    """
    if study.settings.spot_check is None:
        return []
    numbers = newest_submitted(collecting.store, study.id, worker_id, Purpose.WORK, limit=MOST_LOOKED_AT)
    by_key = {writing_key(str(number)): number for number in numbers}
    found = judgements_of_keys(collecting.store, study.id, list(by_key))
    checks = []
    for key, row in found:
        if row.kind == WRITING:
            stored = read_stored(StoredCheck, row.payload)
            mark = MARKS[stored.mark - 1]
            checks.append(WritingCheck(by_key[key], row.id, mark, stored.note, row.created_at))
    return sorted(checks, key=lambda check: check.judgement_id, reverse=True)


def newest_note_at(collecting: Collecting, study: KnownStudy, worker_id: str) -> datetime | None:
    """When the newest note on somebody's writing was made; None where there is none. Costs as `writing_checks`."""
    return next((check.at for check in writing_checks(collecting, study, worker_id) if check.note), None)
