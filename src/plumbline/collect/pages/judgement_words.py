"""What a judgement is called on pages, by the kind that the store knows it under: the same for its worker and for managers."""

from __future__ import annotations

from collections.abc import Mapping

from plumbline.collect.kinds.chat import TURN
from plumbline.collect.store.rows import Judgement

_KINDS: Mapping[str, str] = {
    "pair": "Pair",
    "label": "Label",
    "ranking": "Ranking",
    "ruling": "Ruling",
    "writing": "Check of writing",
    "review": "Review",
    "turn": "Two replies",
    "closing": "End of a chat",
    "end": "Chat ended early",
    "consent": "Consent",
    "intent": "Aim of an attack",
    "self-rating": "How an attack went",
}


def what_of(row: Judgement) -> str:
    """A judgement's kind in words; of a turn also which one."""
    _, _, number = row.part.partition("-") if row.kind == TURN else ("", "", "")
    words = kind_words(row.kind)
    return f"{words}, turn {number}" if number else words


def kind_words(kind: str) -> str:
    """A kind of judgement in words; one that is not known here as it is stored."""
    return _KINDS.get(kind, kind)
