"""Clusters: who is like whom, verified on the words themselves, in any order and any division of the rows."""

import re
from itertools import combinations, pairwise

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.curate import clusters
from plumbline.curate.clusters import (
    NEIGHBOURS,
    VERIFIED_SCHEMA,
    candidate_pairs,
    cluster_table,
    distinct_pairs,
    repeated_rows,
)
from plumbline.curate.minhash import Banding, band_table
from plumbline.curate.shingles import join_parts, shingle_table
from tests.curate.verified import verified_among

EAGER = Banding(128, 1)
"""All but unlike texts meet."""
TEXTS = st.lists(st.text("ab ", max_size=9), min_size=1, max_size=8)


def pairs_of(texts, **options):
    return verified_among(pl.Series(texts, dtype=pl.String), **options)


def verified(*pairs):
    columns = zip(*[(a, b, similarity) for a, b, similarity in pairs], strict=True)
    return pa.table(dict(zip(VERIFIED_SCHEMA.names, columns, strict=True)), schema=VERIFIED_SCHEMA)


def bigrams(text):
    words = re.findall(r"\w+", text.lower())
    return set(pairwise(words)) or set(words)


def exact(texts, threshold):
    sets = [bigrams(text) for text in texts]
    found = {}
    for a, b in combinations(range(len(texts)), 2):
        if sets[a] and sets[b] and (share := len(sets[a] & sets[b]) / len(sets[a] | sets[b])) >= threshold:
            found[a, b] = share
    return found


def as_dict(pairs):
    return {(row["a"], row["b"]): row["similarity"] for row in pairs.to_pylist()}


def partition(texts, pairs):
    names = {row["position"]: row["cluster"] for row in cluster_table(pairs).to_pylist()}
    groups = {}
    for position, text in enumerate(texts):
        groups.setdefault(names.get(position, position), []).append(text)
    return sorted(sorted(group) for group in groups.values())


@settings(max_examples=15)
@given(TEXTS, st.randoms())
def test_pairs_have_their_exact_similarity_and_order_does_not_matter(texts, random):
    assert as_dict(pairs_of(texts, threshold=0.4, banding=EAGER)) == pytest.approx(exact(texts, 0.4))
    shuffled = random.sample(texts, len(texts))
    before, after = (pairs_of(each, threshold=0.4, banding=Banding(20, 6)) for each in (texts, shuffled))
    assert partition(texts, before) == partition(shuffled, after)


def planted(rows=200):
    generator = np.random.default_rng(1)
    vocabulary = [f"word{number}" for number in range(2_000)]
    texts = []
    for _ in range(rows):
        words = list(generator.choice(vocabulary, generator.integers(15, 60)))
        edited = list(words)
        for place in generator.integers(0, len(words), generator.integers(0, 5)):
            edited[place] = generator.choice(vocabulary)
        texts += [" ".join(words), " ".join(edited)]
    return texts


def test_planted_near_duplicates_are_found_and_nothing_else():
    texts = planted()
    found, true = as_dict(pairs_of(texts)), exact(texts, 0.7)
    assert set(found) <= set(true)
    assert len(true) > 100
    # Pairs at the very threshold meet with a probability of .92; most are well above it.
    assert len(found) >= 0.96 * len(true)


def test_equal_texts_are_one_cluster_empty_ones_and_strangers_none():
    texts = ["The same text here.", "", "the same text here", "quite another one", "", "THE SAME TEXT, HERE!", None]
    assert cluster_table(pairs_of(texts)).to_pylist() == [{"position": p, "cluster": 0} for p in (0, 2, 5)]
    assert len(cluster_table(pairs_of([]))) == len(repeated_rows(pairs_of([]))) == 0


def test_each_part_must_be_alike():
    prompt = " ".join(f"long{number}" for number in range(60))
    texts = join_parts([pl.Series([prompt] * 3), pl.Series(["yes of course", "no not now", "Yes. Of course."])])
    assert as_dict(verified_among(texts)) == {(0, 2): 1.0}
    # As one text they would all be alike.
    assert len(verified_among(texts.str.replace_all("\x1e", " "), threshold=0.7)) == 3


def test_a_huge_bucket_gives_few_candidates_and_stays_one_cluster():
    texts = ["the very same words again"] * 400
    bands = band_table(shingle_table(np.arange(400), pl.Series(texts)), Banding(20, 6))
    candidates = candidate_pairs(bands)
    assert len(candidates) <= 400 * (NEIGHBOURS + 1)
    assert cluster_table(pairs_of(texts))["cluster"].to_pylist() == [0] * 400
    assert len(repeated_rows(pairs_of(texts))) == 399


def test_in_any_parts_and_buckets_the_same_comes_out():
    texts = pl.Series([*planted(60), *["the very same words again"] * 30])
    banding = Banding(20, 6)
    whole = verified_among(texts, banding=banding)
    assert len(whole) > 200
    for rows in (50, 7, 1):
        assert verified_among(texts, banding=banding, rows_of_a_part=rows).equals(whole)
    bands = band_table(shingle_table(np.arange(len(texts)), texts), banding)
    keys = bands["band_key"].to_numpy()
    met = pa.concat_tables([candidate_pairs(bands.filter(pa.array(keys % 3 == n))) for n in range(3)])
    assert distinct_pairs(met).equals(candidate_pairs(bands))


def test_a_row_goes_only_for_one_that_stays_and_is_like_it():
    # 5 is like 6, 6 like 7, but 7 is not like 5; 8 is most like 7; 9 is as like 5 as 7.
    chain = verified((5, 6, 0.8), (6, 7, 0.8), (6, 8, 0.99), (7, 8, 0.75), (5, 9, 0.9), (7, 9, 0.9))
    assert {row["cluster"] for row in cluster_table(chain).to_pylist()} == {5}
    assert [tuple(row.values()) for row in repeated_rows(chain).to_pylist()] == [(6, 5, 0.8), (8, 7, 0.75), (9, 5, 0.9)]


def staying(pairs):
    """The rule itself: row by row, from the first."""
    stays = {}
    for row in sorted({row for a, b, _ in pairs for row in (a, b)}):
        stays[row] = not any(stays[a] for a, b, _ in pairs if b == row)
    return stays


def best(pairs):
    """(row that goes, the row that stays that it is most like, similarity), the earliest of equals."""
    stays = staying(pairs)
    found = []
    for row in sorted(row for row, kept in stays.items() if not kept):
        similarity, partner = max((s, -a) for a, b, s in pairs if b == row and stays[a])
        found.append((row, -partner, similarity))
    return found


@settings(max_examples=60)
@given(st.integers(2, 12), st.data())
def test_what_goes_is_what_a_pass_from_the_first_row_on_takes_away(rows, data):
    edges = st.tuples(st.integers(0, rows), st.integers(0, rows)).filter(lambda pair: pair[0] < pair[1])
    drawn = data.draw(st.lists(edges, unique=True, max_size=30))
    pairs = [(3 * a, 3 * b, (a * 7 + b * 3) % 5 / 10 + 0.5) for a, b in drawn]
    found = repeated_rows(verified(*pairs) if pairs else VERIFIED_SCHEMA.empty_table())
    assert [tuple(row.values()) for row in found.to_pylist()] == best(pairs)


@pytest.mark.parametrize("at_once", [1, 2, 1 << 20])
def test_of_a_chain_every_second_row_goes_however_many_pairs_are_seen_at_once(at_once, monkeypatch):
    monkeypatch.setattr(clusters, "_PAIRS_AT_ONCE", at_once)
    chain = [(row, row + 1, 0.8) for row in range(41)]
    found = repeated_rows(verified(*reversed(chain)))
    assert [tuple(row.values()) for row in found.to_pylist()] == best(chain)
    assert found["position"].to_pylist() == list(range(1, 42, 2))
