"""Splits by group: together, in proportion, and steady."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.curate import assign_splits

SHARES = {"train": 0.8, "dev": 0.05, "test": 0.15}


def groups(count, repeats=1):
    return pa.array([f"group {number}" for number in range(count) for _ in range(repeats)])


def test_a_group_is_never_on_two_sides_and_rows_keep_their_places():
    ids = pa.chunked_array([groups(300), groups(500, 3), groups(7)])
    names = assign_splits(ids, SHARES, seed=0)
    assert names.type == pa.string()
    assert len(names) == len(ids)
    by_group = {}
    for group, name in zip(ids.to_pylist(), names.to_pylist(), strict=True):
        assert by_group.setdefault(group, name) == name
    assert set(by_group.values()) == set(SHARES)


def test_shares_are_of_groups():
    names = assign_splits(groups(20_000), SHARES, seed=1).to_pylist()
    for name, share in SHARES.items():
        # Five standard deviations of a binomial share of 20,000 groups.
        assert abs(names.count(name) / 20_000 - share) < 5 * (share * (1 - share) / 20_000) ** 0.5


def test_a_group_stays_where_it_is_when_others_come_or_the_order_changes():
    few, many = groups(100).to_pylist(), groups(1000).to_pylist()
    before = dict(zip(few, assign_splits(pa.array(few), SHARES, seed=3).to_pylist(), strict=True))
    after = dict(zip(many[::-1], assign_splits(pa.array(many[::-1]), SHARES, seed=3).to_pylist(), strict=True))
    assert {group: after[group] for group in few} == before


def test_growing_the_last_split_moves_groups_only_into_it():
    ids = groups(2000)
    before = assign_splits(ids, {"train": 0.8, "test": 0.2}, seed=0).to_pylist()
    after = assign_splits(ids, {"train": 0.7, "test": 0.3}, seed=0).to_pylist()
    assert {(one, other) for one, other in zip(before, after, strict=True)} == {
        ("train", "train"),
        ("test", "test"),
        ("train", "test"),
    }


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    ids = groups(1000)
    first, again, other = (assign_splits(ids, SHARES, seed=seed).to_pylist() for seed in (5, 5, 6))
    assert first == again
    differing = sum(one != another for one, another in zip(first, other, strict=True))
    # Two independent draws differ with probability 1 - (0.8² + 0.05² + 0.15²) = 0.335.
    assert 0.27 < differing / 1000 < 0.40


def test_a_split_does_not_drift():
    """What was split once stays split so, on every machine and in every version."""
    names = assign_splits(groups(12), {"train": 0.5, "test": 0.5}, seed=0).to_pylist()
    assert "".join(name[1] for name in names) == "errerrrreeee"


def test_no_rows():
    assert assign_splits(pa.array([], pa.string()), SHARES, seed=0).equals(pa.array([], pa.string()))


def test_a_share_of_nothing_gets_nothing():
    names = assign_splits(groups(500), {"none": 0.0, "train": 1.0, "empty": 0.0}, seed=0)
    assert set(names.to_pylist()) == {"train"}


@pytest.mark.parametrize("shares", [{"train": 0.8, "test": 0.1}, {"train": 1.2, "test": -0.2}, {}])
def test_shares_that_are_none(shares):
    with pytest.raises(ValueError, match="shares must be non-negative and sum to 1"):
        assign_splits(groups(3), shares, seed=0)


@given(st.lists(st.text(max_size=4), max_size=30), st.integers(), st.floats(0, 1))
def test_any_group_ids_any_seed(ids, seed, share):
    names = assign_splits(pa.array(ids, pa.string()), {"a": share, "b": 1 - share}, seed=seed).to_pylist()
    assert len(set(zip(ids, names, strict=True))) == len(set(ids))
