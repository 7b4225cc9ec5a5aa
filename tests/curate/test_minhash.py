"""MinHash: signatures that estimate, bands in which like texts meet, and nothing that hangs on order or batch."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from plumbline.curate.minhash import PERMUTATIONS, Banding, band_table, choose_banding, signatures
from plumbline.curate.shingles import shingle_table

BANDING = Banding(4, 3)


def bands_of(texts, families=None, first=0):
    shingles = shingle_table(np.arange(first, first + len(texts)), pl.Series(texts))
    return band_table(shingles, BANDING, None if families is None else pl.Series(families))


def keys_by_position(bands):
    return {key: set(rows["band_key"]) for (key,), rows in pl.DataFrame(bands).group_by("position")}


def test_equal_values_estimate_the_jaccard_similarity():
    generator = np.random.default_rng(0)
    numbers = generator.integers(0, 2**48, 60_000, dtype=np.uint64)
    # 100 pairs of sets of 300 of which 200 are shared: a similarity of 200/400.
    sets = [numbers[600 * n : 600 * n + 300] for n in range(100)]
    others = [np.concatenate([each[:200], numbers[600 * n + 300 : 600 * n + 400]]) for n, each in enumerate(sets)]
    flat = np.concatenate([half for pair in zip(sets, others, strict=True) for half in pair])
    found = signatures(np.arange(0, len(flat) + 1, 300), flat)
    shares = (found[::2] == found[1::2]).mean(axis=1)
    # The mean of 100 estimates has a standard error of at most .0044.
    assert shares.mean() == pytest.approx(0.5, abs=5 * 0.0044)
    assert shares.std() < 0.0442


@pytest.mark.parametrize(
    ("threshold", "permutations", "banding"),
    [(0.8, 128, Banding(9, 13)), (0.7, 256, Banding(25, 10)), (0.5, 128, Banding(25, 5))],
)
def test_with_equal_weights_the_banding_is_that_of_datasketch(threshold, permutations, banding):
    assert choose_banding(threshold, permutations=permutations, missed_weight=0.5) == banding


def test_by_default_few_of_the_pairs_at_the_threshold_are_missed():
    banding = choose_banding(0.7)
    assert banding.bands * banding.rows <= PERMUTATIONS
    assert banding.meeting_share(0.7) > 0.99
    assert banding.meeting_share(0.2) < 0.03
    with pytest.raises(ValueError, match="threshold"):
        choose_banding(1.0)


def test_equal_texts_meet_in_all_bands_and_those_without_words_in_none():
    keys = keys_by_position(bands_of(["One text, said.", "", "one TEXT said", "...", "nothing of the kind"]))
    assert set(keys) == {0, 2, 4}
    assert keys[0] == keys[2]
    assert len(keys[0]) == 4
    assert not keys[0] & keys[4]


def test_texts_of_different_families_never_meet():
    keys = keys_by_position(bands_of(["one text said"] * 3, ["harmlessness", "helpfulness", "harmlessness"]))
    assert keys[0] == keys[2]
    assert not keys[0] & keys[1]


def test_any_batch_gives_the_same_bands():
    texts = [f"text {number} of the {number % 5} kind" if number % 9 else "" for number in range(600)]
    families = [str(number % 2) for number in range(600)]
    whole = bands_of(texts, families)
    parts = pa.concat_tables([bands_of(texts[:301], families[:301]), bands_of(texts[301:], families[301:], first=301)])
    order = [("band_key", "ascending"), ("position", "ascending")]
    assert parts.sort_by(order).equals(whole.sort_by(order))


def test_the_keys_are_those_of_stored_bands():
    assert bands_of(["plumbline"], ["a"])["band_key"].to_pylist()[:2] == [382668076216906811, 758785775292636958]
