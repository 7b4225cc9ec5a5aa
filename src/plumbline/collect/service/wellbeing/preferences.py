"""What somebody does not want to see in a study."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.wellbeing.failures import no_topics, unknown_topics
from plumbline.collect.store.rows import Person
from plumbline.collect.store.wellbeing import read_opted_out, save_opted_out


def set_opted_out(collecting: Collecting, worker: Person, study_name: str, topics: Sequence[str]) -> tuple[str, ...]:
    """Stores the topics whose items the worker is not to get from now on, in the place of those of before.

    Returns:
        Each once, sorted.
    Raises:
        NotFoundError: no such study. NotAllowedError: PL-COL-031.
        ServiceError: PL-WEL-001 the study has no topics, PL-WEL-002 one is none of its topics.
    """
    study = collecting.catalogue.named(study_name)
    if not study.settings.has_topics:
        raise no_topics(study_name)
    wished = frozenset(topics)
    # What was opted out of before stays allowed: the items that brought it may be gone by a restore.
    if (
        wished
        - collecting.topics.known_among(collecting.store, study.id, wished)
        - opted_out(collecting, worker, study)
    ):
        raise unknown_topics(len(wished))
    chosen = tuple(sorted(wished))
    save_opted_out(collecting.store, study.id, worker.id, chosen, now=collecting.clock())
    return chosen


def opted_out(collecting: Collecting, worker: Person, study: KnownStudy) -> frozenset[str]:
    """What the worker does not want to see; nothing, and at no cost, in a study without topics."""
    if not study.settings.has_topics:
        return frozenset()
    return frozenset(read_opted_out(collecting.store, study.id, worker.id))
