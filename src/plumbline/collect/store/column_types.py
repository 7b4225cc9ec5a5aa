"""How moments and JSON stand in a column: the same on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

from plumbline.collect.store.failures import value_refused

JsonValue = Any
"""What JSON can say: None, bool, int, float, str, and lists and dictionaries of them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = timedelta(microseconds=1)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

# SQLite numbers rows by itself only where the type is called exactly INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


def microseconds(moment: datetime) -> int:
    """Whole microseconds from the start of 1970, UTC."""
    return (moment - _EPOCH) // _ONE


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, kept as whole microseconds since 1970: exact, comparable, free of time zones."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Aware datetime to microseconds; a naive one is refused, since its zone could only be guessed."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise value_refused("a moment", "a time zone", "a time without one")
        return microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Microseconds to an aware datetime in UTC."""
        return None if value is None else _EPOCH + value * _ONE


class StoredText(TypeDecorator[str]):
    """Text that both databases can hold: Postgres has no NUL, and neither can write half a surrogate pair."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The text itself, where both databases can hold it."""
        return None if value is None else checked_text(value)


class Json(TypeDecorator[JsonValue]):
    """JSON as text: key order and numbers come back as they were, which the databases' own types do not promise."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: JsonValue, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The value as JSON; NaN, infinities and what JSON cannot say are refused."""
        return None if value is None else format_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> JsonValue:  # noqa: ARG002 - SQLAlchemy's signature
        """The value that was stored."""
        return None if value is None else json.loads(value)


def format_json(value: JsonValue) -> str:
    """JSON of a value, or PL-COL-009 where there is none that both databases can hold.

    Raises:
        StoreError: NaN, a circle, a type that JSON does not know, half a surrogate pair.
    """
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        text = None
    if text is None:
        raise value_refused("a payload", "what JSON can say", "something else (NaN, a circle or another type)")
    return checked_text(text)


def checked_text(text: str) -> str:
    """The text itself, where both databases can hold it, else PL-COL-009."""
    if "\x00" in text:
        raise value_refused("a text", "characters that both databases can hold", "NUL")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise value_refused("a text", "characters that both databases can hold", "half a surrogate pair")
    return text
