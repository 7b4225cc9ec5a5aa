"""What was removed, as it goes into a release: every record by id and place, and nobody's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.curate.accounting import LEDGER_SCHEMA
from plumbline.formats.parquet.batches import open_parquet
from plumbline.release.notes import no_notes
from plumbline.release.rows import released_sources

_LEFT_OUT = ("worker", "parents")


def read_ledger(source: Path) -> Iterator[pa.Table]:
    """The list of removed records as a release has it, batch by batch.

    Who judged them is left out, for the gates look at the workers of what is released alone; so are parents, which are digests
    of texts before they were masked (see `rows.released_rows`), paths of a machine, and columns that the list of a curation
    does not have.

    Args:
        source: ``curation/removed.parquet`` of a curation.
    Raises:
        SourceError: PL-REL-009, it is no such list.
    """
    file = open_parquet(source)
    schema = _released_schema(file)
    for batch in file.iter_batches(columns=schema.names):
        table = _as_listed(pa.Table.from_batches([batch]).select(schema.names), schema, source)
        for place, field in enumerate(schema):
            if field.name in _LEFT_OUT:
                table = table.set_column(place, field, pa.nulls(len(table), field.type))
            if field.name == "source":
                table = table.set_column(place, field, released_sources(table["source"]))
        yield table


def _as_listed(table: pa.Table, schema: pa.Schema, source: Path) -> pa.Table:
    try:
        return table.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        expected = "the list of removed records as plumbline curate writes it"
        raise no_notes(source, expected, "columns of other types") from error


def copy_ledger(source: Path, target: Path) -> None:
    """Write what `read_ledger` reads.

    Args:
        source: ``curation/removed.parquet`` of a curation.
        target: the file to write.
    """
    schema = _released_schema(open_parquet(source))
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for table in read_ledger(source):
            writer.write_table(table)


def _released_schema(file: pq.ParquetFile) -> pa.Schema:
    """The columns of a ledger that the file has."""
    return pa.schema([field for field in LEDGER_SCHEMA if field.name in file.schema_arrow.names])
