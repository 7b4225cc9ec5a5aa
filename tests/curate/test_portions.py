"""Portions: every row once, in order, none of more bytes than asked for unless a row alone has more."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plumbline.curate.portions import portions


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 60), st.none() | st.integers(1, 5))
def test_portions_cover_all_rows_and_are_as_large_as_they_may_be(sizes, most_bytes, most_rows):
    found = list(portions(np.array(sizes, np.int64), most_bytes, most_rows))
    assert [row for some in found for row in range(len(sizes))[some]] == list(range(len(sizes)))
    for some in found:
        rows = range(len(sizes))[some]
        assert len(rows) == 1 or sum(sizes[some]) <= most_bytes
        assert 1 <= len(rows) <= (most_rows or len(sizes))
        following = sizes[some.stop : some.stop + 1]
        assert not following or len(rows) == most_rows or sum(sizes[some]) + following[0] > most_bytes
