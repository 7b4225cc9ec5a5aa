"""Records → items of a study: what does not fit is passed over with a reason, never in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from plumbline.collect.kinds.bounds import Bounded
from plumbline.collect.kinds.known_answers import Truth, merged_truths
from plumbline.collect.kinds.refusals import PassedOver
from plumbline.collect.kinds.topics import categories_of, with_topics
from plumbline.collect.kinds.work import KNOWN_ANSWERS, NewItem, Purpose
from plumbline.collect.study_settings import PriorityRule, StudyFile
from plumbline.records import Record
from plumbline.records.identity import digest


@dataclass(frozen=True, slots=True)
class Entry:
    """An item in the making.

    Attributes:
        record: what it is made of, or the first of several.
        key: of its content; the same content gives the same key.
        payload: makes what is stored; fails where a text is beyond the bounds.
        truth: the known answer; None where the records give none.
        topics: what workers may opt out of; empty where they would tell the answer.
    """

    record: Record
    key: str
    payload: Callable[[], Bounded]
    truth: Truth | None = None
    topics: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ItemRefusal:
    """A record that makes no item, and why."""

    record: Record
    code: str
    why: str


def entered(
    entries: Iterable[Entry | ItemRefusal], study: StudyFile, purpose: Purpose
) -> Iterator[NewItem | PassedOver]:
    """The items of a study, each content once, with overlap and priority; those for work without the truth."""
    known = purpose in KNOWN_ANSWERS
    for entry in _with_whole_truth(entries) if known else _once(entries):
        if isinstance(entry, ItemRefusal):
            yield PassedOver(entry.code, entry.record.source, entry.record.row, entry.why)
        elif known and entry.truth is None:
            why = "no answer is known that a worker could be measured by, or several contradict each other"
            yield PassedOver("PL-ITM-004", entry.record.source, entry.record.row, why)
        else:
            yield _new_item(entry, study, purpose)


_WHY = {
    "blank": "a text shows nothing",
    "string_too_short": "a text is empty",
    "string_too_long": "a text is too long",
    "nul_character": "a text holds a NUL",
    "too_long": "there are too many texts",
    "too_short": "there is no text",
}
"""By the type of pydantic's error; none of it quotes a text."""


def _new_item(entry: Entry, study: StudyFile, purpose: Purpose) -> NewItem | PassedOver:
    known = purpose in KNOWN_ANSWERS
    try:
        payload = entry.payload().as_json()
        if study.has_topics and entry.topics:
            payload = with_topics(payload, entry.topics)
    except ValidationError as error:
        types = {detail["type"] for detail in error.errors(include_url=False, include_context=False)}
        whys = sorted({_WHY.get(each, "a text cannot be kept") for each in types})
        return PassedOver("PL-ITM-002", entry.record.source, entry.record.row, "; ".join(whys))
    return NewItem(
        # The same content may be work and, apart from that, a check: two items.
        key=digest(purpose, entry.key) if known else entry.key,
        purpose=purpose,
        payload=payload,
        overlap=MOST_OVERLAP if known else study.overlap,
        priority=priority_of(entry.record, study),
        truth=entry.truth.as_json() if known and entry.truth is not None else None,
    )


def _once(entries: Iterable[Entry | ItemRefusal]) -> Iterator[Entry | ItemRefusal]:
    seen: set[str] = set()
    for entry in entries:
        if isinstance(entry, Entry):
            if entry.key in seen:
                yield ItemRefusal(entry.record, "PL-ITM-003", "the same item stands before it")
                continue
            seen.add(entry.key)
        yield entry


def _with_whole_truth(entries: Iterable[Entry | ItemRefusal]) -> Iterator[Entry | ItemRefusal]:
    """Each item once, with what all of its records say of it; several records of one item are the rule here."""
    same: dict[str, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry, ItemRefusal):
            yield entry
        else:
            same.setdefault(entry.key, []).append(entry)
    for group in same.values():
        topics = frozenset[str]().union(*(entry.topics for entry in group))
        yield replace(group[0], truth=merged_truths(entry.truth for entry in group), topics=topics)


MOST_OVERLAP = 1_000_000_000
"""The overlap of items with known answers: everybody gets them, each worker once."""


def places_told(places: int) -> int | None:
    """Places for judgements of some items; None where everybody gets one of them, which is no number to tell."""
    return None if places >= MOST_OVERLAP else places


def priority_of(record: Record, study: StudyFile) -> int:
    """What the study's first fitting rule says; 0 where none fits."""
    return next((rule.priority for rule in study.priorities if _fits(rule, record)), 0)


def _fits(rule: PriorityRule, record: Record) -> bool:
    if rule.field == "category":
        return rule.equals in categories_of(record)
    return bool(getattr(record, rule.field, None) == rule.equals)
