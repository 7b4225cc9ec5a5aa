"""Bounds of everything that people and models write: nothing unbounded, nothing that a database cannot keep.

Texts are kept to the byte: markup, control characters and text that looks like turn markers are data here, and are
escaped where they are shown or written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from plumbline.collect.kinds.refusals import FieldProblem, InvalidSubmissionError
from plumbline.collect.seen_text import has_something_to_see
from plumbline.records import Conversation, Message, Role

MOST_HUMAN_CHARACTERS = 16_000
MOST_REPLY_CHARACTERS = 64_000
MOST_NOTE_CHARACTERS = 4_000
MOST_MESSAGES = 400
MOST_REPLIES = 10

JsonObject = Mapping[str, JsonValue]


def storable(text: str) -> str:
    """A text that both databases can keep."""
    if "\0" in text:
        raise PydanticCustomError("nul_character", "holds a NUL character")
    return text


def said(text: str) -> str:
    """A text that says something: zero-width characters alone would be an empty bubble."""
    if not has_something_to_see(text):
        raise PydanticCustomError("blank", "is blank")
    return text


HumanText = Annotated[
    str, Field(min_length=1, max_length=MOST_HUMAN_CHARACTERS), AfterValidator(storable), AfterValidator(said)
]
ReplyText = Annotated[
    str, Field(min_length=1, max_length=MOST_REPLY_CHARACTERS), AfterValidator(storable), AfterValidator(said)
]
MessageText = Annotated[str, Field(max_length=MOST_REPLY_CHARACTERS), AfterValidator(storable)]
Note = Annotated[str, Field(max_length=MOST_NOTE_CHARACTERS), AfterValidator(storable)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)]


class Bounded(BaseModel):
    """A value that comes from outside or from the store: strict, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def as_json(self) -> dict[str, JsonValue]:
        """As it is stored: plain JSON values."""
        return self.model_dump(mode="json")


class MessageJson(Bounded):
    """One message of a stored conversation."""

    role: Role
    text: MessageText


Messages = Annotated[tuple[MessageJson, ...], Field(max_length=MOST_MESSAGES)]


def messages_of(conversation: Conversation) -> tuple[MessageJson, ...]:
    """A conversation as it is stored.

    Raises:
        ValidationError: a text is too long to be stored.
    """
    return tuple(MessageJson(role=message.role, text=message.text) for message in conversation)


def conversation_of(messages: Iterable[MessageJson]) -> Conversation:
    """A stored conversation as one of the records."""
    return tuple(Message(message.role, message.text) for message in messages)


BoundedT = TypeVar("BoundedT", bound=Bounded)


class JsonText(Mapping[str, JsonValue]):
    """A stored object as its text, read only where somebody looks into it: models read the text itself."""

    __slots__ = ("_values", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._values: dict[str, JsonValue] | None = None

    def __getitem__(self, key: str) -> JsonValue:
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> dict[str, JsonValue]:
        if self._values is None:
            self._values = msgspec.json.decode(self.text, type=dict[str, Any])
        return self._values


def read_stored(model: type[BoundedT], stored: JsonObject) -> BoundedT:
    """What was written by `Bounded.as_json`.

    Raises:
        ValidationError: it was changed since, or is of another version.
    """
    return model.model_validate_json(stored.text if isinstance(stored, JsonText) else msgspec.json.encode(stored))


def read_submission(model: type[BoundedT], submission: JsonObject) -> BoundedT:
    """A submission as the model's fields say it; strict, so that neither "3" nor true passes for a number.

    Raises:
        InvalidSubmissionError: with every field that is wrong, none of it quoted.
    """
    try:
        return model.model_validate_json(json.dumps(submission))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
    except (RecursionError, TypeError, ValueError) as error:
        raise InvalidSubmissionError([FieldProblem("", "is no JSON object")]) from error
    raise InvalidSubmissionError([_told(detail, tuple(model.model_fields)) for detail in details])


def _told(detail: ErrorDetails, known: tuple[str, ...]) -> FieldProblem:
    if detail["type"] == "json_invalid":
        return FieldProblem("", "holds a text that is no Unicode")
    if detail["type"] == "extra_forbidden":
        # The name of an unknown field is the sender's text: a near name of ours is told instead.
        near = get_close_matches(str(detail["loc"][-1])[:100].lower(), known, n=1)
        hint = f"; is {near[0]} meant?" if near and len(detail["loc"]) == 1 else ""
        place = ".".join(str(part) for part in detail["loc"][:-1])
        return FieldProblem(place, f"an unknown field{hint}")
    message = detail["msg"]
    return FieldProblem(".".join(_our_names(detail["loc"], known)), message[:1].lower() + message[1:])


def _our_names(place: tuple[int | str, ...], known: tuple[str, ...]) -> Iterable[str]:
    """A place without the keys of open tables, which are the sender's text."""
    for position, part in enumerate(place):
        is_ours = isinstance(part, int) or position > 0 or part in known
        yield str(part)[:40] if is_ours else "a field"
