"""Plumbline's own Parquet files, read back: what another program may have changed in them is checked here.

Columns of the wrong type end the reading; a row that breaks the table's rules becomes a fault; a row whose content no
longer gives its id keeps the new content under a new id. All of it by columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plumbline.formats.parquet.batches import unreadable_parquet
from plumbline.lineage import Fault, Finding
from plumbline.records import ROLES, SCHEMAS, AttemptOutcome, Axis, Kind, Outcome
from plumbline.records.extra import without_raw
from plumbline.records.tables import SHAPES, with_ids

Flags = NDArray[np.bool_]
_IDS = ("id", "item_id", "group_id")
_SIDES = ("is_safe", "categories", "severity", "models")


@dataclass(frozen=True)
class Place:
    """Where rows stand: the file's path, its name in records, and the position of the first of them."""

    path: Path
    source: str
    first_row: int = 0


# --- columns ---


def unknown_columns(kind: Kind, names: Sequence[str], source: str) -> list[Finding]:
    """A finding for each column that the kind's table does not have."""
    problem = "a column that plumbline does not know, left out"
    unknown = [name for name in names if name not in SCHEMAS[kind].names]
    return [Finding("PL-IO-015", source, None, None, f"{problem}: {name[:40]}") for name in unknown]


def require_columns(kind: Kind, schema: pa.Schema, path: Path) -> None:
    """Check that the columns of a file can hold records of this kind; order and further columns do not matter.

    Raises:
        SourceError: a required column is missing, or a column's type is another.
    """
    for field in SCHEMAS[kind]:
        if field.name not in schema.names:
            if not field.nullable:
                raise unreadable_parquet(path, "a column is missing", f"the column {field.name}", "none of that name")
        elif not _holds(schema.field(field.name).type, field.type):
            found = str(schema.field(field.name).type)[:80]
            problem = f"the column {field.name} is of another type"
            raise unreadable_parquet(path, problem, str(_checked_type(field.type)), found)


def _holds(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_null(found):
        return True
    if pa.types.is_dictionary(found):
        return _holds(found.value_type, wanted)
    if pa.types.is_dictionary(wanted) or pa.types.is_string(wanted):
        return bool(pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found))
    if pa.types.is_list(wanted):
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        return any(is_list(found) for is_list in lists) and _holds(found.value_type, wanted.value_type)
    if pa.types.is_struct(wanted):
        names = [field.name for field in wanted]
        same = pa.types.is_struct(found) and [field.name for field in found] == names
        return same and all(_holds(left.type, right.type) for left, right in zip(found, wanted, strict=True))
    if pa.types.is_integer(wanted):
        return bool(pa.types.is_integer(found))
    if pa.types.is_floating(wanted):
        return bool(pa.types.is_floating(found) or pa.types.is_integer(found))
    return bool(found == wanted)


def _checked_type(kind: pa.DataType) -> pa.DataType:
    """The type in which rules are checked: plain strings, wide numbers."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_list(kind):
        return pa.list_(_checked_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _checked_type(field.type)) for field in kind])
    return kind


def _plain_columns(kind: Kind, table: pa.Table, path: Path) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for field in SCHEMAS[kind]:
        wanted = _checked_type(field.type)
        if field.name not in table.schema.names:
            columns[field.name] = pa.nulls(len(table), wanted)
            continue
        try:
            columns[field.name] = table[field.name].cast(wanted).combine_chunks()
        except pa.ArrowException as error:
            found = str(table.schema.field(field.name).type)[:80]
            raise unreadable_parquet(path, f"the column {field.name} is of another type", str(wanted), found) from error
    return columns


# --- rows ---


def validated(kind: Kind, table: pa.Table, place: Place) -> tuple[pa.Table, list[Fault]]:
    """The rows that keep the table's rules, and a fault for each other one.

    Args:
        table: n rows with at least the kind's required columns, in any order.
        place: where they stand.
    Returns:
        A table of the kind's schema, and faults; n in all.
    Raises:
        SourceError: a column is missing or of another type.
    """
    require_columns(kind, table.schema, place.path)
    columns = _plain_columns(kind, table, place.path)
    broken = np.full(len(table), -1, np.int64)
    texts: list[str] = []
    for text, flags in _rules(kind, columns):
        broken[flags & (broken < 0)] = len(texts)
        texts.append(text)
    faults = [
        Fault("PL-IO-016", place.source, place.first_row + row, "a row breaks the table's rules", found=texts[rule])
        for row, rule in ((row, int(broken[row])) for row in np.flatnonzero(broken >= 0).tolist())
    ]
    plain = pa.table(columns)
    if faults:
        plain = plain.filter(pa.array(broken < 0))
    schema = SCHEMAS[kind]
    good = pa.table([_to_schema(plain[field.name], field.type) for field in schema], schema=schema)
    return good.replace_schema_metadata(table.schema.metadata), faults


def _to_schema(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.Array:
    array = column.combine_chunks()
    return array.dictionary_encode().cast(wanted) if pa.types.is_dictionary(wanted) else array.cast(wanted)


def _rules(kind: Kind, columns: dict[str, pa.Array]) -> Iterator[tuple[str, Flags]]:
    """Each rule in words, as what a row has that breaks it, with the rows that do."""
    for field in SCHEMAS[kind]:
        if not field.nullable:
            yield f"no {field.name}", _nulls(columns[field.name])
        if pa.types.is_floating(field.type):
            yield f"a {field.name} that is no finite number", ~_set(pc.is_finite(columns[field.name].fill_null(0)))
    yield from _conversation_rules(SHAPES[kind].conversation, columns[SHAPES[kind].conversation])
    yield "a row number below 0", _outside(columns["row"], 0, None)
    if "parents" in columns:
        yield "a parent that is null", _any_within(columns["parents"], _nulls)
    if kind is Kind.COMPARISONS:
        yield from _comparison_rules(columns)
    elif kind is Kind.SAFETY_LABELS:
        for name in ("severity", "confidence"):
            yield f"a {name} outside 0 to 3", _outside(columns[name], 0, 3)
        yield "a side other than 0 and 1", _outside(columns["side"], 0, 1)
    elif kind is Kind.RED_TEAM_ATTEMPTS:
        yield "an unknown outcome", _not_among(columns["outcome"], list(AttemptOutcome))
        yield "a tag that is null", _any_within(columns["tags"], _nulls)
        yield "a review that is null", _any_within(columns["reviews"], _nulls)
        for text, check in zip(_REVIEW_RULES, _REVIEW_CHECKS, strict=True):
            yield text, _any_within(columns["reviews"], check)
    if kind in (Kind.SAFETY_LABELS, Kind.PROMPTS):
        yield "a category that is null", _any_within(columns["categories"], _nulls)


def _comparison_rules(columns: dict[str, pa.Array]) -> Iterator[tuple[str, Flags]]:
    sides = columns["continuations"]
    yield "not exactly two continuations", _not_of_length(sides, 2)
    yield "a continuation without messages", _any_within(sides, lambda inner: _shorter(inner, 1))
    for text, check in zip(_MESSAGE_RULES, _MESSAGE_CHECKS, strict=True):
        yield f"{text} in continuations", _any_within(sides, partial(_any_within, check=check))
    yield "an unknown axis", _not_among(columns["axis"], list(Axis))
    yield "an unknown outcome", _not_among(columns["outcome"], list(Outcome))
    yield "a strength outside -128 to 127", _outside(columns["strength"], -128, 127)
    yield "a weight below 0", _outside(columns["weight"], 0, None)  # in training it would turn the label round
    for name in _SIDES:
        yield f"{name} not of two values", _not_of_length(columns[name], 2)
    yield "votes not of three values", _not_of_length(columns["votes"], 3)
    yield (
        "a vote count outside 0 to 2147483647",
        _any_within(columns["votes"], lambda counts: _nulls(counts) | _outside(counts, 0, 2**31 - 1)),
    )
    yield "a severity outside 0 to 3", _any_within(columns["severity"], lambda each: _outside(each, 0, 3))
    yield "a category that is null", _any_within(columns["categories"], lambda side: _any_within(side, _nulls))


def _conversation_rules(name: str, conversations: pa.ListArray) -> Iterator[tuple[str, Flags]]:
    for text, check in zip(_MESSAGE_RULES, _MESSAGE_CHECKS, strict=True):
        yield f"{text} in {name}", _any_within(conversations, check)


def _nulls(array: pa.Array) -> Flags:
    flags: Flags = array.is_null().to_numpy(zero_copy_only=False)
    return flags


def _set(flags: pa.BooleanArray) -> Flags:
    """Flags as numpy; null counts as not set."""
    found: Flags = pc.fill_null(flags, False).to_numpy(zero_copy_only=False)
    return found


def _not_among(array: pa.Array, known: Sequence[str]) -> Flags:
    return ~_set(pc.is_in(array, value_set=pa.array([str(name) for name in known]))) & ~_nulls(array)


def _outside(array: pa.Array, least: int, most: int | None) -> Flags:
    below = _set(pc.less(array, least))
    return below if most is None else below | _set(pc.greater(array, most))


def _not_of_length(array: pa.ListArray, length: int) -> Flags:
    return _set(pc.not_equal(pc.list_value_length(array), length))


def _shorter(array: pa.ListArray, length: int) -> Flags:
    return _nulls(array) | _set(pc.less(pc.list_value_length(array), length))


def _any_within(array: pa.ListArray, check: Callable[[pa.Array], Flags]) -> Flags:
    """The lists of which some element is flagged."""
    found = np.zeros(len(array), np.bool_)
    flagged = check(array.flatten())
    if flagged.any():
        found[pc.list_parent_indices(array).to_numpy()[flagged]] = True
    return found


_MESSAGE_RULES = ("a message that is null", "a text that is null", "an unknown role")
_MESSAGE_CHECKS: tuple[Callable[[pa.StructArray], Flags], ...] = (
    _nulls,
    lambda messages: _nulls(messages.field("text")),
    lambda messages: _nulls(messages.field("role")) | _not_among(messages.field("role"), list(ROLES)),
)


_REVIEW_RULES = ("a review by nobody", "a review's rating that is no finite number", "a review's tags that are null")
_REVIEW_CHECKS: tuple[Callable[[pa.StructArray], Flags], ...] = (
    lambda reviews: _nulls(reviews.field("reviewer")),
    lambda reviews: ~_set(pc.is_finite(reviews.field("rating").fill_null(0))),
    lambda reviews: _nulls(reviews.field("tags")) | _any_within(reviews.field("tags"), _nulls),
)


# --- ids ---


def with_true_ids(
    kind: Kind, table: pa.Table, place: Place, positions: NDArray[np.int64]
) -> tuple[pa.Table, list[Finding]]:
    """The table with ids that its content gives; where a stored one differs, the raw line goes and the old id stays.

    Args:
        table: n rows of the kind's schema.
        positions: shape (n,); where they stand in the file.
    Returns:
        n rows, and a finding for each whose content was changed since its id was made.
    """
    made = with_ids(kind, table).replace_schema_metadata(table.schema.metadata)
    stale = np.zeros(len(table), np.bool_)
    for name in _IDS:
        if name in table.schema.names:
            stale |= _set(pc.not_equal(table[name], made[name]).combine_chunks())
    rows = np.flatnonzero(stale).tolist()
    if not rows:
        return made, []
    extras = made["extra"].to_pylist()
    for row in rows:
        extras[row] = without_raw(extras[row])
    made = _replaced(made, "extra", extras)
    if "parents" in made.schema.names:
        parents, before, now = (part.to_pylist() for part in (made["parents"], table["id"], made["id"]))
        for row in rows:
            if before[row] != now[row] and before[row] not in parents[row]:
                parents[row] = [*parents[row], before[row]]
        made = _replaced(made, "parents", parents)
    problem = "the content was changed since the id was made"
    ids = made["id"]
    findings = [Finding("PL-IO-014", place.source, int(positions[row]), ids[row].as_py(), problem) for row in rows]
    return made, findings


def _replaced(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    index = table.schema.get_field_index(name)
    field = table.schema.field(index)
    return table.set_column(index, field, pa.array(values, field.type))
