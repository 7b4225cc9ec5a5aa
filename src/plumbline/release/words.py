"""Every word that a row of a release says: its texts, and what else stands in its columns, names of keys too.

Who judged is looked for where it is said: in the columns of workers and reviewers, and in `extra` under keys that mean a person.
A name that stands elsewhere, in a text or as a category, no pattern tells from any other word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plumbline.curate.redaction import record_texts
from plumbline.records import Kind
from plumbline.records.extra import RAW, extra_values

_APART = frozenset(
    {
        *("context", "continuations", "conversation", "transcript"),  # gone through as texts
        *("task_description", "extra"),  # likewise
        *("id", "item_id", "group_id"),  # made of the content
        *("worker", "reviewer"),  # looked at as names
    }
)
"""Columns, and fields within them, that `words_of` passes over."""
_ID = "^[0-9a-f]{32}$"
"""The id of a record, among the parents of another."""


@dataclass(frozen=True)
class Words:
    """What rows say in one column.

    Attributes:
        column: its name, or column and field.
        texts: m of them, some may be null.
        rows: shape (m,); positions in the table.
    """

    column: str
    texts: pl.Series
    rows: NDArray[np.int64]


def texts_of(kind: Kind, table: pa.Table) -> tuple[pl.Series, NDArray[np.int64]]:
    """Every text of the rows, and every word of their other columns; of each the row it belongs to.

    Texts come as often as they stand there. A word of another column comes once, with the first row that says it: a source or
    a category is the same in thousands of rows.

    Returns:
        m texts, and shape (m,) positions in the table.
    """
    parts = [(texts.cast(pl.String), rows) for texts, rows in record_texts(kind, table)]
    parts += [(words.texts, words.rows) for words in words_of(table)]
    joined = pl.concat([texts for texts, _ in parts])
    kept = joined.is_not_null()
    return joined.filter(kept), np.concatenate([rows for _, rows in parts])[kept.to_numpy()]


def count_texts(kind: Kind, table: pa.Table) -> int:
    """How many texts the rows hold, without the words of their other columns: the same however they come in batches."""
    return sum(len(texts) - texts.null_count() for texts, _ in record_texts(kind, table))


def words_of(table: pa.Table) -> Iterator[Words]:
    """The words of every column that is no text, each once with the first row that says it."""
    for name in table.schema.names:
        if name not in _APART:
            yield from _strings(name, table[name].combine_chunks(), np.arange(len(table), dtype=np.int64))


def _strings(column: str, array: Any, rows: NDArray[np.int64]) -> Iterator[Words]:
    if pa.types.is_list(array.type):
        yield from _strings(column, array.flatten(), rows[pc.list_parent_indices(array).to_numpy()])
    elif pa.types.is_struct(array.type):
        for place, field in enumerate(array.type):
            if field.name not in _APART:
                yield from _strings(f"{column}.{field.name}", array.flatten()[place], rows)
    elif pa.types.is_string(array.type) or pa.types.is_dictionary(array.type):
        frame = pl.DataFrame({"text": pl.Series(array.cast(pa.string())), "row": rows})
        first = frame.drop_nulls("text").unique("text", keep="first", maintain_order=True)
        first = first.filter(~pl.col("text").str.contains(_ID))
        yield Words(column, first["text"], first["row"].to_numpy())


# --- who judged ---

_WHO = frozenset(
    {
        *("worker", "workers", "crowdworker", "crowdworkers", "annotator", "annotators", "annotated"),
        *("turker", "mturk", "rater", "raters", "rated", "judge", "judges", "judged"),
        *("labeler", "labelers", "labeller", "labellers", "labeled"),
        *("labelled", "reviewer", "reviewers", "reviewed", "participant", "participants", "prolific", "user", "users"),
        *("username", "author", "authors", "person", "people", "email", "mail"),
    }
)
_BESIDE = frozenset(
    {"id", "ids", "pid", "by", "name", "names", "first", "last", "full", "address", "hash", "code", "key", "the"}
)
"""Words that may stand beside one of `_WHO` in a key that still means a person: ``annotator_name``, ``judged_by``."""
_KEY_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_HOME = re.compile(r"(?:^|file://|[^\w/\\])(?:/(?:home|Users)/|[A-Za-z]:\\Users\\)[^/\\\s]")
"""A path through the folder of a person."""
HOME_PATH = "path through somebody's folder"
"""What such a path is called where it is told."""


def says_who(key: str) -> bool:
    """Whether a key of `extra` means a person: ``worker``, ``annotatorId``, ``reviewed_by``."""
    words = {word.lower() for word in _KEY_WORD.findall(key)}
    return bool(words & _WHO) and words <= _WHO | _BESIDE


def leads_home(text: str) -> bool:
    """Whether a text holds a path through the folder of a person."""
    return _HOME.search(text) is not None


def names_in_extra(extra: str | None) -> Iterator[str]:
    """What stands in an `extra` under keys that mean a person, names of keys below them too; in its raw line likewise."""
    todo: list[tuple[object, bool]] = [(extra_values(extra), False)]
    while todo:
        value, is_who = todo.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                is_key = says_who(key)
                if is_who and not is_key and not _is_beside(key):
                    yield key
                line = extra_values(inner) if key == RAW and isinstance(inner, str) else None
                todo.append((line or inner, is_who or is_key))
        elif isinstance(value, list):
            todo += [(inner, is_who) for inner in value]
        elif is_who and isinstance(value, str | int) and not isinstance(value, bool):
            yield str(value)


def _is_beside(key: str) -> bool:
    return {word.lower() for word in _KEY_WORD.findall(key)} <= _BESIDE


def is_readable(extra: str | None) -> bool:
    """Whether an `extra` is a JSON object that can be gone through, or nothing."""
    return extra is None or bool(extra_values(extra)) or extra.strip() in ("", "{}")
