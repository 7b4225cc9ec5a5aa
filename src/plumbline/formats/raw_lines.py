"""What a record's `extra` keeps so that its line can be written back: further values, and the raw line itself.

The raw line is kept where formatting the record would not give its bytes. It is a copy of the text outside the
record's own columns, so it is written back only where it still says what the record says, see `raw_if_unchanged`:
a text redacted later must not return by this door.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.formats.strict_json import Refusal
from plumbline.lineage import Fault
from plumbline.records import Axis, Kind
from plumbline.records.extra import RAW, extra_text, extra_values, raw_line

Reader = Callable[[LineBlock, Origin, Intake], Mapping[Kind, pa.Table]]
"""A format's `parse`."""
Values = Mapping[str, Any]
"""A row of a table, by column."""


def raw_extra(raws: Sequence[str | None]) -> pa.Array:
    """An `extra` column: ``{"raw": line}`` where there is a line, else null."""
    if not any(raw is not None for raw in raws):
        return pa.nulls(len(raws), pa.string())
    texts = [None if raw is None else json.dumps({RAW: raw}, ensure_ascii=False) for raw in raws]
    return pa.array(texts, pa.string())


def extra_column(values: Sequence[Mapping[str, Any]], raws: Sequence[str | None]) -> pa.Array:
    """An `extra` column of further values, and the raw line where there is one; null where there is nothing."""
    return pa.array([extra_text(kept, raw) for kept, raw in zip(values, raws, strict=True)], pa.string())


ExtraT = TypeVar("ExtraT", bound=msgspec.Struct)


def typed_extra(extra: str | None, keys: type[ExtraT]) -> ExtraT:
    """What an `extra` holds under a format's keys, strictly typed; another program may have written anything there.

    Args:
        extra: of a record; other keys, and an `extra` that is no object, are passed over.
        keys: a Struct of the keys that the format writes from, each with what holds where it is absent.
    Raises:
        Refusal: a value is of another type, so that the line could not be read back.
    """
    try:
        return msgspec.convert(extra_values(extra), keys, strict=True)
    except msgspec.ValidationError as error:
        place = str(error).rpartition(" - at ")[2].strip("`")  # the message may quote a value, the place names keys
        names = ", ".join(field.name for field in msgspec.structs.fields(keys))
        raise Refusal(
            "PL-EXT-020",
            "extra holds a value that the format cannot write",
            f"{names} as the format's reader keeps them",
            f"another value at {place}",
        ) from error


def fault_of(refusal: Refusal, source: str, row: int) -> Fault:
    """The fault of a record that a writer refused."""
    return Fault(refusal.code, source, row, refusal.problem, expected=refusal.expected, found=refusal.found)


def raw_if_unchanged(
    raws: Sequence[str], records: Sequence[Sequence[Values]], parse: Reader, *, columns: Collection[str] = ()
) -> list[bytes | None]:
    """The raw lines that still say what their records say; the one rule by which raw lines are written back.

    A raw line is read again. It counts as unchanged where it gives as many records, with the same ids and content, the
    same `columns`, and nothing in `extra` that the record's own `extra` no longer holds.

    Args:
        raws: n lines.
        records: n groups of one or more: all that stands in the tables for that line, of every kind, as rows.
        parse: the format's reader; records of one axis are read with that axis as the origin's.
        columns: columns that the format writes and the ids leave out, compared as well.
    Returns:
        n lines; None where the raw line must not be written.
    """
    lines: list[bytes | None] = [None] * len(raws)
    for axis in {group[0].get("axis") for group in records}:
        chosen = [position for position, group in enumerate(records) if group[0].get("axis") == axis]
        usable = [position for position in chosen if "\n" not in raws[position]]
        if not usable:
            continue
        data = "".join(raws[position] + "\n" for position in usable).encode()
        origin = Origin("", axis=None if axis is None else Axis(axis))
        again: list[list[Values]] = [[] for _ in usable]
        for table in parse(LineBlock(data, 0), origin, Intake("")).values():
            for record in table.to_pylist():
                again[record["row"]].append(record)
        for position, reread in zip(usable, again, strict=True):
            if _same(records[position], reread, columns):
                lines[position] = raws[position].encode()
    return lines


def _same(records: Sequence[Values], again: Sequence[Values], columns: Collection[str]) -> bool:
    return len(records) == len(again) and all(
        record["id"] == reread["id"]
        and all(_plain(name, record.get(name)) == _plain(name, reread.get(name)) for name in _CONTENT | set(columns))
        and all(record.get(name) == value for name, value in reread.items() if _is_said(name, value))
        and extra_values(reread["extra"]).items() <= extra_values(record["extra"]).items()
        for record, reread in zip(sorted(records, key=_order), sorted(again, key=_order), strict=True)
    )


_CONTENT = frozenset(
    {"context", "continuations", "conversation", "transcript", "axis", "outcome", "strength", "is_safe", "categories"}
)
"""Compared always; the ids alone would trust that whoever changed a record made its ids anew."""
_ELSEWHERE = frozenset(
    {"source", "row", "subset", "tranche", "split", "parents", "extra", "group_id", "item_id", "categories"}
)
"""Where a record stands, not what its line says."""


def _is_said(name: str, value: object) -> bool:
    return value is not None and name not in _ELSEWHERE


def _plain(name: str, value: Any) -> Any:
    """The value to compare; categories are sets, one or one a side."""
    if name != "categories" or not value:
        return value
    return [sorted(part) if isinstance(part, list) else part for part in value] if _sides(value) else sorted(value)


def _sides(value: Sequence[object]) -> bool:
    return any(part is None or isinstance(part, list) for part in value)


def _order(record: Values) -> tuple[str, int]:
    return record["id"], record.get("side") or 0


def unchanged_lines(table: pa.Table, parse: Reader, *, columns: Collection[str] = ()) -> dict[int, bytes]:
    """Position → raw line to write, for the rows of a table where every record is a line of its own."""
    raws = {
        position: raw
        for position, extra in enumerate(table["extra"].to_pylist())
        if extra is not None and (raw := raw_line(extra)) is not None
    }
    if not raws:
        return {}
    records = [[record] for record in table.take(pa.array(list(raws))).to_pylist()]
    lines = raw_if_unchanged(list(raws.values()), records, parse, columns=columns)
    return {position: line for position, line in zip(raws, lines, strict=True) if line is not None}
