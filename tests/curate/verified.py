"""All steps from texts to verified pairs in memory, in one part or in several, as the engine deals them out."""

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.curate.clusters import DEFAULT_THRESHOLD, VERIFIED_SCHEMA, candidate_pairs, distinct_pairs
from plumbline.curate.minhash import band_table, choose_banding
from plumbline.curate.shingles import shingle_table
from plumbline.curate.verification import sent_shingles, verified_pairs
from plumbline.engine import part_of, position_of


def verified_among(texts, *, threshold=DEFAULT_THRESHOLD, families=None, banding=None, rows_of_a_part=1 << 32):
    """The verified pairs among n texts, by their numbers 0 … n − 1; rows of `VERIFIED_SCHEMA`, ascending."""
    numbers = np.arange(len(texts))
    positions = numbers // rows_of_a_part * position_of(1, 0) + numbers % rows_of_a_part
    shingles = shingle_table(positions, texts)
    bands = band_table(shingles, banding or choose_banding(threshold), families)
    candidates = distinct_pairs(candidate_pairs(bands))
    parts = range(int(part_of(positions).max(initial=0)) + 1)
    sent = pa.concat_tables(
        [each for part in parts for each in sent_shingles(of(part, shingles, "position"), of(part, candidates, "a"))]
    )
    found = [VERIFIED_SCHEMA.empty_table()]
    for part in parts:
        there = of(part, sent, "to")
        portions = [there.slice(start, 7) for start in reversed(range(0, len(there), 7))]
        found.append(
            verified_pairs(
                of(part, shingles, "position"), of(part, candidates, "b"), iter(portions), threshold=threshold
            )
        )
    whole = pa.concat_tables(found).sort_by([("a", "ascending"), ("b", "ascending")])
    for place, side in enumerate(("a", "b")):
        numbered = pa.array(np.searchsorted(positions, whole[side].to_numpy()))
        whole = whole.set_column(place, VERIFIED_SCHEMA.field(side), numbered)
    return whole


def of(part, table, column):
    """The rows whose position in that column is of the part."""
    return table.filter(pl.Series(part_of(table[column].to_numpy()) == part, dtype=pl.Boolean).to_arrow())
