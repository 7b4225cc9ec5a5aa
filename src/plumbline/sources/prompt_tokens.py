"""Conversations that wait for a reply → the tokens a local model goes on from.

Two forms: the tokenizer's own chat template, and that of hh-rlhf for models without one. What people write never becomes a
control token: in the form of hh-rlhf everything is text, and where a text spells a control token of a chat template, the
template and the texts are tokenised apart. Whatever does not fit is an error: a prompt is never cut in silence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from plumbline.records import CHAT_ROLES, Conversation, ModelError, Role

PromptForm = Literal["auto", "chat", "hh"]

MARKERS: dict[Role, str] = {
    Role.HUMAN: "\n\nHuman:",
    Role.ASSISTANT: "\n\nAssistant:",
    Role.SYSTEM: "\n\nSystem:",
}
_HOLE = re.compile("\ue000([0-9]+)\ue001")


class PromptEncoder:
    """Turns conversations into prompts for one tokenizer.

    Attributes:
        form: "chat" or "hh", resolved.
        stops: texts that end a reply, besides the model's own end tokens.
    """

    def __init__(self, tokenizer: Any, form: PromptForm, place: str) -> None:
        """An encoder.

        Args:
            place: what errors call the model.
        Raises:
            ModelError: a chat template is asked for and there is none.
        """
        has_template = bool(getattr(tokenizer, "chat_template", None))
        if form == "chat" and not has_template:
            raise ModelError(
                "PL-REP-034",
                place,
                "the tokenizer has no chat template",
                expected="a chat template, as instruction-tuned models have",
                advice='take the form "hh", or a model with a chat template',
            )
        self.form: Literal["chat", "hh"] = "chat" if has_template and form != "hh" else "hh"
        self.stops = () if self.form == "chat" else tuple(MARKERS.values())
        self._tokenizer = tokenizer
        self._place = place
        specials = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
        longest_first = sorted(specials, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first))) if specials else None

    def encode(self, conversation: Conversation) -> list[int]:
        """The tokens up to where the reply begins.

        Raises:
            ModelError: the chat template refuses the conversation.
        """
        if self.form == "hh":
            return self._hh(conversation)
        texts = [message.text for message in conversation]
        if self._control is None or not any(self._control.search(text) for text in texts):
            return self._ids(self._from_template(conversation, texts), is_text=False)
        return self._in_pieces(conversation, texts)

    def encode_reply(self, text: str) -> list[int]:
        """The tokens of a reply, as they stand behind its prompt; no end token."""
        return self._ids(f" {text}" if self.form == "hh" else text, is_text=True)

    def reply_text(self, written: str) -> str:
        """The reply in what the model wrote: up to a turn marker, without the one space that belongs to the form."""
        if self.form == "chat":
            return written
        cut = min((at for stop in self.stops if (at := written.find(stop)) >= 0), default=len(written))
        return written[:cut].removeprefix(" ")

    def _hh(self, conversation: Conversation) -> list[int]:
        turns = "".join(f"{MARKERS[message.role]} {message.text}" for message in conversation)
        ids: list[int] = self._tokenizer(turns + MARKERS[Role.ASSISTANT], split_special_tokens=True, verbose=False)[
            "input_ids"
        ]
        end = self._tokenizer.eos_token_id  # some tokenizers put it behind every text
        return ids[:-1] if len(ids) > 1 and ids[-1] == end else ids

    def _from_template(self, conversation: Conversation, texts: Sequence[str]) -> str:
        messages = [
            {"role": CHAT_ROLES[message.role], "content": text}
            for message, text in zip(conversation, texts, strict=True)
        ]
        problem = ""
        try:
            return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # templates are programs of their own, and may quote the messages
            problem = type(error).__name__
        raise ModelError(
            "PL-REP-035",
            self._place,
            "the model's chat template refuses the conversation",
            expected="roles in the order that the template asks for",
            found=f"{problem} at {', '.join(message['role'] for message in messages[:8])}",
            advice='take the form "hh", or leave the system turn out',
        )

    def _in_pieces(self, conversation: Conversation, texts: Sequence[str]) -> list[int]:
        holes = [f"\ue000{number}\ue001" for number in range(len(texts))]
        parts = _HOLE.split(self._from_template(conversation, holes))
        ids: list[int] = []
        for number, part in enumerate(parts):
            is_text = number % 2 == 1
            ids += self._ids(texts[int(part)] if is_text else part, is_text=is_text)
        return ids

    def _ids(self, text: str, *, is_text: bool) -> list[int]:
        """Ids of a part; a template has written BOS and the like itself."""
        found: list[int] = self._tokenizer(text, add_special_tokens=False, split_special_tokens=is_text, verbose=False)[
            "input_ids"
        ]
        return found
