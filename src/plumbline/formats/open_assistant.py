"""Open-Assistant conversation trees: every pair of ranked sibling replies becomes a comparison.

A line is a tree, ``{"message_tree_id", "tree_state", "prompt"}``, whose prompt is a message,
``{"message_id", "text", "role", "rank", "replies": […]}``, as are its replies.
Rank 0 is the best reply; equal ranks are ties. Of k ranked replies to one message every pair is a comparison of weight
1/(k-1), so that each reply weighs the same however many siblings it has. Sides stand in file order, so the place of a
reply says nothing of its rank. `prompter` is the human.

Not compared, each with a finding: replies without a rank beside others, deleted messages and whatever hangs below
them, and trees without any two ranked replies side by side. What a tree holds beyond its comparisons (languages,
labels, review counts, emojis, single replies) is not kept: `open_assistant_writing` writes the smallest tree that reads
as the same comparisons.

Source: https://huggingface.co/datasets/OpenAssistant/oasst1, and Köpf et al. 2023 (arXiv 2304.07327), §3.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from plumbline.formats.conversation_columns import conversations_column, paired
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.formats.strict_json import Refusal, decode_rows, set_aside, typed
from plumbline.lineage import ALL_USES, Terms
from plumbline.records import Axis, Kind, Outcome, Role, comparison_table, empty_table
from plumbline.records.extra import extra_text

KEYS = frozenset({"message_tree_id", "prompt"})
TERMS = Terms(ALL_USES, "Apache-2.0")

ROLES_READ = {"prompter": Role.HUMAN, "assistant": Role.ASSISTANT}

_MOST_UNFOLDED_CHARACTERS = 64 << 20
"""Every pair repeats its context: a tree of a few megabytes could unfold to terabytes. No real one comes near."""
_CHARACTERS_A_PAIR = 100
"""What a pair costs beside its texts."""


class _Tree(msgspec.Struct, kw_only=True):
    """The keys of a line. Messages are decoded one by one, so that the depth of a tree costs no stack."""

    message_tree_id: str
    tree_state: str | None = None
    prompt: dict[str, Any]


class _Keys(msgspec.Struct, kw_only=True):
    """The keys of a message, its replies apart."""

    message_id: str
    text: str | None = None
    role: str
    rank: int | None = None
    deleted: bool | None = None
    model_name: str | None = None


class _Message(NamedTuple):
    message_id: str
    role: Role
    text: str
    rank: int | None
    model: str | None


class _Pair(NamedTuple):
    """Two ranked replies to the last message of a path, in file order."""

    path: tuple[_Message, ...]
    replies: tuple[_Message, _Message]
    weight: float


class _Branch(NamedTuple):
    """A message still to be looked into: its decoded JSON, the path that ends in it, and that path's characters."""

    value: dict[str, Any]
    path: tuple[_Message, ...]
    characters: int


def parse(block: LineBlock, origin: Origin, intake: Intake) -> dict[Kind, pa.Table]:
    """Comparisons of the trees of a block, in the order of the file."""
    pairs: list[_Pair] = []
    trees: list[tuple[int, _Tree]] = []
    for decoded in decode_rows(block.numbered_lines(), _Tree, intake):
        findings: list[tuple[str, str]] = []
        try:
            found = list(_pairs(decoded.values.prompt, findings))
        except Refusal as refusal:
            set_aside(decoded.row, refusal, intake)
            continue
        if not found:
            findings.append(("PL-OA-004", "a tree without two ranked replies side by side: no comparison"))
        for code, problem in findings:
            intake.finding(code, problem, decoded.row)
        pairs += found
        trees += [(decoded.row, decoded.values)] * len(found)
    if not pairs:
        return {Kind.COMPARISONS: empty_table(Kind.COMPARISONS)}
    columns: dict[str, object] = {
        "axis": Axis.OVERALL,
        "conversation_id": [tree.message_tree_id for _, tree in trees],
        "outcome": [_outcome(*pair.replies) for pair in pairs],
        "weight": [pair.weight for pair in pairs],
        "models": [_models(*pair.replies) for pair in pairs],
        "source": origin.source,
        "subset": origin.subset,
        "split": origin.split,
        "row": [row for row, _ in trees],
        "extra": [extra_text(_extra(pair, tree)) for pair, (_, tree) in zip(pairs, trees, strict=True)],
    }
    contexts = conversations_column([[(each.role, each.text) for each in pair.path] for pair in pairs])
    sides = conversations_column([[(reply.role, reply.text)] for pair in pairs for reply in pair.replies])
    return {Kind.COMPARISONS: comparison_table(contexts, paired(sides), columns)}


def _pairs(prompt: dict[str, Any], findings: list[tuple[str, str]]) -> Iterator[_Pair]:
    """The pairs of a tree, those of a message before those below it.

    Raises:
        Refusal: a message is malformed, or the tree unfolds to more than `_MOST_UNFOLDED_CHARACTERS`.
    """
    unfolded = 0
    todo = [_Branch(value, (message,), len(message.text)) for value, message in _messages([prompt], findings)]
    while todo:
        value, path, characters = todo.pop()
        replies = _messages(_replies(value), findings)
        unfolded = _checked_total(unfolded + len(path) * len(replies))
        todo += [
            _Branch(below, (*path, message), characters + len(message.text)) for below, message in reversed(replies)
        ]
        ranked = _ranked([message for _, message in replies], findings)
        for first, second in combinations(ranked, 2):
            unfolded = _checked_total(unfolded + characters + len(first.text) + len(second.text) + _CHARACTERS_A_PAIR)
            yield _Pair(path, (first, second), 1 / (len(ranked) - 1))


def _checked_total(unfolded: int) -> int:
    if unfolded > _MOST_UNFOLDED_CHARACTERS:
        raise Refusal(
            "PL-OA-012",
            "the comparisons of the tree hold more text than those of any honest tree",
            f"at most {_MOST_UNFOLDED_CHARACTERS:,} characters",
            "more",
        )
    return unfolded


def _replies(value: dict[str, Any]) -> list[dict[str, Any]]:
    replies = value.get("replies") or []
    if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
        raise Refusal("PL-JSON-005", "a value is of another type", "an array of objects as replies", "something else")
    return replies


def _messages(values: list[dict[str, Any]], findings: list[tuple[str, str]]) -> list[tuple[dict[str, Any], _Message]]:
    """The messages that are not deleted, each beside the JSON it came from."""
    messages = []
    for value in values:
        keys = typed({name: part for name, part in value.items() if name != "replies"}, _Keys)
        if keys.deleted:
            findings.append(("PL-OA-002", "a deleted message, passed over"))
            _note_below(value, findings)
            continue
        if keys.role not in ROLES_READ:
            raise Refusal("PL-OA-010", "a message has an unknown role", "prompter or assistant", "another role")
        if keys.text is None:
            raise Refusal("PL-OA-011", "a message that is not deleted has no text", "a text", "null")
        message = _Message(keys.message_id, ROLES_READ[keys.role], keys.text, keys.rank, keys.model_name)
        messages.append((value, message))
    return messages


def _note_below(value: dict[str, Any], findings: list[tuple[str, str]]) -> None:
    todo = _replies(value)[:]
    while todo:
        findings.append(("PL-OA-003", "a message below a deleted one, passed over"))
        todo += _replies(todo.pop())


def _ranked(siblings: list[_Message], findings: list[tuple[str, str]]) -> list[_Message]:
    """The assistant's replies that have a rank, in file order."""
    replies = [message for message in siblings if message.role is Role.ASSISTANT]
    ranked = [message for message in replies if message.rank is not None]
    if len(replies) > 1:
        unranked = len(replies) - len(ranked)
        findings += [("PL-OA-001", "a reply without a rank beside other replies, not compared")] * unranked
    return ranked


def _outcome(first: _Message, second: _Message) -> Outcome:
    if first.rank is None or second.rank is None:
        raise ValueError("expected replies with ranks, found one without")
    if first.rank == second.rank:
        return Outcome.TIE
    return Outcome.FIRST if first.rank < second.rank else Outcome.SECOND


def _models(first: _Message, second: _Message) -> list[str] | None:
    return None if first.model is None or second.model is None else [first.model, second.model]


def _extra(pair: _Pair, tree: _Tree) -> dict[str, Any]:
    """What builds the tree again: the messages' ids and ranks."""
    return {
        "tree_state": tree.tree_state,
        "path": [message.message_id for message in pair.path],
        "replies": [reply.message_id for reply in pair.replies],
        "ranks": [reply.rank for reply in pair.replies],
    }
