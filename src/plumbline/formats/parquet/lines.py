"""Rows of a foreign Parquet file as the JSON lines they would be, so that one reader serves both.

What JSON has no type for becomes text: moments, times and dates as Arrow writes them, to the last digit; durations as a
count of their unit; bytes in base 64. Decimals are numbers with every digit. A number that is not finite is written as
``NaN`` or ``Infinity``, which is no JSON: the reader sets that row aside as it would in a file of lines.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from plumbline.formats.parquet.batches import unreadable_parquet
from plumbline.formats.strict_json import canonical_line
from plumbline.records import SourceError

_BEYOND = "<value out of range"  # what Arrow writes in place of a moment beyond its calendar


def row_lines(batch: pa.RecordBatch, path: Path) -> list[bytes]:
    """The batch's rows as lines without newlines.

    Raises:
        SourceError: a column holds what cannot be written as JSON.
    """
    plain = {name: _plain(column, name, path) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    columns = {name: _values(column, name, path) for name, column in plain.items()}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    all_finite = all(_is_finite(leaf) for column in plain.values() for leaf in _leaves(column))
    return [canonical_line(row) if all_finite or _is_finite_value(row) else _line_of_any_number(row) for row in rows]


def _plain(column: pa.Array, name: str, path: Path) -> pa.Array:
    """The column with text in place of everything temporal."""
    wanted = _plain_type(column.type)
    if wanted == column.type:
        return column
    try:
        plain = column.cast(wanted)
    except pa.ArrowException as error:
        raise _unreadable(name, path) from error
    if any(_is_beyond(leaf) for leaf in _leaves(plain)):
        raise _unreadable(name, path)
    return plain


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_temporal(kind):
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return _plain_type(kind.storage_type) if _plain_type(kind.storage_type) != kind.storage_type else kind
    if pa.types.is_dictionary(kind):
        return pa.string() if pa.types.is_temporal(kind.value_type) else kind
    if pa.types.is_struct(kind):
        return pa.struct([_plain_field(kind.field(index)) for index in range(kind.num_fields)])
    if pa.types.is_map(kind):
        return pa.map_(_plain_field(kind.key_field), _plain_field(kind.item_field), keys_sorted=kind.keys_sorted)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain_field(kind.value_field), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(_plain_field(kind.value_field))
    return pa.large_list(_plain_field(kind.value_field)) if pa.types.is_large_list(kind) else kind


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(_plain_type(field.type))


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    """The arrays of values inside an array of structures and lists; itself where it is neither."""
    kind = array.type
    if pa.types.is_struct(kind):
        for part in array.flatten():
            yield from _leaves(part)
    elif pa.types.is_map(kind):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _leaves(array.flatten())
    else:
        yield array


def _is_beyond(leaf: pa.Array) -> bool:
    return pa.types.is_string(leaf.type) and bool(pc.any(pc.starts_with(leaf, _BEYOND)).as_py())


def _is_finite(leaf: pa.Array) -> bool:
    if not pa.types.is_floating(leaf.type):
        return True
    return pc.all(pc.is_finite(leaf.cast(pa.float64()))).as_py() is not False


def _is_finite_value(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite_value, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite_value, value))
    return not isinstance(value, float) or math.isfinite(value)


def _line_of_any_number(row: dict[str, object]) -> bytes:
    return json.dumps(row, ensure_ascii=False, default=msgspec.to_builtins).encode()


def _values(column: pa.Array, name: str, path: Path) -> list[object]:
    """The column's values, all of them such as JSON can hold."""
    try:
        values: list[object] = column.to_pylist()
        if _is_of_other_kind(column.type):
            canonical_line(values)
    except (pa.ArrowException, ValueError, OverflowError, TypeError) as error:
        raise _unreadable(name, path) from error
    return values


def _is_of_other_kind(kind: pa.DataType) -> bool:
    """Whether values of the type may be such as JSON cannot hold; they are tried before rows are made of them."""
    if pa.types.is_dictionary(kind):
        return _is_of_other_kind(kind.value_type)
    if pa.types.is_nested(kind) and not pa.types.is_union(kind):
        return any(_is_of_other_kind(kind.field(index).type) for index in range(kind.num_fields))
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_boolean)
    return not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or any(check(kind) for check in checks))


def _unreadable(name: str, path: Path) -> SourceError:
    problem = "a column holds what cannot be read"
    return unreadable_parquet(path, problem, "text, numbers, flags, times, or lists of these", f"column {name[:40]}")
