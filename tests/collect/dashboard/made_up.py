"""Studies whose judgements are handed to the store as they are wanted, so that every figure can be worked out by hand."""

import itertools
import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from plumbline.collect.dashboard.counted import Counted
from plumbline.collect.dashboard.ledger import Ledger
from plumbline.collect.dashboard.snapshot import make_snapshot
from plumbline.collect.kinds import Purpose
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.store.conversations import add_replies, add_turn, show_replies
from plumbline.collect.store.database import Store
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.leasing import LeaseTerms, take
from plumbline.collect.store.people import add_person
from plumbline.collect.store.rows import NewItem, NewJudgement, NewReply, Submission
from plumbline.collect.store.studies import create_study
from plumbline.collect.store.submission import correct, submit
from tests.collect.api.client import toml
from tests.collect.store.made_up import START

CHAT = {
    "items": "workers",
    "replies": {"sampler": "two-samples", "sources": ["retrieval:x"]},
    "axes": ["helpfulness"],
}
FIRST, SECOND, TIE = "first", "second", "tie"


@dataclass
class World:
    """A study, its items and its people; the clock moves a minute at every submission."""

    store: Store
    kind: str = "pairs"
    settings: dict = field(default_factory=dict)
    now: object = START

    def __post_init__(self):
        text = toml(self.kind, **{"items": "x.jsonl"} | self.settings)
        create_study(self.store, "s", self.kind, text, "Read.", now=START)
        self.collecting = open_collecting(self.store, SourceRules(Path()), clock=lambda: self.now)
        self.known = self.collecting.catalogue.named("s")
        self.keys = itertools.count()

    def enter(self, payloads, *, overlap=1, purpose=Purpose.WORK, truths=None):
        truths = truths or [None] * len(payloads)
        new = [
            NewItem(f"{purpose}-{next(self.keys)}", payload, purpose, overlap=overlap, truth=truth)
            for payload, truth in zip(payloads, truths, strict=True)
        ]
        enter_items(self.store, self.known.id, new, now=self.now)

    def worker(self):
        return add_person(self.store, now=self.now)

    def workers(self, count):
        """People, by pseudonym: as lists of them are sorted."""
        return sorted((self.worker() for _ in range(count)), key=lambda person: person.pseudonym)

    def take(self, worker, purpose=Purpose.WORK):
        terms = LeaseTerms(self.now + timedelta(minutes=30), purpose)
        return take(self.store, self.known.id, worker.id, terms, now=self.now)

    def hand_in(self, taken, worker, *judged, finished=True, seconds=10.0):
        """Judgements, each (part, kind, payload); their numbers."""
        self.now += timedelta(minutes=1)
        new = tuple(NewJudgement(part, kind, payload, 1, seconds) for part, kind, payload in judged)
        key = f"key-{next(self.keys)}"
        submission = Submission(
            taken.assignment.id, worker.id, taken.assignment.fence, key, "0" * 64, new, finished=finished
        )
        return submit(self.store, submission, now=self.now).judgement_ids

    def judge(self, worker, *payloads, kind="pair", purpose=Purpose.WORK, **more):
        """The next items, one judgement each; their numbers."""
        made = []
        for payload in payloads:
            taken = self.take(worker, purpose)
            assert taken is not None, "no item is left"
            made += self.hand_in(taken, worker, (kind, kind, payload), **more)
        return made

    def correct(self, worker, judgement, payload, kind="pair"):
        self.now += timedelta(minutes=1)
        key = f"key-{next(self.keys)}"
        new = NewJudgement(kind, kind, payload, 1, 99.0)
        about = {"idempotency_key": key, "body_sha256": "0" * 64, "now": self.now}
        return correct(self.store, judgement, worker.id, new, **about).judgement_ids[0]

    # --- figures ---

    def ledger(self, **more):
        made = Ledger(self.store, self.known, **more)
        made.bring_up()
        return made

    def counted(self):
        return Counted(self.ledger().view(), self.known.settings)

    def snapshot(self):
        return make_snapshot(self.collecting, self.known, Ledger(self.store, self.known))

    def figures(self):
        return self.snapshot().figures


def message(role, text):
    return {"role": role, "text": text}


def pair_item(models=(None, None), question="q"):
    sides = [{"messages": [message("assistant", f"side {side}")], "model": models[side]} for side in range(2)]
    return {"context": [message("human", question)], "sides": sides}


def pair(outcome, strength=4, *, a=0, axes=("helpfulness",), question="better", strengths=8):
    """A judged pair: the better stored side, how strongly, and which side stood at A."""
    half = strengths // 2
    better = (FIRST, SECOND).index(outcome)
    named = better if question == "better" else 1 - better
    step = half + 1 - strength if named == a else half + strength
    verdicts = [
        {"axis": axis, "question": question, "step": step, "outcome": outcome, "strength": strength} for axis in axes
    ]
    return {"shown": [a, 1 - a], "verdicts": verdicts, "comment": None}


def label_item(text="answer"):
    return {"conversation": [message("human", "q"), message("assistant", text)]}


def label(*categories, confidence=3, taxonomy="beavertails-14"):
    names = sorted(categories)
    return {
        "is_safe": not names,
        "categories": names,
        "taxonomy": taxonomy,
        "confidence": confidence,
        "comment": None,
    }


def ranking_item(models=(None, None, None)):
    replies = [
        {"text": f"reply {place}", "label": {"is_safe": True, "categories": []}, "model": model}
        for place, model in enumerate(models)
    ]
    return {"prompt": [message("human", "q")], "replies": replies}


def ranking(helpfulness, harmlessness=None, *, shown=None, confidence=2):
    count = len(helpfulness)
    return {
        "shown": list(shown or range(count)),
        "helpfulness": list(helpfulness),
        "harmlessness": list(harmlessness or [1] * count),
        "confidence": confidence,
        "disputes": [],
        "comment": None,
    }


def review_item(attempt="1"):
    return {"attempt": attempt, "transcript": [message("human", "q"), message("assistant", "a")]}


def review(rating, *tags):
    return {"rating": rating, "tags": list(tags)}


def turn_verdict(turn, outcome, replies, *, strength=4, a=0, axis="helpfulness"):
    stored = pair(outcome, strength, a=a)["verdicts"][0]
    return {
        "turn": turn,
        "axis": axis,
        "question": "better",
        "step": stored["step"],
        "shown": [a, 1 - a],
        "replies": [str(number) for number in replies],
        "outcome": outcome,
        "strength": strength,
        "continues_with": 0,
        "continues": "better",
        "edit": None,
    }


def say_and_draw(world, taken, worker, turn, models=("m0", "m1")):
    """A turn with two replies shown; their numbers."""
    about = (world.store, taken.assignment.id, worker.id)
    add_turn(*about, taken.assignment.fence, turn, "hello", now=world.now)
    new = [NewReply(side, "text", model, "", None, {}) for side, model in enumerate(models)]
    add_replies(*about, turn, new, now=world.now)
    shown = show_replies(*about, taken.assignment.fence, turn, now=world.now)
    return [reply.id for reply in shown]


def chats(world, worker, outcomes, **more):
    """One whole chat, a turn for each outcome."""
    taken = world.take(worker)
    for number, outcome in enumerate(outcomes, start=1):
        replies = say_and_draw(world, taken, worker, number)
        judged = (f"turn-{number}", "turn", turn_verdict(number, outcome, replies, **more))
        world.hand_in(taken, worker, judged, finished=number == len(outcomes))


def as_plain(figures):
    """Figures as JSON would have them."""
    import msgspec

    return json.loads(msgspec.json.encode(figures))
