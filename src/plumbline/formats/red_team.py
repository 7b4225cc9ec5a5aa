"""hh-rlhf red-team attempts: one conversation each that tries to make a model do harm.

Keys of a line: ``transcript, min_harmlessness_score_transcript, num_params, model_type, rating, task_description,
task_descripton_harmlessness_score, red_team_member_id, is_upworker, tags``. The data spells the score's key
``descripton``, the documentation ``description``; both are read, and the spelling that came is written back. Scores:
lower = more harmful. The official file is one gzipped JSON array despite its name; its elements arrive here as lines.

Meant for analysis: not for fine-tuning, not for preference models (its data card). The format holds no outcome and no
blind reviews; an attempt's own are not written.

Source: https://github.com/anthropics/hh-rlhf, and Ganguli et al. 2022 (arXiv 2209.07858), §3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa

from plumbline.formats.conversation_columns import Turn, conversation_turns, conversations_column
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.formats.raw_lines import extra_column, fault_of, typed_extra, unchanged_lines
from plumbline.formats.strict_json import DecodedRow, Refusal, canonical_line, decode_rows, set_aside
from plumbline.formats.turn_markers import MARKERS
from plumbline.formats.written_parts import written_parts
from plumbline.lineage import Terms, Use
from plumbline.records import Kind, empty_table, red_team_attempt_table

KEYS = frozenset({"transcript", "min_harmlessness_score_transcript", "task_description", "red_team_member_id"})
TERMS = Terms(frozenset({Use.ANALYSIS}), "MIT")

_AS_DOCUMENTED = "task_description_harmlessness_score"
_MISSPELT: Final = "task_descripton_harmlessness_score"


class Row(msgspec.Struct, kw_only=True):
    """The keys of a line; of the two spellings of one key a line has one."""

    transcript: str
    min_harmlessness_score_transcript: float | None
    num_params: str | None
    model_type: str | None
    rating: float | None
    task_description: str | None
    task_descripton_harmlessness_score: float | msgspec.UnsetType | None = msgspec.UNSET
    task_description_harmlessness_score: float | msgspec.UnsetType | None = msgspec.UNSET
    red_team_member_id: int | str | None
    is_upworker: bool | None
    tags: list[str] | None


# --- one transcript ---

_ROLES = {marker: role for role, marker in MARKERS.items()}
_MARKER = re.compile("(" + "|".join(map(re.escape, _ROLES)) + ")")


def split_transcript(transcript: str) -> list[Turn] | None:
    """The turns of a transcript; None where it does not begin with a turn marker.

    One space after a marker belongs to the format, everything else to the text.
    """
    opening, *pieces = _MARKER.split(transcript)
    if opening or not pieces:
        return None
    return [(_ROLES[marker], text.removeprefix(" ")) for marker, text in zip(pieces[::2], pieces[1::2], strict=True)]


def join_transcript(turns: list[Turn]) -> str | None:
    """The transcript of some turns; None where a role has no marker."""
    if not all(role in MARKERS for role, _ in turns):
        return None
    return "".join(f"{MARKERS[role]} {text}" for role, text in turns)


# --- lines → attempts ---


def parse(block: LineBlock, origin: Origin, intake: Intake) -> dict[Kind, pa.Table]:
    """Red-team attempts of a block of lines; none has an outcome, since the format holds none."""
    decoded: list[DecodedRow[Row]] = []
    transcripts: list[list[Turn]] = []
    for each in decode_rows(block.numbered_lines(), Row, intake):
        try:
            transcripts.append(_turns(each.values))
        except Refusal as refusal:
            set_aside(each.row, refusal, intake)
            continue
        decoded.append(each)
    if not decoded:
        return {Kind.RED_TEAM_ATTEMPTS: empty_table(Kind.RED_TEAM_ATTEMPTS)}
    raws = [
        each.raw if _says_it_again(each.values, turns) else each.line()
        for each, turns in zip(decoded, transcripts, strict=True)
    ]
    rows = [each.values for each in decoded]
    columns: dict[str, object] = {
        "task_description": [row.task_description for row in rows],
        "rating": [row.rating for row in rows],
        "transcript_score": [row.min_harmlessness_score_transcript for row in rows],
        "description_score": [_description_score(row) for row in rows],
        "model_type": [row.model_type for row in rows],
        "model_size": [row.num_params for row in rows],
        "worker": [None if row.red_team_member_id is None else str(row.red_team_member_id) for row in rows],
        "tags": [row.tags for row in rows],
        "source": origin.source,
        "split": origin.split,
        "row": [each.row for each in decoded],
        "extra": extra_column([_extra(row) for row in rows], raws),
    }
    return {Kind.RED_TEAM_ATTEMPTS: red_team_attempt_table(conversations_column(transcripts), columns)}


def _turns(row: Row) -> list[Turn]:
    spellings = (row.task_descripton_harmlessness_score, row.task_description_harmlessness_score)
    if spellings.count(msgspec.UNSET) != 1:
        raise Refusal(
            "PL-RT-011",
            "the description's score must stand under one of its two keys",
            f"{_MISSPELT} (as in the data) or {_AS_DOCUMENTED}",
            "neither" if msgspec.UNSET in spellings else "both",
        )
    turns = split_transcript(row.transcript)
    if turns is None:
        raise Refusal(
            "PL-RT-010",
            "the transcript does not begin with a turn marker",
            '"\\n\\nHuman:" or "\\n\\nAssistant:" at character 0',
            "other characters",
        )
    return turns


def _says_it_again(row: Row, turns: list[Turn]) -> bool:
    """Whether formatting the attempt gives this transcript and this worker again."""
    return join_transcript(turns) == row.transcript and _member_id(_worker(row)) == row.red_team_member_id


def _worker(row: Row) -> str | None:
    return None if row.red_team_member_id is None else str(row.red_team_member_id)


def _description_score(row: Row) -> float | None:
    for score in (row.task_descripton_harmlessness_score, row.task_description_harmlessness_score):
        if score is not msgspec.UNSET:
            return score
    return None


def _extra(row: Row) -> dict[str, Any]:
    extra: dict[str, Any] = {"is_upworker": row.is_upworker}
    if row.task_description_harmlessness_score is not msgspec.UNSET:
        extra["score_key"] = _AS_DOCUMENTED
    return extra


# --- attempts → lines ---

_COMPARED = ("transcript_score", "description_score", "tags")
"""Columns written back that an attempt's id leaves out."""


class _Extra(msgspec.Struct):
    """What `_extra` keeps."""

    is_upworker: bool | None = None
    score_key: Literal["task_descripton_harmlessness_score", "task_description_harmlessness_score"] = _MISSPELT


_COLUMNS = (
    *("rating", "transcript_score", "description_score", "model_size", "model_type"),
    *("task_description", "worker", "tags", "extra", "source", "row"),
)


def format_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """The lines of attempts, by (source, row), without newlines.

    Attempts that the format cannot express become faults: system messages, texts that hold a turn marker, no
    messages at all.
    """
    for part in written_parts(tables, Kind.RED_TEAM_ATTEMPTS):
        unchanged = unchanged_lines(part, parse, columns=_COMPARED)
        transcripts = conversation_turns(part["transcript"].combine_chunks())
        for position, values in enumerate(part.select(_COLUMNS).to_pylist()):
            try:
                yield unchanged.get(position) or canonical_line(_row(transcripts[position], values))
            except Refusal as refusal:
                intake.faults.append(fault_of(refusal, values["source"], values["row"]))


def _row(turns: list[Turn], values: Mapping[str, Any]) -> Row:
    transcript = join_transcript(turns)
    if transcript is None:
        raise Refusal("PL-RT-020", "red-team attempts of hh-rlhf know no system messages")
    if split_transcript(transcript) != turns:
        raise Refusal("PL-RT-021", "a text holds a turn marker and would be read as two turns, or there is no turn")
    extra = typed_extra(values["extra"], _Extra)
    misspelt = extra.score_key == _MISSPELT
    return Row(
        transcript=transcript,
        min_harmlessness_score_transcript=values["transcript_score"],
        num_params=values["model_size"],
        model_type=values["model_type"],
        rating=values["rating"],
        task_description=values["task_description"],
        task_descripton_harmlessness_score=values["description_score"] if misspelt else msgspec.UNSET,
        task_description_harmlessness_score=msgspec.UNSET if misspelt else values["description_score"],
        red_team_member_id=_member_id(values["worker"]),
        is_upworker=extra.is_upworker,
        tags=values["tags"],
    )


def _member_id(worker: str | None) -> int | str | None:
    """A worker as the format numbers them; a pseudonym that is no number stays as it is."""
    try:
        number = int(worker or "")
    except ValueError:
        return worker
    return number if str(number) == worker else worker
