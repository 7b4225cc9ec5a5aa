"""Pairs that nobody has judged yet: ``{"prompt", "response_0", "response_1"}``, and ``model_0`` and ``model_1`` if known.

What a study of pairs is given, and nothing to train on: the comparisons have no outcome. The prompt is a text, or the
messages before the replies as ``{"role", "content"}`` (or ``"text"`` for content), with the roles user (or human),
assistant and system. The axis is the one given or told by the folder's name (as in hh-rlhf), else the overall one; it
says what might be judged, for nothing was.

Further keys (ids, notes) stay in the raw line only. A line with a key under which another format keeps a judgement is a
fault: read as a pair, it would lose the judgement.

Source: our own format. Its keys are those that BeaverTails' preference rows have without their judgements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from plumbline.formats import hh_rlhf, pandalm
from plumbline.formats.conversation_columns import (
    Turn,
    answer_pair_column,
    conversation_turns,
    conversations_column,
    side_texts,
)
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.formats.raw_lines import fault_of, raw_extra, unchanged_lines
from plumbline.formats.strict_json import DecodedRow, Refusal, canonical_line, decode_rows, set_aside, without_nulls
from plumbline.formats.written_parts import written_parts
from plumbline.lineage import ALL_USES, Terms
from plumbline.lineage.uses import UNKNOWN_LICENCE
from plumbline.records import CHAT_ROLES, Axis, Kind, Role, comparison_table, empty_table

KEYS = frozenset({"prompt", "response_0", "response_1"})
TERMS = Terms(ALL_USES, UNKNOWN_LICENCE)

_ROLES = {**{name: role for role, name in CHAT_ROLES.items()}, "human": Role.HUMAN}


class PromptMessage(msgspec.Struct, kw_only=True):
    """A message before the replies; its text stands under one of the two keys."""

    role: str
    content: str | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET


class Row(msgspec.Struct, kw_only=True):
    """The keys of a row."""

    prompt: str | list[PromptMessage]
    response_0: str
    response_1: str
    model_0: str | msgspec.UnsetType = msgspec.UNSET
    model_1: str | msgspec.UnsetType = msgspec.UNSET


FOREIGN_KEYS = hh_rlhf.KEYS | frozenset(
    {
        *("is_safe", "is_response_0_safe", "is_response_1_safe", "better_response_id", "safer_response_id"),
        *("response_0_harm_category", "response_1_harm_category"),
        *("response_0_severity_level", "response_1_severity_level"),
        *pandalm.ANNOTATORS,
    }
)
"""Keys under which other formats keep judgements; a line with one of them is theirs, whole or broken."""


# --- rows → comparisons ---


def parse(block: LineBlock, origin: Origin, intake: Intake) -> dict[Kind, pa.Table]:
    """Comparisons without outcome of a block of lines; `response_0` is the first side."""
    rows: list[tuple[DecodedRow[Row], list[Turn], list[str] | None, str | None]] = []
    for decoded in decode_rows(block.numbered_lines(), Row, intake, prepare=_prepare):
        try:
            context, models = _context(decoded.values), _models(decoded.values)
            rows.append((decoded, context, models, _raw(decoded, context, models)))
        except Refusal as refusal:
            set_aside(decoded.row, refusal, intake)
    if not rows:
        return {Kind.COMPARISONS: empty_table(Kind.COMPARISONS)}
    columns: dict[str, object] = {
        "axis": origin.axis or hh_rlhf.axis_of(origin.subset) or Axis.OVERALL,
        "models": [models for _, _, models, _ in rows],
        "source": origin.source,
        "subset": origin.subset,
        "split": origin.split,
        "row": [decoded.row for decoded, _, _, _ in rows],
        "extra": raw_extra([raw for _, _, _, raw in rows]),
    }
    values = [decoded.values for decoded, _, _, _ in rows]
    replies = answer_pair_column([row.response_0 for row in values], [row.response_1 for row in values])
    return {
        Kind.COMPARISONS: comparison_table(conversations_column(turns for _, turns, _, _ in rows), replies, columns)
    }


def _prepare(value: dict[str, Any]) -> None:
    """Read a null model as none; refuse judged lines, and messages that say more than a role and a text."""
    without_nulls("model_0", "model_1")(value)
    if judged := sorted(FOREIGN_KEYS & value.keys()):
        raise Refusal(
            "PL-PAI-010", "the line has keys of a format that is judged", "keys of an unjudged pair", ", ".join(judged)
        )
    messages = value.get("prompt")
    for message in messages if isinstance(messages, list) else []:
        if not isinstance(message, dict):
            continue  # told with its type
        without_nulls(*message)(message)
        if message.keys() - {"role", "content", "text"}:
            raise Refusal("PL-PAI-011", "a message holds more than a role and a text", "role and content", "more")


def _context(row: Row) -> list[Turn]:
    if isinstance(row.prompt, str):
        return [(Role.HUMAN, row.prompt)]
    return [_turn(message) for message in row.prompt]


def _turn(message: PromptMessage) -> Turn:
    texts = [text for text in (message.content, message.text) if not isinstance(text, msgspec.UnsetType)]
    if len(texts) != 1:
        raise Refusal("PL-PAI-011", "a message has not one text", "content, or text", f"{len(texts)} of them")
    if message.role not in _ROLES:
        raise Refusal("PL-PAI-012", "a message has an unknown role", "user, assistant or system", "another role")
    return _ROLES[message.role], texts[0]


def _models(row: Row) -> list[str] | None:
    names = [name for name in (row.model_0, row.model_1) if not isinstance(name, msgspec.UnsetType)]
    if len(names) == 1:
        raise Refusal("PL-PAI-013", "one model is named and the other is not", "model_0 and model_1, or neither", "one")
    return names or None


def _raw(decoded: DecodedRow[Row], context: list[Turn], models: list[str] | None) -> str | None:
    """The line where writing the record again would not give its bytes."""
    if isinstance(decoded.values.prompt, str):
        return decoded.raw
    again = canonical_line(_row(context, decoded.values.response_0, decoded.values.response_1, models)).decode()
    line = decoded.line()
    return None if again == line else line


# --- comparisons → rows ---


def format_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """Rows of unjudged comparisons, by (source, row), without newlines.

    Judged comparisons become faults, ties too, so that no judgement is lost on the way; so do those with other replies
    than one assistant's message a side.
    """
    for part in written_parts(tables, Kind.COMPARISONS):
        unchanged = unchanged_lines(part, parse, columns=("models",))
        contexts = conversation_turns(part["context"].combine_chunks())
        replies = zip(*side_texts(part["continuations"].combine_chunks()), strict=True)
        columns = [part[name].to_pylist() for name in ("outcome", "models", "source", "row")]
        rows = zip(contexts, replies, *columns, strict=True)
        for position, (context, (first, second), outcome, models, source, row) in enumerate(rows):
            try:
                _require_unjudged(outcome)
                yield unchanged.get(position) or canonical_line(_written(context, first, second, models))
            except Refusal as refusal:
                intake.faults.append(fault_of(refusal, source, row))


def _require_unjudged(outcome: str | None) -> None:
    if outcome is not None:
        raise Refusal("PL-PAI-020", "a judged comparison cannot be an unjudged pair: the judgement would be lost")


def _written(context: list[Turn], first: str | None, second: str | None, models: list[str | None] | None) -> Row:
    """The row of a comparison, where it can be one."""
    if first is None or second is None:
        raise Refusal("PL-PAI-021", "only replies of one assistant's message a side can be a pair")
    names = [name for name in models or [] if name is not None]
    if models is not None and len(names) != len(models):
        raise Refusal("PL-PAI-022", "the model of one side is named and that of the other is not")
    return _row(context, first, second, names or None)


def _row(context: list[Turn], first: str, second: str, models: list[str] | None) -> Row:
    is_question = [role for role, _ in context] == [Role.HUMAN]
    row = Row(prompt=context[0][1] if is_question else _messages(context), response_0=first, response_1=second)
    if models is not None:
        row.model_0, row.model_1 = models
    return row


def _messages(turns: list[Turn]) -> list[PromptMessage]:
    return [PromptMessage(role=CHAT_ROLES[role], content=text) for role, text in turns]
