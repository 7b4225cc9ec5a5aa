"""One file → tables of records, block by block: the format recognised, two blocks decoded at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher, get_close_matches
from functools import cache, lru_cache
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from plumbline.formats.line_blocks import Intake, Limits, LineBlock, read_line_blocks
from plumbline.formats.locations import Location
from plumbline.formats.own_tables import Place, require_columns, unknown_columns, validated, with_true_ids
from plumbline.formats.parquet.batches import open_parquet, parquet_batches
from plumbline.formats.parquet.lines import row_lines
from plumbline.formats.registry import FORMATS, PARQUET, Format, recognise
from plumbline.lineage import Fault, Finding
from plumbline.records import FaultError, Kind, SourceError
from plumbline.records.tables import kind_by_columns

_ROWS_LOOKED_AT = 50
_MOST_FAULTS = 1_000_000


@dataclass
class ReadFile:
    """A file being read; its counts are whole once its tables are drawn.

    Attributes:
        location: the file.
        format_name: the format recognised or given.
    """

    location: Location
    format_name: str
    rows_read: int = 0
    blank_lines: int = 0
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def take(self, intake: Intake) -> None:
        """Add what one intake turned up.

        Raises:
            FaultError: so many rows are unreadable that this cannot be the file that was meant.
        """
        self.rows_read += intake.rows_read
        self.blank_lines += intake.blank_lines
        self.faults += intake.faults
        self.findings += intake.findings
        if len(self.faults) + self.blank_lines > _MOST_FAULTS:
            raise FaultError(
                "PL-IO-013",
                str(self.location.path),
                "too many lines are unreadable or blank",
                expected=f"at most {_MOST_FAULTS:,}",
                found="more",
                advice="check that this is the file you mean, and its format",
            )

    def close(self) -> None:
        """Note what can only be said of the whole file."""
        if self.blank_lines:
            problem = f"{self.blank_lines:,} blank lines, passed over"
            self.findings.append(Finding("PL-IO-011", self.location.origin.source, None, None, problem))


def recognise_format(location: Location) -> str:
    """The name of a file's format, from the keys of its first readable rows.

    Raises:
        SourceError: no row among the first is readable, or their keys are those of no known format.
    """
    if location.is_parquet:
        schema = open_parquet(location.path).schema_arrow
        if kind_by_columns(schema.names):
            return PARQUET
        keys = frozenset(schema.names)
        text_keys = frozenset(field.name for field in schema if _is_text(field.type))
    else:
        row = first_row(location.path)
        keys = frozenset(row)
        text_keys = frozenset(key for key, value in row.items() if isinstance(value, str))
    known = recognise(keys, text_keys)
    if known:
        return known.name
    raise SourceError(
        "PL-SRC-008",
        str(location.path),
        "the columns are those of no known format" if keys else f"no row among the first is {_READABLE}",
        expected=_nearest_format(keys) if keys else "one JSON object a line",
        found=_keys_found(keys) if keys else _not_gzip(location),
        advice=_advice(keys) if keys else f"plumbline data show {location.path} --line 1",
    )


_READABLE = "a readable JSON object"


def _not_gzip(location: Location) -> str:
    """What the name of a file says wrongly; empty where it is right."""
    with location.path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return "plain text, not gzip as the name says" if location.path.suffix.lower() == ".gz" and not zipped else ""


_LONGEST = 30
"""Characters of a key that may be shown for being like one of ours."""
_MOST_COMPARED = 100
"""Keys of a row that are held against ours; more are those of no table that somebody wrote by hand."""
_CURATIONS_OWN = (
    "read it with pyarrow or polars: it is what a curation notes, and holds no records; docs/how-to/curate.md, "
    '"Looking at what was removed", shows how to come from its rows to the records'
)
_NOTES = ({"kind", "id", "step", "rule", "reason"}, {"rank", "kind", "id", "head", "suggested"})
"""Columns of ``curation/removed.parquet`` and ``changed.parquet``, and of ``label_errors.parquet``."""


def _is_curations_own(keys: Iterable[str]) -> bool:
    return any(note <= set(keys) for note in _NOTES)


def _advice(keys: frozenset[str]) -> str:
    if _is_curations_own(keys):
        return _CURATIONS_OWN
    nearest = _nearest(keys)
    section = "Pairs that nobody has judged yet" if nearest and nearest.name == "pairs" else "Your own labels and pairs"
    return f'rename or add columns, see docs/data.md, "{section}"'


def _keys_found(keys: frozenset[str]) -> str:
    """The keys that some format has, those like one that it has, and how many others, which could be anything."""
    anywhere = frozenset().union(*(wanted for each in FORMATS.values() for wanted in each.keys))
    nearest = _nearest(keys)
    alike = {} if nearest is None else {key: like for key, like in nearest.alike.items() if key not in anywhere}
    known = [*sorted(keys & anywhere), *(f"{key} (like {' or '.join(like)})" for key, like in sorted(alike.items()))]
    others = len(keys) - len(known)
    if not others:
        return ", ".join(known) or "none"
    counted = f"{others:,} {'other ' if known else ''}key{'s' if others > 1 else ''}"
    return f"{', '.join(known)} and {counted}" if known else f"{counted} that no format has"


def _nearest_format(keys: frozenset[str]) -> str:
    """The format most of whose keys are there and those it misses; else the names of all formats."""
    if (nearest := _nearest(keys)) is None:
        return f"the columns of one of {', '.join(each.name for each in FORMATS.values() if each.keys)}"
    missing = sorted(nearest.wanted - keys)
    told = f"those of {nearest.name}, the nearest: {', '.join(sorted(nearest.wanted))}"
    return f"{told}, of which {', '.join(missing)} {_are(missing)} missing" if missing else f"{told}, as texts"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


@dataclass(frozen=True)
class _Nearest:
    """A format, and how near a row's keys come to one of its sets of keys.

    Attributes:
        wanted: the set.
        alike: key of the row → missing keys of ours that it is like: response_a is as much like response_0 as like
            response_1, and which of them it is must not be guessed.
        share: of the set, what is there, keys of few formats before those of many; a key that is alike counts by how much.
        there: how many keys of the set are there to the letter.
    """

    name: str
    wanted: frozenset[str]
    alike: dict[str, tuple[str, ...]]
    share: float
    there: int


@lru_cache(maxsize=8)  # what is expected, found and advised is told of the same row
def _nearest(keys: frozenset[str]) -> _Nearest | None:
    """The format whose keys are there most nearly; None where none is: one key alone may be like anything."""
    near = [
        _nearness(each.name, wanted, keys)
        for each in FORMATS.values()
        if not each.foreign_keys & keys
        for wanted in each.keys
    ]
    best = max(near, key=lambda each: (each.share, each.there))
    return best if best.there or len(best.alike) > 1 else None


def _nearness(name: str, wanted: frozenset[str], keys: frozenset[str]) -> _Nearest:
    free = sorted(key for key in keys - wanted if len(key) <= _LONGEST)[:_MOST_COMPARED]
    alike: dict[str, tuple[str, ...]] = {}
    reached = sum(_telling(key) for key in wanted & keys)
    for missing in sorted(wanted - keys):
        if like := get_close_matches(missing, free, n=1):
            free.remove(like[0])  # it stands for one alone
            likeness = _likeness(like[0], missing)
            alike[like[0]] = tuple(key for key in sorted(wanted - keys) if _likeness(like[0], key) >= likeness)
            reached += likeness * _telling(missing)
    share = reached / sum(_telling(key) for key in wanted)
    return _Nearest(name, wanted, alike, share, len(wanted & keys))


def _likeness(key: str, other: str) -> float:
    return SequenceMatcher(None, key, other).ratio()


@cache
def _telling(key: str) -> float:
    """How much a key of ours tells formats apart: a prompt stands in most, and says little."""
    return 1 / sum(key in wanted for each in FORMATS.values() for wanted in each.keys)


def _is_text(kind: pa.DataType) -> bool:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain))


def first_row(path: Path) -> dict[str, object]:
    """The first readable object of a file of lines; empty where there is none among the first lines."""
    block = next(iter(read_line_blocks(path, Intake(""), Limits(block_bytes=1 << 18))), None)
    for _, line in (block.numbered_lines() if block else [])[:_ROWS_LOOKED_AT]:
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return {}


def read_tables(file: ReadFile, limits: Limits | None = None) -> Iterator[dict[Kind, pa.Table]]:
    """The tables of each block of the file, in order; counts, faults and findings go to `file`.

    Raises:
        PlumblineError: the file as a whole cannot be read, see `read_line_blocks`.
    """
    if file.format_name == PARQUET:
        yield from _own_parquet(file)
        return
    known = FORMATS[file.format_name]
    intake = Intake(file.location.origin.source)
    blocks = (
        _parquet_lines(file.location, intake)
        if file.location.is_parquet
        else read_line_blocks(file.location.path, intake, limits)
    )
    yield from _parse_blocks(blocks, known, file)
    file.take(intake)
    file.close()


def _parse_blocks(blocks: Iterator[LineBlock], known: Format, file: ReadFile) -> Iterator[dict[Kind, pa.Table]]:
    """Decode a few blocks ahead in threads: decompression, Polars and hashing overlap."""
    workers = min(os.cpu_count() or 1, 4)
    waiting: deque[Future[tuple[dict[Kind, pa.Table], Intake]]] = deque()

    def parse(block: LineBlock) -> tuple[dict[Kind, pa.Table], Intake]:
        """A block's tables, with an intake of its own: threads share nothing."""
        intake = Intake(file.location.origin.source)
        return known.parse(block, file.location.origin, intake), intake

    def first() -> dict[Kind, pa.Table]:
        """The tables of the block that was handed out first, once they are there."""
        tables, intake = waiting.popleft().result()
        file.take(intake)
        return tables

    with ThreadPoolExecutor(workers) as pool:
        for block in blocks:
            waiting.append(pool.submit(parse, block))
            if len(waiting) > workers:
                yield first()
        while waiting:
            yield first()


def _own_parquet(file: ReadFile) -> Iterator[dict[Kind, pa.Table]]:
    place = Place(file.location.path, file.location.origin.source)
    schema = open_parquet(place.path).schema_arrow
    kind = kind_by_columns(schema.names)
    if kind is None:
        raise SourceError(
            "PL-SRC-008",
            str(file.location.path),
            "the columns are not those of a table of records",
            expected="a Parquet file that plumbline wrote",
            advice=_CURATIONS_OWN
            if _is_curations_own(schema.names)
            else "leave --format out, so that the columns are recognised",
        )
    require_columns(kind, schema, place.path)
    file.findings += unknown_columns(kind, schema.names, place.source)
    for batch in parquet_batches(place.path):
        intake = Intake(place.source, rows_read=len(batch))
        table, intake.faults = validated(kind, pa.Table.from_batches([batch]), replace(place, first_row=file.rows_read))
        refused = np.array([fault.row for fault in intake.faults], np.int64)
        rows = np.setdiff1d(np.arange(file.rows_read, file.rows_read + len(batch)), refused)
        table, intake.findings = with_true_ids(kind, table, place, rows)
        file.take(intake)
        yield {kind: table.replace_schema_metadata(schema.metadata)}


def _parquet_lines(location: Location, intake: Intake) -> Iterator[LineBlock]:
    """Rows of a foreign Parquet file as the lines they would be, so that one reader serves both."""
    row = 0
    for batch in parquet_batches(location.path):
        lines = row_lines(batch, location.path)
        intake.rows_read += len(lines)
        yield LineBlock(b"\n".join(lines) + b"\n", row)
        row += len(lines)
