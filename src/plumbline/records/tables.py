"""Tables of records: columns in, Arrow tables of the fixed schemas out, and rows back as records.

`comparison_table`, `safety_label_table`, `red_team_attempt_table` and `prompt_table` take columns, fill what is not
given with nulls and compute the ids. `records_from_table` and `table_from_records` go by single rows, for small data.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.records import identity
from plumbline.records.comparison import COMPARISON_SCHEMA, Axis, Comparison, Outcome
from plumbline.records.message import CONVERSATION_TYPE, Conversation, Message, Role, conversation_column
from plumbline.records.prompt import PROMPT_SCHEMA, Prompt
from plumbline.records.red_team_attempt import RED_TEAM_ATTEMPT_SCHEMA, AttemptOutcome, RedTeamAttempt, Review
from plumbline.records.safety_label import SAFETY_LABEL_SCHEMA, SafetyLabel

Record = Comparison | SafetyLabel | RedTeamAttempt | Prompt


class Kind(StrEnum):
    """The kinds of record; also the names of their tables on disk."""

    COMPARISONS = "comparisons"
    SAFETY_LABELS = "safety_labels"
    RED_TEAM_ATTEMPTS = "red_team_attempts"
    PROMPTS = "prompts"


@dataclass(frozen=True)
class _Shape:
    record: type[Record]
    schema: pa.Schema
    conversation: str


SHAPES: dict[Kind, _Shape] = {
    Kind.COMPARISONS: _Shape(Comparison, COMPARISON_SCHEMA, "context"),
    Kind.SAFETY_LABELS: _Shape(SafetyLabel, SAFETY_LABEL_SCHEMA, "conversation"),
    Kind.RED_TEAM_ATTEMPTS: _Shape(RedTeamAttempt, RED_TEAM_ATTEMPT_SCHEMA, "transcript"),
    Kind.PROMPTS: _Shape(Prompt, PROMPT_SCHEMA, "conversation"),
}

SCHEMAS: dict[Kind, pa.Schema] = {kind: shape.schema for kind, shape in SHAPES.items()}


_SIDES_TYPE = pa.list_(CONVERSATION_TYPE)
_ROWS_TAKEN = 16_384


def kind_of(table: pa.Table) -> Kind | None:
    """Which kind of record a table holds, by its column names; None where it is none of ours."""
    names = set(table.schema.names)
    return next((kind for kind, schema in SCHEMAS.items() if set(schema.names) == names), None)


_OWN_COLUMNS = frozenset({"id", "group_id", "source", "row"})
_LABEL_COLUMNS = frozenset({"item_id", "taxonomy", "is_safe"})


def kind_by_columns(names: Collection[str]) -> Kind | None:
    """Which kind of record a file holds, by the columns that tell it; None where it is none of ours.

    Less strict than `kind_of`: order, further columns and missing ones do not matter, so that a file of ours that
    was changed elsewhere is recognised and what is wrong with it can be said.
    """
    if not set(names) >= _OWN_COLUMNS:
        return None
    if "conversation" in names:
        return Kind.SAFETY_LABELS if _LABEL_COLUMNS.intersection(names) else Kind.PROMPTS
    kinds = (Kind.COMPARISONS, Kind.RED_TEAM_ATTEMPTS)
    return next((kind for kind in kinds if SHAPES[kind].conversation in names), None)


def empty_table(kind: Kind) -> pa.Table:
    """A table of that kind without rows."""
    return SCHEMAS[kind].empty_table()


def in_source_order(table: pa.Table) -> pa.Table:
    """The rows by (source, row), ties in the order they stand in."""
    keys = pl.DataFrame({"source": pl.Series(table["source"].cast(pa.string())), "row": pl.Series(table["row"])})
    order = keys.select(pl.arg_sort_by("source", "row", maintain_order=True))[:, 0]
    return table if order.is_sorted() else take_rows(table, order.to_numpy())


def take_rows(table: pa.Table, positions: NDArray[np.integer]) -> pa.Table:
    """The rows at these positions, in that order, some thousands a chunk.

    Arrow's own way puts all chunks of a column together first: a few rows cost as much as all, and where a column holds
    more than 2 GiB of text it fails.

    Args:
        positions: shape (k,); in 0 … rows − 1, any of them any number of times.
    """
    batches = table.to_batches()
    ends = np.cumsum([len(batch) for batch in batches])
    parts = (positions[start : start + _ROWS_TAKEN] for start in range(0, len(positions), _ROWS_TAKEN))
    taken = [_taken(batches, ends, part, table.schema) for part in parts]
    return pa.concat_tables(taken) if taken else table.slice(0, 0)


def _taken(
    batches: Sequence[pa.RecordBatch], ends: NDArray[np.int64], positions: NDArray[np.integer], schema: pa.Schema
) -> pa.Table:
    holders = np.searchsorted(ends, positions, side="right")
    pieces = []
    for holder in np.unique(holders).tolist():
        first = int(ends[holder]) - len(batches[holder])  # a number of numpy would make unsigned positions fractions
        pieces.append(batches[holder].take(pa.array(positions[holders == holder] - first)))
    together = pa.Table.from_batches(pieces, schema)
    by_holder = np.argsort(holders, kind="stable")
    return together if (np.diff(holders) >= 0).all() else together.take(pa.array(np.argsort(by_holder)))


# --- columns → tables ---

Columns = Mapping[str, object]
"""Column name → Arrow array, Polars series, Python list, or one value for every row."""


def comparison_table(context: pa.ListArray, continuations: pa.ListArray, columns: Columns) -> pa.Table:
    """Comparisons from their conversations and further columns; the ids are computed here.

    Args:
        context: n conversations, the longest common message prefixes.
        continuations: n lists of two conversations.
        columns: at least axis, source and row; any other field of the schema but the ids.
    Returns:
        n rows of `COMPARISON_SCHEMA`.
    """
    given = {**_full(columns, COMPARISON_SCHEMA, len(context)), "context": context, "continuations": continuations}
    given["id"], given["item_id"], given["group_id"] = identity.comparison_id_columns(
        context,
        continuations,
        _strings(given["axis"]),
        outcome=_strings(given["outcome"]),
        strength=_strings(given["strength"]),
        worker=_strings(given["worker"]),
    )
    return _assemble(given, COMPARISON_SCHEMA)


def safety_label_table(conversation: pa.ListArray, columns: Columns) -> pa.Table:
    """Safety labels from n conversations and further columns: at least taxonomy, source and row."""
    given = {**_full(columns, SAFETY_LABEL_SCHEMA, len(conversation)), "conversation": conversation}
    canonical = identity.canonical_conversations(conversation)
    sorted_names = pl.Series(given["categories"]).cast(pl.List(pl.String)).list.sort()
    names = sorted_names.list.eval(identity.netstrings(pl.element())).list.join("")
    given["id"] = identity.digests(
        "safety_label",
        canonical,
        _strings(given["taxonomy"]),
        names,
        *(_strings(given[name]) for name in ("is_safe", "severity", "confidence", "worker")),
    )
    given["item_id"] = identity.digests("item", canonical)
    given["group_id"] = identity.digests("group", identity.first_human_texts(conversation))
    return _assemble(given, SAFETY_LABEL_SCHEMA)


def red_team_attempt_table(transcript: pa.ListArray, columns: Columns) -> pa.Table:
    """Red-team attempts from n transcripts and further columns: at least source and row."""
    given = {**_full(columns, RED_TEAM_ATTEMPT_SCHEMA, len(transcript)), "transcript": transcript}
    named = ("task_description", "rating", "model_type", "model_size", "worker")
    given["id"] = identity.digests(
        "red_team_attempt", identity.canonical_conversations(transcript), *(_strings(given[name]) for name in named)
    )
    given["group_id"] = identity.digests("group", identity.first_human_texts(transcript))
    return _assemble(given, RED_TEAM_ATTEMPT_SCHEMA)


def prompt_table(conversation: pa.ListArray, columns: Columns) -> pa.Table:
    """Prompts from n conversations and further columns: at least source and row."""
    given = {**_full(columns, PROMPT_SCHEMA, len(conversation)), "conversation": conversation}
    given["id"] = identity.digests("prompt", identity.canonical_conversations(conversation))
    given["group_id"] = identity.digests("group", identity.first_human_texts(conversation))
    return _assemble(given, PROMPT_SCHEMA)


def with_ids(kind: Kind, table: pa.Table) -> pa.Table:
    """The same rows with the ids that their content gives; a table of the kind's schema."""
    columns: dict[str, object] = {
        name: table[name].combine_chunks() for name in table.schema.names if name not in ("id", "item_id", "group_id")
    }
    conversation = columns.pop(SHAPES[kind].conversation)
    if kind is Kind.COMPARISONS:
        return comparison_table(conversation, columns.pop("continuations"), columns)
    makers = {
        Kind.SAFETY_LABELS: safety_label_table,
        Kind.RED_TEAM_ATTEMPTS: red_team_attempt_table,
        Kind.PROMPTS: prompt_table,
    }
    return makers[kind](conversation, columns)


def _full(columns: Columns, schema: pa.Schema, row_count: int) -> dict[str, pa.Array]:
    unknown = set(columns) - set(schema.names)
    if unknown:
        raise ValueError(f"columns must be fields of the schema, found {sorted(unknown)}")
    full = {}
    for field in schema:
        value = columns.get(field.name, [] if field.name in ("parents", "reviews") else None)
        full[field.name] = _array(value, field.type, row_count)
    return full


def _array(value: object, wanted: pa.DataType, row_count: int) -> pa.Array:
    if isinstance(value, pl.Series):
        value = value.to_arrow(compat_level=pl.CompatLevel.oldest())
    if isinstance(value, pa.ChunkedArray):
        value = value.combine_chunks()
    if isinstance(value, pa.Array):
        return value if value.type == wanted else _cast(value, wanted)
    if isinstance(value, list) and (value or row_count == 0):
        return _cast(pa.array(value), wanted) if pa.types.is_dictionary(wanted) else pa.array(value, wanted)
    if value is None:
        return pa.nulls(row_count, wanted)
    plain = wanted.value_type if pa.types.is_dictionary(wanted) else wanted
    return _cast(pa.repeat(pa.scalar(value, plain), row_count), wanted)


def _cast(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(wanted) and not pa.types.is_dictionary(array.type):
        array = array.cast(wanted.value_type).dictionary_encode()
    return array.cast(wanted)


def _strings(array: pa.Array) -> pl.Series:
    return pl.Series(array.cast(pa.string()))


def _assemble(given: Mapping[str, pa.Array], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([given[name] for name in schema.names], schema=schema)


# --- tables ↔ records, row by row ---


def records_from_table(table: pa.Table) -> Iterator[Record]:
    """The rows of a table as records, in order; for people and small data, not for training loops."""
    kind = kind_of(table)
    if kind is None:
        raise ValueError(f"expected the columns of a table of records, found {table.schema.names}")
    record = SHAPES[kind].record
    for batch in table.to_batches(max_chunksize=1024):
        for row in batch.to_pylist():
            values: dict[str, Any] = {name: _to_python(name, value) for name, value in row.items()}
            yield record(**values)


def table_from_records(records: Sequence[Record]) -> pa.Table:
    """A table from records of one kind. The ids they carry are kept as they are, not computed again."""
    if not records:
        raise ValueError("expected at least one record, found none: use empty_table(kind)")
    kind = next(kind for kind, shape in SHAPES.items() if isinstance(records[0], shape.record))
    schema = SCHEMAS[kind]
    columns = [_column_of([getattr(record, field.name) for record in records], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column_of(values: list[Any], wanted: pa.DataType) -> pa.Array:
    if values.count(None) == len(values):
        return pa.nulls(len(values), wanted)
    if wanted == CONVERSATION_TYPE:
        return conversation_column(values)
    if wanted == _SIDES_TYPE:
        sides = conversation_column([side for both in values for side in both])
        offsets = pa.array(range(0, len(sides) + 1, 2), pa.int32())
        return pa.ListArray.from_arrays(offsets, sides).cast(wanted)
    return _plain_array([_to_arrow(value) for value in values] if pa.types.is_nested(wanted) else values, wanted)


def _plain_array(values: list[object], wanted: pa.DataType) -> pa.Array:
    # Arrow builds no dictionaries nested in lists from Python values: build them plain and cast.
    return _cast(pa.array(values, _without_dictionaries(wanted)), wanted)


def _without_dictionaries(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_list(kind):
        return pa.list_(_without_dictionaries(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _without_dictionaries(field.type)) for field in kind])
    return kind


def _conversation(messages: list[dict[str, str]]) -> Conversation:
    return tuple(Message(Role(message["role"]), message["text"]) for message in messages)


def _categories(value: list[Any]) -> object:
    if value and (value[0] is None or isinstance(value[0], list)):
        return tuple(None if names is None else frozenset(names) for names in value)
    return frozenset(value)


_READERS: dict[str, Callable[[Any], object]] = {
    "context": _conversation,
    "conversation": _conversation,
    "transcript": _conversation,
    "continuations": lambda sides: tuple(_conversation(side) for side in sides),
    "axis": Axis,
    "outcome": lambda text: Outcome(text) if text in Outcome.__members__.values() else AttemptOutcome(text),
    "categories": _categories,
    "reviews": lambda reviews: tuple(Review(**{**review, "tags": tuple(review["tags"])}) for review in reviews),
}
"""By column; of all others lists become tuples, and the rest stays."""


def _to_python(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _READERS:
        return _READERS[name](value)
    return tuple(value) if isinstance(value, list) else value


def _to_arrow(value: object) -> object:
    if isinstance(value, Message):
        return {"role": value.role.value, "text": value.text}
    if isinstance(value, Review):
        return {"reviewer": value.reviewer, "rating": value.rating, "tags": list(value.tags)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_to_arrow(part) for part in value]
    return value
