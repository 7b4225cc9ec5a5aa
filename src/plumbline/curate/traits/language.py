"""The language of what was said and replied."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from plumbline.curate.conversations import reply_texts, said_texts
from plumbline.curate.languages import detect_languages, language_sample
from plumbline.records import Kind

LANGUAGE_SCHEMA = pa.schema([pa.field("language", pa.string()), pa.field("confidence", pa.float32())])
"""As `languages.detect_languages` gives them."""


def language_of(kind: Kind, records: pa.Table) -> pa.Table:
    """The languages of n records, n rows of `LANGUAGE_SCHEMA`."""
    found = detect_languages(language_sample(said_texts(kind, records), reply_texts(kind, records)))
    columns = [
        found[field.name].to_arrow(compat_level=pl.CompatLevel.oldest()).cast(field.type) for field in LANGUAGE_SCHEMA
    ]
    return pa.table(columns, schema=LANGUAGE_SCHEMA)
