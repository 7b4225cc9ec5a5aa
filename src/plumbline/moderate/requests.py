"""What clients may ask, field by field: OpenAI's moderation contract, and what goes beyond it.

Source: OpenAI's API reference, *Moderations*. Beyond it: `messages`, `question` with `answer`, `roles` and `policy`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

MOST_INPUTS = 4096
"""Texts, or conversations, of one request."""
MOST_MESSAGES = 512
"""Of one conversation."""

Name = Annotated[str, msgspec.Meta(max_length=200)]


class TextPart(msgspec.Struct, tag="text", tag_field="type", forbid_unknown_fields=True):
    """A text among the parts of an input."""

    text: str


class ImageAddress(msgspec.Struct, forbid_unknown_fields=True):
    """Where an image is. It is never fetched."""

    url: str
    detail: str | None = None


class ImagePart(msgspec.Struct, tag="image_url", tag_field="type", forbid_unknown_fields=True):
    """An image among the parts of an input: no model here reads images, and the answer says so."""

    image_url: ImageAddress


Part = TextPart | ImagePart


class ChatMessage(msgspec.Struct, forbid_unknown_fields=True):
    """A message of a conversation, as chat clients send them."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]
    name: Name | None = None


Messages = Annotated[list[ChatMessage], msgspec.Meta(max_length=MOST_MESSAGES)]


class ModerationRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/moderations``; exactly one of `input`, `messages` and `question` with `answer`.

    Attributes:
        input: a text; texts, each judged by itself; or parts, judged as one.
        messages: a conversation, every turn of whose assistant is judged, with what was said before it.
        roles: whose turns of `messages` are judged; the assistant's by default.
        question, answer: one question and its answer, judged as the answer.
        model: which of the models served; the first where none is named, or one of OpenAI's.
        policy: which of the policies served; the first where none is named.
    """

    input: str | list[str | TextPart | ImagePart] | None = None
    messages: Messages | None = None
    roles: list[Literal["user", "assistant"]] | None = None
    question: str | None = None
    answer: str | None = None
    model: Name | None = None
    policy: Name | None = None


class ScoredConversation(msgspec.Struct, forbid_unknown_fields=True):
    """A prompt and the replies to it that are scored; what was said before is read once for all of them."""

    messages: Messages
    replies: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST_INPUTS)]


class ScoreRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/score``.

    Attributes:
        conversations: each with one reply or several.
        model: which of the models served; all that give rewards or costs where none is named.
    """

    conversations: Annotated[list[ScoredConversation], msgspec.Meta(min_length=1, max_length=MOST_INPUTS)]
    model: Name | None = None
