"""Shingles: sets of runs of words, part by part, whatever batch they are made in."""

import tracemalloc

import numpy as np
import polars as pl

from plumbline.curate import shingles as module
from plumbline.curate.shingles import MOST_PARTS, join_parts, shingle_table


def shingles(*texts, words=2):
    return shingle_table(np.arange(len(texts)), pl.Series(texts), words=words)["shingles"].to_pylist()


def test_a_set_has_each_run_of_words_once_in_ascending_order():
    long, same, other = shingles("a b a b a c", "A, b; a? b! a c...", "a c a b")
    assert long == same == sorted(set(long))
    assert len(long) == 3
    assert len(set(long) & set(other)) == 2


def test_a_part_shorter_than_a_shingle_is_one_and_no_words_are_none():
    alone, nothing, dots, absent = shingles("yes", "", "...", None)
    assert len(alone) == 1
    assert nothing == dots == absent == []
    assert shingles("yes", "no")[0] == shingles("yes", "maybe so")[0]
    assert shingles("a b", words=3) != shingles("a c", words=3)


def test_shingles_do_not_reach_over_parts_and_know_theirs():
    asked, replied = pl.Series(["a b", "c\x1ed"]), pl.Series([None, "a b"])
    first, second = shingles(*join_parts([asked, replied]))
    assert [number % MOST_PARTS for number in first] == [0]
    assert sorted(number % MOST_PARTS for number in second) == [0, 1]
    # The same words in another part are another shingle, and a part's end inside a text is a blank.
    assert not set(first) & set(second)
    assert {number - 1 for number in second if number % MOST_PARTS} == set(first)


def test_any_batch_gives_the_same(monkeypatch):
    texts = pl.Series([f"row {number} and {number % 7} more" * (number % 4) for number in range(2_300)])
    whole = shingle_table(np.arange(2_300), texts)
    parts = [
        shingle_table(np.arange(start, min(start + 900, 2_300)), texts[start : start + 900]) for start in (0, 900, 1800)
    ]
    assert [row for part in parts for row in part.to_pylist()] == whole.to_pylist()
    monkeypatch.setattr(module, "_BYTES_PREPARED", 900)
    monkeypatch.setattr(module, "_BYTES_AT_ONCE", 40)
    assert shingle_table(np.arange(2_300), texts).equals(whole)
    assert shingle_table(np.arange(0), texts[:0]).to_pylist() == []


def test_the_shingles_are_those_that_are_stored():
    assert shingles("one two") == [[259248966673248]]


def test_memory_hangs_on_the_bytes_of_texts_and_not_on_how_many_rows_they_are():
    texts = pl.Series([" ".join(f"word{number % 997}" for number in range(row, row + 3_000)) for row in range(400)])
    tracemalloc.start()
    try:
        found = shingle_table(np.arange(len(texts)), texts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 400
    assert peak < 5 * texts.str.len_bytes().sum()
