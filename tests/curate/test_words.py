"""Words: what counts as one, and hashes that depend on nothing but the word."""

import re
import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.curate.words import cut_words, text_bytes

TEXTS = st.lists(st.none() | st.text("aAbé_1Ａ ’\n.\x1e–", max_size=12), max_size=6)


def words_of(texts):
    return cut_words(*text_bytes(pl.Series(texts, dtype=pl.String)))


def hash_of(word):
    (found,) = words_of([word]).hashes.tolist()
    return found


def expected(texts):
    """[(text, part, words)] of each part that has words, by the definition."""
    parts = [(row, n, part) for row, text in enumerate(texts) for n, part in enumerate((text or "").split("\x1e"))]
    cut = [(row, n, re.findall(r"\w+", unicodedata.normalize("NFKC", part).lower())) for row, n, part in parts]
    return [each for each in cut if each[2]]


@settings(max_examples=60)
@given(TEXTS)
def test_words_are_runs_of_letters_and_digits_part_by_part(texts):
    found = words_of(texts)
    segments = expected(texts)
    assert list(zip(found.rows.tolist(), found.parts.tolist(), strict=True)) == [each[:2] for each in segments]
    assert found.lengths.tolist() == [len(each[2]) for each in segments]
    assert found.starts.tolist() == [sum(len(each[2]) for each in segments[:n]) for n in range(len(segments))]
    flat = [word for each in segments for word in each[2]]
    pairs = set(zip(flat, found.hashes.tolist(), strict=True))
    assert len(pairs) == len({word for word, _ in pairs}) == len({number for _, number in pairs})


@pytest.mark.parametrize("blanks", [0, 1, 4094, 4095, 4096, 9000])
def test_a_word_has_one_hash_wherever_it_stands(blanks):
    assert hash_of(" " * blanks + "Plumbline") == hash_of("plumbline")


def test_forms_of_a_letter_are_one():
    assert hash_of("\N{MATHEMATICAL BOLD CAPITAL ALPHA}ｂ") == hash_of("αB")


def test_long_words_and_anagrams_differ():
    words = ["x" * 5000, "x" * 5001, "ab" * 2500, "ba" * 2500, "listen", "silent", "a", "aa"]
    assert len({hash_of(word) for word in words}) == len(words)


def test_characters_of_scripts_without_spaces_are_words():
    assert len(words_of(["你好世界"]).hashes) == 4
    assert words_of(["好 hello你"]).hashes.tolist() == [hash_of("好"), hash_of("hello"), hash_of("你")]


def test_the_hash_is_that_of_stored_signatures():
    assert hash_of("plumbline") == 1724542522814103735
