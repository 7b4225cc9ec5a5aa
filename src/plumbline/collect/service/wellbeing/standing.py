"""How far somebody is in a study: all that their page needs between two items, in a few queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.beginning import is_over, is_qualified, shown_purpose, standing_with
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.identity.visits import VisitStanding, WorkDone, visit_standing
from plumbline.collect.service.wellbeing.mood_summary import start_of_day
from plumbline.collect.service.wellbeing.moods import FEELINGS, is_mood_due, mood_every
from plumbline.collect.service.wellbeing.preferences import opted_out
from plumbline.collect.service.writing_checks import newest_note_at
from plumbline.collect.store.assignments import find_in_hand
from plumbline.collect.store.items import count_items
from plumbline.collect.store.participation import submitted_counts
from plumbline.collect.store.rows import Person
from plumbline.collect.store.standing import count_open, seconds_since
from plumbline.collect.store.wellbeing import last_mood_at
from plumbline.collect.study_settings import StudyFile

_STEPS_OPEN = (100, 10, 1, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a worker is.

    Attributes:
        finished: items that the limit counts.
        submitted: finished items by what the worker was told that they are: gold and attention items are work.
        training_items_left: None where the study has no training.
        qualified: what came of the training; None where it is not done, or there is none.
        over: nothing will ever come for this worker.
        minutes_today: whole minutes that their judgements of today (UTC) took, in all studies, as their clients measured.
        enough_today: that is as many as the study wants anybody to work in a day, and nothing is in the worker's hands that they
            could finish first.
        mood_due: it is time to ask how they feel.
        feelings: what is asked then; empty where the study does not ask.
        topics: those that items bring; empty where nobody opts out of any.
        opted_out: those that the worker does not want to see.
        visit: from Prolific or MTurk.
        items_open: at least so many items have a place left, told as 0, 1, 10 or 100.
        newest_note_at: when a reviewer wrote the newest note on the worker's writing; None where none is.
    """

    settings: StudyFile
    finished: int
    submitted: Mapping[Purpose, int]
    training_items_left: int | None
    qualified: bool | None
    over: bool
    minutes_today: int
    enough_today: bool
    mood_due: bool
    feelings: tuple[str, ...]
    topics: tuple[str, ...]
    opted_out: tuple[str, ...]
    visit: VisitStanding
    items_open: int
    newest_note_at: datetime | None


def read_standing(collecting: Collecting, worker: Person, study_name: str) -> Standing:
    """How far the worker is in a study; a visit that is complete by now is stored as that.

    Raises:
        NotFoundError: PL-COL-010.
    """
    study = collecting.catalogue.named(study_name)
    settings, store = study.settings, collecting.store
    submitted = submitted_counts(store, study.id, worker.id)
    qualified = is_qualified(collecting, worker, study)
    reached = standing_with(worker, settings, qualified, submitted)
    over = is_over(settings, reached)
    training_left = _training_left(collecting, study, submitted, qualified)
    every, finished = mood_every(settings), sum(submitted.values())
    # Who has finished too few items to be asked even if they never were, is not looked up.
    last = last_mood_at(store, study.id, worker.id) if every is not None and finished >= every else 0
    topics = collecting.topics.of_study(store, study.id) if settings.has_topics else ()
    minutes = int(seconds_since(store, worker.id, start_of_day(collecting.clock())) // 60)
    done = WorkDone(submitted, reached.finished, training_left or 0, over)
    return Standing(
        settings=settings,
        finished=reached.finished,
        submitted=_as_shown(submitted),
        training_items_left=training_left,
        qualified=qualified,
        over=over,
        minutes_today=minutes,
        enough_today=_is_enough(collecting, worker, study, minutes),
        mood_due=is_mood_due(every, finished, last),
        feelings=FEELINGS if every is not None else (),
        topics=tuple(sorted(topics)),
        opted_out=tuple(sorted(opted_out(collecting, worker, study))),
        visit=visit_standing(collecting, worker, study, done),
        items_open=_coarse(collecting, study),
        newest_note_at=newest_note_at(collecting, study, worker.id),
    )


def _training_left(
    collecting: Collecting, study: KnownStudy, submitted: Mapping[Purpose, int], qualified: bool | None
) -> int | None:
    if study.settings.qualification is None:
        return None
    if qualified is not None:
        return 0
    count = count_items(collecting.store, study.id, Purpose.TRAINING)
    return max(0, count - submitted.get(Purpose.TRAINING, 0))


def _is_enough(collecting: Collecting, worker: Person, study: KnownStudy, minutes: int) -> bool:
    """Who has an item in hand may finish it: its lease would end before tomorrow, and a conversation be lost with it."""
    wellbeing = study.settings.wellbeing
    if wellbeing is None or wellbeing.most_minutes_a_day is None or minutes < wellbeing.most_minutes_a_day:
        return False
    return find_in_hand(collecting.store, study.id, worker.id, tuple(Purpose)) is None


def _as_shown(submitted: Mapping[Purpose, int]) -> dict[Purpose, int]:
    counts: Counter[Purpose] = Counter()
    for purpose, count in submitted.items():
        counts[shown_purpose(purpose)] += count
    return dict(counts)


def _coarse(collecting: Collecting, study: KnownStudy) -> int:
    """At least so many; conversations that workers begin are entered as they are asked for, so those to come count too."""
    items, most = study.settings.items, _STEPS_OPEN[0]
    if items.from_workers:
        if items.conversations is None:
            return most
        to_come = items.conversations - count_items(collecting.store, study.id, Purpose.WORK)
        if to_come >= most:
            return most
    else:
        to_come = 0
    found = count_open(collecting.store, study.id, most=most) + max(0, to_come)
    return next(step for step in _STEPS_OPEN if found >= step)
