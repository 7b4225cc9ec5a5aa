"""Safety material: whether a reply refuses for safety's sake, and whether the human asks for harm, by stated patterns."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from plumbline.curate.conversations import prefixes_and_endings, whole_said_texts
from plumbline.curate.safety_material import harm_pattern, refusal_pattern
from plumbline.records import ROLES, Kind, Role

MATERIAL_SCHEMA = pa.schema([pa.field("refuses", pa.string()), pa.field("asks_for_harm", pa.string())])
"""The name of the pattern that fits, of the first reply that fits one; null where none does."""


def material_of(kind: Kind, records: pa.Table) -> pa.Table:
    """The safety material of n records, n rows of `MATERIAL_SCHEMA`.

    A reply is the last message of either side where the assistant speaks it; what the human asks may stand in a side, too.
    """
    endings = prefixes_and_endings(kind, records)[1]
    last = pl.DataFrame(
        {
            "row": endings.last_owners(),
            "spoken": endings.codes[endings.last()] == ROLES.index(Role.ASSISTANT),
            "refuses": refusal_pattern(endings.texts.gather(endings.last())),
        }
    )
    by_row = last.filter("spoken").group_by("row", maintain_order=True).agg(pl.col("refuses").drop_nulls().first())
    rows = pl.DataFrame({"row": range(len(records))}, schema={"row": by_row.schema["row"]})
    refuses = rows.join(by_row, "row", "left", maintain_order="left")["refuses"]
    columns = [refuses, harm_pattern(whole_said_texts(kind, records))]
    arrays = [column.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string()) for column in columns]
    return pa.table(arrays, schema=MATERIAL_SCHEMA)
