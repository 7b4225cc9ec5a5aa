"""Rows as a release writes them: what a line or a machine said beside the record stays behind.

Left out: the raw line in `extra` (it holds whatever stood in the source, a worker's name too), the folders of a path of
somebody's machine in `source`, the parents of what was masked, and the metadata that a file carries beside its columns. The
ids are those of the content and stay what they were.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.curate.personal_data.masking import PLACEHOLDERS
from plumbline.curate.redaction import record_texts
from plumbline.records import SCHEMAS, Kind
from plumbline.records.extra import without_raw

_OF_A_MACHINE = re.compile(r"(?:file:)?/|~|\\\\|[A-Za-z]:[\\/]", re.IGNORECASE)
"""How a path begins that leads somewhere on one machine alone."""
_DIGEST_CHARACTERS = 8


def released_rows(kind: Kind, table: pa.Table) -> pa.Table:
    """The rows without raw lines, paths of a machine, parents of what was masked, and foreign metadata.

    The parent of a masked record is a digest of its text as it was: with all but a few digits known, whoever tries them one
    after the other finds those that were masked. So a row with a placeholder names no parents.

    Args:
        table: n records of one kind.
    Returns:
        A table of the kind's schema.
    """
    schema = SCHEMAS[kind]
    rows = table.select(schema.names).cast(schema)
    extra = [without_raw(each) for each in rows["extra"].to_pylist()]
    rows = rows.set_column(schema.get_field_index("extra"), schema.field("extra"), pa.array(extra, pa.string()))
    if "parents" in schema.names:
        parents = pl.Series(rows["parents"])
        kept = pl.select(pl.when(~holds_placeholder(kind, rows)).then(parents).otherwise(pl.lit([], parents.dtype)))[
            :, 0
        ]
        field = schema.field("parents")
        column = kept.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(field.type)
        rows = rows.set_column(schema.get_field_index("parents"), field, column)
    return rows.set_column(
        schema.get_field_index("source"),
        schema.field("source"),
        released_sources(rows["source"]).cast(schema.field("source").type),
    )


def holds_placeholder(kind: Kind, rows: pa.Table) -> pl.Series:
    """Which rows hold a placeholder of masked personal data in any of the texts that are masked; n booleans."""
    found = np.zeros(len(rows), dtype=bool)
    for texts, owners in record_texts(kind, rows):
        mentions = texts.cast(pl.String).str.contains_any(list(PLACEHOLDERS)).fill_null(value=False)
        found[owners[mentions.to_numpy()]] = True
    return pl.Series(found)


def released_sources(sources: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of sources, each under the name that `released_source` gives it; its type stays."""
    plain = pl.Series(sources.cast(pa.string()))
    names = {name: released_source(name) for name in plain.unique() if name is not None}
    if all(name == released for name, released in names.items()):
        return sources
    renamed = plain.replace(names).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())
    return pa.chunked_array([renamed.dictionary_encode() if pa.types.is_dictionary(sources.type) else renamed]).cast(
        sources.type
    )


def released_source(source: str) -> str:
    """A source as it is; of a path of a machine its last part, behind 8 characters of the digest of the whole.

    The digest keeps two files of one name apart, for source and row together find a record.
    """
    if not _OF_A_MACHINE.match(source):
        return source
    return f"{hashlib.sha256(source.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGEST_CHARACTERS]}/{last_part(source)}"


def last_part(path: str) -> str:
    """A path as it is; of one that leads somewhere on one machine alone, its last part."""
    if not _OF_A_MACHINE.match(path):
        return path
    return next((part for part in reversed(re.split(r"[\\/]+", path)) if part), "")
