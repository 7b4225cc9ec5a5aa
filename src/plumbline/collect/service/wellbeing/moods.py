"""How people say they feel: ten feelings, 0 to 4, now and then; declining is an answer, and nobody is asked why.

Source: Ganguli et al. 2022, app. A (well-being of who attacks models: a survey after every ten tasks, after the PANAS of Watson et
al. 1988). Deviation: the ten words are our own.
"""

from __future__ import annotations

from collections.abc import Mapping

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.wellbeing.failures import no_answer, no_moods
from plumbline.collect.store.participation import submitted_counts
from plumbline.collect.store.rows import Person
from plumbline.collect.store.wellbeing import add_mood
from plumbline.collect.study_settings import StudyFile

FEELINGS = ("calm", "tense", "cheerful", "sad", "interested", "angry", "confident", "disgusted", "rested", "worn_out")
"""In the order in which they are asked, pleasant and unpleasant by turns."""
SCALE = ("not at all", "a little", "somewhat", "quite", "very much")
"""What 0 to 4 mean."""


def mood_every(study: StudyFile) -> int | None:
    """After how many finished items people are asked; None = never."""
    return None if study.wellbeing is None else study.wellbeing.mood_every


def is_mood_due(every: int | None, finished: int, last: int) -> bool:
    """Whether it is time to ask.

    Args:
        every: as the study says.
        finished: items that somebody has finished, whatever for.
        last: how many it were when they were asked last; 0 = never.
    """
    return every is not None and finished - last >= every


def tell_mood(
    collecting: Collecting, worker: Person, study_name: str, feelings: Mapping[str, int] | None, *, declined: bool
) -> bool:
    """Stores how somebody feels, or that they would rather not say.

    Args:
        feelings: 0 to 4 for each of `FEELINGS`; None where it was declined.
    Returns:
        Whether it was stored: False where one is there already and nothing was finished since.
    Raises:
        NotFoundError: no such study. NotAllowedError: PL-COL-031.
        ServiceError: PL-WEL-003 the study does not ask, PL-WEL-004 neither or both.
    """
    study = collecting.catalogue.named(study_name)
    if mood_every(study.settings) is None:
        raise no_moods(study_name)
    if declined == (feelings is not None) or (feelings is not None and not _is_whole(feelings)):
        raise no_answer()
    finished = sum(submitted_counts(collecting.store, study.id, worker.id).values())
    payload = {"declined": True} if feelings is None else {"feelings": dict(feelings)}
    return add_mood(collecting.store, study.id, worker.id, payload, finished, now=collecting.clock())


def _is_whole(feelings: Mapping[str, int]) -> bool:
    return feelings.keys() == set(FEELINGS) and all(value in range(len(SCALE)) for value in feelings.values())
