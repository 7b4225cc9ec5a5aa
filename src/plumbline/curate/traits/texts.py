"""Shingles of what was judged, of the prompt, and of the mould that a prompt is made from: see `curate.shingles`."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from plumbline.curate.judged_texts import judged_text, prompt_text
from plumbline.curate.shingles import shingle_table
from plumbline.curate.templates import masked_text
from plumbline.records import Kind


def judged_shingles_of(kind: Kind, records: pa.Table) -> pa.Table:
    """The shingles of what each of n records is a judgement of, n rows of `shingles.SHINGLE_SCHEMA`."""
    return shingle_table(records["position"].to_numpy(), judged_text(kind, records))


def prompt_shingles_of(kind: Kind, records: pa.Table) -> pa.Table:
    """The shingles of each record's first human message, n rows of `shingles.SHINGLE_SCHEMA`."""
    return shingle_table(records["position"].to_numpy(), prompt_text(kind, records))


def mould_shingles_of(kind: Kind, records: pa.Table) -> pa.Table:
    """The same with names, numbers and quotations masked, n rows of `shingles.SHINGLE_SCHEMA`.

    Only red-team attempts come from moulds; other records have none, so that they are like no other.
    """
    opened = prompt_text(kind, records)
    attempts = opened if kind is Kind.RED_TEAM_ATTEMPTS else pl.repeat("", len(opened), eager=True)
    return shingle_table(records["position"].to_numpy(), masked_text(attempts))
