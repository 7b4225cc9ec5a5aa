"""Conversations → token ids, as the trunk reads them.

Two templates. "hh" writes each turn as hh-rlhf does, a marker, one space and the text; a system turn, which hh-rlhf does
not know, is written the same way under ``System:``. "chat" is the tokenizer's own chat template, whose role names are
user, assistant and system.

A conversation is tokenised as one string, so that its ids are those that other tools get from that string. BOS stands
where the tokenizer itself puts one ("hh"), or where the template writes one ("chat"). EOS stands behind the reply once:
where a chat template ends in EOS and blanks, the blanks are cut.

What people write never becomes a control token: neither one that the tokenizer calls special nor another that was added
to it and looks like one, such as ``<think>``. With "hh", text such as ``</s>`` is tokenised as the characters it is made
of. With "chat" the template's own control tokens are meant, so a conversation whose texts spell one is tokenised in
pieces, the template's and the people's; at the seams of such (rare) conversations merges may differ from those of the
whole string, and blanks at the ends of texts stay though the template may strip them.

A chat template is a program, and may drop or change what it is given: what stands before ``</think>``, say. What is
judged is all of the reply, so a conversation whose texts do not come through whole (but for blanks) is tokenised in
pieces too. A template that has no place for some turn at all is refused.

A conversation that is too long loses its oldest turns, a system turn first of all, until it fits; with "chat" it
then begins at a human turn, since templates ask for that. Where the last turn alone (with "chat": from the last human
turn on) is too long, its beginning is cut, behind BOS. The reply's end is never lost.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plumbline.models.transformer.settings import TokenSettings
from plumbline.models.tree_batch import Integers
from plumbline.records import CHAT_ROLES, ModelError, NoDataError, Role, UsageError

Turns = Sequence[tuple[Role, str]]

MARKERS: dict[Role, str] = {
    Role.HUMAN: "\n\nHuman: ",
    Role.ASSISTANT: "\n\nAssistant: ",
    Role.SYSTEM: "\n\nSystem: ",
}
MOST_TOKENS = 4096
"""Of a sequence, where nobody says how many."""
LEAST_TOKENS = 8

_BATCH = 4096
_PLACEHOLDER = re.compile("\ue000([0-9]+)\ue001")
_BRACKETED = re.compile(r"[<\[{|].*\w.*[>\]}|]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """n conversations as token ids.

    Attributes:
        sequences: n arrays of ids, none longer than the limit.
        truncated: shape (n,); something was cut.
        dropped_turns: shape (n,); whole turns that were.
    """

    sequences: list[Integers]
    truncated: NDArray[np.bool_]
    dropped_turns: Integers


@dataclass(frozen=True, slots=True)
class _Shortening:
    """An over-long conversation: where its rest may begin, and which of these places is tried next."""

    row: int
    starts: tuple[int, ...]
    next: int


class ConversationEncoder:
    """Turns conversations into token ids.

    Attributes:
        settings: with `max_tokens` resolved.
        max_tokens: the longest sequence.
    """

    def __init__(self, tokenizer: Any, settings: TokenSettings, positions: int | None) -> None:
        """An encoder for a model.

        Args:
            tokenizer: of transformers; not changed.
            positions: how many tokens the model takes; None for no limit.
        Raises:
            UsageError: more tokens are asked for than the model has positions, or too few to hold a reply.
            ModelError: "chat" is asked for and the tokenizer has no chat template.
        """
        self._tokenizer = tokenizer
        self.max_tokens = _resolved(settings.max_tokens, positions)
        self.settings = replace(settings, max_tokens=self.max_tokens)
        self._chat = settings.template == "chat"
        if self._chat and not getattr(tokenizer, "chat_template", None):
            raise ModelError(
                "PL-TOK-003",
                str(getattr(tokenizer, "name_or_path", "") or "the tokenizer"),
                "the tokenizer has no chat template",
                expected="a chat template, as instruction-tuned models have",
                advice='take the template "hh", or a model with a chat template',
            )
        self._end: int | None = tokenizer.eos_token_id if settings.add_end_of_sequence else None
        self._opening = {tokenizer.bos_token_id, tokenizer.cls_token_id} - {None}
        self._spoken = _without_control(tokenizer)
        specials = sorted(_control_tokens(tokenizer), key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, specials))) if specials else None
        self._frames: dict[tuple[Role, ...], list[str]] = {}

    def encode(self, conversations: Sequence[Turns]) -> Encoded:
        """The ids of n conversations; equal ones are tokenised once.

        Raises:
            ModelError: the chat template refuses a conversation, or leaves out a turn; which one is said by its number.
            NoDataError: a conversation gives no token at all.
        """
        sequences = self._encode_whole(conversations, range(len(conversations)))
        for row, ids in enumerate(sequences):
            if not len(ids):
                raise NoDataError(
                    "PL-TOK-005",
                    f"conversation {row}",
                    "it gives no token: it is empty, and the tokenizer adds nothing",
                    advice="remove it; empty conversations are found by: plumbline data check SOURCE",
                )
        dropped = np.zeros(len(sequences), np.int64)
        truncated = np.array([len(ids) > self.max_tokens for ids in sequences], bool)
        if truncated.any():
            self._shorten(conversations, sequences, dropped)
        return Encoded(sequences, truncated, dropped)

    def description(self) -> dict[str, Any]:
        """All that decides the ids, for the model's description and for cache keys."""
        template: Any = self._tokenizer.chat_template if self._chat else None
        if isinstance(template, dict):  # several by name
            template = repr(sorted(template.items()))
        return {
            "template": self.settings.template,
            "markers": None if self._chat else {role.value: marker for role, marker in MARKERS.items()},
            "chat_template_sha256": hashlib.sha256(template.encode()).hexdigest() if template else None,
            "max_tokens": self.max_tokens,
            "truncation": "oldest turns first, then the beginning of what is left",
            "add_end_of_sequence": self.settings.add_end_of_sequence,
            "end_of_sequence": self._tokenizer.eos_token if self._end is not None else None,
            "text_may_write_control_tokens": not self._splits_control_tokens(),
        }

    def _shorten(self, conversations: Sequence[Turns], sequences: list[Integers], dropped: Integers) -> None:
        """Put sequences that fit in the place of those that do not, and count the turns that went."""
        rows = [row for row, ids in enumerate(sequences) if len(ids) > self.max_tokens]
        pending = self._first_guesses(rows, [conversations[row] for row in rows])
        while pending:
            rests = [conversations[each.row][each.starts[each.next] :] for each in pending]
            shorter = self._encode_whole(rests, [each.row for each in pending])
            still: list[_Shortening] = []
            for each, ids in zip(pending, shorter, strict=True):
                if len(ids) > self.max_tokens and each.next + 1 < len(each.starts):
                    still.append(replace(each, next=each.next + 1))
                    continue
                sequences[each.row] = self._cut(ids)
                dropped[each.row] = each.starts[each.next]
            pending = still

    def _first_guesses(self, rows: Sequence[int], conversations: Sequence[Turns]) -> list[_Shortening]:
        """Where the rest of each conversation may begin, and the earliest of these places that could fit.

        A turn is taken to be a little shorter than it is by itself, since tokens may merge across its ends; what is
        still too long then is tried again from the next place, so that no more goes than must.
        """
        pieces = [text if self._chat else MARKERS[role] + text for turns in conversations for role, text in turns]
        sizes = np.array([len(ids) - 2 for ids in self._ids(pieces, split=True)], np.int64)
        bounds = np.cumsum([0, *(len(turns) for turns in conversations)])
        guesses = []
        for row, turns, first, last in zip(rows, conversations, bounds[:-1], bounds[1:], strict=True):
            places = (place for place in range(1, len(turns)) if not self._chat or turns[place][0] is Role.HUMAN)
            starts = tuple(places) or (0,)
            left = np.cumsum(sizes[first:last][::-1])[::-1]  # tokens from each turn on, at least
            fitting = (number for number, start in enumerate(starts) if left[start] <= self.max_tokens)
            guesses.append(_Shortening(row, starts, next(fitting, len(starts) - 1)))
        return guesses

    def _cut(self, ids: Integers) -> Integers:
        """The end of a sequence, behind the token it opens with."""
        if len(ids) <= self.max_tokens:
            return ids
        kept = 1 if int(ids[0]) in self._opening else 0
        return np.concatenate([ids[:kept], ids[len(ids) - (self.max_tokens - kept) :]])

    def _encode_whole(self, conversations: Sequence[Turns], rows: Sequence[int]) -> list[Integers]:
        """Ids of conversations as they stand, EOS included, however long; `rows` is what errors call them."""
        pieced: dict[int, Integers] = {}
        texts: list[str] = []
        for number, turns in enumerate(conversations):
            text = None if self._chat and self._spells_control(turns) else self._written(turns, rows[number])
            if text is None:
                pieced[number] = self._in_pieces(turns, rows[number])
            texts.append(text or "")
        unique = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        ids = self._ids(list(unique), split=not self._chat, alone=True)
        ended = [self._ended(each) for each in ids]
        return [pieced[number] if number in pieced else ended[unique[text]] for number, text in enumerate(texts)]

    def _written(self, turns: Turns, row: int) -> str | None:
        """The conversation as one string; None where the template does not let all of its texts through."""
        if not self._chat:
            return "".join(MARKERS[role] + text for role, text in turns)
        text = self._from_template(turns, row)
        parts = self._frame(turns, row)
        whole = "".join(turns[int(part)][1] if number % 2 else part for number, part in enumerate(parts))
        return self._bare(text) if text == whole or _unspaced(text) == _unspaced(whole) else None

    def _bare(self, text: str) -> str:
        """Without blanks behind the end of sequence, where it ends in one."""
        bare = text.rstrip()
        ends = self._end is not None and bare.endswith(self._tokenizer.eos_token)
        return bare if ends else text

    def _frame(self, turns: Turns, row: int) -> list[str]:
        """What the template writes around texts, for these roles: its own pieces, and between them numbers of turns.

        Raises:
            ModelError: it leaves out a turn, or changes their order.
        """
        roles = tuple(role for role, _ in turns)
        if roles not in self._frames:
            holes = [(role, f"\ue000{number}\ue001") for number, role in enumerate(roles)]
            parts = _PLACEHOLDER.split(self._from_template(holes, row))
            found = [int(part) for part in parts[1::2]]
            if found != list(range(len(turns))):
                raise ModelError(
                    "PL-TOK-006",
                    f"conversation {row}",
                    "the model's chat template leaves out a turn, writes one twice, or changes their order",
                    expected=", ".join(CHAT_ROLES[role] for role in roles[:8]) + (" …" if len(roles) > 8 else ""),
                    found=", ".join(CHAT_ROLES[roles[each]] for each in found[:8]) + (" …" if len(found) > 8 else ""),
                    advice='take the template "hh": --template hh; or remove such rows',
                )
            self._frames[roles] = parts
        return self._frames[roles]

    def _from_template(self, turns: Turns, row: int) -> str:
        """What the chat template makes of a conversation."""
        messages = [{"role": CHAT_ROLES[role], "content": text} for role, text in turns]
        try:
            return str(self._tokenizer.apply_chat_template(messages, tokenize=False))
        except Exception as error:  # templates are programs of their own
            raise ModelError(
                "PL-TOK-004",
                f"conversation {row}",
                f"the model's chat template refuses it ({type(error).__name__})",
                expected="roles in the order that the template asks for",
                found=", ".join(CHAT_ROLES[role] for role, _ in turns[:8]) + (" …" if len(turns) > 8 else ""),
                advice='take the template "hh", or remove such rows',
            ) from error

    def _spells_control(self, turns: Turns) -> bool:
        return self._control is not None and any(self._control.search(text) for _, text in turns)

    def _in_pieces(self, turns: Turns, row: int) -> Integers:
        """Ids of a conversation, the template's pieces and the texts each by themselves."""
        *parts, last = self._frame(turns, row)
        found: list[Integers] = [np.empty(0, np.int64)]
        for number, part in enumerate([*parts, self._bare(last)]):
            is_text = number % 2 == 1
            piece = turns[int(part)][1] if is_text else part
            found += self._ids([piece], split=is_text) if piece else []
        return self._ended(np.concatenate(found))

    def _ids(self, texts: Sequence[str], *, split: bool, alone: bool = False) -> list[Integers]:
        """Ids of texts.

        Args:
            split: control tokens that the text spells are no control tokens.
            alone: a whole sequence, to which the tokenizer may add BOS and the like; a chat template has written them.
        """
        found: list[Integers] = []
        for start in range(0, len(texts), _BATCH):
            batch = (self._spoken if split else self._tokenizer)(
                list(texts[start : start + _BATCH]),
                add_special_tokens=alone and not self._chat,
                split_special_tokens=split,
                return_attention_mask=False,
                return_token_type_ids=False,
                truncation=False,
                padding=False,
                verbose=False,
            )
            found += [np.array(ids, np.int64) for ids in batch["input_ids"]]
        return found

    def _ended(self, ids: Integers) -> Integers:
        """With EOS at the end, once."""
        if self._end is None or (len(ids) and ids[-1] == self._end):
            return ids
        return np.append(ids, np.int64(self._end))

    def _splits_control_tokens(self) -> bool:
        """Whether the tokenizer takes control tokens that a text spells apart when asked to."""
        control = _control_tokens(self._tokenizer)
        ids = set(control.values()) - {self._tokenizer.unk_token_id}
        spelled = self._ids(sorted(control), split=True)
        return not any(ids.intersection(each.tolist()) for each in spelled)


def _unspaced(text: str) -> str:
    return "".join(text.split())


def _control_tokens(tokenizer: Any) -> dict[str, int]:
    """Text → id of what is meant to steer the model: special tokens, and added ones in brackets or bars.

    Other added tokens (runs of blanks, words of a field) are ways to write text, and stay so.
    """
    added = tokenizer.added_tokens_decoder.items()
    return {token.content: number for number, token in added if token.special or _BRACKETED.fullmatch(token.content)}


def _without_control(tokenizer: Any) -> Any:
    """The tokenizer, or where `split_special_tokens` would leave some control tokens whole a copy that takes all apart."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    others = sorted(_control_tokens(tokenizer).keys() - special)
    if backend is None or not others:
        return tokenizer
    spoken = copy.deepcopy(tokenizer)
    spoken.backend_tokenizer.add_special_tokens(others)
    return spoken


def _resolved(asked: int | None, positions: int | None) -> int:
    """How many tokens a sequence may have."""
    if asked is None:
        return min(positions or MOST_TOKENS, MOST_TOKENS)
    if positions is not None and asked > positions:
        raise UsageError(
            "PL-TOK-001",
            "max_tokens",
            "the model has fewer positions than that",
            expected=f"at most {positions}",
            found=str(asked),
            advice=f"max_tokens {positions}, or leave it out; longer conversations lose their oldest turns, and are counted",
        )
    if asked < LEAST_TOKENS:
        raise UsageError(
            "PL-TOK-002",
            "max_tokens",
            "so few tokens hold no reply",
            expected=f"at least {LEAST_TOKENS}",
            found=str(asked),
            advice="max_tokens 512",
        )
    return asked
