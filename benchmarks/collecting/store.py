"""Stores full of made-up work, by rows inserted in bulk, for benchmarks that read them.

Texts are drawn from a list of words, of the lengths that pairs of hh-rlhf have; nobody said any of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Insert, Table, insert, text

from plumbline.collect.kinds import Purpose
from plumbline.collect.store import tables
from plumbline.collect.store.database import Store
from plumbline.collect.store.items import enter_items, read_items
from plumbline.collect.store.people import add_person
from plumbline.collect.store.rows import NewItem, Study
from plumbline.collect.store.studies import create_study

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
WORKERS = 200
TURNS = 4
_BATCH = 5000
_WORDS = [f"{first}{second}" for first in "bdfgklmnprstv" for second in ("an", "el", "ist", "ound", "aper")]

PAIRS = """
name = "pairs"
kind = "pairs"
axes = ["helpfulness", "harmlessness"]
tranche = "base"
guidelines = "g.md"
items = { data = "x.jsonl" }
uses = ["preference", "analysis"]
licence = "CC-BY-4.0"
"""
CHAT = f"""
name = "chat"
kind = "preference-chat"
axes = ["helpfulness"]
tranche = "online"
guidelines = "g.md"
items = "workers"
turns = {TURNS}
uses = ["preference", "analysis"]
licence = "CC-BY-4.0"
[replies]
sampler = "two-samples"
sources = ["retrieval:x"]
"""


def fill_pairs(store: Store, judgements: int) -> Study:
    """A study of pairs, each judged by one worker on both axes: one judgement a pair."""
    study = create_study(store, "pairs", "pairs", PAIRS, "Read both.", now=START)
    drawn = random.Random(7)
    enter_items(store, study.id, (_pair(drawn, number) for number in range(judgements)), now=START)
    workers = [add_person(store, now=START).id for _ in range(WORKERS)]
    insert_rows(store, tables.assignments, _assignments(store, study.id, workers))
    insert_rows(store, tables.judgements, _pair_judgements(store, study.id, workers))
    return study


def fill_chat(store: Store, judgements: int) -> Study:
    """A study of conversations of four turns, each judged once: four judgements a conversation."""
    study = create_study(store, "chat", "preference-chat", CHAT, "Talk.", now=START)
    drawn = random.Random(7)
    opening: dict[str, Any] = {"opening": [], "parents": []}
    enter_items(store, study.id, (NewItem(f"c{each}", opening) for each in range(judgements // TURNS)), now=START)
    workers = [add_person(store, now=START).id for _ in range(WORKERS)]
    insert_rows(store, tables.assignments, _assignments(store, study.id, workers))
    insert_rows(store, tables.turns, _turns(store, study.id, drawn))
    insert_rows(store, tables.replies, _replies(store, study.id, drawn))
    insert_rows(store, tables.judgements, _turn_judgements(store, study.id, workers))
    return study


def _said(drawn: random.Random, words: int) -> str:
    return " ".join(drawn.choices(_WORDS, k=drawn.randint(words // 2, words * 3 // 2)))


def _pair(drawn: random.Random, number: int) -> NewItem:
    def message(role: str, words: int) -> dict[str, str]:
        return {"role": role, "text": _said(drawn, words)}

    context = [message("human", 20), message("assistant", 50), message("human", 20)]
    sides = [{"messages": [message("assistant", 45)], "model": f"m{side}", "label": None} for side in range(2)]
    return NewItem(f"p{number}", {"context": context, "sides": sides, "parents": []})


def _items(store: Store, study_id: int) -> Iterator[tuple[int, int]]:
    """(number from 0, id) of the items."""
    after = number = 0
    while found := read_items(store, study_id, purpose=Purpose.WORK, after=after, limit=_BATCH):
        for item in found:
            yield number, item.id
            number += 1
        after = found[-1].id


def _assignments(store: Store, study_id: int, workers: list[str]) -> Iterator[dict[str, Any]]:
    # An assignment has its item's number here, so that what belongs to it can be numbered without asking.
    for number, item_id in _items(store, study_id):
        yield {
            "id": item_id,
            "study_id": study_id,
            "item_id": item_id,
            "purpose": "work",
            "overlap": 1,
            "slot": 0,
            "worker_id": workers[number % len(workers)],
            "state": "submitted",
            "fence": 1,
            "leased_at": START,
            "expires_at": START + timedelta(hours=1),
            "ended_at": START + timedelta(minutes=5),
        }


def _judgement(study_id: int, item_id: int, worker: str, part: str, kind: str, payload: Any) -> dict[str, Any]:
    return {
        "study_id": study_id,
        "item_id": item_id,
        "assignment_id": item_id,
        "worker_id": worker,
        "part": part,
        "kind": kind,
        "payload": payload,
        "guidelines_version": 1,
        "corrects": None,
        "idempotency_key": f"key-{item_id}-{part}",
        "seconds": 12.5,
        "created_at": START + timedelta(minutes=5),
    }


def _pair_judgements(store: Store, study_id: int, workers: list[str]) -> Iterator[dict[str, Any]]:
    for number, item_id in _items(store, study_id):
        better = ("first", "second")
        verdicts = [
            {"axis": axis, "question": "better", "step": 2, "outcome": better[(number + place) % 2], "strength": 3}
            for place, axis in enumerate(("helpfulness", "harmlessness"))
        ]
        payload = {"shown": [0, 1], "verdicts": verdicts, "comment": None}
        yield _judgement(study_id, item_id, workers[number % len(workers)], "pair", "pair", payload)


def _turns(store: Store, study_id: int, drawn: random.Random) -> Iterator[dict[str, Any]]:
    for _, item_id in _items(store, study_id):
        for turn in range(1, TURNS + 1):
            yield {"assignment_id": item_id, "number": turn, "human": _said(drawn, 20), "created_at": START}


def _replies(store: Store, study_id: int, drawn: random.Random) -> Iterator[dict[str, Any]]:
    for number, item_id in _items(store, study_id):
        for turn in range(1, TURNS + 1):
            for side in range(2):
                yield {
                    "id": _reply_id(number, turn, side),
                    "assignment_id": item_id,
                    "turn": turn,
                    "draw": 0,
                    "side": side,
                    "text": _said(drawn, 45),
                    "model": "m",
                    "snapshot": "",
                    "seed": number,
                    "parameters": {},
                    "created_at": START,
                    "shown_at": START,
                }


def _reply_id(number: int, turn: int, side: int) -> int:
    return (number * TURNS + turn - 1) * 2 + side + 1


def _turn_judgements(store: Store, study_id: int, workers: list[str]) -> Iterator[dict[str, Any]]:
    for number, item_id in _items(store, study_id):
        for turn in range(1, TURNS + 1):
            payload = {
                "turn": turn,
                "axis": "helpfulness",
                "question": "better",
                "step": 2,
                "shown": [0, 1],
                "replies": [str(_reply_id(number, turn, side)) for side in range(2)],
                "outcome": "first",
                "strength": 3,
                "continues_with": 0,
                "continues": "better",
                "edit": None,
            }
            yield _judgement(study_id, item_id, workers[number % len(workers)], f"turn-{turn}", "turn", payload)


def _execute(connection: Connection, statement: Insert, rows: list[dict[str, Any]]) -> None:
    connection.execute(statement, rows)


def insert_rows(store: Store, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    """Rows in bulk, by name of the column."""
    statement = insert(table)
    while batch := list(islice(rows, _BATCH)):
        store.write(partial(_execute, statement=statement, rows=batch))
    if not store.is_sqlite:
        store.write(lambda connection: connection.execute(text(f"ANALYZE {table.name}")))
