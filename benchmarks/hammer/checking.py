"""The store held against what the workers wrote down, in both directions; by what stands in the rows, not by counts.

`plumbline.collect.store.checking.check_store` looks whether the store agrees with itself. This looks whether it agrees
with what people did: only that shows a judgement that is gone with all its traces, or one whose sides were turned.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from benchmarks.collecting.study import MARKS, MadeStudy, number_in
from benchmarks.hammer.ledger import Ledgers, Sent
from plumbline.collect.store.checking import Acknowledged, Fault, check_store
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind
from plumbline.collect.store.rows import AssignmentState, Outcome
from plumbline.collect.store.tables import assignments, events, items, judgements, late

_SIDES = {"first": 0, "second": 1}
_MAY_COME_OF_GIVING_UP = ("PL-COL-020", "PL-COL-024", "PL-SUB-002", "PL-SUB-003", "PL-SUB-006")
"""What a worker is told who judges an item again because no answer came, where the first judgement did arrive."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A judgement as the store has it, in the words of the ledgers."""

    id: int
    person: str
    key: str
    assignment: int
    item: int
    better: int
    strength: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what is wrong."""

    faults: list[Fault]
    counts: dict[str, int]


def check(store: Store, study: MadeStudy, ledgers: Ledgers, *, complete: bool = True) -> Checked:
    """Every judgement accounted for, in the store and in the ledgers.

    Args:
        complete: whether every item is to have its overlap.
    """
    people = {worker.number: worker.person_id for worker in study.workers}
    faults = check_store(store, complete=complete, acknowledged=_acknowledged(ledgers, people))
    stored = store.read(_stored)
    faults += _against_ledgers(stored, ledgers, people)
    faults += _told(stored, store.read(_late_keys), ledgers)
    faults += _refusals(stored, ledgers)
    faults += _leases(store.read(_leases_logged), ledgers, people)
    if complete:
        faults += store.read(lambda connection: list(_overlap(connection, stored)))
    return Checked(faults, _counts(stored, ledgers))


def _acknowledged(ledgers: Ledgers, people: dict[int, str]) -> Iterator[Acknowledged]:
    for key, told in ledgers.told.items():
        yield Acknowledged(people[ledgers.sent[key].worker], key, Outcome(told[0].outcome))


def _stored(connection: Connection) -> list[Stored]:
    texts = _item_texts(connection)
    query = select(
        judgements.c.id, judgements.c.worker_id, judgements.c.idempotency_key, judgements.c.assignment_id,
        judgements.c.item_id, judgements.c.payload,
    )  # fmt: skip
    found = []
    for number, person, key, assignment, item, payload in connection.execute(query):
        pair, marks = texts[item]
        (said,) = payload["verdicts"]
        found.append(Stored(number, person, key, assignment, pair, marks[_SIDES[said["outcome"]]], said["strength"]))
    return found


def _item_texts(connection: Connection) -> dict[int, tuple[int, tuple[int, ...]]]:
    """By item: the number of its pair, and which of the pair's texts stands on which side."""
    found = {}
    for item, payload in connection.execute(select(items.c.id, items.c.payload)):
        sides = [side["messages"][-1]["text"] for side in payload["sides"]]
        (number,) = {number_in(text) for text in [*sides, payload["context"][-1]["text"]]}
        found[item] = (number, tuple(next(place for place, mark in enumerate(MARKS) if mark in side) for side in sides))
    return found


def _against_ledgers(stored: list[Stored], ledgers: Ledgers, people: dict[int, str]) -> Iterator[Fault]:
    """Every stored judgement was sent, by this worker, about this item, and says what was said."""
    for row in stored:
        place, sent = f"judgement {row.id}", ledgers.sent.get(row.key)
        if sent is None or people[sent.worker] != row.person:
            yield Fault("nobody_sent_it", place, f"no ledger of person {row.person} has key {row.key}")
        elif (sent.item, sent.assignment) != (row.item, row.assignment):
            yield Fault("another_item", place, f"pair {sent.item} was judged, it stands under pair {row.item}")
        elif (sent.better, sent.strength) != (row.better, row.strength):
            said, stands = _answer(sent), _answer(row)
            yield Fault("answer_changed", place, f"{said} was said, {stands} is stored")
    for key, count in Counter(row.key for row in stored).items():
        if count > 1:
            yield Fault("stored_twice", f"request {key}", f"{count} judgements")


def _answer(judged: Sent | Stored) -> str:
    return f"text {judged.better} better by {judged.strength}"


def _told(stored: list[Stored], late_keys: Counter[str], ledgers: Ledgers) -> Iterator[Fault]:
    """What a worker was told is so, and every answer to one request was the same."""
    by_key = defaultdict(set)
    for row in stored:
        by_key[row.key].add(row.id)
    for key, told in ledgers.told.items():
        place = f"request {key}"
        if len(set(told)) > 1:
            yield Fault("told_two_things", place, f"{len(set(told))} different answers")
        first = told[0]
        if first.outcome == "accepted" and (set(first.judgements) != by_key[key] or len(first.judgements) != 1):
            yield Fault("told_and_not_there", place, f"told {list(first.judgements)}, stored {sorted(by_key[key])}")
        if first.outcome == "late" and (late_keys[key] != 1 or by_key[key]):
            found = f"{late_keys[key]} in late, {len(by_key[key])} counted"
            yield Fault("late_and_not_kept", place, found)
    for key in late_keys:
        if key not in ledgers.sent:
            yield Fault("nobody_sent_it", f"late request {key}", "in no ledger")


def _refusals(stored: list[Stored], ledgers: Ledgers) -> Iterator[Fault]:
    """Another body under a known key is always refused; an honest judgement only where another one stands there."""
    judged = {(row.person, row.assignment) for row in stored}
    accepted = {row.assignment: row.key for row in stored if (row.person, row.assignment) in judged}
    for refused in ledgers.refused:
        sent, place = ledgers.sent[refused.key], f"request {refused.key}"
        if refused.other_body:
            if refused.code != "PL-COL-023":
                yield Fault("refused_wrongly", place, f"another body under its key was refused by {refused.code}")
        elif refused.code not in _MAY_COME_OF_GIVING_UP or accepted.get(sent.assignment, refused.key) == refused.key:
            yield Fault("refused_wrongly", place, f"{refused.code}, though no other judgement stands there")


def _leases(logged: set[tuple[str, int, int]], ledgers: Ledgers, people: dict[int, str]) -> Iterator[Fault]:
    """Every item that a worker had in hand was leased to them, by the log."""
    for lease in ledgers.leases:
        if (people[lease.worker], lease.assignment, lease.fence) not in logged:
            place = f"assignment {lease.assignment}"
            yield Fault("lease_vanished", place, f"worker {lease.worker} had it under fence {lease.fence}; not logged")


def _leases_logged(connection: Connection) -> set[tuple[str, int, int]]:
    query = select(events.c.person_id, events.c.assignment_id, events.c.payload)
    query = query.join(assignments, assignments.c.id == events.c.assignment_id)
    found = connection.execute(query.where(events.c.kind == EventKind.LEASED.value))
    return {(person, assignment, payload["fence"]) for person, assignment, payload in found}


def _late_keys(connection: Connection) -> Counter[str]:
    return Counter(connection.execute(select(late.c.idempotency_key)).scalars())


def _overlap(connection: Connection, stored: list[Stored]) -> Iterator[Fault]:
    """Counted from the rows: so many submitted, by so many people, with so many judgements."""
    people: dict[int, list[str]] = defaultdict(list)
    done = select(assignments.c.item_id, assignments.c.worker_id)
    done = done.where(assignments.c.state == AssignmentState.SUBMITTED.value)
    for item, person in connection.execute(done):
        people[item].append(person)
    numbers = {item: number for item, (number, _) in _item_texts(connection).items()}
    judged = Counter(row.item for row in stored)
    for item, overlap in connection.execute(select(items.c.id, items.c.overlap)):
        counts = (len(people[item]), len(set(people[item])), judged[numbers[item]])
        if counts != (overlap, overlap, overlap):
            found = f"overlap {overlap}: {counts[0]} submitted, {counts[1]} people, {counts[2]} judgements"
            yield Fault("overlap_not_exact", f"item {item}", found)


def _counts(stored: list[Stored], ledgers: Ledgers) -> dict[str, int]:
    outcomes: Counter[Any] = Counter(map(ledgers.outcome, ledgers.sent))
    keys = {row.key for row in stored}
    return {
        "judgements in the store": len(stored),
        "sent": len(ledgers.sent),
        "told accepted": outcomes["accepted"],
        "told late": outcomes["late"],
        "refused": len({refused.key for refused in ledgers.refused if not refused.other_body}),
        "no answer": outcomes[None],
        "no answer, and stored": sum(ledgers.outcome(key) is None for key in keys),
        "other body refused": sum(refused.other_body for refused in ledgers.refused),
        "leases": len(ledgers.leases),
    }
