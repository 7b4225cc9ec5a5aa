"""Studies whose items several people judged, with answers that differ, for benchmarks of the dashboard.

As `store`: rows in bulk, texts of nobody. Three judge each item; they agree as often as people do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from benchmarks.collecting.store import START, fill_chat, insert_rows
from plumbline.collect.kinds import Purpose
from plumbline.collect.store import tables
from plumbline.collect.store.database import Store
from plumbline.collect.store.items import enter_items, read_items
from plumbline.collect.store.people import add_person, list_people
from plumbline.collect.store.rows import NewItem, Study
from plumbline.collect.store.studies import create_study, find_study
from plumbline.records import TAXONOMIES

OVERLAP = 3
WORKERS = 200
MODELS = ("m0", "m1", "m2", "m3")
REPLIES = 4
KINDS = ("pairs", "safety-labels", "two-axis-ranking", "preference-chat")
_BATCH = 5000
_FILE = """
name = "{kind}"
kind = "{kind}"
{axes}
tranche = "base"
guidelines = "g.md"
items = "x.jsonl"
overlap = 3
"""
_TEXT = "word " * 60


def fill(store: Store, kind: str, judgements: int) -> Study:
    """A study of a kind with so many judgements."""
    if kind == "preference-chat":
        return fill_chat(store, judgements)
    axes = 'axes = ["helpfulness", "harmlessness"]' if kind == "pairs" else ""
    study = create_study(store, kind, kind, _FILE.format(kind=kind, axes=axes), "Read.", now=START)
    for _ in range(WORKERS):
        add_person(store, now=START)
    add_judgements(store, kind, judgements)
    return study


def add_judgements(store: Store, kind: str, count: int) -> None:
    """More of them, on items of their own."""
    study = find_study(store, "chat" if kind == "preference-chat" else kind)
    workers = sorted(person.id for person in list_people(store))
    before = len(read_items(store, study.id, limit=1))
    last = _last_item(store, study.id)
    items = (count + OVERLAP - 1) // OVERLAP
    payload = _ITEMS[kind]
    enter_items(
        store, study.id, (NewItem(f"more-{last}-{n}", payload(n), overlap=OVERLAP) for n in range(items)), now=START
    )
    drawn = random.Random(before + last)
    numbers = _items_after(store, study.id, last)
    made = ((item, slot) for item in numbers for slot in range(OVERLAP))
    kept = [pair for _, pair in zip(range(count), made, strict=False)]
    insert_rows(store, tables.assignments, (_assignment(study.id, *each, workers) for each in kept))
    insert_rows(store, tables.judgements, (_judgement(study.id, *each, workers, kind, drawn) for each in kept))


def _last_item(store: Store, study_id: int) -> int:
    *_, last = [0, *(number for number in _items_after(store, study_id, 0))]
    return last


def _items_after(store: Store, study_id: int, after: int) -> Iterator[int]:
    while found := read_items(store, study_id, purpose=Purpose.WORK, after=after, limit=_BATCH):
        yield from (item.id for item in found)
        after = found[-1].id


def _worker(item: int, slot: int, workers: list[str]) -> str:
    return workers[(item * 7 + slot * 31) % len(workers)]


def _assignment(study_id: int, item: int, slot: int, workers: list[str]) -> dict[str, Any]:
    return {
        "id": item * (OVERLAP + 1) + slot,
        "study_id": study_id,
        "item_id": item,
        "purpose": "work",
        "overlap": OVERLAP,
        "slot": slot,
        "worker_id": _worker(item, slot, workers),
        "state": "submitted",
        "fence": 1,
        "leased_at": START,
        "expires_at": START + timedelta(hours=1),
        "ended_at": _at(item, slot),
    }


def _at(item: int, slot: int) -> Any:
    return START + timedelta(seconds=7 * item + slot)


def _judgement(
    study_id: int, item: int, slot: int, workers: list[str], kind: str, drawn: random.Random
) -> dict[str, Any]:
    name, payload = _SAID[kind](item, drawn)
    return {
        "study_id": study_id,
        "item_id": item,
        "assignment_id": item * (OVERLAP + 1) + slot,
        "worker_id": _worker(item, slot, workers),
        "part": name,
        "kind": name,
        "payload": payload,
        "guidelines_version": 1,
        "corrects": None,
        "idempotency_key": f"more-{item}-{slot}",
        "seconds": drawn.lognormvariate(3.0, 0.7),
        "created_at": _at(item, slot),
    }


def _pair_item(number: int) -> dict[str, Any]:
    models = [MODELS[number % 4], MODELS[(number // 4) % 4]]
    sides = [
        {"messages": [{"role": "assistant", "text": f"{side} {_TEXT}"}], "model": model, "label": None}
        for side, model in enumerate(models)
    ]
    return {"context": [{"role": "human", "text": _TEXT}], "sides": sides, "parents": []}


def _ranking_item(number: int) -> dict[str, Any]:
    replies = [
        {"text": f"{number} {side} {_TEXT}", "label": {"is_safe": True, "categories": []}, "model": MODELS[side]}
        for side in range(REPLIES)
    ]
    return {"prompt": [{"role": "human", "text": _TEXT}], "replies": replies, "parents": []}


def _label_item(number: int) -> dict[str, Any]:
    said = [{"role": "human", "text": _TEXT}, {"role": "assistant", "text": f"{number} {_TEXT}"}]
    return {"conversation": said, "parents": []}


def _says_pair(item: int, drawn: random.Random) -> tuple[str, dict[str, Any]]:
    verdicts = []
    shown = drawn.choice(((0, 1), (1, 0)))
    for place, axis in enumerate(("helpfulness", "harmlessness")):
        better = (item >> place & 1) ^ (drawn.random() < 0.3)
        strength = drawn.randint(1, 4)
        step = 5 - strength if better == shown[0] else 4 + strength
        outcome = ("first", "second")[better]
        verdicts.append({"axis": axis, "question": "better", "step": step, "outcome": outcome, "strength": strength})
    return "pair", {"shown": list(shown), "verdicts": verdicts, "comment": None}


def _says_ranking(item: int, drawn: random.Random) -> tuple[str, dict[str, Any]]:  # noqa: ARG001 - as the others
    def ranks() -> list[int]:
        given = [drawn.randint(1, 3) + place // 2 for place in range(REPLIES)]
        dense = {rank: place for place, rank in enumerate(sorted(set(given)), start=1)}
        return [dense[rank] for rank in given]

    shown = list(range(REPLIES))
    drawn.shuffle(shown)
    said = {"shown": shown, "helpfulness": ranks(), "harmlessness": ranks(), "confidence": drawn.randint(0, 3)}
    return "ranking", {**said, "disputes": [], "comment": None}


def _says_label(item: int, drawn: random.Random) -> tuple[str, dict[str, Any]]:
    names = TAXONOMIES["beavertails-14"]
    unsafe = (item % 2 == 0) ^ (drawn.random() < 0.15)
    given = sorted({names[item % 14], drawn.choice(names)}) if unsafe else []
    said = {"is_safe": not given, "categories": given, "taxonomy": "beavertails-14"}
    return "label", {**said, "confidence": drawn.randint(0, 3), "comment": None}


_ITEMS: dict[str, Callable[[int], dict[str, Any]]] = {
    "pairs": _pair_item,
    "safety-labels": _label_item,
    "two-axis-ranking": _ranking_item,
}
_SAID: dict[str, Callable[[int, random.Random], tuple[str, dict[str, Any]]]] = {
    "pairs": _says_pair,
    "safety-labels": _says_label,
    "two-axis-ranking": _says_ranking,
}
