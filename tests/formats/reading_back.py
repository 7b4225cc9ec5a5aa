"""What the tests of the formats share: lines in, tables out, lines back."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from hypothesis import strategies as st

from plumbline.formats.conversation_columns import conversations_column, paired
from plumbline.formats.line_blocks import Intake, LineBlock, read_line_blocks
from plumbline.formats.origin import Origin
from plumbline.lineage import count_by_code
from plumbline.records import (
    SCHEMAS,
    Kind,
    Role,
    comparison_table,
    prompt_table,
    records_from_table,
    red_team_attempt_table,
    safety_label_table,
)

ORIGIN = Origin("set/train.jsonl", None, "train")

_AWKWARD = [
    '"',
    "\\",
    "\n",
    "\r",
    "\t",
    "\x00",
    "\u2028",
    "é",
    "漢字",
    "😀",
    "  ",
    "\n\nHuman:",
    "\n\nAssistant: ",
    "</s>",
]
TEXTS = st.lists(
    st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.sampled_from(_AWKWARD)), max_size=5
).map("".join)
"""Texts with quotes, newlines, control characters, other scripts, trailing blanks and turn markers."""


def line(**values: object) -> bytes:
    """A line as the public sets write it."""
    return json.dumps(values, ensure_ascii=False).encode()


def read(parse: Callable, *lines: bytes, origin: Origin = ORIGIN) -> tuple[dict[Kind, pa.Table], Intake]:
    intake = Intake(origin.source)
    return parse(LineBlock(b"".join(text + b"\n" for text in lines), 0), origin, intake), intake


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=6,
)


def extras(**likely: list) -> st.SearchStrategy[str]:
    """Whatever another program may have put in `extra`, with a liking for these keys and near misses of their values."""
    keys = {key: st.sampled_from([*values, None, 5, -1, "x", [1, 2], {}, True]) for key, values in likely.items()}
    usual = st.fixed_dictionaries({}, optional={key: value | _JSON for key, value in keys.items()})
    return st.one_of(usual.map(json.dumps), usual.map(json.dumps), _JSON.map(json.dumps), TEXTS)


def assert_written_or_refused(parse: Callable, format_lines: Callable, tables: dict[Kind, pa.Table]) -> None:
    """Every record is in a line that reads back without faults as the same records, or is a fault."""
    lines, faults = written(format_lines, tables)
    places = {place for table in tables.values() for place in table["row"].to_pylist()}
    assert len(lines) + sum(faults.values()) == len(places)
    if lines:
        again, intake = read(parse, *lines)
        assert not intake.faults
        for kind, table in tables.items():
            assert faults or sorted(again[kind]["id"].to_pylist()) == sorted(table["id"].to_pylist())


def records(parse: Callable, kind: Kind, *lines: bytes) -> list:
    """The records of lines without faults."""
    tables, intake = read(parse, *lines)
    assert not intake.faults
    return list(records_from_table(tables[kind]))


def written(format_lines: Callable, tables: dict[Kind, pa.Table]) -> tuple[list[bytes], dict[str, int]]:
    """The lines, and how many faults of each code."""
    intake = Intake("")
    lines = list(format_lines(tables, intake))
    assert all(fault.source == ORIGIN.source and fault.problem for fault in intake.faults)
    return lines, count_by_code(intake.faults)


def assert_exact(parse: Callable, format_lines: Callable, *lines: bytes) -> None:
    """The lines read without faults and are written back to the byte."""
    tables, intake = read(parse, *lines)
    assert not intake.faults
    assert written(format_lines, tables) == (list(lines), {})


def codes(parse: Callable, *lines: bytes) -> dict[str, int]:
    """Faults by code; every one names a row and the row's line gave no record."""
    tables, intake = read(parse, *lines)
    quarantined = {fault.row for fault in intake.faults}
    assert not any(quarantined & set(table["row"].to_pylist()) for table in tables.values())
    return count_by_code(intake.faults)


def read_file(parse: Callable, path: Path) -> tuple[dict[Kind, pa.Table], list[bytes], Intake]:
    """A real file: tables, its lines, what its reading turned up."""
    intake = Intake(ORIGIN.source)
    blocks = list(read_line_blocks(path, intake))
    parts = [parse(block, ORIGIN, intake) for block in blocks]
    tables = {kind: pa.concat_tables([part[kind] for part in parts]) for kind in parts[0]}
    return tables, [text for block in blocks for _, text in block.numbered_lines()], intake


_CONVERSATIONS = ("context", "continuations", "conversation", "transcript")
_MAKERS = {
    Kind.SAFETY_LABELS: ("conversation", safety_label_table),
    Kind.RED_TEAM_ATTEMPTS: ("transcript", red_team_attempt_table),
    Kind.PROMPTS: ("conversation", prompt_table),
}


def remade(kind: Kind, table: pa.Table, change: Callable[[dict], None]) -> pa.Table:
    """The table with its rows changed in Python, and ids that fit; messages are {"role", "text"} dictionaries."""
    rows = table.to_pylist()
    for row in rows:
        change(row)
    names = [name for name in SCHEMAS[kind].names if name not in ("id", "item_id", "group_id", *_CONVERSATIONS)]
    columns = {name: [row[name] for row in rows] for name in names}
    if kind is Kind.COMPARISONS:
        sides = _column([side for row in rows for side in row["continuations"]])
        return comparison_table(_column([row["context"] for row in rows]), paired(sides), columns)
    name, maker = _MAKERS[kind]
    return maker(_column([row[name] for row in rows]), columns)


def _column(conversations: list[list[dict]]) -> pa.ListArray:
    return conversations_column(
        [[(Role(message["role"]), message["text"]) for message in conversation] for conversation in conversations]
    )


def replace_texts(old: str, new: str) -> Callable[[dict], None]:
    """A redaction: a change of every message of a row."""

    def change(row: dict) -> None:
        for name in _CONVERSATIONS:
            for part in row.get(name, []):
                for message in part if isinstance(part, list) else [part]:
                    message["text"] = message["text"].replace(old, new)

    return change


def set_values(**values: object) -> Callable[[dict], None]:
    """A change of columns."""
    return lambda row: row.update(values)
