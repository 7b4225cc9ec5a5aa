"""Stored columns → the parts of a `Work`: one way to read them, for an item in hand and for an export of all."""

from __future__ import annotations

from collections.abc import Iterable

from plumbline.collect.kinds.bounds import JsonObject
from plumbline.collect.kinds.work import DrawnReply, HumanTurn, StoredJudgement

OPENED = ""
"""What is stored as the human's turn where the item's own opening asks already: replies belong to a turn that stands in
the store, and workers cannot say nothing."""


def human_turns(stored: Iterable[tuple[int, str]]) -> tuple[HumanTurn, ...]:
    """What the worker said, from (number, text) of the turns that stand in the store."""
    return tuple(HumanTurn(number=number, text=text) for number, text in stored if text != OPENED)


def drawn_reply(number: int, turn: int, draw: int, side: int, text: str, model: str, snapshot: str) -> DrawnReply:
    """A stored reply; an empty snapshot is none."""
    return DrawnReply(
        id=str(number), turn=turn, draw=draw, side=side, text=text, model=model, snapshot=snapshot or None
    )


def stored_judgement(number: int, kind: str, payload: JsonObject, corrects: int | None) -> StoredJudgement:
    """A stored judgement under its number as text, as the kinds name it."""
    return StoredJudgement(
        id=str(number), kind=kind, payload=payload, corrects=None if corrects is None else str(corrects)
    )
