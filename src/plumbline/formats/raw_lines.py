"""The raw line of a row that formatting its record would not give back, kept in the record's `extra`."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

_KEY = "raw"


def raw_extra(raws: Sequence[str | None]) -> pa.Array:
    """An `extra` column: ``{"raw": line}`` where there is a line, else null."""
    if not any(raw is not None for raw in raws):
        return pa.nulls(len(raws), pa.string())
    texts = [None if raw is None else json.dumps({_KEY: raw}, ensure_ascii=False) for raw in raws]
    return pa.array(texts, pa.string())


def raw_line(extra: str | None) -> str | None:
    """The raw line in an `extra`, if it holds one."""
    if extra is None:
        return None
    raw = json.loads(extra).get(_KEY)
    return raw if isinstance(raw, str) else None
