"""The service without HTTP: a store, a clock that only moves when told, workers."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.beginning import begin_work
from plumbline.collect.service.entering import enter_uploaded
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.studies import new_study
from plumbline.collect.service.submitting import Answer, Request, submit_answer
from plumbline.collect.store.database import Store
from plumbline.collect.store.people import add_person
from tests.collect.api.client import rows, toml

START = datetime(2026, 11, 21, 9, 0, 0, 0, tzinfo=UTC)


@dataclass
class Desk:
    store: Store
    folder: Path = Path()
    now: datetime = START
    keys: itertools.count = field(default_factory=itertools.count)

    def __post_init__(self):
        self.rules = SourceRules(self.folder)
        self.collecting = open_collecting(self.store, self.rules, clock=lambda: self.now)

    def study(self, kind="pairs", **settings):
        return self.study_of(toml(kind, **settings))

    def study_of(self, text):
        made = new_study(self.collecting, text, "Read.", self.rules)
        return self.collecting.catalogue.named(made.name)

    def pairs(self, study, names, purpose=Purpose.WORK):
        data = rows(*[(f"{purpose} {name}", "one", "other") for name in names])
        return enter_uploaded(self.collecting, study, data, "jsonl", purpose)

    def worker(self):
        return add_person(self.store, now=self.now)

    def next(self, study, worker, queue=Purpose.WORK):
        begun = begin_work(self.collecting, worker, study.settings.name, queue)
        return None if begun is None else begun.held

    def answer(self, held, worker, key=None, **submission):
        answer = Answer(held.assignment.fence, submission, 1)
        request = Request(key or f"key-{next(self.keys)}", "0" * 64)
        return submit_answer(self.collecting, worker, held.assignment.id, answer, request)

    def judge(self, held, worker, right=True):
        """The right answer to a pair of `pairs`, or the wrong one."""
        first = held.step.replies[0] == "one"
        return self.answer(held, worker, act="judge-pair", helpfulness=1 if first == right else 8)

    def wait(self, **duration):
        self.now += timedelta(**duration)
