"""Requests → rows: what is judged, turn by turn, and what cannot be.

A row is one result. It has one turn or several, and is as harmful as its most harmful turn. A row of which any part cannot be
judged is a row that was not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters, digits
from unicodedata import category

from plumbline.moderate.failures import empty_request, invalid_input, too_many_inputs
from plumbline.moderate.requests import MOST_INPUTS, ChatMessage, ImagePart, ModerationRequest, Part, TextPart
from plumbline.records import Message, Role

_ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.HUMAN, "assistant": Role.ASSISTANT}
_JUDGED = ("assistant",)
"""Models are trained on replies, and flag few requests, however harmful: see docs/how-to/serve.md."""

_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""Categories of Unicode: controls, formats such as zero-width spaces, spaces and ends of lines."""
_SEEN = frozenset(ascii_letters + digits)
"""How most texts begin; looked at first, for it takes no time."""

NO_TEXT = "PL-MDR-020"
IMAGE = "PL-MDR-021"
NOT_SCORED = "PL-MDR-022"
UNJUDGED = {
    NO_TEXT: "there is no text to judge",
    IMAGE: "no model here reads images",
    NOT_SCORED: "the model gave no finite score",
}
"""Why a row was not judged, by code."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One text to judge.

    Attributes:
        before: what was said before it.
        text: never blank.
        role: whose turn it is; a text by itself counts as an assistant's, which is what models are trained on.
        position: of the message in the conversation; 0 of a text by itself.
    """

    text: str
    before: tuple[Message, ...] = ()
    role: Role = Role.ASSISTANT
    position: int = 0

    @property
    def characters(self) -> int:
        """How much there is to read."""
        return len(self.text) + (sum(len(message.text) for message in self.before) if self.before else 0)


@dataclass(frozen=True, slots=True)
class Row:
    """What one result is about.

    Attributes:
        turns: to judge; where `unjudged` says why the row is not, those that can be judged all the same.
        unjudged: the code of why it cannot be judged.
        is_conversation: its turns are told one by one.
        unjudged_at: positions of the messages that cannot be judged; of a conversation alone.
    """

    turns: tuple[Turn, ...]
    unjudged: str | None = None
    is_conversation: bool = False
    unjudged_at: tuple[int, ...] = ()


def is_blank(text: str) -> bool:
    """Whether nobody could see anything of it: a model would have nothing to judge, and say what it says of nothing."""
    return not text or (text[0] not in _SEEN and all(category(each) in _UNSEEN for each in text))


def rows_of(request: ModerationRequest) -> list[Row]:
    """The rows of a request, at least one.

    Raises:
        InvalidBodyError: it asks for nothing, or for several things at once.
    """
    asked = [name for name in ("input", "messages", "question", "answer") if getattr(request, name) is not None]
    if asked not in (["input"], ["messages"], ["question", "answer"]):
        raise empty_request(asked)
    if request.roles is not None and asked != ["messages"]:
        raise invalid_input("roles", "it goes with messages alone")
    if request.messages is not None:
        return [_conversation_row(request.messages, request.roles)]
    if request.question is not None:
        before = (Message(Role.HUMAN, request.question),)
        return [_row([Turn(request.answer or "", before)])]
    return _input_rows(request.input if request.input is not None else [])


def _input_rows(given: str | list[str | TextPart | ImagePart]) -> list[Row]:
    if isinstance(given, str):
        return [_text_row(given)]
    if not given:
        raise invalid_input("input", "the list is empty")
    if len(given) > MOST_INPUTS:
        raise too_many_inputs("input", len(given), MOST_INPUTS)
    texts = [each for each in given if isinstance(each, str)]
    if len(texts) == len(given):
        return [_text_row(text) for text in texts]
    parts = [each for each in given if not isinstance(each, str)]
    if texts:
        raise invalid_input("input", "texts and parts in one list: send either")
    return [_row([Turn(part.text) for part in parts if isinstance(part, TextPart)], has_images=_has_images(parts))]


def _conversation_row(messages: Sequence[ChatMessage], roles: Sequence[str] | None) -> Row:
    judged = _JUDGED if roles is None else roles
    said: list[Message] = []
    turns: list[Turn] = []
    images: list[int] = []
    for position, message in enumerate(messages):
        text, with_image = _content(message)
        role = _ROLES[message.role]
        if message.role in judged:
            # What somebody asks is judged by itself: models are trained on replies, and know no reply of a person's.
            before = tuple(said) if role is Role.ASSISTANT else ()
            turns.append(Turn(text, before, role, position))
        said.append(Message(role, text))
        if with_image:  # also of what is not judged: a reply to an image is another thing than a reply to nothing
            images.append(position)
    if not turns:
        raise invalid_input(
            "messages",
            f"none of them is of {' or '.join(judged) or 'any role'}, so there is nothing to judge; roles says whose turns are",
        )
    if images:
        return Row((), IMAGE, True, tuple(images))
    blank = tuple(turn.position for turn in turns if is_blank(turn.text))
    seen = tuple(turn for turn in turns if turn.position not in blank)
    return Row(seen, NO_TEXT if blank else None, True, blank)


def said_in(messages: Sequence[ChatMessage]) -> tuple[tuple[Message, ...], bool]:
    """A conversation, and whether images were in it."""
    contents = [_content(message) for message in messages]
    said = [Message(_ROLES[message.role], text) for message, (text, _) in zip(messages, contents, strict=True)]
    return tuple(said), any(with_image for _, with_image in contents)


def _content(message: ChatMessage) -> tuple[str, bool]:
    if isinstance(message.content, str):
        return message.content, False
    texts = [part.text for part in message.content if isinstance(part, TextPart)]
    return "\n".join(texts), _has_images(message.content)


def _has_images(parts: Sequence[Part]) -> bool:
    return any(isinstance(part, ImagePart) for part in parts)


def _text_row(text: str) -> Row:
    return Row((), NO_TEXT) if is_blank(text) else Row((Turn(text),))


def _row(turns: Sequence[Turn], *, has_images: bool = False) -> Row:
    if has_images:
        return Row((), IMAGE)
    if not turns or any(is_blank(turn.text) for turn in turns):
        return Row((), NO_TEXT)
    return Row(tuple(turns))
