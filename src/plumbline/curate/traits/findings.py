"""What looks wrong about a record by itself: the codes that `plumbline data check` would give it."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from plumbline.curate.check import row_findings
from plumbline.records import Kind

FINDINGS_TRAIT_SCHEMA = pa.schema([pa.field("findings", pa.list_(pa.string()), nullable=False)])


def findings_of(kind: Kind, records: pa.Table) -> pa.Table:
    """The findings of n records, n rows of `FINDINGS_TRAIT_SCHEMA`."""
    codes = row_findings(kind, records).to_arrow(compat_level=pl.CompatLevel.oldest())
    return pa.table([codes.cast(pa.list_(pa.string()))], schema=FINDINGS_TRAIT_SCHEMA)
