"""Hashed n-grams: equal to a naive reference, whatever the text, the chunks and the input type."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.models.features import ngram_hashing
from plumbline.models.features.ngram_hashing import NgramSpace, count_ngrams, splitmix64
from plumbline.records.errors import UsageError

MASK = (1 << 64) - 1
BASE = 0x9E3779B97F4A7C15
MIXED = NgramSpace(word_orders=(1, 2), character_orders=(3, 4, 5), bucket_bits=12, namespace=7)
TEXTS = st.lists(
    st.text(alphabet=st.characters(exclude_categories=()), max_size=60) | st.text("ab c'.?İΣ\x00é—", max_size=60),
    max_size=6,
)


def mix(value: int) -> int:
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def character_class(character: str) -> str:
    code = ord(character)
    blanks = ((0, 0x20), (0x7F, 0xA0), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000))
    if any(low <= code <= high for low, high in blanks):
        return "blank"
    if code < 0xC0:
        return "word" if character in "abcdefghijklmnopqrstuvwxyz0123456789'_ª²³µ¹º" else "mark"
    return "mark" if code in (0xD7, 0xF7) or 0x2000 <= code < 0x2070 or 0x3000 <= code < 0x3040 else "word"


def tokens(text: str) -> list[str]:
    found: list[str] = []
    run = ""
    for character in text:
        kind = character_class(character)
        if kind == "word":
            run += character
            continue
        found += [run] if run else []
        run = ""
        found += [character] if kind == "mark" else []
    return found + ([run] if run else [])


def polynomial(text: str) -> int:
    return sum(mix(ord(character)) * pow(BASE, place, 1 << 64) for place, character in enumerate(text)) & MASK


def reference_counts(text: str, space: NgramSpace) -> Counter[int]:
    lowered = text.lower()
    words = [mix(polynomial(token)) for token in tokens(lowered)]
    hashes: list[tuple[int, int]] = []
    for order in space.word_orders:
        for start in range(len(words) - order + 1):
            value = words[start]
            for word in words[start + 1 : start + order]:
                value = (value * 0xC2B2AE3D27D4EB4F + word) & MASK
            hashes.append((order, value))
    for order in space.character_orders:
        hashes += [(100 + order, polynomial(lowered[i : i + order])) for i in range(len(lowered) - order + 1)]
    seeds = {tag: mix((space.namespace * 0xD1342543DE82EF95 + tag) & MASK) for tag, _ in hashes}
    spread = 0xD6E8FEB86659FD93
    return Counter(((value ^ seeds[tag]) * spread & MASK) >> (64 - space.bucket_bits) for tag, value in hashes)


@given(TEXTS)
@settings(deadline=None, max_examples=60)
def test_counts_equal_a_naive_counter(texts: list[str]) -> None:
    counts = count_ngrams(texts, MIXED)
    assert counts.shape == (len(texts), MIXED.width)
    for row, text in enumerate(texts):
        found = counts[[row]]
        assert dict(zip(found.indices.tolist(), found.data.tolist(), strict=True)) == reference_counts(text, MIXED)


@pytest.mark.parametrize("text", ["ΟΔΟΣ ΣΟΦΙΑΣ", "İSTANBUL", "Ǆ ẞ ÀÉ", "\U00010400 Ab", "\U00020000 Ab", "\ud800 Ab"])
def test_lower_case_is_pythons_also_where_it_depends_on_the_next_letter(text: str) -> None:
    found = count_ngrams(["plain", text], MIXED)[[1]]
    assert dict(zip(found.indices.tolist(), found.data.tolist(), strict=True)) == reference_counts(text, MIXED)


@given(TEXTS)
@settings(deadline=None, max_examples=30)
def test_chunks_do_not_matter(texts: list[str]) -> None:
    whole = count_ngrams(texts, MIXED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram_hashing, "_CHUNK_ROWS", 2)
        patch.setattr(ngram_hashing, "_CHUNK_CHARACTERS", 20)
        chunked = count_ngrams(texts, MIXED)
    assert chunked.shape == whole.shape
    assert (chunked != whole).nnz == 0
    assert np.array_equal(chunked.indices, whole.indices)


def test_buckets_are_pinned() -> None:
    assert splitmix64(np.array([0, 1], np.uint64)).tolist() == [0xE220A8397B1DCDAF, 0x910A2DEC89025CC1]
    words = count_ngrams(["I can't help."], NgramSpace(word_orders=(1, 2), bucket_bits=18))
    assert words.indices.tolist() == [11036, 144675, 173335, 190167, 220658, 228858, 248515]
    characters = count_ngrams(["Ärger"], NgramSpace(character_orders=(3,), bucket_bits=18, namespace=1))
    assert characters.indices.tolist() == [62956, 106625, 252620]


def test_case_is_folded_and_marks_are_tokens() -> None:
    space = NgramSpace(word_orders=(1,))
    assert (count_ngrams(["Why NOT?"], space) != count_ngrams(["why  not ?"], space)).nnz == 0
    assert count_ngrams(["why not?"], space).sum() == 3


def test_ngrams_do_not_cross_texts() -> None:
    space = NgramSpace(word_orders=(2,), character_orders=(4,))
    assert count_ngrams(["one", "two", "abc", ""], space).nnz == 0


def test_namespaces_hash_apart() -> None:
    texts = ["a sentence of seven words or so"]
    one, other = (count_ngrams(texts, NgramSpace(word_orders=(1,), namespace=number)) for number in (1, 2))
    assert not set(one.indices.tolist()) & set(other.indices.tolist())


@pytest.mark.parametrize("bucket_bits", [8, 22])
def test_row_and_bucket_fit_the_key(bucket_bits: int) -> None:
    space = NgramSpace(word_orders=(1,), bucket_bits=bucket_bits)
    counts = count_ngrams(["same words here"] * 2500, space)
    assert (counts[[2499]] != counts[[0]]).nnz == 0
    assert np.diff(counts.indptr).tolist() == [counts[[0]].nnz] * 2500


def test_a_long_word_is_hashed_whole() -> None:
    space = NgramSpace(word_orders=(1,))
    one, other = count_ngrams(["a" * 10_000 + "b"], space), count_ngrams(["a" * 10_000 + "c"], space)
    assert one.indices.tolist() != other.indices.tolist()


def test_arrow_strings_are_read() -> None:
    texts = ["one two", "", "three"]
    for column in (pa.array(texts), pa.array(texts, pa.large_string()), pa.chunked_array([texts[:1], texts[1:]])):
        assert (count_ngrams(column, MIXED) != count_ngrams(texts, MIXED)).nnz == 0


def test_a_null_is_refused_with_its_row() -> None:
    with pytest.raises(UsageError, match="PL-LIN-003  row 1"):
        count_ngrams(pa.array(["one", None]), MIXED)


@pytest.mark.parametrize("options", [{}, {"word_orders": (0,)}, {"word_orders": (1,), "bucket_bits": 23}])
def test_a_space_that_cannot_count_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="PL-LIN-00"):
        NgramSpace(**options)  # type: ignore[arg-type]
