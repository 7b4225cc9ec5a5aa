"""What is left of the records → Parquet files in source order, one a kind and split, and the ledger of what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.curate.accounting import LEDGER_SCHEMA
from plumbline.curate.changes import CHANGES_SCHEMA, changes_of
from plumbline.curate.parts import kind_of_part
from plumbline.curate.split_files import WITHOUT_SPLIT, require_split_names
from plumbline.curate.traits.identity import SAID_OF_SIDES
from plumbline.engine import Dataset
from plumbline.lineage import Terms, with_terms
from plumbline.records import SCHEMAS, Kind, extra
from plumbline.records.conclusions import AGGREGATED
from plumbline.records.tables import with_ids

NOTES_FOLDER = "curation"
CHANGED_NAME = f"{NOTES_FOLDER}/changed.parquet"


def write_records(rows: Dataset, fates: Dataset, terms: Terms, folder: Path, rules: list[str]) -> dict[str, int]:
    """Write what is left, and the list of what was changed.

    Args:
        rows: the records.
        fates: what was decided of them, part for part.
        terms: on which they may be used.
        folder: gets ``<kind>/<split>.parquet``, and ``curation/changed.parquet``.
        rules: the name of each step's rule.
    Returns:
        Rows by file name.
    Raises:
        UsageError: as `split_files.require_split_names`.
    """
    written: dict[str, int] = {}
    with ExitStack() as open_files:
        writers: dict[str, pq.ParquetWriter] = {}
        (folder / CHANGED_NAME).parent.mkdir(parents=True, exist_ok=True)
        changed = open_files.enter_context(pq.ParquetWriter(folder / CHANGED_NAME, CHANGES_SCHEMA, compression="zstd"))
        changes_written = 0
        splits: set[str | None] = set()
        for number in range(len(rows.parts)):
            records, decided = rows.read(number), fates.read(number)
            kind, table = kind_of_part(records), records_left(records, decided)
            changes = changes_of(records, decided, table, rules)
            changed.write_table(changes)
            changes_written += len(changes)
            for split, some in _by_split(table):
                if split not in splits:
                    splits.add(split)
                    require_split_names(splits, "split")
                name = f"{kind}/{split or WITHOUT_SPLIT}.parquet"
                if name not in writers:
                    (folder / kind).mkdir(parents=True, exist_ok=True)
                    schema = with_terms(SCHEMAS[kind].empty_table(), terms).schema
                    writer = pq.ParquetWriter(folder / name, schema, compression="zstd")
                    writers[name] = open_files.enter_context(writer)
                writers[name].write_table(with_terms(some, terms))
                written[name] = written.get(name, 0) + len(some)
    return {**dict(sorted(written.items())), CHANGED_NAME: changes_written}


def write_ledger(ledger: Dataset, path: Path) -> int:
    """Write the parts of the ledger into one file; returns its rows."""
    with pq.ParquetWriter(path, LEDGER_SCHEMA, compression="zstd") as writer:
        for number in range(len(ledger.parts)):
            writer.write_table(ledger.read(number))
    return ledger.rows


def records_left(records: pa.Table, fates: pa.Table) -> pa.Table:
    """The records of a part that no rule removed, with what rules changed.

    Args:
        records: of one kind, with their position.
        fates: what was decided of them.
    Returns:
        rows of the kind's schema, in order.
    """
    kind = kind_of_part(records)
    plain = records.select(SCHEMAS[kind].names).cast(SCHEMAS[kind])
    decided = pl.DataFrame(pl.from_arrow(fates))
    if not len(decided):
        return plain
    positions = pl.DataFrame({"position": pl.Series(records["position"])})
    last = (
        decided.sort("step")
        .group_by("position")
        .agg(pl.col("removed").any(), *(pl.col(name).drop_nulls().last() for name in ("split", "label")))
    )
    told = positions.join(last, "position", "left", maintain_order="left").with_row_index("place")
    stays = told.filter(~pl.col("removed").fill_null(value=False))
    table = plain.take(stays["place"].to_arrow())
    if stays["split"].null_count() < len(stays):
        table = _with_splits(table, stays["split"])
    if stays["label"].null_count() < len(stays):
        table = _with_labels(kind, table, stays["label"].to_list())
    return table


def _with_splits(table: pa.Table, given: pl.Series) -> pa.Table:
    was = pl.Series(table["split"].cast(pa.string()))
    now = given.zip_with(given.is_not_null(), was).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())
    field = table.schema.field("split")
    return table.set_column(table.schema.get_field_index("split"), field, now.dictionary_encode().cast(field.type))


def _with_labels(kind: Kind, table: pa.Table, labels: list[str | None]) -> pa.Table:
    """The records that stand for several judgements, with what was concluded and whom they were made of."""
    places = [place for place, label in enumerate(labels) if label is not None]
    rows = table.take(pa.array(places)).to_pylist()
    for row, place in zip(rows, places, strict=True):
        _conclude(kind, row, json.loads(labels[place] or ""))
    schema = SCHEMAS[kind]
    columns = []
    for field in schema:
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if field.name in ("context", "continuations", "conversation"):
            columns.append(table[field.name].take(pa.array(places)))
            continue
        array = pa.array([row[field.name] for row in rows], plain)
        columns.append(array.dictionary_encode().cast(field.type) if pa.types.is_dictionary(field.type) else array)
    changed = with_ids(kind, pa.table(columns, schema=schema))
    order = list(range(len(table)))
    for number, place in enumerate(places):
        order[place] = len(table) + number
    return pa.concat_tables([table, changed]).unify_dictionaries().take(pa.array(order))


def _conclude(kind: Kind, row: dict[str, object], label: dict[str, object]) -> None:
    """Write a conclusion into a record: nobody's judgement any more, but that of all its parents."""
    own = row["parents"]
    row["parents"] = [*label["parents"], *(own if isinstance(own, list) else [])]  # type: ignore[misc]  # a list of ids
    row["worker"] = None
    if kind is Kind.COMPARISONS:
        row |= {"outcome": label["outcome"], "votes": label["votes"], "strength": None}
        if not label["sides_agree"]:  # what one of them said of a side would pass for what all did
            row |= dict.fromkeys(SAID_OF_SIDES)
        elif isinstance(label["said"], str) and all(row[name] is None for name in SAID_OF_SIDES):
            said = json.loads(label["said"])
            row |= {name: _turned(said[name], in_order=bool(label["in_order"])) for name in SAID_OF_SIDES}
        kept = ["soft_label", "disagreement", "method", "sides_agree"]
    else:
        row |= {name: label[name] for name in ("is_safe", "categories")}
        row |= {"confidence": None, "severity": None}
        kept = ["votes", "category_votes", "category_judges", "soft_label", "disagreement", "method"]
    raw = row["extra"]
    values = extra.extra_values(raw if isinstance(raw, str) else None)
    if not values and isinstance(raw, str) and raw.strip() not in ("", "{}", "null"):
        values = {"extra": raw}  # nothing of ours, but somebody's
    values.pop(extra.RAW, None)
    row["extra"] = extra.extra_text({**values, AGGREGATED: {name: label[name] for name in kept}})


def _turned(values: list[object] | None, *, in_order: bool) -> list[object] | None:
    """What was said of the lesser side and of the greater, as the record has its sides."""
    return values if values is None or in_order else values[::-1]


def _by_split(table: pa.Table) -> Iterator[tuple[str | None, pa.Table]]:
    splits = pl.Series(table["split"].cast(pa.string()))
    for split in splits.unique().sort():
        yield split, table.filter(splits.eq_missing(split).to_arrow())
