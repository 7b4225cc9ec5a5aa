"""All studies of a store at a glance, for whoever looks after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.item_entry import places_told
from plumbline.collect.service.drawing import DRAW_FAILED
from plumbline.collect.service.failures import not_started
from plumbline.collect.store.database import Store
from plumbline.collect.store.deliveries import count_undelivered
from plumbline.collect.store.failures import NotFoundError
from plumbline.collect.store.items import QueueCount, count_queues
from plumbline.collect.store.overview import (
    CodeCount,
    PersonCount,
    count_late,
    count_people,
    count_workers,
    failures_by_code,
)
from plumbline.collect.store.rows import Role, Study
from plumbline.collect.store.studies import find_study, list_studies, newest_version


@dataclass(frozen=True, slots=True)
class Named:
    """A study by its name, and the path that was given for it."""

    name: str
    said: Path


@dataclass(frozen=True, slots=True)
class StudyOverview:
    """How far one study is.

    Attributes:
        queues: counts by what items are for.
        workers: people who have taken an item; whoever only ruled on labels or checked writing is none.
        late: submissions that came when the slot was another's; kept, not counted.
        failed_draws: by code, of the newest thousand.
    """

    study: Study
    guidelines_version: int
    queues: dict[Purpose, QueueCount]
    workers: int
    late: int
    failed_draws: list[CodeCount]

    @property
    def splits_waiting(self) -> int:
        """Disputed or split labels that nobody has ruled on yet."""
        queue = self.queues.get(Purpose.ADJUDICATION)
        return 0 if queue is None else queue.items - queue.complete

    def to_json(self) -> dict[str, Any]:
        """As an object; items that everybody gets have no number of places."""
        return {
            "name": self.study.name,
            "kind": self.study.kind,
            "state": self.study.state.value,
            "guidelines_version": self.guidelines_version,
            "queues": {purpose.value: _queue_json(count) for purpose, count in self.queues.items()},
            "workers": self.workers,
            "late": self.late,
            "splits_waiting": self.splits_waiting,
            "failed_draws": [
                {"code": failed.code, "count": failed.count, "last": failed.last.isoformat()}
                for failed in self.failed_draws
            ],
        }


@dataclass(frozen=True, slots=True)
class StoreOverview:
    """Studies of a store, and how many people of each role the whole store knows.

    Attributes:
        untold: messages of webhooks that wait, and that were given up in the last 30 days.
    """

    studies: list[StudyOverview]
    people: dict[Role, int]
    untold: tuple[int, int] = (0, 0)

    def to_json(self) -> dict[str, Any]:
        """As an object."""
        return {
            "studies": [study.to_json() for study in self.studies],
            "people": {role.value: count for role, count in self.people.items()},
            "webhooks": {"waiting": self.untold[0], "given_up": self.untold[1]},
        }


def store_overview(store: Store, named: Sequence[Named] = ()) -> StoreOverview:
    """Looks at every item of the studies that are named, or of all: for a person who asks now and then.

    Raises:
        ServeError: PL-STA-013, one of them is not in the store.
    """
    studies = list(dict.fromkeys(_named(store, each) for each in named)) or list_studies(store)
    return StoreOverview([_study(store, study) for study in studies], count_people(store), count_undelivered(store))


def person_json(each: PersonCount) -> dict[str, Any]:
    """Somebody as an object."""
    person = each.person
    return {
        "pseudonym": person.pseudonym,
        "role": person.role.value,
        "blocked_at": person.blocked_at and person.blocked_at.isoformat(),
        "erased_at": person.erased_at and person.erased_at.isoformat(),
        "finished": each.finished,
    }


def _named(store: Store, named: Named) -> Study:
    try:
        return find_study(store, named.name)
    except NotFoundError:
        raise not_started(named.name, str(named.said)) from None


def _study(store: Store, study: Study) -> StudyOverview:
    return StudyOverview(
        study=study,
        guidelines_version=newest_version(store, study.id),
        queues=count_queues(store, study.id),
        workers=count_workers(store, study.id),
        late=count_late(store, study.id),
        failed_draws=failures_by_code(store, study.id, DRAW_FAILED),
    )


def places_of(count: QueueCount) -> int | None:
    """Places for judgements in a queue; None where everybody gets its items."""
    return places_told(count.slots)


def _queue_json(count: QueueCount) -> dict[str, int | None]:
    return {
        "items": count.items,
        "complete": count.complete,
        "places": places_of(count),
        "leased": count.leased,
        "submitted": count.submitted,
    }
