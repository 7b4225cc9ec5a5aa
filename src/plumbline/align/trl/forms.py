"""Conversations as TRL takes and gives them, and back: what a policy reads there is what it reads everywhere else here.

TRL writes prompts by a chat template. A policy whose tokenizer has none gets one that writes what hh-rlhf writes, for as long as TRL
holds it. Rows that would reach the policy otherwise than `sources.PromptEncoder` writes them (a text that spells a control token, say)
are left out and counted; so are rows that do not fit, which TRL would cut.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from plumbline.models.scored_model import ScoredModel, Turns
from plumbline.records import CHAT_ROLES, Conversation, Message, ModelError, Role, UsageError
from plumbline.sources.prompt_tokens import MARKERS, PromptEncoder

ChatMessage = dict[str, str]
OTHERWISE, TOO_LONG, NO_QUESTION = "PL-TRT-020", "PL-TRT-021", "PL-TRT-022"
NO_SINGLE_REPLY, NO_ROOM = "PL-TRT-023", "PL-TRT-024"
"""Why a row is left out, see ``docs/errors.md``."""

_ROLES = {name: role for role, name in CHAT_ROLES.items()}
_MARKED = re.compile("|".join(f"({re.escape(marker)})" for marker in MARKERS.values()))
_MARKED_ROLES = tuple(MARKERS)
_HH_TEMPLATE = (
    "{% for message in messages %}"
    "{{ {'user': '\n\nHuman: ', 'assistant': '\n\nAssistant: ', 'system': '\n\nSystem: '}[message['role']] }}"
    "{{ message['content'] }}"
    "{% if loop.last and message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n\nAssistant:' }}{% endif %}"
)


@dataclass(frozen=True)
class PolicyForm:
    """How a policy's conversations are written.

    Attributes:
        prompts: conversations → tokens, as everywhere else.
        tokenizer: what TRL is given: it has a chat template and pads at the left.
        positions: how many tokens a sequence may have; None for no limit.
    """

    prompts: PromptEncoder
    tokenizer: Any
    positions: int | None

    @cached_property
    def controls(self) -> frozenset[str]:
        """Texts that the tokenizer would read as control tokens."""
        return frozenset(each.content for each in self.tokenizer.added_tokens_decoder.values() if each.special)

    @classmethod
    def of(cls, tokenizer: Any, positions: int | None, place: str) -> PolicyForm:
        """Of a policy's own tokenizer, which stays as it is.

        Args:
            place: what errors call the policy.
        Raises:
            ModelError: PL-TRT-002, it has no end token.
        """
        if tokenizer.eos_token is None:
            raise ModelError(
                "PL-TRT-002",
                place,
                "the policy's tokenizer has no end token, so that no reply could end",
                expected="eos_token in tokenizer_config.json",
                advice="name the end token there, and teach the policy to write it",
            )
        prompts = PromptEncoder(tokenizer, "auto", place)
        given = copy.deepcopy(tokenizer)
        given.padding_side = "left"
        if given.pad_token is None:
            given.pad_token = given.eos_token
        if prompts.form == "hh":
            opening = tokenizer("", verbose=False)["input_ids"][:1] == [tokenizer.bos_token_id]
            given.chat_template = ("{{ bos_token }}" if opening else "") + _HH_TEMPLATE
        return cls(prompts, given, positions)

    def written(self, messages: Sequence[ChatMessage], *, opened: bool) -> list[int]:
        """The tokens that TRL makes of messages.

        Args:
            opened: the assistant's turn is begun behind them.
        Raises:
            Exception: whatever the template raises.
        """
        ids: list[int] = self.tokenizer.apply_chat_template(
            list(messages),
            tokenize=True,
            add_generation_prompt=opened,
            return_dict=True,
            tokenizer_kwargs={"verbose": False},
        )["input_ids"]
        return ids


@dataclass(frozen=True)
class Rows:
    """What TRL learns from.

    Attributes:
        rows: with the columns that its trainer asks for.
        left_out: how many are not among them, by code.
    """

    rows: list[dict[str, Any]]
    left_out: Mapping[str, int]


def prompt_rows(conversations: Iterable[Conversation], form: PolicyForm, reply_tokens: int) -> Rows:
    """Prompts for GRPO and RLOO.

    Args:
        conversations: that wait for a reply.
        reply_tokens: room that a reply is given.
    """
    kept: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    for conversation in conversations:
        messages = _messages(conversation)
        code = _prompt_fault(messages, form, reply_tokens)
        if code is None:
            kept.append({"prompt": messages})
        else:
            left_out[code] += 1
    return Rows(kept, dict(sorted(left_out.items())))


def rows_judged_whole(rows: Sequence[dict[str, Any]], judges: Sequence[ScoredModel], reply_tokens: int) -> Rows:
    """Those of prompts that leave all who judge room for a reply.

    Args:
        rows: of `prompt_rows`.
    """
    from plumbline.align.judge_room import leave_room

    fits = leave_room(judges, [_conversation(row["prompt"]) for row in rows], reply_tokens).tolist()
    kept = [row for row, is_judged in zip(rows, fits, strict=True) if is_judged]
    return Rows(kept, {NO_ROOM: len(rows) - len(kept)} if len(kept) < len(rows) else {})


def pair_rows(pairs: Iterable[Mapping[str, Any]], form: PolicyForm, most_tokens: int) -> Rows:
    """Preference rows for DPO: those that it would learn from as they stand.

    Args:
        pairs: ``prompt``, ``chosen`` and ``rejected`` as messages.
        most_tokens: of a prompt with a reply.
    """
    kept: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    limit = min(most_tokens, form.positions or most_tokens)
    for pair in pairs:
        row = {name: pair[name] for name in ("prompt", "chosen", "rejected")}
        code = _pair_fault(row, form, limit)
        if code is None:
            kept.append(row)
        else:
            left_out[code] += 1
    return Rows(kept, dict(sorted(left_out.items())))


def _prompt_fault(messages: Sequence[ChatMessage], form: PolicyForm, reply_tokens: int) -> str | None:
    """Why a prompt cannot be used; None where it can."""
    if not messages or messages[-1]["role"] != "user":
        return NO_QUESTION
    tokens = _prompt_tokens(messages, form)
    if tokens is None:
        return OTHERWISE
    return TOO_LONG if form.positions is not None and len(tokens) + reply_tokens > form.positions else None


def _pair_fault(row: Mapping[str, Sequence[ChatMessage]], form: PolicyForm, most_tokens: int) -> str | None:
    """Why a pair cannot be used; None where it can."""
    if any([each["role"] for each in row[side]] != ["assistant"] for side in ("chosen", "rejected")):
        return NO_SINGLE_REPLY
    if not row["prompt"] or row["prompt"][-1]["role"] != "user":
        return NO_QUESTION
    tokens = _prompt_tokens(row["prompt"], form)
    if tokens is None:
        return OTHERWISE
    for side in ("chosen", "rejected"):
        whole = _pair_tokens([*row["prompt"], *row[side]], tokens, form)
        if whole is None:
            return OTHERWISE
        if len(whole) > most_tokens:
            return TOO_LONG
    return None


def _pair_tokens(messages: Sequence[ChatMessage], prompt: list[int], form: PolicyForm) -> list[int] | None:
    """The tokens of a prompt and a reply; None where the prompt's are not among them, or the reply does not come through as text."""
    text = messages[-1]["content"]
    whole = _or_none(lambda: form.written(messages, opened=False))
    if whole is None or whole[: len(prompt)] != prompt or any(control in text for control in form.controls):
        return None
    return whole if text.strip() in str(form.tokenizer.decode(whole[len(prompt) :])) else None


def _prompt_tokens(messages: Sequence[ChatMessage], form: PolicyForm) -> list[int] | None:
    """The prompt's tokens; None where TRL would write others than the policy reads elsewhere."""
    try:
        own = form.prompts.encode(_conversation(messages))
    except ModelError:  # the template refuses it
        return None
    return own if _or_none(lambda: form.written(messages, opened=True)) == own else None


def _or_none(write: Callable[[], list[int]]) -> list[int] | None:
    try:
        return write()
    except Exception:  # templates are programs of their own, and raise what they like
        return None


def turns_of(prompt: str | Sequence[Mapping[str, Any]], completion: str | Sequence[Mapping[str, Any]]) -> Turns:
    """The conversation of a prompt and a completion as TRL hands them to reward functions, for our models to score.

    Args:
        prompt: messages; or a text: of turns with the markers of hh-rlhf where it begins with one, else one human turn.
        completion: messages; or a text, which is the assistant's.
    Raises:
        UsageError: PL-TRT-003, a message has another role, or content that is no text.
    """
    turns = _turns_of_text(prompt) if isinstance(prompt, str) else [_turn(each) for each in prompt]
    written = [(Role.ASSISTANT, completion)] if isinstance(completion, str) else [_turn(each) for each in completion]
    return [*turns, *written]


def _turn(message: Mapping[str, Any]) -> tuple[Role, str]:
    role, content = message.get("role"), message.get("content")
    if isinstance(content, list) and all(part.get("type") == "text" for part in content):
        content = "".join(str(part["text"]) for part in content)
    if role in _ROLES and isinstance(content, str):
        return _ROLES[role], content
    raise UsageError(
        "PL-TRT-003",
        "a prompt or completion",
        "a message is none that our models read",
        expected="user, assistant or system, and a text",
        found="another role" if role not in _ROLES else "content that is no text",
        advice="leave tools and images out of the data set",
    )


def _turns_of_text(text: str) -> Turns:
    found = list(_MARKED.finditer(text))
    if not found or found[0].start() != 0:
        return [(Role.HUMAN, text)]
    ends = [*(each.start() for each in found[1:]), len(text)]
    turns = [
        (_MARKED_ROLES[(each.lastindex or 1) - 1], text[each.end() : end].removeprefix(" "))
        for each, end in zip(found, ends, strict=True)
    ]
    return turns[:-1] if turns[-1] == (Role.ASSISTANT, "") else turns  # the marker that the completion goes on from


def _messages(conversation: Conversation) -> list[ChatMessage]:
    return [{"role": CHAT_ROLES[message.role], "content": message.text} for message in conversation]


def _conversation(messages: Sequence[ChatMessage]) -> Conversation:
    return tuple(Message(_ROLES[each["role"]], each["content"]) for each in messages)
