import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.measure import pack_ratings
from plumbline.measure.rating_tables import RatedItems


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), max_size=30))
def test_packing_keeps_every_rating_with_its_item(rows: list[tuple[str, int]]) -> None:
    table, items = pack_ratings([row[0] for row in rows], [row[1] for row in rows])
    assert items == list(dict.fromkeys(row[0] for row in rows))
    for item, slots in zip(items, table, strict=True):
        expected = [rating for name, rating in rows if name == item]
        assert slots[: len(expected)].tolist() == expected
        assert np.isnan(slots[len(expected) :]).all()


def test_items_with_one_rating_are_left_out_with_their_groups() -> None:
    table = [[1, 2, np.nan], [3, np.nan, np.nan], [2, 2, 9]]
    items = RatedItems.of(table, ["p", "q", "r"])
    assert items.values.tolist() == [1.0, 2.0, 9.0]
    assert items.counts.tolist() == [[1, 1, 0], [0, 2, 1]]
    assert items.agreeing_pairs.tolist() == [0.0, pytest.approx(1 / 3)]
    assert (items.n, items.item_count, items.clusters.count) == (2, 3, 2)


def test_invalid_calls_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ratings: expected shape \(items, raters\), found shape \(2,\)"):
        RatedItems.of([1.0, 2.0], None)
    with pytest.raises(ValueError, match="found an infinite one at item 1"):
        RatedItems.of([[1.0], [np.inf]], None)
    with pytest.raises(ValueError, match="found values of type <U1"):
        RatedItems.of([["a", "b"]], None)
    with pytest.raises(ValueError, match="found item_ids 1, ratings 2"):
        pack_ratings(["a"], [1, 2])
    with pytest.raises(ValueError, match="ratings: expected finite numbers, found nan"):
        pack_ratings(["a"], [np.nan])
