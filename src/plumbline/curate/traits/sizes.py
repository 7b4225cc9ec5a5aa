"""How long a record is, in characters and messages."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.curate.conversations import Conversations, prefixes_and_endings
from plumbline.records import Kind

SIZES_SCHEMA = pa.schema(
    [
        pa.field("characters", pa.int64(), nullable=False),
        pa.field("messages", pa.int32(), nullable=False),
        pa.field("shortest_reply_characters", pa.int64()),
    ]
)
"""Of a comparison its longer conversation. shortest_reply_characters: of the last messages, blanks at the ends apart; null
where there is no message."""


def sizes_of(kind: Kind, records: pa.Table) -> pa.Table:
    """The sizes of n records, n rows of `SIZES_SCHEMA`."""
    prefixes, endings = prefixes_and_endings(kind, records)
    found = _longest(endings, len(records))
    if prefixes is not endings:
        found = found + _longest(prefixes, len(records))
    replies = pl.DataFrame(
        {
            "row": endings.last_owners(),
            "characters": endings.texts.gather(endings.last()).str.strip_chars().str.len_chars().cast(pl.Int64),
        }
    )
    shortest = replies.group_by("row").agg(pl.col("characters").min())
    rows = pl.DataFrame({"row": np.arange(len(records))}).join(shortest, "row", "left", maintain_order="left")
    columns = [pa.array(found[:, 0]), pa.array(found[:, 1], pa.int32()), rows["characters"].to_arrow()]
    return pa.table(columns, schema=SIZES_SCHEMA)


def _longest(part: Conversations, count: int) -> np.ndarray:
    """(characters, messages) of each row's longest conversation; shape (count, 2)."""
    total = np.concatenate([[0], np.cumsum(part.texts.str.len_chars().to_numpy().astype(np.int64))])
    found = np.zeros((count, 2), np.int64)
    np.maximum.at(found[:, 0], part.owners, total[part.ends] - total[part.starts])
    np.maximum.at(found[:, 1], part.owners, part.ends - part.starts)
    return found
