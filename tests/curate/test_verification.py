"""Verification: what is sent where, that no pair is lost on the way, and that memory does not hang on how long texts are."""

import tracemalloc

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from plumbline.curate import verification
from plumbline.curate.clusters import PAIR_SCHEMA
from plumbline.curate.shingles import shingle_table
from plumbline.curate.verification import sent_shingles, verified_pairs
from plumbline.engine import position_of

TEXT = "the very same words again and again in every row"


def at(*places):
    """Positions of (part, row)."""
    return [position_of(*place) for place in places]


def pairs(*found):
    columns = [at(*side) for side in zip(*found, strict=True)] or [[], []]
    return pa.table(dict(zip(PAIR_SCHEMA.names, columns, strict=True)), schema=PAIR_SCHEMA)


def shingles(*places, text=TEXT):
    return shingle_table(np.array(at(*places)), pl.Series([text] * len(places)))


def test_a_row_is_sent_once_to_each_other_part_that_needs_it(monkeypatch):
    met = pairs(
        ((0, 1), (0, 2)), ((0, 1), (2, 5)), ((0, 1), (2, 6)), ((0, 1), (3, 0)), ((0, 2), (0, 3)), ((0, 4), (3, 9))
    )
    rows = shingles((0, 1), (0, 2), (0, 4))
    (sent,) = sent_shingles(rows, met)
    assert sent["position"].to_pylist() == at((0, 1), (0, 1), (0, 4))
    assert sent["to"].to_pylist() == at((2, 5), (3, 0), (3, 9))
    assert sent["shingles"][0] == rows["shingles"][0]
    monkeypatch.setattr(verification, "_BYTES_SENT_AT_ONCE", 1)
    assert [len(some) for some in sent_shingles(rows, met)] == [1, 1, 1]
    assert [len(some) for some in sent_shingles(rows, met.slice(0, 1))] == [0], "a table names the columns"
    with pytest.raises(KeyError, match="dealt out to the same parts"):
        list(sent_shingles(rows.slice(1), met))


def test_no_pair_is_lost_unnoticed():
    met = pairs(((0, 1), (2, 6)), ((1, 1), (2, 5)), ((2, 1), (2, 5)))
    here = shingles((2, 1), (2, 5), (2, 6))
    sent = (
        next(sent_shingles(shingles((0, 1)), met.slice(0, 1))),
        next(sent_shingles(shingles((1, 1)), met.slice(1, 1))),
    )
    found = verified_pairs(here, met, reversed(sent), threshold=0.7)
    assert found.select(["a", "b"]).equals(met)
    assert found["similarity"].to_pylist() == [1.0] * 3
    for wrong in (sent[:1], (), (*sent, sent[0])):
        with pytest.raises(KeyError, match="to be sent once"):
            verified_pairs(here, met, iter(wrong), threshold=0.7)
    with pytest.raises(KeyError, match="without shingles"):
        verified_pairs(here.slice(1), met, iter(sent), threshold=0.7)


def peak_bytes(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_hang_on_how_many_long_texts_meet():
    random = np.random.default_rng(0)
    text = " ".join(f"word{number}" for number in random.integers(0, 9_000, 5_000))
    rows = [(0, row) for row in range(40)]
    met = pairs(*[(a, b) for a in rows for b in rows if a < b])
    here = shingles(*rows, text=text)
    assert here.nbytes > 1_500_000
    found = []
    peak = peak_bytes(lambda: found.append(verified_pairs(here, met, iter(()), threshold=0.7)))
    assert len(found[0]) == len(met) == 780
    assert peak < 20_000_000, "the shingles of both sides of all pairs are 60 MB"
