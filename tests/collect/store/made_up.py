"""Made-up studies, people and submissions, and a clock that only moves when it is told to."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from plumbline.collect.store.database import Store
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.leasing import LeaseTerms, take
from plumbline.collect.store.people import add_person, list_people
from plumbline.collect.store.rows import NewItem, NewJudgement, Person, Purpose, Receipt, Study, Submission, Taken
from plumbline.collect.store.studies import create_study
from plumbline.collect.store.submission import submit

START = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
LEASE = timedelta(minutes=30)
HOSTILE = "<script>alert(1)</script> '; DROP TABLE items; -- {{7*7}} \U0001f4a3 \u202e \r\n\t \x1b[31m"
"""What a text may hold."""


def make_study(store: Store, name: str = "pairs") -> Study:
    return create_study(store, name, "pairs", f'name = "{name}"\n', "Read both replies.", now=START)


def person_of(store: Store, person_id: str) -> Person:
    return next(person for person in list_people(store) if person.id == person_id)


def make_items(count: int, *, overlap: int = 1, **values) -> list[NewItem]:
    return [NewItem(f"item-{number}", {"number": number}, overlap=overlap, **values) for number in range(count)]


def a_judgement(part: str = "helpfulness", **values) -> NewJudgement:
    return NewJudgement(part, "comparison", {"outcome": "first", "strength": 2}, 1, **values)


@dataclass
class Desk:
    """A study with items and workers, driven by short calls."""

    store: Store
    study_id: int
    workers: list[str]
    now: datetime = START
    keys: int = field(default=0)

    def take(self, worker: int = 0, *, purpose: Purpose = Purpose.WORK) -> Taken | None:
        terms = LeaseTerms(self.now + LEASE, purpose)
        return take(self.store, self.study_id, self.workers[worker], terms, now=self.now)

    def submission(self, taken: Taken, key: str | None = None, **values) -> Submission:
        self.keys += key is None
        key = key or f"key-{self.keys}"
        body = hashlib.sha256(values.pop("body", "body").encode()).hexdigest()
        defaults = {"judgements": (a_judgement(),), "fence": taken.assignment.fence}
        about = {"assignment_id": taken.assignment.id, "worker_id": taken.assignment.worker_id}
        return Submission(**about, idempotency_key=key, body_sha256=body, **(defaults | values))

    def submit(self, taken: Taken, key: str | None = None, **values) -> Receipt:
        return submit(self.store, self.submission(taken, key, **values), now=self.now)

    def wait(self, **duration: float) -> None:
        self.now += timedelta(**duration)


def make_desk(store: Store, items: list[NewItem], *, workers: int = 3) -> Desk:
    study = make_study(store)
    people = [add_person(store, now=START).id for _ in range(workers)]
    enter_items(store, study.id, items, now=START)
    return Desk(store, study.id, people)
