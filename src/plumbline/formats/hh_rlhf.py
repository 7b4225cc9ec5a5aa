"""hh-rlhf preference pairs: ``{"chosen": "...", "rejected": "..."}`` lines ↔ comparisons.

A text is turns opened by ``\\n\\nHuman:`` and ``\\n\\nAssistant:``, each followed by one space that belongs to the
format. `chosen` is the better side on the axis of the folder (helpful-*, harmless-*). Reading is by columns: one
regular expression proves that a line is canonical JSON with exactly these two keys, so that the fast decoder behind
it cannot meet anything it would treat leniently; every other line is decoded strictly on its own.

Source: https://github.com/anthropics/hh-rlhf, and Bai et al. 2022 (arXiv 2204.05862), §2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.formats.raw_lines import raw_extra, unchanged_lines
from plumbline.formats.strict_json import canonical_line, decode_rows
from plumbline.formats.turn_markers import MARKERS, common_context, split_turns
from plumbline.formats.written_parts import written_parts
from plumbline.lineage import Fault, Terms, Use
from plumbline.records import (
    ROLES,
    Axis,
    Kind,
    Outcome,
    Role,
    UsageError,
    comparison_table,
    empty_table,
    join_messages,
    role_codes,
)

# A JSON string without raw control characters whose escapes are the short ones only. Such a line has both keys once,
# holds no surrogate escape, and json.dumps(..., ensure_ascii=False) of its values gives its bytes again.
_TEXT = r'"(?:[^"\\\x00-\x1f]|\\["\\nrtbf])*"'
_CANONICAL_LINE = rf'\A\{{"chosen": {_TEXT}, "rejected": {_TEXT}\}}\n?\z'

TRANCHES = ("base", "rejection-sampled", "online")

KEYS = frozenset({"chosen", "rejected"})
TERMS = Terms(frozenset({Use.PREFERENCE, Use.POLICY, Use.ANALYSIS}), "MIT")


_AXES = {"harmless": Axis.HARMLESSNESS, "helpful": Axis.HELPFULNESS, "overall": Axis.OVERALL}


class Row(msgspec.Struct):
    """The keys of a line."""

    chosen: str
    rejected: str


def axis_of(subset: str | None) -> Axis | None:
    """The axis that a folder's name tells: ``helpful…``, ``harmless…`` or ``overall…``; else None."""
    name = (subset or "").rsplit("/", 1)[-1]
    return next((axis for opening, axis in _AXES.items() if name.startswith(opening)), None)


def tranche_of(subset: str | None) -> str | None:
    """The tranche that a folder's name ends in: base, rejection-sampled or online; else None."""
    name = (subset or "").rsplit("/", 1)[-1]
    return next((tranche for tranche in TRANCHES if name.endswith(f"-{tranche}")), None)


def parse(block: LineBlock, origin: Origin, intake: Intake) -> dict[Kind, pa.Table]:
    """Comparisons of a block of lines; `chosen` is the first side and the outcome FIRST.

    Raises:
        UsageError: neither the folder nor the caller says what the pairs are judged on.
    """
    told = axis_of(origin.subset)
    axis = origin.axis or told
    if axis is None:
        raise _axis_unknown(origin)
    if told and told is not axis:
        raise _axis_contradicted(origin, told)
    texts = _with_opening_marker(_texts(block, intake), intake)
    if texts.is_empty():
        return {Kind.COMPARISONS: empty_table(Kind.COMPARISONS)}
    chosen, rejected = split_turns(texts["chosen"]), split_turns(texts["rejected"])
    context, continuations = common_context(chosen, rejected)
    columns = {
        "axis": axis,
        "outcome": Outcome.FIRST,
        "source": origin.source,
        "subset": origin.subset,
        "tranche": tranche_of(origin.subset),
        "split": origin.split,
        "row": texts["row"],
        "extra": _extra(texts, chosen.spaced & rejected.spaced),
    }
    return {Kind.COMPARISONS: comparison_table(context, continuations, columns)}


def _axis_contradicted(origin: Origin, told: Axis) -> UsageError:
    return UsageError(
        "PL-HH-002",
        origin.source,
        "the folder's name tells another axis than the one given",
        expected=f"{told}, as the folder {origin.subset} says",
        found=f"--axis {origin.axis}",
        advice="leave --axis out; a file of other pairs belongs into a folder named after what they are judged on",
    )


def _axis_unknown(origin: Origin) -> UsageError:
    return UsageError(
        "PL-HH-001",
        origin.source,
        "nothing says what these pairs were judged on",
        expected="a folder named helpful-…, harmless-… or overall-…, or an axis",
        found=f"the folder {origin.subset}" if origin.subset else "no folder name",
        advice="put the file into a folder of such a name; or, where the command takes it (train, evaluate, data …), add --axis, "
        f"one of {', '.join(Axis)} (in Python: axis=…)",
    )


# --- lines → two columns of text ---

_TEXT_SCHEMA = {"row": pl.Int64, "chosen": pl.String, "rejected": pl.String, "raw": pl.String}


def _texts(block: LineBlock, intake: Intake) -> pl.DataFrame:
    """Columns row, chosen, rejected and raw (null where formatting again gives the line)."""
    lines = _utf8_lines(block.data)
    if lines is None:
        return _decode_strictly(block.numbered_lines(), intake)
    rows = pl.int_range(block.first_row, block.first_row + len(lines), eager=True)
    canonical = lines.str.contains(_CANONICAL_LINE)
    if canonical.all():
        return _decode_canonical(block.data, rows)
    proven = "".join(lines.filter(canonical)).encode()
    others = [line.rstrip("\n").encode() for line in lines.filter(~canonical)]
    fast = _decode_canonical(proven, rows.filter(canonical))
    slow = _decode_strictly(list(zip(rows.filter(~canonical), others, strict=True)), intake)
    return pl.concat([fast, slow]).sort("row")


def _utf8_lines(data: bytes) -> pl.Series | None:
    """The lines, newlines included, over the block's own bytes; None where some byte is not UTF-8."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    offsets = np.concatenate([[0], ends]).astype(np.int64)
    array = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return pl.Series(array)


def _decode_canonical(data: bytes, rows: pl.Series) -> pl.DataFrame:
    if rows.is_empty():
        return pl.DataFrame(schema=_TEXT_SCHEMA)
    frame = pl.read_ndjson(data, schema={"chosen": pl.String, "rejected": pl.String})
    return frame.select(
        rows.cast(pl.Int64).alias("row"), "chosen", "rejected", pl.lit(None, dtype=pl.String).alias("raw")
    )


def _decode_strictly(lines: list[tuple[int, bytes]], intake: Intake) -> pl.DataFrame:
    decoded = [(row.row, row.values.chosen, row.values.rejected, row.raw) for row in decode_rows(lines, Row, intake)]
    return pl.DataFrame(decoded, schema=_TEXT_SCHEMA, orient="row")


def _with_opening_marker(texts: pl.DataFrame, intake: Intake) -> pl.DataFrame:
    opened = pl.all_horizontal(
        pl.any_horizontal(pl.col(side).str.starts_with(marker) for marker in MARKERS.values())
        for side in ("chosen", "rejected")
    )
    marked = texts.select(opened.alias("opened"))["opened"]
    if marked.all():
        return texts
    for row in texts["row"].filter(~marked):
        intake.fault(
            "PL-HH-014",
            row,
            "a text does not begin with a turn marker",
            expected='"\\n\\nHuman:" or "\\n\\nAssistant:" at character 0 of "chosen" and "rejected"',
            found="other characters",
        )
    return texts.filter(marked)


def _extra(texts: pl.DataFrame, spaced: np.ndarray) -> pa.Array:
    """``{"raw": line}`` for the rows that formatting again would not give back, else null."""
    raw = texts["raw"].to_list()
    for position in np.flatnonzero(~spaced).tolist():
        if raw[position] is None:
            values = Row(texts["chosen"][position], texts["rejected"][position])
            raw[position] = canonical_line(values).decode()
    return raw_extra(raw)


# --- comparisons → lines ---

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ESCAPES |= {chr(code): f"\\u{code:04x}" for code in range(0x20) if chr(code) not in _ESCAPES}


def format_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """The lines of comparisons, by (source, row), without newlines.

    A raw line kept in `extra` is written where it still says what the record says. Comparisons that the format cannot
    express become faults: ties, unjudged ones, system messages, and texts that hold a turn marker.
    """
    for part in written_parts(tables, Kind.COMPARISONS):
        yield from _format_part(part, intake)


def _format_part(table: pa.Table, intake: Intake) -> list[bytes]:
    context, continuations = (table[name].combine_chunks() for name in ("context", "continuations"))
    sides = continuations.flatten()
    opening, closing = join_messages(context, _marked(context)), join_messages(sides, _marked(sides))
    outcome = pl.Series(table["outcome"].cast(pa.string()))
    first, second = closing.gather_every(2), closing.gather_every(2, 1)
    wins = outcome.fill_null("") == Outcome.FIRST
    sentences = pl.select(
        pl.concat_str(
            pl.lit('{"chosen": "'),
            _escaped(
                pl.concat_str(pl.lit(opening), pl.when(pl.lit(wins)).then(pl.lit(first)).otherwise(pl.lit(second)))
            ),
            pl.lit('", "rejected": "'),
            _escaped(
                pl.concat_str(pl.lit(opening), pl.when(pl.lit(wins)).then(pl.lit(second)).otherwise(pl.lit(first)))
            ),
            pl.lit('"}'),
        ).alias("line")
    )["line"]
    lines: list[bytes | None] = [line.encode() for line in sentences]
    _refuse_inexpressible(lines, table, outcome, (opening, first, second), intake)
    for position, line in unchanged_lines(table, parse).items():
        lines[position] = line
    return [line for line in lines if line is not None]


def _marked(conversations: pa.ListArray) -> pl.Series:
    """Each message as it stands in a line: marker, the format's one space, text."""
    messages = conversations.flatten()
    markers = pl.Series([MARKERS.get(role, "") for role in ROLES])
    codes = role_codes(messages)
    return pl.select(
        pl.concat_str(pl.lit(markers.gather(codes)), pl.lit(" "), pl.lit(pl.Series(messages.field("text"))))
    )[:, 0]


def _escaped(texts: pl.Expr) -> pl.Expr:
    return texts.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))


def _refuse_inexpressible(
    lines: list[bytes | None], table: pa.Table, outcome: pl.Series, parts: tuple[pl.Series, ...], intake: Intake
) -> None:
    """Blank out, with a fault each, the lines that would not say what their record says."""
    undecided = ~outcome.is_in([Outcome.FIRST, Outcome.SECOND]).fill_null(False)
    sides = table["continuations"].combine_chunks().flatten()
    other_roles = _has_system(table["context"].combine_chunks()) | _has_system(sides).reshape(-1, 2).any(axis=1)
    messages = [table["context"].combine_chunks(), sides]
    expected = sum(np.diff(column.offsets.to_numpy()).reshape(len(table), -1).sum(axis=1) for column in messages)
    written = sum((part.str.count_matches(_ANY_MARKER) for part in parts), pl.Series([0] * len(table), dtype=pl.UInt32))
    refusals = (
        ("PL-HH-020", undecided.to_numpy(), "a comparison without a better side cannot be a pair of hh-rlhf"),
        ("PL-HH-021", other_roles, "hh-rlhf knows no system messages"),
        ("PL-HH-022", written.to_numpy() != expected, "a text holds a turn marker and would be read as two turns"),
    )
    for code, refused, problem in refusals:
        for position in np.flatnonzero(refused).tolist():
            if lines[position] is not None:
                lines[position] = None
                intake.faults.append(
                    Fault(code, str(table["source"][position]), table["row"][position].as_py(), problem)
                )


_ANY_MARKER = "|".join(MARKERS.values())


def _has_system(conversations: pa.ListArray) -> NDArray[np.bool_]:
    codes = role_codes(conversations.flatten())
    found = np.concatenate([[0], np.cumsum(codes == ROLES.index(Role.SYSTEM))])
    offsets = np.concatenate([[0], np.cumsum(np.diff(conversations.offsets.to_numpy()))])
    flags: NDArray[np.bool_] = found[offsets[1:]] > found[offsets[:-1]]
    return flags
