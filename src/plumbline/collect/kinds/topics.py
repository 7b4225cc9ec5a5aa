"""Topics: the harm categories that an item brings along, so that workers can leave out what they do not want to read.

They come from the data: a prompt's categories, or those that labels give to the sides of a pair or to the replies of a
ranking, all together, so that nothing says which side has which. Where categories are the answer that is asked for (safety
labels, rulings, the tags of a review) there are none. What a worker wrote brings none either.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from plumbline.collect.kinds.bounds import Bounded, JsonObject, Name
from plumbline.records import Comparison, Prompt, Record, SafetyLabel

MOST_TOPICS = 100

TOPICS = "topics"
"""Where they stand in an item's payload and in the fields of a step."""


class Topical(Bounded):
    """An item that may have topics. They are stored only where the study has them: other payloads stay as they were."""

    topics: Annotated[tuple[Name, ...], Field(max_length=MOST_TOPICS)] = ()

    def as_json(self) -> dict[str, JsonValue]:
        """As it is stored."""
        values = super().as_json()
        if not self.topics:
            del values[TOPICS]
        return values


def categories_of(record: Record) -> frozenset[str]:
    """The harm categories that a record names, of either side."""
    match record:
        case Comparison(categories=(first, second)):
            return (first or frozenset()) | (second or frozenset())
        case Prompt(categories=frozenset() as names) | SafetyLabel(categories=frozenset() as names):
            return names
    return frozenset()


def with_topics(payload: dict[str, JsonValue], topics: frozenset[str]) -> dict[str, JsonValue]:
    """A payload of a `Topical` item with its topics, which stand first: the store reads them without the rest.

    Raises:
        ValidationError: there are more than can be stored, or one is too long.
    """
    return {**Topical(topics=tuple(sorted(topics))).as_json(), **payload}


def topics_in(payload: JsonObject) -> frozenset[str]:
    """The topics of a stored item."""
    stored = payload.get(TOPICS)
    return frozenset(name for name in stored if isinstance(name, str)) if isinstance(stored, list) else frozenset()
