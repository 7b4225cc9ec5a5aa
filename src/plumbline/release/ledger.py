"""What was removed, as it goes into a release: every record by id and place, and nobody's name."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_NAMED = "worker"


def copy_ledger(source: Path, target: Path) -> None:
    """Copy the list of removed records without who judged them: the gates look at the workers of what is released alone.

    Args:
        source: ``curation/removed.parquet`` of a curation.
        target: the file to write.
    """
    with pq.ParquetFile(source) as file, pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
        for batch in file.iter_batches():
            table = pa.Table.from_batches([batch], schema=file.schema_arrow)
            place = table.schema.get_field_index(_NAMED)
            if place >= 0:
                field = table.schema.field(place)
                table = table.set_column(place, field, pa.nulls(len(table), field.type))
            writer.write_table(table)
