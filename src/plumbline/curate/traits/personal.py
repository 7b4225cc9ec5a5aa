"""Which kinds of personal data a record holds, or held before they were masked."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from plumbline.curate.redaction import MASKED, kinds_found
from plumbline.records import Kind

PERSONAL_SCHEMA = pa.schema([pa.field("personal_data", pa.list_(pa.string()), nullable=False)])
"""Names of kinds, each once, in order of the alphabet."""


def personal_data_of(kind: Kind, records: pa.Table) -> pa.Table:
    """The kinds of n records, n rows of `PERSONAL_SCHEMA`; of records that were looked through already, what was found then."""
    if MASKED in records.schema.names:
        found = records[MASKED]
    else:
        found = kinds_found(kind, records).to_arrow(compat_level=pl.CompatLevel.oldest())
    return pa.table([found.cast(pa.list_(pa.string()))], schema=PERSONAL_SCHEMA)
