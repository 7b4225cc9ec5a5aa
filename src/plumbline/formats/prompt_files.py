"""Plain prompts to be tried on a model: a CSV file, or JSON lines of ``{"prompt"}`` and ``{"prompt", "category"}``.

A prompt is one human message; a category, where there is one, is what the prompt is about. Any further key or column is
refused, so that nothing which belongs to a prompt is dropped unnoticed: whoever has more writes Plumbline's own tables.
Prompts of the public formats (BeaverTails-Evaluation) and of Plumbline's tables are read as every other source.

CSV: UTF-8, commas, double quotes, a header. A row is told by its number among the rows, since a quoted prompt may have
lines of its own.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from plumbline.formats.conversation_columns import question_column
from plumbline.formats.line_blocks import BYTE_ORDER_MARK, Intake, Limits, LineBlock, read_line_blocks
from plumbline.formats.loading import Loaded, load
from plumbline.formats.locations import ENDINGS, split_name
from plumbline.formats.lone_files import begin, loaded_whole
from plumbline.formats.origin import Origin
from plumbline.formats.reading import first_row
from plumbline.formats.strict_json import Refusal, canonical_line, decode_rows, set_aside, without_nulls
from plumbline.records import Kind, SourceError, empty_table, prompt_table

KEYS = frozenset({"prompt", "category"})
MOST_PROMPTS = 1_000_000

_NAME = "prompts"
_ROWS_PER_BLOCK = 4096


class Row(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The keys of a prompt."""

    prompt: str
    category: str | msgspec.UnsetType = msgspec.UNSET


def load_prompts(source: str | Path, **options: Any) -> Loaded:
    """Prompts of any source: plain ones in CSV or JSON lines, else whatever `load` reads.

    Args:
        source: a file, a folder, a hub id.
        options: of `load`.
    Raises:
        SourceError: there is nothing to read, a CSV file is none or has other columns, or there are over a million prompts.
        FaultError, UsageError: as `load`.
    """
    path = Path(source)
    as_everywhere = options.get("data_dir") or options.get("format")
    other_split = options.get("split") not in (None, split_name(path.name))
    if as_everywhere or other_split or not _is_plain(path):
        return load(source, **options)
    begun = intake, origin = begin(path)
    is_csv = path.suffix.lower() == ".csv"
    tables = []
    for block in _csv_blocks(path, intake) if is_csv else read_line_blocks(path, intake):
        tables.append(parse(block, origin, intake))
        if intake.rows_read > MOST_PROMPTS:
            raise _refused(path, "there are too many prompts", f"at most {MOST_PROMPTS:,}", "more", "split the file")
    if intake.faults and options.get("on_error") == "stop":
        raise intake.faults[0].error(str(path))
    return loaded_whole(path, _NAME, Kind.PROMPTS, tables, begun, options.get("stated_terms"))


def _is_plain(path: Path) -> bool:
    """Whether it is a file of plain prompts: CSV by its name, JSON lines by the keys of the first that can be read."""
    try:
        if not path.is_file():
            return False
    except (OSError, ValueError):  # no path at all; `load` says why
        return False
    name = path.name.lower()
    if name.endswith(".csv"):
        return True
    if not name.endswith(ENDINGS) or name.endswith(".parquet"):
        return False
    keys = frozenset(first_row(path))
    return "prompt" in keys and keys <= KEYS


def parse(block: LineBlock, origin: Origin, intake: Intake) -> pa.Table:
    """Prompts of a block of lines; what cannot be read becomes a fault of the intake."""
    kept: list[tuple[int, Row]] = []
    for decoded in decode_rows(block.numbered_lines(), Row, intake, prepare=_prepare):
        try:
            kept.append((decoded.row, _checked(decoded.values)))
        except Refusal as refusal:
            set_aside(decoded.row, refusal, intake)
    if not kept:
        return empty_table(Kind.PROMPTS)
    columns: dict[str, Any] = {
        "categories": [[row.category] if isinstance(row.category, str) else None for _, row in kept],
        "source": origin.source,
        "split": origin.split,
        "row": [number for number, _ in kept],
    }
    return prompt_table(question_column([row.prompt for _, row in kept]), columns)


def _prepare(value: dict[str, Any]) -> None:
    """Read a null category as none, and refuse keys that would be dropped; their names could be anything."""
    without_nulls("category")(value)
    if others := value.keys() - KEYS:
        raise Refusal("PL-PRM-001", "a prompt has further keys", "prompt and category", f"{len(others)} more")


def _checked(row: Row) -> Row:
    if not row.prompt.strip():
        raise Refusal("PL-PRM-002", "the prompt is blank", "a text", "nothing, or blanks alone")
    has_category = isinstance(row.category, str) and row.category.strip()
    return row if has_category else Row(prompt=row.prompt)  # an empty cell of a CSV file says none


# --- CSV ---


def _csv_blocks(path: Path, intake: Intake) -> Iterator[LineBlock]:
    """Rows of a CSV file as the lines they would be, so that one reader serves both."""
    rows = _csv_rows(path, intake)
    header = next((row for row in rows if row), None)
    if header is None:
        raise _refused(path, "the file is empty", "a header and prompts", "nothing", "name another file", "PL-IO-006")
    if len(set(header)) != len(header) or "prompt" not in header or not set(header) <= KEYS:
        known = ", ".join(name for name in header if name in KEYS) or "neither of them"
        found = f"{len(header)} columns, of these {known}"
        raise _refused(path, "the columns are not those of prompts", "prompt, or prompt and category", found, _RENAME)
    lines: list[bytes] = []
    first = 0
    for row in rows:
        intake.rows_read += 1
        lines.append(_line(header, row))
        if len(lines) == _ROWS_PER_BLOCK:
            yield LineBlock(b"\n".join(lines) + b"\n", first)
            first, lines = first + len(lines), []
    if lines:
        yield LineBlock(b"\n".join(lines) + b"\n", first)


_RENAME = "rename the columns in its first line, and leave out all others"
_AS_CSV = "write it as UTF-8 with commas and double quotes, or as JSON lines"


def _csv_rows(path: Path, intake: Intake) -> Iterator[list[str]]:
    """The rows with the header; a file that is no CSV somewhere is refused whole, for what follows cannot be told."""
    try:
        if path.stat().st_size > Limits().array_bytes:
            most = f"at most {Limits().array_bytes:,} bytes"
            raise _refused(path, "the file is too large", most, "more", "split the file")
        with path.open("rb") as file:
            if file.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK:
                intake.finding("PL-IO-007", "the file begins with a byte order mark, which was left out")
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            yield from reader
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise _refused(path, "the file cannot be read", "", found, "check that you may read it", "PL-IO-001") from None
    except UnicodeDecodeError:
        raise _refused(path, "the file is not valid UTF-8", "UTF-8", "other bytes", _AS_CSV) from None
    except csv.Error:  # its message may quote
        expected = f"commas, double quotes, and no cell of over {csv.field_size_limit():,} characters"
        found = f"something else in line {reader.line_num:,}"
        raise _refused(path, "the file is no CSV", expected, found, _AS_CSV) from None


def _line(header: list[str], row: list[str]) -> bytes:
    """The row as a line, blank where it is; one of another length is no object, which the reader of lines sets aside."""
    if not row:
        return b""
    return canonical_line(dict(zip(header, row, strict=True)) if len(row) == len(header) else [len(row)])


def _refused(path: Path, problem: str, expected: str, found: str, advice: str, code: str = "PL-PRM-003") -> SourceError:
    return SourceError(code, str(path), problem, expected=expected, found=found, advice=advice)
