"""Personal data in records: found in every text, and masked so that the record stays one that can be traced.

A record whose conversations change gets the id of its new content, and lists the id it had as a parent; the line as it was read is
forgotten with the text that was masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.curate.parts import kind_of_part
from plumbline.curate.personal_data import ALL, find_personal_data, mask_personal_data
from plumbline.curate.personal_data.finding import Detector
from plumbline.records import SCHEMAS, Kind
from plumbline.records.extra import RAW, extra_text, extra_values
from plumbline.records.tables import SHAPES, with_ids

MASKED = "masked"
"""Column of redacted rows: the kinds of personal data that were masked, each once; empty where none was."""
ID_BEFORE = "id_before"
"""Column of redacted rows: the id that the record was read with, where masking gave it another; else null."""


def detector_named(name: str) -> Detector | None:
    """The detector that a recipe names; None for our own patterns.

    Raises:
        MissingExtraError: it needs a library that is not installed.
    """
    if name == "patterns":
        return None
    from plumbline.curate.personal_data.presidio import PresidioDetector

    return PresidioDetector()


def kinds_found(
    kind: Kind, records: pa.Table, kinds: Sequence[str] = ALL, detector: Detector | None = None
) -> pl.Series:
    """The kinds of personal data in each of n records: n lists of names, each once, in order of the alphabet."""
    found = []
    for texts, owners in record_texts(kind, records):
        frame = find_personal_data(texts, kinds, detector)
        found.append(pl.DataFrame({"row": owners[frame["text"].to_numpy()], "kind": frame["kind"]}))
    by_row = pl.concat(found).unique().sort("row", "kind").group_by("row", maintain_order=True).agg("kind")
    rows = pl.DataFrame({"row": np.arange(len(records))})
    return rows.join(by_row, "row", "left", maintain_order="left")["kind"].fill_null(pl.lit([], pl.List(pl.String)))


def redact(records: pa.Table, *, kinds: list[str], detector: str, mask: bool) -> pa.Table:
    """A stage: the records with their personal data masked, and columns `MASKED` and `ID_BEFORE`.

    Args:
        records: n records of one kind, with a column `position`.
        kinds: to mask, of `personal_data.kinds`.
        detector: by name, see `detector_named`.
        mask: False: the records stay as they are, and the column says what is found in them.
    """
    kind = kind_of_part(records)
    engine = detector_named(detector)
    masked = kinds_found(kind, records, kinds, engine)
    changed = np.flatnonzero((masked.list.len() > 0).to_numpy())
    plain = records.select(SCHEMAS[kind].names)
    if mask and len(changed):
        rewritten = _rewritten(kind, plain.take(pa.array(changed)), kinds, engine)
        plain = _with_rows(plain, rewritten, changed)
    masked_column = masked.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.list_(pa.string()))
    ids = pl.DataFrame({"was": pl.Series(records["id"]), "now": pl.Series(plain["id"])})
    before = ids.select(pl.when(pl.col("was") != pl.col("now")).then("was"))[:, 0]
    table = plain.append_column("position", records["position"]).append_column(MASKED, masked_column)
    return table.append_column(ID_BEFORE, before.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string()))


def _text_columns(kind: Kind) -> tuple[str, ...]:
    """The columns of conversations."""
    return (SHAPES[kind].conversation, *(("continuations",) if kind is Kind.COMPARISONS else ()))


def _plain_columns(kind: Kind) -> tuple[str, ...]:
    """Columns of texts beside the conversations: what an attacker meant to do."""
    return ("task_description",) if kind is Kind.RED_TEAM_ATTEMPTS else ()


def record_texts(kind: Kind, records: pa.Table) -> list[tuple[pl.Series, np.ndarray]]:
    """(texts, the row that each belongs to) of every column that holds text."""
    parts = []
    for name in _text_columns(kind):
        column = records[name].combine_chunks()
        owners = np.arange(len(records))
        while not pa.types.is_struct(column.type):
            owners = np.repeat(owners, np.diff(column.offsets.to_numpy()))
            column = column.flatten()
        parts.append((pl.Series(column.field("text")), owners))
    for name in _plain_columns(kind):
        parts.append((pl.Series(records[name].cast(pa.string())), np.arange(len(records))))
    extras = enumerate(records["extra"].to_pylist())
    told = [(row, text) for row, extra in extras for text in _strings_in(_said_further(extra))]
    parts.append((pl.Series([text for _, text in told], dtype=pl.String), np.array([row for row, _ in told], np.int64)))
    return parts


def _said_further(extra: str | None) -> dict[str, Any] | str | None:
    """What a source said further of a record, the line as it was read among it; as it stands where it is no JSON object."""
    return extra if extra is None else extra_values(extra) or extra


def _strings_in(said: object) -> Iterator[str]:
    """The texts in it, names of values among them."""
    todo = [said]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            todo += (*value, *value.values())
        elif isinstance(value, list):
            todo += value


def _masked_extra(extra: str | None, kinds: Sequence[str], detector: Detector | None) -> str | None:
    """The same without the line as it was read, and with what is found in its texts masked.

    What is nested too deeply to be gone through is forgotten whole.
    """
    said = _said_further(extra)
    if isinstance(said, dict):
        said.pop(RAW, None)
    texts = list(dict.fromkeys(_strings_in(said)))
    masked = dict(zip(texts, _mask(pl.Series(texts, dtype=pl.String), kinds, detector), strict=True))
    try:
        rewritten = _with_strings(said, masked)
        return extra_text(rewritten) if isinstance(rewritten, dict) else rewritten
    except RecursionError:
        return None


def _with_strings(value: Any, masked: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return masked[value]
    if isinstance(value, dict):
        named = zip(_distinct(masked[name] for name in value), value.values(), strict=True)
        return {name: _with_strings(inner, masked) for name, inner in named}
    return [_with_strings(inner, masked) for inner in value] if isinstance(value, list) else value


def _distinct(names: Iterable[str]) -> list[str]:
    """Names that masking made one are numbered, so that no value is lost."""
    numbers: dict[str, int] = {}
    found: dict[str, None] = {}
    for name in names:
        own = name
        while own in found:
            numbers[name] = numbers.get(name, 1) + 1
            own = f"{name} {numbers[name]}"
        found[own] = None
    return list(found)


def _rewritten(kind: Kind, records: pa.Table, kinds: Sequence[str], detector: Detector | None) -> pa.Table:
    """The records with what is found masked, new ids, and the old ones among their parents."""
    table = records
    for name in _text_columns(kind):
        column = _with_texts(table[name].combine_chunks(), lambda texts: _mask(texts, kinds, detector))
        table = table.set_column(table.schema.get_field_index(name), SCHEMAS[kind].field(name), column)
    for name in _plain_columns(kind):
        table = _set(kind, table, name, _mask(pl.Series(table[name].cast(pa.string())), kinds, detector).to_list())
    extras = [_masked_extra(extra, kinds, detector) for extra in table["extra"].to_pylist()]
    table = _set(kind, table, "extra", extras)
    table = with_ids(kind, table)
    if "parents" in table.schema.names:
        # Where the text was only in what the source said further, the record is the one it was.
        ids = zip(table["parents"].to_pylist(), records["id"].to_pylist(), table["id"].to_pylist(), strict=True)
        lists = [parents if own == was else [*parents, was] for parents, was, own in ids]
        table = _set(kind, table, "parents", lists)
    return table


def _mask(texts: pl.Series, kinds: Sequence[str], detector: Detector | None) -> pl.Series:
    return mask_personal_data(texts, find_personal_data(texts, kinds, detector))


def _with_texts(column: pa.Array, change: Callable[[pl.Series], pl.Series]) -> pa.Array:
    """The same nested conversations with other texts."""
    if pa.types.is_struct(column.type):
        texts = change(pl.Series(column.field("text"))).to_arrow(compat_level=pl.CompatLevel.oldest())
        fields = list(column.type)
        return pa.StructArray.from_arrays([column.field("role"), texts.cast(pa.string())], fields=fields)
    inner = _with_texts(column.flatten(), change)
    offsets = pa.array(np.concatenate([[0], np.cumsum(np.diff(column.offsets.to_numpy()))]), pa.int32())
    return pa.ListArray.from_arrays(offsets, inner).cast(column.type)


def _set(kind: Kind, table: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    field = SCHEMAS[kind].field(name)
    return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))


def _with_rows(table: pa.Table, rows: pa.Table, at: np.ndarray) -> pa.Table:
    """The table with other rows at some places."""
    places = np.arange(len(table))
    places[at] = len(table) + np.arange(len(at))
    return pa.concat_tables([table, rows.cast(table.schema)]).take(pa.array(places))
