"""Preference rows as TRL and many hubs have them: ``{"prompt", "chosen", "rejected"}`` as texts or as messages.

Four forms are read, told apart by their types:

    text      prompt, chosen and rejected are strings: one question, two answers
    messages  all three are lists of ``{"role", "content"}``
    whole     no prompt; chosen and rejected are whole conversations
    repeated  prompt is a string that the conversations chosen and rejected repeat (UltraFeedback); where they begin
              with the assistant instead, the prompt is the question they answer

`chosen` is the better side, on the axis given or told by the folder's name (as in hh-rlhf), else the overall one.
Further keys (scores, ids) stay in the raw line only. Not covered: tools. A row with other roles than user, assistant
and system is a fault.

Source: https://huggingface.co/docs/trl/dataset_formats ("preference"); written forms: text, messages, and the form
that a row came in where that is whole or repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa

from plumbline.formats.conversation_columns import Turn, conversation_turns, conversations_column, paired
from plumbline.formats.hh_rlhf import axis_of
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.formats.raw_lines import extra_column, fault_of, typed_extra, unchanged_lines
from plumbline.formats.strict_json import DecodedRow, Refusal, canonical_line, decode_rows, set_aside, without_nulls
from plumbline.formats.written_parts import written_parts
from plumbline.lineage import ALL_USES, Terms
from plumbline.lineage.uses import UNKNOWN_LICENCE
from plumbline.records import CHAT_ROLES, Axis, Kind, Outcome, Role, comparison_table, empty_table

KEYS = frozenset({"prompt", "chosen", "rejected"})
TERMS = Terms(ALL_USES, UNKNOWN_LICENCE)

_ROLES = {name: role for role, name in CHAT_ROLES.items()}

_WHOLE, _REPEATED = "whole", "repeated"


class ChatMessage(msgspec.Struct):
    """A message as chat templates have it."""

    role: str
    content: str


class Row(msgspec.Struct, kw_only=True):
    """The keys of a row."""

    prompt: str | list[ChatMessage] | msgspec.UnsetType = msgspec.UNSET
    chosen: str | list[ChatMessage]
    rejected: str | list[ChatMessage]


class _Pair(NamedTuple):
    """A row as conversations; `form` is kept where the writer could not tell it from the record."""

    row: int
    context: list[Turn]
    chosen: list[Turn]
    rejected: list[Turn]
    form: str | None
    raw: str | None


# --- rows → comparisons ---


def parse(block: LineBlock, origin: Origin, intake: Intake) -> dict[Kind, pa.Table]:
    """Comparisons of a block of lines; `chosen` is the first side and the outcome FIRST."""
    pairs: list[_Pair] = []
    for decoded in decode_rows(block.numbered_lines(), Row, intake, prepare=_prepare):
        try:
            pairs.append(_pair(decoded, intake))
        except Refusal as refusal:
            set_aside(decoded.row, refusal, intake)
    if not pairs:
        return {Kind.COMPARISONS: empty_table(Kind.COMPARISONS)}
    columns: dict[str, object] = {
        "axis": origin.axis or axis_of(origin.subset) or Axis.OVERALL,
        "outcome": Outcome.FIRST,
        "source": origin.source,
        "subset": origin.subset,
        "split": origin.split,
        "row": [pair.row for pair in pairs],
        "extra": extra_column(
            [{"form": pair.form} if pair.form else {} for pair in pairs], [pair.raw for pair in pairs]
        ),
    }
    sides = conversations_column([side for pair in pairs for side in (pair.chosen, pair.rejected)])
    table = comparison_table(conversations_column([pair.context for pair in pairs]), paired(sides), columns)
    return {Kind.COMPARISONS: table}


def _prepare(value: dict[str, Any]) -> None:
    """Read a null prompt as none, and refuse messages that say more than a role and a text."""
    without_nulls("prompt")(value)
    for side in KEYS & value.keys():
        for message in value[side] if isinstance(value[side], list) else []:
            further = [key for key, kept in message.items() if kept is not None] if isinstance(message, dict) else []
            if set(further) - {"role", "content"}:
                raise Refusal("PL-TRL-011", "a message holds more than a role and a text", "role and content", "more")


def _pair(decoded: DecodedRow[Row], intake: Intake) -> _Pair:
    values = decoded.values
    match values.prompt, values.chosen, values.rejected:
        case str(prompt), str(chosen), str(rejected):
            sides = [(Role.ASSISTANT, chosen)], [(Role.ASSISTANT, rejected)]
            return _Pair(decoded.row, [(Role.HUMAN, prompt)], *sides, None, decoded.raw)
        case list(messages), list(first), list(second):
            return _of_messages(decoded, messages, first, second)
        case msgspec.UNSET, list(first), list(second):
            return _of_messages(decoded, [], first, second, form=_WHOLE)
        case str(prompt), list(first), list(second):
            if {side[0].role for side in (first, second) if side} == {"assistant"}:
                return _of_messages(decoded, [ChatMessage("user", prompt)], first, second, form=_REPEATED)
            pair = _of_messages(decoded, [], first, second, form=_REPEATED)
            _compare_prompt(prompt, pair, intake)
            return pair
    raise Refusal(
        "PL-TRL-012",
        "prompt, chosen and rejected are of no form together",
        "three texts, or chosen and rejected as lists of messages",
        "a mixture, or texts without a prompt",
    )


def _of_messages(
    decoded: DecodedRow[Row],
    prompt: list[ChatMessage],
    chosen: list[ChatMessage],
    rejected: list[ChatMessage],
    *,
    form: str | None = None,
) -> _Pair:
    context, first, second = _turns(prompt), _turns(chosen), _turns(rejected)
    if not first or not second:
        raise Refusal("PL-TRL-013", "a side holds no message", "at least one message in chosen and rejected", "none")
    shared = 0
    while shared < min(len(first), len(second)) - 1 and first[shared] == second[shared]:
        shared += 1
    pair = _Pair(decoded.row, context + first[:shared], first[shared:], second[shared:], form, decoded.raw)
    again = canonical_line(_row(pair.context, pair.chosen, pair.rejected, form))
    return pair if again.decode() == decoded.line() else pair._replace(raw=decoded.line())


def _turns(messages: list[ChatMessage]) -> list[Turn]:
    if not all(message.role in _ROLES for message in messages):
        raise Refusal("PL-TRL-010", "a message has an unknown role", "user, assistant or system", "another role")
    return [(_ROLES[message.role], message.content) for message in messages]


def _compare_prompt(prompt: str, pair: _Pair, intake: Intake) -> None:
    asked = {text.strip() for role, text in pair.context if role is Role.HUMAN}
    if prompt.strip() not in asked:
        intake.finding("PL-TRL-001", "the prompt is not what the conversations share", pair.row)


# --- comparisons → rows ---


class _Extra(msgspec.Struct):
    """What `parse` keeps."""

    form: Literal["whole", "repeated"] | None = None


def format_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """Rows of comparisons as messages, by (source, row), without newlines.

    A row read in the form whole or repeated is written in that form. Ties and unjudged comparisons become faults.
    """
    return _format(tables, intake, as_text=False)


def format_text_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """Rows of comparisons as three texts, by (source, row), without newlines.

    Ties, unjudged comparisons, and those of other turns than one question and two answers become faults.
    """
    return _format(tables, intake, as_text=True)


def _format(tables: Mapping[Kind, pa.Table], intake: Intake, *, as_text: bool) -> Iterator[bytes]:
    for part in written_parts(tables, Kind.COMPARISONS):
        raws = unchanged_lines(part, parse)
        unchanged = {position: raw for position, raw in raws.items() if _is_text(raw) == as_text}
        contexts = conversation_turns(part["context"].combine_chunks())
        sides = conversation_turns(part["continuations"].combine_chunks().flatten())
        columns = [part[name].to_pylist() for name in ("outcome", "extra", "source", "row")]
        for position, (outcome, extra, source, row) in enumerate(zip(*columns, strict=True)):
            try:
                chosen, rejected = _by_outcome(outcome, *sides[2 * position : 2 * position + 2])
                form = "text" if as_text else typed_extra(extra, _Extra).form
                yield unchanged.get(position) or canonical_line(_row(contexts[position], chosen, rejected, form))
            except Refusal as refusal:
                intake.faults.append(fault_of(refusal, source, row))


def _is_text(raw: bytes) -> bool:
    return isinstance(msgspec.json.decode(raw, type=Row).chosen, str)


def _by_outcome(outcome: str | None, first: list[Turn], second: list[Turn]) -> tuple[list[Turn], list[Turn]]:
    """(chosen, rejected): the better side first."""
    if outcome == Outcome.FIRST:
        return first, second
    if outcome == Outcome.SECOND:
        return second, first
    raise Refusal("PL-TRL-020", "a comparison without a better side cannot be a preference row")


def _row(context: list[Turn], chosen: list[Turn], rejected: list[Turn], form: str | None) -> Row:
    if form == "text":
        return _text_row(context, chosen, rejected)
    asked = next((text for role, text in context if role is Role.HUMAN), None)
    if form == _WHOLE:
        return Row(chosen=_messages(context + chosen), rejected=_messages(context + rejected))
    # Where the assistant opens, the prompt would be read as a turn before it.
    if form == _REPEATED and asked is not None and context[0][0] is not Role.ASSISTANT:
        return Row(prompt=asked, chosen=_messages(context + chosen), rejected=_messages(context + rejected))
    return Row(prompt=_messages(context), chosen=_messages(chosen), rejected=_messages(rejected))


def _text_row(context: list[Turn], chosen: list[Turn], rejected: list[Turn]) -> Row:
    turns = [*context, *chosen, *rejected]
    if [len(part) for part in (context, chosen, rejected)] != [1, 1, 1] or [role for role, _ in turns] != [
        Role.HUMAN,
        Role.ASSISTANT,
        Role.ASSISTANT,
    ]:
        raise Refusal("PL-TRL-021", "only one question and two answers can be a row of three texts")
    return Row(prompt=turns[0][1], chosen=turns[1][1], rejected=turns[2][1])


def _messages(turns: list[Turn]) -> list[ChatMessage]:
    return [ChatMessage(CHAT_ROLES[role], text) for role, text in turns]
