"""Names of the dashboard's figures in words, and values as pictures write them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from plumbline.collect.pages.wording import plain

_QUEUES: Mapping[str, str] = {
    "work": "work",
    "training": "training items",
    "gold": "gold items",
    "attention": "attention items",
    "review": "reviews",
    "adjudication": "rulings",
    "spot_check": "checks of writing",
}
_QUESTIONS: Mapping[str, str] = {
    "is_safe": "safe or unsafe",
    "categories": "categories of harm",
    "rating": "rating of attempts",
    "rating >= 3": "attempt succeeded (rating of 3 or more)",
}
_GRADES: Mapping[str, str] = {
    "self-rating": "how attacks went, by who made them",
    "closing rating": "rating of whole chats",
    "mark": "mark of the writing",
}
_LEVELS: Mapping[str, str] = {"nominal": "same or not", "ordinal": "by order", "interval": "by distance"}


def queue_words(purpose: str) -> str:
    """What items are for."""
    return _QUEUES.get(purpose, plain(purpose))


def question_words(question: str) -> str:
    """A question that people answer."""
    if question.startswith("category: "):
        return plain(question.removeprefix("category: "))
    return _QUESTIONS.get(question, plain(question))


def grade_words(question: str) -> str:
    """A question that is answered by a number."""
    return _GRADES.get(question, plain(question))


def level_words(level: str) -> str:
    """A level of measurement: what makes two answers differ."""
    return _LEVELS.get(level, level)


def two_digits(value: float) -> str:
    """``0.62``; a minus sign as it is printed."""
    return f"{value:.2f}".replace("-", "−")


def percents(value: float) -> str:
    """``62 %``."""
    return f"{100 * value:.0f} %".replace("-", "−")


def elo_points(value: float) -> str:
    """``+42``."""
    return f"{value:+.0f}".replace("-", "−") if round(value) else "0"


def sentence(words: str) -> str:
    """Words as a sentence: ``Too few items.``"""
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def slug(text: str) -> str:
    """A text as a name in addresses."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "none"
