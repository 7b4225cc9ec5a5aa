"""How many of the records that a curation masked are still there: rules that run later remove some, or make them one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa

from plumbline.curate.recipe_steps import MASKING
from plumbline.formats.own_folders import NOTES
from plumbline.formats.parquet.batches import open_parquet
from plumbline.release.notes import CHANGED_NAME, REMOVED_NAME

_RECORD = ("kind", "id", "source", "row", "axis", "side", "worker")
"""What tells a record in the notes of a curation: ids alone may stand twice before duplicates are removed."""


def masked_left(folder: Path) -> int | None:
    """Records that were masked and that no rule removed; None where no list of what was changed says so.

    Args:
        folder: what ``plumbline curate`` wrote.
    Raises:
        SourceError: a list cannot be read.
    """
    changed, removed = folder / NOTES / CHANGED_NAME, folder / NOTES / REMOVED_NAME
    if not (_has(changed, (*_RECORD, "rule")) and _has(removed, _RECORD)):
        return None
    masked = [
        batch.filter(pl.col("rule") == MASKING).select(_RECORD) for batch in _batches(changed, (*_RECORD, "rule"))
    ]
    left = pl.concat(masked).unique() if masked else pl.DataFrame()
    for batch in _batches(removed, _RECORD):
        if not len(left):
            break
        left = left.join(batch, on=_RECORD, how="anti", nulls_equal=True)
    return len(left)


def _has(path: Path, names: tuple[str, ...]) -> bool:
    return path.is_file() and set(names) <= set(open_parquet(path).schema_arrow.names)


def _batches(path: Path, names: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    """Batch by batch: a list may be longer than memory."""
    for batch in open_parquet(path).iter_batches(columns=list(names)):
        yield pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
