"""Columns that every table of what a step did to records has."""

from __future__ import annotations

import pyarrow as pa

WHICH_RECORD = (
    pa.field("source", pa.string(), nullable=False),
    pa.field("row", pa.int64(), nullable=False),
    pa.field("axis", pa.string()),
    pa.field("side", pa.int8()),
    pa.field("worker", pa.string()),
    pa.field("split", pa.string()),
)
"""Beside its kind and its id. split: in which the step found it."""
WHICH_STEP = (
    pa.field("step", pa.int16(), nullable=False),
    pa.field("rule", pa.string(), nullable=False),
    pa.field("reason", pa.string(), nullable=False),
)
"""step: of the recipe, from 1."""
