"""What a worker is given next: training until they qualify, then real items with gold and attention checks among them."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.collect.kinds.draws import drawn_share
from plumbline.collect.kinds.work import Purpose
from plumbline.collect.study_settings import StudyFile


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStanding:
    """What is known of a worker in a study.

    Attributes:
        worker: pseudonym.
        qualified: as `qualification_result` says; None = not done yet.
        finished: real, gold and attention items they have finished.
        since_attention: of these, how many since the last attention check.
    """

    worker: str
    qualified: bool | None = None
    finished: int = 0
    since_attention: int = 0


def purposes_due(study: StudyFile, standing: WorkerStanding) -> tuple[Purpose, ...]:
    """The purposes to look for an item of, in this order; empty where the worker gets nothing.

    A worker has each item once, so gold and attention items run out: real ones follow them in the order. The limit per
    worker counts all of these, so that it cannot be told from the outside which were which.
    """
    if study.qualification is not None and not standing.qualified:
        return () if standing.qualified is False else (Purpose.TRAINING,)
    if study.per_worker_limit is not None and standing.finished >= study.per_worker_limit:
        return ()
    due: list[Purpose] = []
    if study.attention is not None and standing.since_attention >= study.attention.every:
        due.append(Purpose.ATTENTION)
    if study.gold is not None:
        drawn = drawn_share(study.seed, "gold", standing.worker, str(standing.finished))
        if drawn < study.gold.share:
            due.append(Purpose.GOLD)
    return (*due, Purpose.WORK)
